"""The agent against TF-Agents' own DqnAgent, and against the equations in NumPy."""

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.agents.dqn import dqn_agent as reference
from tf_agents.environments import tf_py_environment
from tf_agents.replay_buffers import tf_uniform_replay_buffer
from tf_agents.trajectories import trajectory
from tf_agents.utils import common

from rigl_rl.environments.gymnasium_environment import GymnasiumEnvironment
from rigl_rl.networks import mlp
from rigl_rl.runs import random_state
from rigl_rl.sparsity import DENSE, SparseSettings
from rigl_rl.tfagents import dqn_agent, off_policy_loop
from rigl_rl.tfagents.hyperparameters import DqnHyperparameters
from rigl_rl.tfagents.replay import sample_transitions
from rigl_rl.tfagents.targets import target_masker

UNITS = (24, 16)
DECAY, GAMMA, SCALE, PERIOD = 1e-2, 0.9, 0.5, 2  # unusual, so that each shows
RETURN = dict(gamma=GAMMA, reward_scale_factor=SCALE)


def environment():
    env = GymnasiumEnvironment("CartPole-v0", seed=0)
    return tf_py_environment.TFPyEnvironment(env, check_dims=False)


def ours(env, sparse=DENSE, **changes):
    settings = dict(
        num_iterations=100,
        fc_layer_params=UNITS,
        weight_decay=DECAY,
        target_update_period=PERIOD,
        **RETURN,
    )
    step = tf.Variable(0, dtype=tf.int64)
    given = DqnHyperparameters(**{**settings, **changes})
    return dqn_agent.make_agent(env, step, given, sparse, seed=0)


def theirs(env):
    agent = reference.DqnAgent(
        env.time_step_spec(),
        env.action_spec(),
        q_network=mlp.q_network(UNITS, 2, DECAY),
        optimizer=tf.keras.optimizers.legacy.Adam(1e-3),
        td_errors_loss_fn=common.element_wise_squared_loss,
        target_update_period=PERIOD,
        **RETURN,
        train_step_counter=tf.Variable(0, dtype=tf.int64),
    )
    agent.initialize()
    return agent


def randomize(agent, seed=0):
    """Sets weights that depend only on the seed; the target gets different ones."""
    rng = np.random.default_rng(seed)
    networks = (agent._q_network, agent._target_q_network)
    for variable in (v for network in networks for v in network.variables):
        variable.assign(rng.normal(scale=0.3, size=variable.shape))


@pytest.fixture(scope="module")
def replay():
    """A replay buffer with episodes of the random policy: starts, ends and steps in between."""
    env = environment()
    agent = ours(env)
    buffer = tf_uniform_replay_buffer.TFUniformReplayBuffer(
        agent.collect_data_spec, batch_size=1, max_length=1000
    )
    off_policy_loop.collect_at_random(env, buffer, 300, random_state.generator(1))
    return buffer


def batches(replay, seed, size=64):
    """The same sample as our Transition and as TF-Agents' stacked Trajectory."""
    random = random_state.generator(seed)
    with random_state.draws_from(random):
        transition = sample_transitions(replay, size)
    now, action, after = transition

    def stacked(first, second):
        return tf.stack([first, second], axis=1)

    # TF-Agents reads two frames of a transition, but only the observation of the second.
    frames = trajectory.Trajectory(
        step_type=stacked(now.step_type, after.step_type),
        observation=stacked(now.observation, after.observation),
        action=stacked(action.action, tf.zeros_like(action.action)),
        policy_info=action.info,
        next_step_type=stacked(after.step_type, tf.fill([size], 1)),
        reward=stacked(after.reward, tf.fill([size], 100.0)),
        discount=stacked(after.discount, tf.fill([size], 0.5)),
    )
    return transition, frames


def test_the_loss_and_its_gradients_are_those_of_tf_agents(replay):
    env = environment()
    agents = ours(env), theirs(env)
    transition, frames = batches(replay, seed=2)
    losses, gradients = [], []
    for agent, batch in zip(agents, (transition, frames)):
        randomize(agent)
        with tf.GradientTape() as tape:
            loss_info = agent._loss(batch, **RETURN, weights=None, training=True)
        losses.append((loss_info.loss.numpy(), loss_info.extra.td_loss.numpy()))
        gradients.append(tape.gradient(loss_info.loss, agent._q_network.trainable_variables))
    np.testing.assert_allclose(losses[0][0], losses[1][0], rtol=1e-6)
    np.testing.assert_allclose(losses[0][1], losses[1][1], rtol=1e-5, atol=1e-6)
    assert [len(each) for each in gradients] == [6, 6]
    for one, other in zip(*gradients):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
        assert np.abs(one).max() > 1e-3


def test_train_steps_and_target_updates_are_those_of_tf_agents(replay):
    env = environment()
    one, other = ours(env), theirs(env)
    randomize(one)
    randomize(other)
    for seed in range(5):
        transition, frames = batches(replay, seed)
        one.train(transition)
        other.train(frames)
        for ours_network, theirs_network in (
            (one._q_network, other._q_network),
            (one._target_q_network, other._target_q_network),
        ):
            assert len(ours_network.variables) == len(theirs_network.variables) == 6
            for a, b in zip(ours_network.variables, theirs_network.variables):
                np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-5)


def test_td_losses_are_the_equation(replay):
    agent = ours(environment())
    randomize(agent)
    transition, _ = batches(replay, seed=3, size=200)
    now, action_step, after = transition

    def values(network, observation):
        w1, b1, w2, b2, w3, b3 = (v.numpy().astype(np.float64) for v in network.variables)
        hidden = np.maximum(observation.numpy() @ w1 + b1, 0)
        return np.maximum(hidden @ w2 + b2, 0) @ w3 + b3

    taken = values(agent.q_network, now.observation)[np.arange(200), action_step.action.numpy()]
    best = values(agent.target_q_network, after.observation).max(axis=1)
    targets = SCALE * after.reward.numpy() + GAMMA * after.discount.numpy() * best
    expected = (taken - targets) ** 2
    assert 0 < np.sum(after.discount.numpy() == 0) < 60
    np.testing.assert_allclose(agent.td_losses(transition).numpy(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [0.1, 0.1, 0.1, 0.1]),  # Table 6, constant as the original's
        ({"initial_epsilon_greedy": 1.0}, [1.0, 0.55, 0.1, 0.1]),  # over 25,000 steps
        ({"epsilon_greedy": 0.01}, [0.01, 0.01, 0.01, 0.01]),  # all that the original binds
    ],
)
def test_epsilon(changes, expected):
    env = environment()
    step = tf.Variable(0, dtype=tf.int64)
    given = DqnHyperparameters(fc_layer_params=(4,), **changes)
    agent = dqn_agent.make_agent(env, step, given, seed=0)
    seen = []
    for at in (0, 12_500, 25_000, 90_000):
        step.assign(at)
        seen.append(float(agent.collect_policy._get_epsilon()))
    assert seen == pytest.approx(expected)


def test_train_steps_keep_a_sparse_network_on_its_masks(replay):
    sparse = SparseSettings(method="rigl", sparsity=0.8, update_freq=2)
    agent = ours(environment(), sparse)
    kernels = agent.optimizer.kernels
    before = [kernel.mask.numpy() for kernel in kernels]
    assert len(kernels) == 3
    for seed in range(6):
        agent.train(batches(replay, seed)[0])
        for kernel, mask in zip(kernels, before):
            weights = kernel.kernel.numpy()
            np.testing.assert_array_equal(weights, weights * kernel.mask.numpy())
            assert kernel.mask.numpy().sum() == mask.sum()
    assert any((kernel.mask.numpy() != mask).any() for kernel, mask in zip(kernels, before))


@pytest.mark.parametrize(("binding", "decayed"), [(True, 3), (False, 2)])
def test_weight_decay_with_and_without_the_output_layer(binding, decayed):
    agent = ours(environment(), decay_output_layer=binding)
    assert len(agent.q_network.losses) == decayed


def test_the_output_layer_may_stay_dense():
    agent = ours(
        environment(), SparseSettings(method="static", sparsity=0.8), sparse_output_layer=False
    )
    assert [tuple(kernel.mask.shape) for kernel in agent.optimizer.kernels] == [(4, 24), (24, 16)]
    assert np.count_nonzero(agent.q_network.trainable_variables[-2]) == 16 * 2


def test_a_soft_target_update_leaves_no_weight_outside_of_the_masks(replay):
    sparse = SparseSettings(method="rigl", sparsity=0.8, update_freq=1)
    agent = ours(environment(), sparse, target_update_tau=0.5)
    networks = {"q": (agent.q_network, agent.target_q_network)}
    after_train = target_masker(agent.optimizer, networks, agent.train_step_counter, 0.5, PERIOD)
    targets = agent.target_q_network.trainable_variables[::2]
    online = agent.q_network.trainable_variables[::2]
    assert len(agent.optimizer.kernels) == len(targets) == len(online) == 3
    for seed in range(1, 7):
        before = [target.numpy() for target in targets]
        agent.train(batches(replay, seed)[0])
        after_train()
        if seed % PERIOD == 0:  # an update: tau of the online weights, then masked
            for kernel, target, old, new in zip(agent.optimizer.kernels, targets, before, online):
                expected = (0.5 * old + 0.5 * new.numpy()) * kernel.mask.numpy()
                np.testing.assert_allclose(target.numpy(), expected, rtol=1e-6, atol=1e-7)
        else:
            for target, old in zip(targets, before):
                np.testing.assert_array_equal(target.numpy(), old)
