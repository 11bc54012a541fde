"""Parts of a run that the mains share: replay, evaluation, SNR and labels."""

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tf_agents.agents import tf_agent
from tf_agents.policies import tf_policy
from tf_agents.replay_buffers import tf_uniform_replay_buffer
from tf_agents.trajectories import time_step as ts

from rigl_rl.environments.evaluation import Evaluator
from rigl_rl.environments.tasks import Task
from rigl_rl.errors import ConfigError
from rigl_rl.parameters import record
from rigl_rl.runs import config, random_state
from rigl_rl.runs.random_state import Stream
from rigl_rl.sparsity import SparseOptimizer
from rigl_rl.tfagents import off_policy_loop
from rigl_rl.tfagents.hyperparameters import OffPolicy
from rigl_rl.tfagents.replay import sample_transitions
from rigl_rl.tfagents.start import Start


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


def of_replay(
    start: Start[Any],
    agent: tf_agent.TFAgent,
    replay: tf_uniform_replay_buffer.TFUniformReplayBuffer,
    optimizers: Mapping[str, SparseOptimizer],
    after_train: Callable[[], None],
) -> dict[str, Any]:
    """Fields of the `TrainingRun` of an agent that learns from a replay buffer.

    Args:
      start: its hyperparameters are `OffPolicy`.
      agent: its collect policy acts.
      replay: the agent's replay buffer.
      optimizers: {name: sparse optimizer}, all that the agent has.
      after_train: called in the graph after each gradient step.
    """
    given: OffPolicy = start.given

    def collect_initially():
        start.py_env.reset()
        steps = given.initial_collect_steps
        off_policy_loop.collect_at_random(start.env, replay, steps, start.random)

    return dict(
        optimizers=optimizers,
        collect_initially=collect_initially,
        advance=off_policy_loop.make_train_loop(
            start.env,
            agent,
            replay,
            given.batch_size,
            start.random,
            after_train,
            [optimizer.execution for optimizer in optimizers.values()],
        ),
        env_step=lambda train_step: given.initial_collect_steps + train_step,
    )


def evaluation(
    policy: tf_policy.TFPolicy, task: Task, episodes: int, seed: int
) -> Callable[[int], np.ndarray]:
    """Makes `evaluate(train step)`, which gives the returns of the episodes: shape (episodes,).

    They depend on the policy's weights, the train step and the seed alone, unless the environment
    carries state across episodes (`saving`).

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
    agent: Any, replay: Any, start: Start[Any], stream: Stream
) -> Callable[[int], dict[str, float]]:
    """Makes the `snr_measurement` of the agent on transitions from its replay buffer."""

    def of_a_batch():
        return agent.gradient_snr(sample_transitions(replay, start.given.batch_size))

    return snr_measurement(of_a_batch, start.seed, stream)


def labels(start: Start[Any], optimizers: Iterable[SparseOptimizer]) -> dict[str, Any]:
    """Entries of result.json that every run has.

    Args:
      start: what the run began with.
      optimizers: made from each of `start.sparse`. The last method that is not dense is recorded.
    """
    given, task = start.given, start.py_env.task
    recorded = record(given)
    in_effect = {name: value for name, value in task.options().items() if name in recorded}
    methods = list(zip(start.sparse, optimizers))[::-1]
    sparse, optimizer = next((each for each in methods if not each[0].dense), methods[0])
    hyperparameters = {
        **sparse.in_effect(optimizer.updater),
        **recorded,
        **in_effect,
        "weight_decay_of": "sum(w^2)",
    }
    return {
        **sparse.labels(),
        "suite": start.py_env.suite,
        "env": given.env_name,
        "env_options": task.options(),
        "width": given.width,
        "seed": start.seed,
        "hyperparameters": {
            **hyperparameters,
            "other_bindings": config.other_bindings(hyperparameters),
        },
    }
