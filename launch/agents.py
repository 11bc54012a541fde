"""The agents that can be launched: their mains, tasks, networks and run lengths."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from launch.runs import AnySchedule, AtariSchedule, Schedule
from launch.widths import ConvNet, Net, Network, matched_units
from rigl_rl import paper


class GinNames(NamedTuple):
    """Names of the bindings that studies set, for those that differ between the mains."""

    task: str
    width: str
    weight_decay: str
    update_freq: Mapping[str, str | None]
    """The binding of the train steps between mask updates, by method; None: masks are fixed."""

    def interval(self, method: str) -> str | None:
        """The binding of the interval; for a method that is not listed, `mask_updater`'s."""
        return self.update_freq.get(method, "mask_updater.update_freq")


_TFAGENTS = GinNames(
    "train_eval.env_name",
    "train_eval.width",
    "train_eval.weight_decay",
    {"dense": None, "static": None, "prune": "wrap_all_layers.frequency"},
)


def _dopamine(network: str) -> GinNames:
    return GinNames(
        "atari_lib.create_atari_environment.game_name",
        f"{network}.width",
        "SparseDQNAgent.weight_decay",
        {
            "dense": None,
            "static": None,
            "prune": "pruning.frequency",
            "set": "UpdatedSETOptimizer.frequency",
            "rigl": "UpdatedRigLOptimizer.frequency",
        },
    )


@dataclasses.dataclass(frozen=True)
class Agent:
    """An agent on a suite of tasks."""

    name: str
    """Directory of its gin files, and first part of its runs' names."""
    main: str
    tasks: Mapping[str, tuple[int, int]] = dataclasses.field(hash=False)
    """Sizes of each task's observation (Atari: its frames) and action (if discrete, the number of
    actions)."""
    nets: Callable[[int, int], tuple[Network, ...]]
    """Makes the networks for these sizes."""
    units: int
    """Units of the hidden dense layers at width 1 (Tables 6 to 9)."""
    schedules: Mapping[str, AnySchedule] = dataclasses.field(hash=False)
    """Run length by preset."""
    steps_per_second: float
    """Environment steps per second on one core, evaluation included."""
    initial_collect_steps: Mapping[str, int] = dataclasses.field(default_factory=dict, hash=False)
    """Environment steps before training, by task; 0 where not listed."""
    gin: GinNames = dataclasses.field(default=_TFAGENTS, hash=False)

    def matched_units(self, task: str, sparsity: float) -> int:
        """Hidden units of the dense agent with as many parameters as the one at `sparsity`."""
        return matched_units(self.nets(*self.tasks[task]), self.units, sparsity)

    def env_steps(self, task: str, schedule: AnySchedule) -> int:
        """Environment steps of a run: the initial collection, then all iterations'."""
        initial = schedule.initial_collect_steps
        if initial is None:
            initial = self.initial_collect_steps.get(task, 0)
        return initial + schedule.num_iterations * schedule.steps_per_iteration


# Speeds: measured in this project's runs, per core of a machine that was also doing other work.
DQN = Agent(
    name="dqn_classic",
    main="rigl_rl.tfagents.dqn_train_eval",
    tasks={"CartPole-v0": (4, 2), "Acrobot-v1": (6, 3), "MountainCar-v0": (2, 3)},
    nets=lambda observation, actions: (Net(observation, actions),),
    units=512,
    schedules={
        "paper": Schedule("", paper.ENV_STEPS["dqn_classic"], 2_000, 20, 1_000),
        "smoke": Schedule("smoke", 1_000, 250, 2, 200, update_freq=100),
    },
    steps_per_second=220.0,
)

_MUJOCO = {
    "HalfCheetah-v2": (17, 6),
    "Hopper-v2": (11, 3),
    "Walker2d-v2": (17, 6),
    "Ant-v2": (111, 8),
    "Humanoid-v2": (376, 17),
}


def sac_nets(observation: int, actions: int) -> tuple[Net, Net, Net]:
    """SAC's actor, whose outputs are means and standard deviations, and its two critics."""
    critic = Net(observation + actions, 1)
    return Net(observation, 2 * actions), critic, critic


SAC = Agent(
    name="sac_mujoco",
    main="rigl_rl.tfagents.sac_train_eval",
    tasks=_MUJOCO,
    nets=sac_nets,
    units=256,
    schedules={
        "paper": Schedule("", paper.ENV_STEPS["sac_mujoco"], 10_000, 30),
        # A tenth of the paper's length.
        "reduced": Schedule("100k", 100_000, 5_000, 10),
        "smoke": Schedule("smoke", 600, 200, 2, 300, update_freq=100),
    },
    steps_per_second=110.0,
    initial_collect_steps={task: paper.initial_collect_steps(task) for task in _MUJOCO},
)
_PPO_ITERATION = 2_048  # Table 9
PPO = Agent(
    name="ppo_mujoco",
    main="rigl_rl.tfagents.ppo_train_eval",
    tasks=_MUJOCO,
    # As in a run's result, without the policy's standard deviations (one number per action).
    nets=lambda observation, actions: (Net(observation, actions), Net(observation, 1)),
    units=64,
    schedules={
        "paper": Schedule(
            "",
            math.ceil(paper.ENV_STEPS["ppo_mujoco"] / _PPO_ITERATION),
            2_000,
            20,
            steps_per_iteration=_PPO_ITERATION,
        ),
        "smoke": Schedule("smoke", 2, 320, 2, update_freq=100, steps_per_iteration=_PPO_ITERATION),
    },
    steps_per_second=1_200.0,
)

# Actions: each game's minimal set.
_ATARI = {
    "Assault": (4, 7),
    "Asterix": (4, 9),
    "BeamRider": (4, 9),
    "Boxing": (4, 18),
    "Breakout": (4, 4),
    "CrazyClimber": (4, 9),
    "DemonAttack": (4, 6),
    "Enduro": (4, 9),
    "FishingDerby": (4, 18),
    "MsPacman": (4, 9),
    "Pong": (4, 6),
    "Qbert": (4, 6),
    "SpaceInvaders": (4, 6),
    "Tutankham": (4, 8),
    "VideoPinball": (4, 9),
}
_ATARI_SCHEDULES = {
    "paper": AtariSchedule("", paper.ENV_STEPS["dqn_atari_cnn"] // 250_000, 250_000, 125_000),
    # A twentieth of the paper's length, in shorter iterations; replay takes 1.8 GB, not 7.1.
    "reduced": AtariSchedule(
        "500k", 10, 50_000, 10_000, others=("WrappedReplayBuffer.replay_capacity=250000",)
    ),
    "smoke": AtariSchedule(
        "smoke",
        2,
        300,
        100,
        update_freq=20,
        others=(
            # It divides 300, so all runs are about equally long.
            "SparseTrainRunner.max_steps_per_episode=100",
            "DQNAgent.min_replay_history=100",
            "DQNAgent.target_update_period=100",
            "WrappedReplayBuffer.replay_capacity=1000",
        ),
    ),
}
# Convolutions of 84 x 84 pixels that end at 11 x 11.
DQN_CNN = Agent(
    name="dqn_atari_cnn",
    main="rigl_rl.dopamine.train",
    tasks=_ATARI,
    nets=lambda frames, actions: (
        ConvNet(frames, ((8, 32), (4, 64), (3, 64)), 11 * 11, 512, actions),
    ),
    units=512,
    schedules=_ATARI_SCHEDULES,
    steps_per_second=58.0,
    gin=_dopamine("NatureDQNNetwork"),
)
DQN_RESNET = dataclasses.replace(
    DQN_CNN,
    name="dqn_atari_resnet",
    # Each stack has one convolution and then two blocks of two.
    nets=lambda frames, actions: (
        ConvNet(frames, ((3, 32),) * 5 + ((3, 64),) * 10, 11 * 11, 512, actions),
    ),
    # An update takes 14 times the CNN's FLOPs, so reduced runs are as long as in Atari 100k.
    schedules={
        **_ATARI_SCHEDULES,
        "reduced": AtariSchedule(
            "100k", 10, 10_000, 10_000, others=("WrappedReplayBuffer.replay_capacity=125000",)
        ),
    },
    steps_per_second=6.6,
    gin=_dopamine("ImpalaNetwork"),
)
AGENTS = {agent.name: agent for agent in (DQN, SAC, PPO, DQN_CNN, DQN_RESNET)}
