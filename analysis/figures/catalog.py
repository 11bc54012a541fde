"""What each figure shows. The module of its class draws it."""

from analysis.figures.actor_share import ActorShareFigure
from analysis.figures.by_sparsity import BySparsityFigure, LayersPanel
from analysis.figures.figure import Figure
from analysis.figures.flops_by_sparsity import FlopsFigure
from analysis.figures.gradient_snr import SnrFigure
from analysis.figures.iqm import IqmFigure, IqmPanel
from analysis.figures.return_under_noise import RobustnessFigure
from analysis.figures.scaling import Row, ScalingFigure
from analysis.figures.sensitivity import SensitivityFigure, SweptPanel
from analysis.tables import SWEEPS, SweepTable
from rigl_rl import paper
from rigl_rl.paper import ERK, SENSITIVITY_SPARSITY, SENSITIVITY_TASK, UNIFORM

SPARSE = paper.METHODS
CNN, RESNET = "atari_cnn", "atari_resnet"


def _mujoco(tasks: tuple[str, ...], distribution: str) -> tuple[Row, ...]:
    return tuple(Row(agent, "mujoco", tasks, distribution) for agent in ("sac", "ppo"))


def _atari(suite: str, games: tuple[str, ...], distribution: str, columns: int) -> tuple[Row, ...]:
    """Rows of this many games each, by name."""
    ordered = sorted(games)
    return tuple(
        Row("dqn", suite, ordered[start : start + columns], distribution)
        for start in range(0, len(ordered), columns)
    )


def _atari_iqm(suite: str) -> tuple[IqmPanel, ...]:
    return tuple(IqmPanel("dqn", suite, sparsity) for sparsity in paper.ATARI_IQM_SPARSITIES)


_ALL: tuple[Figure, ...] = (
    IqmFigure(
        "figure1",
        "Interquartile mean of normalized scores at 90% sparsity.",
        (
            IqmPanel("sac", "mujoco", 0.9),
            IqmPanel("ppo", "mujoco", 0.9),
            IqmPanel("dqn", CNN, 0.9),
            IqmPanel("dqn", RESNET, 0.9),
        ),
        columns=2,
    ),
    ScalingFigure(
        "figure2",
        "Final reward against active parameters, ERK.",
        _atari(CNN, paper.GAMES_MAIN, ERK, 3) + _mujoco(paper.MUJOCO_MAIN, ERK),
    ),
    ActorShareFigure(
        "figure3",
        "Final reward against the actor's share of SAC's parameters.",
        paper.MUJOCO_MAIN,
        paper.BUDGETS,
    ),
    BySparsityFigure(
        "figure4_left",
        "ERK against uniform sparsity, SAC.",
        (LayersPanel("sac", "mujoco", SENSITIVITY_TASK),),
    ),
    SensitivityFigure(
        "figure4_center",
        "Weight decay, SAC.",
        SENSITIVITY_TASK,
        SENSITIVITY_SPARSITY,
        (SweptPanel("weight_decay", "Weight decay", ("dense", *SPARSE)),),
    ),
    SensitivityFigure(
        "figure4_right",
        "Sparsity-aware initialization, SAC.",
        SENSITIVITY_TASK,
        SENSITIVITY_SPARSITY,
        (
            SweptPanel(
                "sparsity_aware_init",
                "Sparsity-aware initialization",
                ("static", "set", "rigl"),
                (ERK, UNIFORM),
            ),
        ),
    ),
    SnrFigure(
        "figure5_left",
        "Signal-to-noise ratio of DQN's gradients over training, ERK and uniform.",
        "dqn",
        "classic",
        paper.CLASSIC,
    ),
    SnrFigure(
        "figure5_right",
        "As Figure 5 (left), of SAC's actor and critics.",
        "sac",
        "mujoco",
        paper.MUJOCO_MAIN,
    ),
    RobustnessFigure(
        "figure6",
        "Return of trained policies under noise on their observations.",
        CNN,
        paper.GAMES_MAIN,
        paper.NOISE_SHARES,
    ),
    FlopsFigure("figure7", "FLOPs of sparse convolutional networks on MsPacman, ERK and uniform."),
    ScalingFigure(
        "figure8",
        "Final reward against active parameters, DQN on classic control.",
        (
            Row("dqn", "classic", paper.CLASSIC, ERK),
            Row("dqn", "classic", paper.CLASSIC, UNIFORM),
        ),
    ),
    ScalingFigure(
        "figure9", "As Figure 2, on two further MuJoCo tasks.", _mujoco(paper.MUJOCO_OTHERS, ERK)
    ),
    ScalingFigure(
        "figure10",
        "As Figure 2, DQN with the Nature CNN on 15 games.",
        _atari(CNN, paper.GAMES, ERK, 5),
    ),
    ScalingFigure(
        "figure11", "As Figure 10, with the IMPALA ResNet.", _atari(RESNET, paper.GAMES, ERK, 5)
    ),
    ScalingFigure(
        "figure12",
        "As Figure 2, uniform sparsity.",
        _atari(CNN, paper.GAMES_MAIN, UNIFORM, 3) + _mujoco(paper.MUJOCO_MAIN, UNIFORM),
    ),
    SensitivityFigure(
        "figure13",
        "Drop fraction, update interval and batch size, SAC.",
        SENSITIVITY_TASK,
        SENSITIVITY_SPARSITY,
        (
            SweptPanel("drop_fraction", "Drop fraction", ("set", "rigl")),
            SweptPanel("update_freq", "Train steps between mask updates", ("prune", "set", "rigl")),
            SweptPanel("batch_size", "Batch size", ("dense", *SPARSE)),
        ),
    ),
    BySparsityFigure(
        "figure14_left",
        "ERK against uniform sparsity, with a sparse and a dense last layer, SAC.",
        (
            LayersPanel("sac", "mujoco", SENSITIVITY_TASK),
            LayersPanel("sac", "mujoco", SENSITIVITY_TASK, False),
        ),
    ),
    BySparsityFigure(
        "figure14_right",
        "ERK against uniform sparsity, DQN on Acrobot.",
        (LayersPanel("dqn", "classic", "Acrobot-v1"),),
    ),
    IqmFigure(
        "figure15",
        "Interquartile mean of normalized scores by sparsity, SAC.",
        tuple(IqmPanel("sac", "mujoco", s) for s in paper.IQM_SPARSITIES),
    ),
    IqmFigure(
        "figure16",
        "Interquartile mean of normalized scores by sparsity, PPO.",
        tuple(IqmPanel("ppo", "mujoco", s) for s in paper.IQM_SPARSITIES),
    ),
    IqmFigure(
        "figure17",
        "Interquartile mean of human-normalized scores by sparsity, DQN with Nature CNN.",
        _atari_iqm(CNN),
    ),
    IqmFigure("figure18", "As Figure 17, with the IMPALA ResNet.", _atari_iqm(RESNET)),
)
TABLES = {table.name: table for table in SWEEPS}
"""Best hyperparameters."""
FIGURES = {figure.name.replace("figure", ""): figure for figure in _ALL}
"""What each figure shows, by number."""
DRAWINGS: dict[str, Figure | SweepTable] = {**FIGURES, **TABLES}
"""All figures and tables, by the names that --only takes."""
WITHOUT_RUNS = {"7"}
"""Figures with counted numbers, without runs."""
