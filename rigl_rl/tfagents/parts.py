"""Parts of a run that the three mains share: environment, evaluation, SNR and labels."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Callable

import numpy as np
import tensorflow as tf
from tf_agents.policies import tf_policy
from tf_agents.replay_buffers import tf_uniform_replay_buffer
from tf_agents.trajectories import time_step as ts

from rigl_rl.environments.evaluation import Evaluator
from rigl_rl.environments.gymnasium_environment import GymnasiumEnvironment
from rigl_rl.environments.tasks import Task
from rigl_rl.errors import ConfigError
from rigl_rl.parameters import record
from rigl_rl.runs import config, random_state
from rigl_rl.runs.random_state import Stream
from rigl_rl.sparsity import SparseOptimizer, SparseSettings
from rigl_rl.tfagents.hyperparameters import Hyperparameters, OffPolicy
from rigl_rl.tfagents.replay import sample_transitions


def training_environment(hyperparameters: Hyperparameters, seed: int) -> GymnasiumEnvironment:
    """Makes the environment to train in, not yet reset; `seed` is the run's."""
    return GymnasiumEnvironment(
        hyperparameters.task(config.imported_modules()),
        random_state.seed_from(seed, Stream.TRAIN_ENV),
        hyperparameters.bootstrap_at_time_limit,
    )


def replay_buffer(agent: Any, given: OffPolicy) -> tf_uniform_replay_buffer.TFUniformReplayBuffer:
    """Makes the agent's replay buffer, if that and a batch fit into memory."""
    specs = tf.nest.flatten(agent.collect_data_spec)
    frame = sum(spec.shape.num_elements() * spec.dtype.size for spec in specs)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for name, bytes_each in (("replay_capacity", frame), ("batch_size", 2 * frame)):
        number = getattr(given, name)
        if number * bytes_each > memory:
            raise ConfigError(
                f"{name} is {number}, but must be at most {memory // bytes_each}: each takes "
                f"{bytes_each} bytes, and this machine has {memory / 2**30:.1f} GiB of memory"
            )
    return tf_uniform_replay_buffer.TFUniformReplayBuffer(
        agent.collect_data_spec, batch_size=1, max_length=given.replay_capacity
    )


def evaluation(
    policy: tf_policy.TFPolicy, task: Task, episodes: int, seed: int
) -> Callable[[int], np.ndarray]:
    """Makes `evaluate(train step)`, which gives the returns of the episodes: shape (episodes,).

    They depend on the policy's weights, the train step and the seed alone.

    Args:
      policy: the policy that acts.
      task: makes the environments, which run side by side.
      episodes: episodes per evaluation.
      seed: the run's.
    """
    random = random_state.generator(0)
    evaluator = Evaluator(task, episodes)

    @tf.function(autograph=False)
    def act(observations):
        with random_state.draws_from(random):
            return policy.action(ts.restart(observations, episodes)).action

    def evaluate(step: int) -> np.ndarray:
        random_state.reseed(random, seed, Stream.EVAL_POLICY, step)
        env_seed = random_state.seed_from(seed, Stream.EVAL_ENVS, step)
        return evaluator.run(lambda observations: act(observations).numpy(), env_seed)

    return evaluate


def snr_measurement(
    of_a_batch: Callable[..., dict[str, tf.Tensor]],
    seed: int,
    stream: Stream,
    inputs: Callable[[], tuple] = tuple,
) -> Callable[[int], dict[str, float]]:
    """Makes `measure(train step)`: signal-to-noise ratio of each network's gradients (section 7).

    Args:
      of_a_batch: draws samples and computes the ratios. It has its own random numbers, so measuring
        does not change the run.
      seed: the run's.
      stream: the stream of these random numbers.
      inputs: returns the tensors that `of_a_batch` takes.
    """
    random = random_state.generator(0)

    @tf.function(autograph=False)
    def ratios(*tensors):
        with random_state.draws_from(random):
            return of_a_batch(*tensors)

    def measure(step: int) -> dict[str, float]:
        random_state.reseed(random, seed, stream, step)
        return {network: float(ratio) for network, ratio in ratios(*inputs()).items()}

    return measure


def snr_of_replay(
    agent: Any, replay: Any, batch_size: int, seed: int, stream: Stream
) -> Callable[[int], dict[str, float]]:
    """Makes the `snr_measurement` of the agent on transitions from its replay buffer."""

    def of_a_batch():
        return agent.gradient_snr(sample_transitions(replay, batch_size))

    return snr_measurement(of_a_batch, seed, stream)


def labels(
    hyperparameters: Hyperparameters,
    methods: Sequence[tuple[SparseSettings, SparseOptimizer]],
    env: GymnasiumEnvironment,
    seed: int,
) -> dict[str, Any]:
    """Entries of result.json that every run has.

    Args:
      hyperparameters: resolved.
      methods: settings of sparse training, each with the optimizer made from them. The first that
        is not dense is recorded.
      env: the environment.
      seed: the run's.
    """
    recorded = record(hyperparameters)
    in_effect = {name: value for name, value in env.task.options().items() if name in recorded}
    sparse, optimizer = next((each for each in methods if not each[0].dense), methods[0])
    return {
        **sparse.labels(),
        "suite": env.suite,
        "env": hyperparameters.env_name,
        "env_options": env.task.options(),
        "width": hyperparameters.width,
        "seed": seed,
        "hyperparameters": {
            **sparse.in_effect(optimizer.updater),
            **recorded,
            **in_effect,
            "weight_decay_of": "sum(w^2)",
        },
    }
