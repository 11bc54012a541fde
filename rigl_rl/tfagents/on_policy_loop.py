"""The on-policy training loop: an iteration collects experience, then learns from it.

An iteration is one call of one graph. It takes its environment steps with fixed weights, then
trains for several epochs on minibatches, reshuffled in each epoch.
"""

import tensorflow as tf
from tf_agents.environments import tf_environment
from tf_agents.policies import tf_policy
from tf_agents.trajectories import time_step as ts
from tf_agents.trajectories import trajectory

from rigl_rl.runs import random_state
from rigl_rl.tfagents import ppo_agent


class Loop:
    """Trains a PPO agent.

    Args:
      env: one environment, already reset.
      agent: the agent to train.
      collect_steps: environment steps per iteration.
      num_epochs: passes over them.
      minibatch_size: environment steps per gradient step; a divisor of `collect_steps`.
      random: the source of all random numbers in the loop, so that they can be checkpointed.

    Attributes:
      train_steps: gradient steps per iteration.
      experience: the last iteration's training data: tensors (collect_steps, 1, ...).
    """

    def __init__(
        self,
        env: tf_environment.TFEnvironment,
        agent: ppo_agent.PpoAgent,
        collect_steps: int,
        num_epochs: int,
        minibatch_size: int,
        random: tf.random.Generator,
    ):
        self.train_steps = num_epochs * collect_steps // minibatch_size
        self.experience: trajectory.Trajectory | None = None

        prepare = tf.autograph.experimental.do_not_convert(agent.prepare)

        @tf.function
        def iteration():
            with random_state.draws_from(random):
                experience = prepare(collect(env, agent.acting_policy, collect_steps))
                return learn(agent, experience, num_epochs, minibatch_size), experience

        random_state.assert_resumable(iteration.get_concrete_function())
        self._iteration = iteration

    def train(self, n: int) -> float:
        """Takes `n` gradient steps, in whole iterations, and returns the mean loss."""
        iterations = n // self.train_steps
        total_loss = 0.0
        for _ in range(iterations):
            loss, self.experience = self._iteration()
            total_loss += float(loss)
        return total_loss / iterations


def collect(
    env: tf_environment.TFEnvironment, policy: tf_policy.TFPolicy, steps: int
) -> ppo_agent.Collected:
    """Takes `steps` environment steps and returns them as tensors (steps, 1, ...).

    The transition from the end of an episode to the start of the next is left out. TF-Agents'
    drivers do not count it either, but record it.
    """

    def transition(time_step: ts.TimeStep, action, after: ts.TimeStep) -> ppo_agent.Collected:
        return ppo_agent.Collected(
            observation=time_step.observation,
            action=action,
            reward=after.reward,
            discount=after.discount,
            next_step_type=after.step_type,
            next_observation=after.observation,
        )

    specs = transition(env.time_step_spec(), env.action_spec(), env.time_step_spec())
    arrays = tf.nest.map_structure(
        lambda spec: tf.TensorArray(spec.dtype, steps, element_shape=(1, *spec.shape)), specs
    )

    # AutoGraph has nothing to convert within TF-Agents, but would take long.
    @tf.autograph.experimental.do_not_convert
    def first():
        time_step = env.current_time_step()
        # It is a LAST step if the run resumed in an environment that could not be saved.
        return tf.cond(time_step.is_last()[0], env.reset, lambda: time_step)

    @tf.autograph.experimental.do_not_convert
    def step(time_step):
        action = policy.action(time_step).action
        after = env.step(action)
        following = tf.cond(after.is_last()[0], env.reset, lambda: after)
        return transition(time_step, action, after), following

    time_step = first()
    for number in tf.range(steps):
        collected, time_step = step(time_step)
        arrays = tf.nest.map_structure(
            lambda array, value, number=number: array.write(number, value), arrays, collected
        )
    return tf.nest.map_structure(lambda array: array.stack(), arrays)


def learn(
    agent: ppo_agent.PpoAgent,
    experience: trajectory.Trajectory,
    num_epochs: int,
    minibatch_size: int,
) -> tf.Tensor:
    """Trains on `experience`, tensors (steps, 1, ...), in minibatches; returns the mean loss."""
    steps = experience.reward.shape[0]
    train = tf.autograph.experimental.do_not_convert(agent.train)
    total_loss = tf.constant(0.0)
    for _ in tf.range(num_epochs):
        for minibatch in tf.reshape(tf.random.shuffle(tf.range(steps)), [-1, minibatch_size]):
            total_loss += train(take(experience, minibatch)).loss
    number = num_epochs * (steps // minibatch_size)
    return tf.debugging.check_numerics(total_loss, "Loss is inf or nan") / number


def take(experience: trajectory.Trajectory, indices: tf.Tensor) -> trajectory.Trajectory:
    """Selects the steps of `experience` at `indices` (n,): tensors (n, 1, ...)."""
    return tf.nest.map_structure(lambda tensor: tf.gather(tensor, indices), experience)
