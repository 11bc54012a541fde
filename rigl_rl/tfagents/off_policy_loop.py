"""The off-policy training loop: collect, store, sample and learn, n times per graph call."""

import functools
import math
from collections.abc import Callable, Sequence

import tensorflow as tf
from tf_agents.agents import tf_agent
from tf_agents.drivers import dynamic_step_driver
from tf_agents.environments import tf_environment
from tf_agents.policies import random_tf_policy
from tf_agents.replay_buffers import tf_uniform_replay_buffer
from tf_agents.specs import tensor_spec

from rigl_rl.runs import random_state
from rigl_rl.sparsity.execution import Execution, first_sparse_step, train_steps
from rigl_rl.tfagents.replay import sample_transitions


def collect_at_random(
    env: tf_environment.TFEnvironment,
    replay: tf_uniform_replay_buffer.TFUniformReplayBuffer,
    steps: int,
    random: tf.random.Generator,
) -> None:
    """Fills the replay buffer with `steps` transitions of the uniformly random policy."""
    policy = random_tf_policy.RandomTFPolicy(env.time_step_spec(), env.action_spec())
    driver = dynamic_step_driver.DynamicStepDriver(
        env, policy, observers=[replay.add_batch], num_steps=steps
    )

    @tf.function(autograph=False)
    def collect():
        with random_state.draws_from(random):
            driver.run()

    random_state.assert_resumable(collect.get_concrete_function())
    collect()


def make_train_loop(
    env: tf_environment.TFEnvironment,
    agent: tf_agent.TFAgent,
    replay: tf_uniform_replay_buffer.TFUniformReplayBuffer,
    batch_size: int,
    random: tf.random.Generator,
    after_train: Callable[[], None] = lambda: None,
    executions: Sequence[Execution] = (),
) -> Callable[[int], float]:
    """Returns `train(n)`, which alternates n environment and gradient steps.

    `train` returns the mean loss.

    Args:
      env, agent, replay: TF-Agents parts; the agent's collect policy acts.
      batch_size: transitions per gradient step.
      random: the source of all random numbers in the loop, so that they can be checkpointed.
      after_train: called in the graph after each gradient step.
      executions: the optimizers' executions, which use sparse products where they can.
    """
    driver = dynamic_step_driver.DynamicStepDriver(
        env, agent.collect_policy, observers=[replay.add_batch], num_steps=1
    )

    # Converting TF-Agents' code with AutoGraph would take longer than the rest of the start-up.
    @tf.autograph.experimental.do_not_convert
    def step(time_step):
        time_step, _ = driver.run(time_step)
        loss_info = agent.train(sample_transitions(replay, batch_size))
        after_train()
        return time_step, loss_info.loss

    @functools.cache
    def loop(sparse: bool):
        @tf.function
        def steps(n, time_step):
            with random_state.draws_from(random), train_steps(executions if sparse else ()):
                total_loss = tf.constant(0.0)
                for _ in tf.range(n):
                    time_step, loss = step(time_step)
                    total_loss += loss
            return total_loss

        time_step_spec = tensor_spec.add_outer_dim(env.time_step_spec(), env.batch_size)
        traced = steps.get_concrete_function(tf.TensorSpec((), tf.int32), time_step_spec)
        random_state.assert_resumable(traced)
        return steps

    first_sparse = first_sparse_step(executions)
    loop(sparse=first_sparse == 0)

    def train(n: int) -> float:
        dense_steps = n
        if first_sparse < math.inf:
            dense_steps = min(max(int(first_sparse) - int(agent.train_step_counter), 0), n)
        total_loss = 0.0
        for sparse, number in ((False, dense_steps), (True, n - dense_steps)):
            if number:
                # From the Python environment: TFPyEnvironment does not know a restored step
                # and would reset it.
                time_step = tf.nest.map_structure(tf.constant, env.pyenv.current_time_step())
                total_loss += float(loop(sparse)(tf.constant(number), time_step))
        return total_loss / n

    return train
