"""Every figure and table there is data for.

    python -m analysis.figures --runs DIR --out DIR [--only 8,14,5] [--human_scores nature]

`--runs` is a directory of runs or a table written by analysis.collect.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from analysis import iqm, paper
from analysis.actor_share import ActorShareFigure
from analysis.by_sparsity import BySparsityFigure
from analysis.by_sparsity import Panel as Layers
from analysis.collect import Tables, load
from analysis.errors import AnalysisError, Parser, exit_code, note
from analysis.flops import FlopsFigure
from analysis.iqm import HUMAN_SCORES, IqmFigure
from analysis.paper import ERK, SENSITIVITY_SPARSITY, SENSITIVITY_TASK, UNIFORM
from analysis.robustness import RobustnessFigure
from analysis.scaling import Row, ScalingFigure
from analysis.sensitivity import Panel, SensitivityFigure
from analysis.snr import SnrFigure
from analysis.tables import SWEEPS, SweepTable

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

        Raises AnalysisError when there is no data.
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


def figure_names(only: str) -> list[str]:
    """The figures and tables that a list such as '8,figure14,5_left,table1' asks for.

    Raises AnalysisError for a name that is none of theirs.
    """
    names = []
    there_are = ", ".join([*FIGURES, *TABLES])
    for asked in filter(None, re.split(r"[,\s]+", only)):
        number = asked.lower().replace("figure", "").strip("_-")
        found = [name for name in [*FIGURES, *TABLES] if number in (name, name.split("_")[0])]
        if not found:
            raise AnalysisError(f"--only {asked}: no such figure; there are {there_are}")
        names += [name for name in found if name not in names]
    if not names:
        raise AnalysisError(f"--only names no figure; there are {there_are}")
    return names


def main(argv: Sequence[str] | None = None) -> int:
    """Draws; 1 if nothing could be drawn from the runs, or not all that was asked for by name."""
    parser = Parser(
        prog="python -m analysis.figures",
        description="Draw the figures and tables there is data for.",
    )
    parser.add_runs()
    parser.add_argument("--out", type=Path, required=True, help="directory for the figures")
    parser.add_argument("--only", help="figures and tables, e.g. 8,14,5,table1 (default: all)")
    parser.add_argument(
        "--human_scores",
        choices=HUMAN_SCORES,
        default=HUMAN_SCORES[0],
        help="whose scores Atari is normalized by (default: %(default)s)",
    )
    args = parser.parse_args(argv)
    names = [*FIGURES, *TABLES] if args.only is None else figure_names(args.only)
    tables = load(args.runs, args.score)
    drawn = set()
    for name in names:
        figure: Figure = {**FIGURES, **TABLES}[name]
        if isinstance(figure, (IqmFigure, SweepTable)):
            figure = dataclasses.replace(figure, human=args.human_scores)
        try:
            paths = figure.draw(tables, args.out)
        except AnalysisError as error:
            note(str(error))
        else:
            print(", ".join(map(str, paths)))
            drawn.add(name)
    if args.only is not None:
        return int(drawn != set(names))
    return int(drawn <= WITHOUT_RUNS)


if __name__ == "__main__":
    sys.exit(exit_code(main))
