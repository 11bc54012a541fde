"""What an iteration collects, how often it trains on that, and that it learns something."""

from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.policies import random_tf_policy
from tf_agents.trajectories import StepType, trajectory
from tf_agents.trajectories import time_step as ts

from rigl_rl.adapters.in_graph_environment import InGraphEnvironment
from rigl_rl.environments.evaluation import Evaluator
from rigl_rl.environments.gymnasium_environment import GymnasiumEnvironment
from rigl_rl.runs import random_state
from rigl_rl.sparsity import SparseSettings
from rigl_rl.tfagents import on_policy_loop, ppo_agent
from rigl_rl.tfagents.hyperparameters import PpoHyperparameters


def environment(name="CartPole-v0", seed=0):
    py_env = GymnasiumEnvironment(name, seed)
    py_env.reset()
    return InGraphEnvironment(py_env)


def cartpole_after(state, action):
    """Barto, Sutton & Anderson's equations, as gymnasium integrates them (Euler, 0.02 s)."""
    x, v, theta, omega = np.moveaxis(state.astype(np.float64), -1, 0)
    force = np.where(action == 1, 10.0, -10.0)
    push = (force + 0.05 * omega**2 * np.sin(theta)) / 1.1
    alpha = (9.8 * np.sin(theta) - np.cos(theta) * push) / (
        0.5 * (4 / 3 - 0.1 * np.cos(theta) ** 2 / 1.1)
    )
    a = push - 0.05 * alpha * np.cos(theta) / 1.1
    return np.stack([x + 0.02 * v, v + 0.02 * a, theta + 0.02 * omega, omega + 0.02 * alpha], -1)


@pytest.fixture(scope="module")
def two_rounds():
    """Two rounds of 150 random steps of one environment."""
    env = environment()
    policy = random_tf_policy.RandomTFPolicy(env.time_step_spec(), env.action_spec())
    collect = tf.function(lambda: on_policy_loop.collect(env, policy, 150))
    return [tf.nest.map_structure(lambda x: x.numpy()[:, 0], collect()) for _ in range(2)]


def test_exactly_the_steps_asked_for_each_within_an_episode(two_rounds):
    for steps in two_rounds:
        assert all(len(part) == 150 for part in steps)
        # Each transition follows the cart's equations; none leads from one episode to the next.
        expected = cartpole_after(steps.observation, steps.action)
        np.testing.assert_allclose(steps.next_observation, expected, rtol=1e-4, atol=1e-5)
        assert set(steps.reward) == {1.0}


def test_episodes_follow_each_other_across_iterations(two_rounds):
    steps = ppo_agent.Collected(*(np.concatenate(parts) for parts in zip(*two_rounds)))
    ends = steps.next_step_type == StepType.LAST
    assert 5 < ends.sum() < 40
    np.testing.assert_array_equal(steps.discount, np.where(ends, 0.0, 1.0))
    goes_on = ~ends[:-1]
    np.testing.assert_array_equal(
        steps.observation[1:][goes_on], steps.next_observation[:-1][goes_on]
    )
    starts = steps.observation[1:][ends[:-1]]
    assert np.abs(starts).max() <= 0.05  # where CartPole starts


class _Loss(NamedTuple):
    loss: tf.Tensor


class _Recorder:
    """Replaces an agent: records the minibatches that it gets."""

    def __init__(self):
        self.minibatches = []

    def train(self, minibatch):
        def note(reward):
            self.minibatches.append(reward)
            return np.float32(len(self.minibatches))

        loss = tf.numpy_function(note, [minibatch.reward], tf.float32)
        return _Loss(tf.ensure_shape(loss, ()))


def numbered(steps):
    """Experience in which each reward is the step's number."""
    number = tf.range(steps, dtype=tf.float32)[:, tf.newaxis]
    return trajectory.Trajectory(number, number, number, (), number, number, number)


def test_ten_epochs_of_32_minibatches_of_64_shuffled_anew():
    agent = _Recorder()
    random = random_state.generator(0)

    @tf.function
    def learn():
        with random_state.draws_from(random):
            return on_policy_loop.learn(agent, numbered(2048), num_epochs=10, minibatch_size=64)

    random_state.assert_resumable(learn.get_concrete_function())
    loss = learn()
    assert len(agent.minibatches) == 10 * 32
    assert {minibatch.shape for minibatch in agent.minibatches} == {(64, 1)}
    epochs = np.concatenate(agent.minibatches).reshape(10, 2048)
    np.testing.assert_array_equal(np.sort(epochs, axis=1), np.tile(np.arange(2048), (10, 1)))
    assert len({tuple(epoch) for epoch in epochs}) == 10
    assert np.abs(np.diff(epochs[0])).mean() == pytest.approx(2048 / 3, rel=0.05)  # shuffled
    assert float(loss) == pytest.approx(np.mean(np.arange(1, 321)))  # the mean


def test_a_loss_that_is_not_a_number_stops_the_iteration():
    experience = numbered(4)
    experience = experience.replace(reward=experience.reward * np.nan)

    class Agent:
        def train(self, minibatch):
            return _Loss(tf.reduce_sum(minibatch.reward))

    with pytest.raises(tf.errors.InvalidArgumentError, match="Loss is inf or nan"):
        on_policy_loop.learn(Agent(), experience, num_epochs=1, minibatch_size=2)


def loop_on_cartpole(seed=0, steps=512):
    env = environment(seed=seed)
    tf.keras.utils.set_random_seed(seed)
    step = tf.Variable(0, dtype=tf.int64)
    sparse = SparseSettings(method="rigl", sparsity=0.5, update_freq=40, drop_fraction=0.3)
    agent = ppo_agent.make_agent(
        env,
        step,
        PpoHyperparameters(num_iterations=20, collect_sequence_length=steps, learning_rate=1e-3),
        sparse,
        sparse,
        seed=seed,
    )
    loop = on_policy_loop.Loop(env, agent, steps, 10, 64, random_state.generator(seed))
    return loop, agent, step


def test_autograph_converts_no_agent_policy_or_optimizer(assert_converted):
    loop_on_cartpole(steps=64)
    assert_converted(on_policy_loop)


def mean_return(agent, episodes=10):
    @tf.function(autograph=False)
    def act(observations):
        return agent.policy.action(ts.restart(observations, episodes)).action

    evaluator = Evaluator("CartPole-v0", episodes)
    return evaluator.run(lambda observations: act(observations).numpy(), seed=0).mean()


@pytest.fixture(scope="module")
def trained():
    loop, agent, step = loop_on_cartpole()
    before = mean_return(agent)
    losses = [loop.train(loop.train_steps)]
    masks = [kernel.mask.numpy() for kernel in agent.optimizer.kernels]
    early = [kernel.kernel.numpy() for kernel in agent.optimizer.kernels]
    losses.append(loop.train(15 * loop.train_steps))
    return loop, agent, step, before, losses, masks, early


def test_a_sparse_agent_learns_to_balance(trained):
    _, agent, _, before, losses, _, _ = trained
    assert before < 60
    assert mean_return(agent) > max(100, 2 * before)
    assert all(np.isfinite(losses))


def test_train_steps_are_counted_and_masks_kept(trained):
    loop, agent, step, _, _, masks, _ = trained
    assert loop.train_steps == 80  # 10 epochs of 8 minibatches
    assert int(step) == int(agent.optimizer.iterations) == 16 * 80
    assert len(agent.optimizer.kernels) == len(masks) == 6
    for kernel, mask in zip(agent.optimizer.kernels, masks):
        assert kernel.mask.numpy().sum() == mask.sum()
        np.testing.assert_array_equal(kernel.kernel, kernel.kernel * kernel.mask)
    assert any((k.mask.numpy() != mask).any() for k, mask in zip(agent.optimizer.kernels, masks))


def test_equal_seeds_give_equal_weights(trained):
    loop, agent, _ = loop_on_cartpole()
    loop.train(loop.train_steps)
    assert len(agent.optimizer.kernels) == len(trained[-1]) == 6
    for kernel, expected in zip(agent.optimizer.kernels, trained[-1]):
        np.testing.assert_array_equal(kernel.kernel, expected)
