"""One run of an agent: its configuration, and a name that distinguishes it from all others."""

from typing import Any

from launch.agents import Agent
from launch.runs import AnySchedule, Run
from rigl_rl import paper

DISTRIBUTIONS = {"erk": paper.ERK, "uniform": paper.UNIFORM}
"""By their part of a run's name."""

HYPERPARAMETERS = {
    "weight_decay": ("wd", ""),
    "update_freq": ("every", ""),
    "learning_rate": ("lr", "tf.train.AdamOptimizer.learning_rate"),
    "drop_fraction": ("drop", "mask_updater.init_drop_fraction"),
    "sparsity_aware_init": ("aware", "init_masks.fixed_sparse_init"),
    "sparse_initializer": ("init", "init_masks.sparse_initializer"),
    "batch_size": ("batch", "train_eval.batch_size"),
    "sparse_output_layer": ("out", "train_eval.sparse_output_layer"),
    "sparsities": ("ac", "train_eval.actor_critic_sparsities_str"),
    "widths": ("ac", "train_eval.actor_critic_widths_str"),
}
"""Hyperparameters that a study may change, with their part of the run's name and their binding.
The binding of weight decay and update intervals depends on the agent. The learning rate is swept on
Atari, the rest elsewhere."""


def agent_run(
    agent: Agent,
    task: str,
    method: str,
    seed: int,
    schedule: AnySchedule,
    *,
    distribution: str = "",
    sparsity: float = 0.0,
    units: int | None = None,
    snr_freq: int = 0,
    **changes: Any,
) -> Run:
    """A run of an agent.

    Args:
      agent: the agent.
      task: a key of its `tasks`.
      method: name of the gin file in the agent's folder.
      seed: determines the run together with the configuration.
      schedule: the run's length.
      distribution: a key of `DISTRIBUTIONS`; for sparse methods only.
      sparsity: target sparsity; for sparse methods only.
      units: units of each hidden dense layer, if not the standard number; convolution filters
          scale with it.
      snr_freq: train steps between two measurements of the gradients' SNR; 0: none. Measuring
          does not change the training, but it changes the configuration and so the name. If the
          measured run exists, the other one is not trained (`Run.measured_name`).
      changes: hyperparameters (keys of `HYPERPARAMETERS`) that differ from the best ones. A
          value equal to the best one does not change the run or its name.
    """
    label = [method]
    bindings = [f'{agent.gin.task}="{task}"', *schedule.bindings]
    interval = agent.gin.interval(method)
    if schedule.update_freq is not None and interval:
        bindings.append(f"{interval}={schedule.update_freq}")
    if units is not None and units != agent.units:
        label.append(f"h{units}")
        bindings.append(f"{agent.gin.width}={units / agent.units!r}")
    if method != "dense":
        digits = f"{sparsity:.2f}" if round(sparsity, 2) == sparsity else _digits(sparsity)
        label += [distribution, f"s{digits}"]
        bindings += [f"SPARSITY={sparsity!r}", f'DISTRIBUTION="{DISTRIBUTIONS[distribution]}"']
    for name, value in changes.items():
        if value == paper.best(agent.name, method).get(name):
            continue
        short, binding = HYPERPARAMETERS[name]
        label.append(short + (_digits(value) if isinstance(value, (int, float)) else str(value)))
        if name == "update_freq":
            assert interval, f"{method} has no update interval"
            binding = interval
        elif name == "weight_decay":
            binding = agent.gin.weight_decay
        bindings.append(f"{binding}={value!r}")
    if snr_freq:
        bindings.append(f"log_snr.freq={snr_freq}")
    length = [schedule.name] if schedule.name else []
    plain, measured = (
        f"{agent.name}/{task}/{'-'.join([*label, *snr, *length])}" for snr in ([], ["snr"])
    )
    return Run(
        label=measured if snr_freq else plain,
        main=agent.main,
        gin_file=f"gin_configs/{agent.name}/{method}.gin",
        bindings=tuple(bindings),
        seed=seed,
        env_steps=agent.env_steps(task, schedule),
        steps_per_second=agent.steps_per_second,
        measured_label="" if snr_freq else measured,
    )


def _digits(number: float) -> str:
    """A number as part of a directory's name: exact, so that no two share one."""
    short = f"{number:g}"
    return short if float(short) == number else repr(number)


def matched_dense_run(
    agent: Agent, task: str, sparsity: float, seed: int, schedule: AnySchedule
) -> Run:
    """A dense run with as many parameters as the agent at `sparsity`."""
    units = agent.matched_units(task, sparsity)
    return agent_run(agent, task, "dense", seed, schedule, units=units)
