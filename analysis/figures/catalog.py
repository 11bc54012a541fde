"""What each figure shows; how it is drawn is in the module of its class."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from analysis.collect import Tables
from analysis.figures import iqm
from analysis.figures.actor_share import ActorShareFigure
from analysis.figures.by_sparsity import BySparsityFigure
from analysis.figures.by_sparsity import Panel as Layers
from analysis.figures.flops_by_sparsity import FlopsFigure
from analysis.figures.gradient_snr import SnrFigure
from analysis.figures.iqm import IqmFigure
from analysis.figures.return_under_noise import RobustnessFigure
from analysis.figures.scaling import Row, ScalingFigure
from analysis.figures.sensitivity import Panel, SensitivityFigure
from analysis.tables import SWEEPS
from rigl_rl import paper
from rigl_rl.paper import ERK, SENSITIVITY_SPARSITY, SENSITIVITY_TASK, UNIFORM

SPARSE = paper.METHODS
CNN, RESNET = "atari_cnn", "atari_resnet"


def _mujoco(tasks: tuple[str, ...], distribution: str) -> tuple[Row, ...]:
    return tuple(Row(agent, "mujoco", tasks, distribution) for agent in ("sac", "ppo"))


def _atari(suite: str, games: tuple[str, ...], distribution: str, columns: int) -> tuple[Row, ...]:
    """Rows of so many games each, by name."""
    ordered = sorted(games)
    return tuple(
        Row("dqn", suite, ordered[start : start + columns], distribution)
        for start in range(0, len(ordered), columns)
    )


def _atari_iqm(suite: str) -> tuple[iqm.Panel, ...]:
    return tuple(iqm.Panel("dqn", suite, sparsity) for sparsity in paper.ATARI_IQM_SPARSITIES)


class Figure(Protocol):
    """What every kind of figure offers."""

    @property
    def name(self) -> str:
        """Of its files, and of the study that makes its runs."""

    def draw(self, tables: Tables, out: Path) -> list[Path]:
        """Writes .png, .pdf and .csv (tables: .md and .csv) into `out`.

        Raises NoRunsError when there is no data.
        """


_ALL: tuple[Figure, ...] = (
    IqmFigure(
        "figure1",
        (
            iqm.Panel("sac", "mujoco", 0.9),
            iqm.Panel("ppo", "mujoco", 0.9),
            iqm.Panel("dqn", CNN, 0.9),
            iqm.Panel("dqn", RESNET, 0.9),
        ),
        columns=2,
    ),
    ScalingFigure(
        "figure2", _atari(CNN, paper.GAMES_MAIN, ERK, 3) + _mujoco(paper.MUJOCO_MAIN, ERK)
    ),
    ActorShareFigure("figure3", paper.MUJOCO_MAIN, paper.BUDGETS),
    BySparsityFigure("figure4_left", (Layers("sac", "mujoco", SENSITIVITY_TASK),)),
    SensitivityFigure(
        "figure4_center",
        SENSITIVITY_TASK,
        SENSITIVITY_SPARSITY,
        (Panel("weight_decay", "Weight decay", ("dense", *SPARSE)),),
    ),
    SensitivityFigure(
        "figure4_right",
        SENSITIVITY_TASK,
        SENSITIVITY_SPARSITY,
        (
            Panel(
                "sparsity_aware_init",
                "Sparsity-aware initialization",
                ("static", "set", "rigl"),
                (ERK, UNIFORM),
            ),
        ),
    ),
    SnrFigure("figure5_left", "dqn", "classic", paper.CLASSIC),
    SnrFigure("figure5_right", "sac", "mujoco", paper.MUJOCO_MAIN),
    RobustnessFigure("figure6", CNN, paper.GAMES_MAIN, paper.NOISE_SHARES),
    FlopsFigure("figure7"),
    ScalingFigure(
        "figure8",
        (
            Row("dqn", "classic", paper.CLASSIC, ERK),
            Row("dqn", "classic", paper.CLASSIC, UNIFORM),
        ),
    ),
    ScalingFigure("figure9", _mujoco(paper.MUJOCO_OTHERS, ERK)),
    ScalingFigure("figure10", _atari(CNN, paper.GAMES, ERK, 5)),
    ScalingFigure("figure11", _atari(RESNET, paper.GAMES, ERK, 5)),
    ScalingFigure(
        "figure12",
        _atari(CNN, paper.GAMES_MAIN, UNIFORM, 3) + _mujoco(paper.MUJOCO_MAIN, UNIFORM),
    ),
    SensitivityFigure(
        "figure13",
        SENSITIVITY_TASK,
        SENSITIVITY_SPARSITY,
        (
            Panel("drop_fraction", "Drop fraction", ("set", "rigl")),
            Panel("update_freq", "Train steps between mask updates", ("prune", "set", "rigl")),
            Panel("batch_size", "Batch size", ("dense", *SPARSE)),
        ),
    ),
    BySparsityFigure(
        "figure14_left",
        (
            Layers("sac", "mujoco", SENSITIVITY_TASK),
            Layers("sac", "mujoco", SENSITIVITY_TASK, False),
        ),
    ),
    BySparsityFigure("figure14_right", (Layers("dqn", "classic", "Acrobot-v1"),)),
    IqmFigure("figure15", tuple(iqm.Panel("sac", "mujoco", s) for s in paper.IQM_SPARSITIES)),
    IqmFigure("figure16", tuple(iqm.Panel("ppo", "mujoco", s) for s in paper.IQM_SPARSITIES)),
    IqmFigure("figure17", _atari_iqm(CNN)),
    IqmFigure("figure18", _atari_iqm(RESNET)),
)
TABLES = {table.name: table for table in SWEEPS}
"""Best hyper-parameters."""
FIGURES = {figure.name.replace("figure", ""): figure for figure in _ALL}
"""What each figure shows; how it is drawn is in the module of its class."""
WITHOUT_RUNS = {"7"}
