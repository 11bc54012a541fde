"""The paper's tasks, run lengths (A.1) and best hyperparameters (Tables 1 to 6, 8, 9).

With them, the launcher gives a sweep's run the name of an equal standard run, and figures tell
standard runs from those of a sweep. The gin files hold the same values; a test compares the two.
"""

from typing import Any, NamedTuple

METHODS = ("prune", "static", "set", "rigl")
"""The sparse training methods."""
ERK, UNIFORM = "erdos_renyi_kernel", "uniform"
"""The distributions of sparsity over layers."""


class Best(NamedTuple):
    """A row of Tables 1 to 5; None where the table has a dash."""

    weight_decay: float
    update_freq: int | None = None
    drop_fraction: float | None = None
    sparsity_aware_init: bool | None = None


BEST = {
    # Table 1
    "dqn_classic": {
        "dense": Best(1e-6),
        "prune": Best(1e-6, 1000, None, True),
        "static": Best(1e-6, None, None, True),
        "rigl": Best(1e-6, 1000, 0.5, True),
        "set": Best(1e-6, 1000, 0.5, True),
    },
    # Table 2
    "sac_mujoco": {
        "dense": Best(1e-4),
        "prune": Best(1e-4, 1000, None, True),
        "static": Best(1e-4, None, None, False),
        "rigl": Best(1e-6, 1000, 0.5, True),
        "set": Best(1e-4, 250, 0.3, True),
    },
    # Table 3
    "ppo_mujoco": {
        "dense": Best(1e-6),
        "prune": Best(1e-6, 500, None, False),
        "static": Best(0.0, None, None, True),
        "rigl": Best(1e-4, 250, 0.3, True),
        "set": Best(1e-6, 100, 0.0, True),
    },
    # Table 4
    "dqn_atari_cnn": {
        "dense": Best(0.0),
        "prune": Best(0.0, 5000, None, False),
        "static": Best(0.0, None, None, True),
        "rigl": Best(0.0, 5000, 0.3, True),
        "set": Best(0.0, 5000, 0.3, True),
    },
    # Table 5
    "dqn_atari_resnet": {
        "dense": Best(1e-5),
        "prune": Best(1e-5, 5000, None, False),
        "static": Best(1e-5, None, None, True),
        "rigl": Best(1e-5, 5000, 0.3, True),
        "set": Best(1e-5, 5000, 0.3, True),
    },
}
BATCH_SIZE = {
    "dqn_classic": 128,
    "sac_mujoco": 256,
    "ppo_mujoco": 64,
    "dqn_atari_cnn": 32,
    "dqn_atari_resnet": 32,
}
"""Samples per minibatch (Tables 6, 8 and 9)."""
ENV_STEPS = {
    "dqn_classic": 100_000,
    "sac_mujoco": 1_000_000,
    "ppo_mujoco": 1_000_000,
    **dict.fromkeys(("dqn_atari_cnn", "dqn_atari_resnet"), 40_000_000 // 4),
}
"""Environment steps of a run (M of A.1, there in frames on Atari: four a step)."""

CLASSIC = ("Acrobot-v1", "CartPole-v0", "MountainCar-v0")
MUJOCO_MAIN = ("HalfCheetah-v2", "Humanoid-v2", "Walker2d-v2")
"""Figures 2 and 12: all tasks that are not in Figure 9."""
MUJOCO_OTHERS = ("Hopper-v2", "Ant-v2")
"""Figure 9."""
MUJOCO = (*MUJOCO_MAIN, *MUJOCO_OTHERS)

GAMES_MAIN = ("MsPacman", "Pong", "Qbert")
"""Figures 2, 6 and 12."""
GAMES = (
    *GAMES_MAIN,
    *("Assault", "Asterix", "BeamRider", "Boxing", "Breakout", "CrazyClimber", "DemonAttack"),
    *("Enduro", "FishingDerby", "SpaceInvaders", "Tutankham", "VideoPinball"),
)
"""Section A.4."""
ATARI_IQM_SPARSITIES = (0.5, 0.8, 0.9, 0.95)
"""Figures 17 and 18; our choice."""
NOISE_SHARES = (1.0, 0.5, 0.1)
"""Figure 6: shares of the standard dense parameter count."""

LEARNING_RATE = {"dqn_atari_cnn": 2.5e-4, "dqn_atari_resnet": 1e-4}
"""Tables 4 and 5; no sweep of another agent includes it."""

# Section A.3.
WEIGHT_DECAYS = (0.0, 1e-6, 1e-4, 1e-3)
UPDATE_INTERVALS = (100, 250, 500, 1000, 5000)
RECOMMENDED_INTERVAL = 1000
"""Appendix D."""
DROP_FRACTIONS = (0.0, 0.1, 0.2, 0.3, 0.5)
RESNET_WEIGHT_DECAYS = (0.0, 1e-6, 1e-5, 1e-4)
RESNET_LEARNING_RATES = (1e-4, 2.5e-4, 1e-3, 2.5e-3)
SWEEP_TASK = {"dqn_classic": "Acrobot-v1", "sac_mujoco": "Walker2d-v2", "ppo_mujoco": "Walker2d-v2"}
SWEEP_SPARSITY = 0.9
"""Our choice; the paper does not give the sweeps' sparsity."""

SENSITIVITY_TASK = "HalfCheetah-v2"
"""Figures 4 and 13; that of Figure 14 (left, center)."""
SENSITIVITY_SPARSITY = 0.8
"""Figure 13 (left); our choice for Figure 4 and the rest of Figure 13."""
IQM_SPARSITIES = (0.5, 0.9, 0.95, 0.99)
"""Figures 15 and 16."""
TRAINED_SPARSITIES = (0.5, 0.99)
"""Section 3: the lowest and the highest sparsity trained."""
CAPTION_SPARSITIES = {"figure2": (0.5, 0.95), "figure12": (0.5, 0.95)}
"""Figures with a narrower range. Figure 12's caption names it; appendix C says that Figure 12
repeats the experiments of Figure 2. The other scaling figures name no range."""

# Figure 3 and section 5.
BUDGETS = (1.0, 0.2, 0.1)
"""Shares of the standard dense parameter count."""
ACTOR_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""10% to 90%; the steps are our choice."""


def best(agent: str, method: str) -> dict[str, Any]:
    """The standard hyperparameters of a method: its row of Tables 1 to 5 and values of all rows.

    None where the table has a dash, or where no sweep of the agent includes the value. A method
    that is not in the paper gets RigL's values.
    """
    rows = BEST[agent]
    return {
        **rows.get(method, rows["rigl"])._asdict(),
        "batch_size": BATCH_SIZE[agent],
        "learning_rate": LEARNING_RATE.get(agent),
        "sparse_output_layer": True,
        "sparse_initializer": "glorot",
    }


def initial_collect_steps(task: str) -> int:
    """SAC's random environment steps before training (Table 8)."""
    return 10_000 if task.startswith(("HalfCheetah", "Ant")) else 1_000


def in_figure(figure: str, sparsity: float, task: str) -> bool:
    """Whether a figure of final rewards by sparsity shows a task at this sparsity.

    The range is the caption's, otherwise section 3's. At 99% there are three MuJoCo tasks
    (captions of Figures 15 and 16).
    """
    low, high = CAPTION_SPARSITIES.get(figure, TRAINED_SPARSITIES)
    if not low <= sparsity <= high:
        return False
    return task not in MUJOCO or sparsity < 0.99 or task in tasks_at("sac_mujoco", sparsity)


def tasks_at(agent: str, sparsity: float) -> tuple[str, ...]:
    """MuJoCo tasks that an IQM averages over (captions of Figures 15 and 16).

    agent: 'sac_mujoco' or 'ppo_mujoco'. At 99% there are three tasks; PPO leaves out Humanoid
        already at 95%.
    """
    if sparsity >= 0.99:
        return ("HalfCheetah-v2", "Hopper-v2", "Walker2d-v2")
    if agent == "ppo_mujoco" and sparsity >= 0.95:
        return ("Ant-v2", "HalfCheetah-v2", "Hopper-v2", "Walker2d-v2")
    return MUJOCO
