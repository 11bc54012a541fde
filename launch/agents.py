"""The agents that can be launched: their mains, tasks and networks, and a run of one of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Callable

from analysis import paper
from launch.runs import Run, Schedule
from launch.widths import Net, matched_units

DISTRIBUTIONS = {"erk": "erdos_renyi_kernel", "uniform": "uniform"}

_UPDATE_FREQ = {
    "prune": "wrap_all_layers.frequency",
    "set": "mask_updater.update_freq",
    "rigl": "mask_updater.update_freq",
}


@dataclasses.dataclass(frozen=True)
class Agent:
    """An agent on a suite of tasks."""

    name: str
    """Directory of its gin files, and first part of its runs' names."""
    main: str
    tasks: Mapping[str, tuple[int, int]] = dataclasses.field(hash=False)
    """Sizes of each task's observation and action (number of actions if discrete)."""
    nets: Callable[[int, int], Sequence[Net]]
    """The networks for such sizes."""
    units: int
    """Units of the hidden layers at width 1 (Tables 6, 8 and 9)."""
    schedules: Mapping[str, Schedule] = dataclasses.field(hash=False)
    """By preset."""
    steps_per_second: float
    """Environment steps on one core, evaluation included."""
    steps_per_iteration: int = 1
    """Environment steps of one iteration of its main."""
    initial_collect_steps: Mapping[str, int] = dataclasses.field(default_factory=dict, hash=False)
    """Environment steps before training, by task; 0 where not listed."""

    def matched_units(self, task: str, sparsity: float) -> int:
        """Hidden units of the dense agent with as many parameters as the one at `sparsity`."""
        return matched_units(self.nets(*self.tasks[task]), self.units, sparsity)

    def env_steps(self, task: str, schedule: Schedule) -> int:
        """Environment steps of a run: the initial collection, then those of each iteration."""
        initial = schedule.initial_collect_steps
        if initial is None:
            initial = self.initial_collect_steps.get(task, 0)
        return initial + schedule.num_iterations * self.steps_per_iteration


# Speeds: DQN measured on this project's own runs; SAC and PPO from the benchmarks.
DQN = Agent(
    name="dqn_classic",
    main="rigl_rl.tfagents.dqn_train_eval",
    tasks={"CartPole-v0": (4, 2), "Acrobot-v1": (6, 3), "MountainCar-v0": (2, 3)},
    nets=lambda observation, actions: [Net(observation, actions)],
    units=512,
    schedules={
        "paper": Schedule("", 100_000, 2_000, 20, 1_000),
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
SAC = Agent(
    name="sac_mujoco",
    main="rigl_rl.tfagents.sac_train_eval",
    tasks=_MUJOCO,
    # The actor's outputs are means and standard deviations.
    nets=lambda observation, actions: [
        Net(observation, 2 * actions),
        Net(observation + actions, 1),
        Net(observation + actions, 1),
    ],
    units=256,
    schedules={
        "paper": Schedule("", 1_000_000, 10_000, 30),
        # A tenth of the paper's length.
        "reduced": Schedule("100k", 100_000, 5_000, 10),
        "smoke": Schedule("smoke", 600, 200, 2, 300, update_freq=100),
    },
    steps_per_second=110.0,
    initial_collect_steps={
        "HalfCheetah-v2": 10_000,
        "Ant-v2": 10_000,
        "Hopper-v2": 1_000,
        "Walker2d-v2": 1_000,
        "Humanoid-v2": 1_000,
    },
)
PPO = Agent(
    name="ppo_mujoco",
    main="rigl_rl.tfagents.ppo_train_eval",
    tasks=_MUJOCO,
    # The standard deviations of the policy are a vector of their own.
    nets=lambda observation, actions: [
        Net(observation, actions, free=actions),
        Net(observation, 1),
    ],
    units=64,
    schedules={
        "paper": Schedule("", 489, 2_000, 20),
        "smoke": Schedule("smoke", 2, 320, 2, update_freq=100),
    },
    steps_per_second=1_200.0,
    steps_per_iteration=2_048,
)
AGENTS = {agent.name: agent for agent in (DQN, SAC, PPO)}


def train(
    agent: Agent,
    task: str,
    method: str,
    seed: int,
    schedule: Schedule,
    *,
    distribution: str = "",
    sparsity: float = 0.0,
    units: int | None = None,
    snr_freq: int = 0,
    **changes: Any,
) -> Run:
    """A run of an agent.

    Args:
        agent: which.
        task: a key of its `tasks`.
        method: 'dense' or one of `paper.METHODS`; names the gin file.
        seed: determines the run together with the configuration.
        schedule: its length.
        distribution: a key of `DISTRIBUTIONS`; for sparse methods only.
        sparsity: target sparsity; for sparse methods only.
        units: units of each hidden layer, if not the standard number.
        snr_freq: train steps between two measurements of the gradients' SNR; 0: none. It leaves the
            training alone but makes another configuration, hence another name.
        changes: hyper-parameters (keys of `HYPERPARAMETERS`) that differ from the best ones. A
            value that is the best one leaves run and name as they are.
    """
    label = [method]
    bindings = [f'train_eval.env_name="{task}"', *_schedule_bindings(schedule, method)]
    if units is not None and units != agent.units:
        label.append(f"h{units}")
        bindings.append(f"train_eval.width={units / agent.units!r}")
    if method != "dense":
        label += [distribution, f"s{sparsity:.2f}"]
        bindings += [f"SPARSITY={sparsity!r}", f'DISTRIBUTION="{DISTRIBUTIONS[distribution]}"']
    for name, value in changes.items():
        if value == best(agent.name, method).get(name):
            continue
        short, binding = HYPERPARAMETERS[name]
        label.append(f"{short}{value:g}" if isinstance(value, (int, float)) else f"{short}{value}")
        if name == "update_freq":
            binding = _UPDATE_FREQ[method]
        bindings.append(f"{binding}={value!r}")
    if snr_freq:
        label.append("snr")
        bindings.append(f"log_snr.freq={snr_freq}")
    if schedule.name:
        label.append(schedule.name)
    return Run(
        label=f"{agent.name}/{task}/{'-'.join(label)}",
        main=agent.main,
        gin_files=(f"gin_configs/{agent.name}/{method}.gin",),
        bindings=tuple(bindings),
        seed=seed,
        env_steps=agent.env_steps(task, schedule),
        steps_per_second=agent.steps_per_second,
    )


HYPERPARAMETERS = {
    "weight_decay": ("wd", "train_eval.weight_decay"),
    "update_freq": ("every", "mask_updater.update_freq"),
    "drop_fraction": ("drop", "mask_updater.init_drop_fraction"),
    "sparsity_aware_init": ("aware", "init_masks.fixed_sparse_init"),
    "batch_size": ("batch", "train_eval.batch_size"),
    "sparse_output_layer": ("out", "train_eval.sparse_output_layer"),
    "sparsities": ("ac", "train_eval.actor_critic_sparsities_str"),
    "widths": ("ac", "train_eval.actor_critic_widths_str"),
}
"""What a study may change: its part of the run's name, and its binding."""


def best(agent: str, method: str) -> dict[str, Any]:
    """The standard values of `HYPERPARAMETERS`."""
    values = paper.BEST[agent][method]._asdict()
    return {**values, "batch_size": paper.BATCH_SIZE[agent], "sparse_output_layer": True}


def matched_dense(agent: Agent, task: str, sparsity: float, seed: int, schedule: Schedule) -> Run:
    """A dense run with as many parameters as the agent at `sparsity`."""
    units = agent.matched_units(task, sparsity)
    return train(agent, task, "dense", seed, schedule, units=units)


def _schedule_bindings(schedule: Schedule, method: str) -> list[str]:
    bindings = [
        f"train_eval.num_iterations={schedule.num_iterations}",
        f"train_eval.eval_interval={schedule.eval_interval}",
        f"train_eval.eval_episodes={schedule.eval_episodes}",
    ]
    if schedule.initial_collect_steps is not None:
        bindings.append(f"train_eval.initial_collect_steps={schedule.initial_collect_steps}")
    if schedule.update_freq is not None and method in _UPDATE_FREQ:
        bindings.append(f"{_UPDATE_FREQ[method]}={schedule.update_freq}")
    return bindings
