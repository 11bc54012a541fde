"""The sparse optimizer as the constructor argument of unchanged TF-Agents agents."""

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.agents.ddpg import critic_network
from tf_agents.agents.dqn import dqn_agent
from tf_agents.agents.ppo import ppo_clip_agent
from tf_agents.agents.sac import sac_agent
from tf_agents.networks import (
    actor_distribution_network,
    q_network,
    value_network,
)
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import time_step as ts
from tf_agents.trajectories import trajectory

from rigl_rl.sparsity import kernels_of, sparsify

OBSERVATION = tf.TensorSpec((4,), tf.float32, "observation")
TIME_STEP = ts.time_step_spec(OBSERVATION)
DISCRETE = tensor_spec.BoundedTensorSpec((), tf.int32, 0, 2, "action")
CONTINUOUS = tensor_spec.BoundedTensorSpec((2,), tf.float32, -1.0, 1.0, "action")
HIDDEN = (16, 16)
SPARSITY = 0.75
STEPS = 3


def _adam():
    return tf.keras.optimizers.legacy.Adam(0.01)


def _sparsify(networks, method="rigl", optimizer=None):
    """Mask updates at every train step, pruning down to its end within STEPS."""
    for network in networks.values():
        network.create_variables()
    return sparsify(
        networks,
        method,
        SPARSITY,
        optimizer or _adam(),
        update_freq=1,
        begin_step=0,
        last_update_step=STEPS - 1,
    )


def _experience(agent, batch, steps, seed=0):
    """Random transitions in the middle of episodes, (batch, steps, ...)."""
    rng = np.random.default_rng(seed)
    observation = rng.standard_normal((batch, steps, 4)).astype(np.float32)
    if agent.action_spec.dtype.is_integer:
        action = rng.integers(0, 3, (batch, steps)).astype(np.int32)
    else:
        action = rng.uniform(-0.9, 0.9, (batch, steps, 2)).astype(np.float32)
    infos = [
        agent.collect_policy.action(
            ts.transition(tf.constant(observation[:, t]), tf.zeros(batch))
        ).info
        for t in range(steps)
    ]
    middle = tf.ones((batch, steps), tf.int32)
    return trajectory.Trajectory(
        step_type=middle,
        observation=tf.constant(observation),
        action=tf.constant(action),
        policy_info=tf.nest.map_structure(lambda *parts: tf.stack(parts, axis=1), *infos),
        next_step_type=middle,
        reward=tf.constant(rng.standard_normal((batch, steps)), tf.float32),
        discount=tf.ones((batch, steps)),
    )


def _train(agent, batch, steps):
    agent.initialize()
    # Converting the agent for AutoGraph would take most of the time.
    train = tf.function(agent.train, autograph=False)
    for seed in range(STEPS):
        loss = train(_experience(agent, batch, steps, seed)).loss
        assert np.isfinite(loss)


def _copies(variables):
    return [variable.numpy() for variable in variables]


def _assert_on_own_masks(network, kernels):
    """`kernels` are this network's, exactly masked, of the right number, and trained."""
    variables = list(kernels_of(network).values())
    assert len(kernels) == len(variables) > 0
    active = size = 0
    for kernel, variable in zip(kernels, variables):
        assert kernel.kernel is variable
        np.testing.assert_array_equal(variable, variable * kernel.mask)
        # Not masked by another network's mask as well: almost every active weight is used. (A
        # weight that RigL grew stays 0 only while its gradient is exactly 0, behind dead ReLUs.)
        assert np.count_nonzero(variable) >= 0.8 * int(kernel.active())
        active += int(kernel.active())
        size += variable.shape.num_elements()
    assert active / size == pytest.approx(1 - SPARSITY, abs=2 * len(kernels) / size)


@pytest.mark.parametrize(
    ("method", "optimizer"),
    [
        ("static", _adam),
        ("set", _adam),
        ("rigl", _adam),
        ("prune", _adam),
        ("rigl", lambda: tf.keras.optimizers.Adam(0.01, jit_compile=False)),
    ],
    ids=["static", "set", "rigl", "prune", "rigl new Adam"],
)
def test_dqn(method, optimizer):
    network = q_network.QNetwork(OBSERVATION, DISCRETE, fc_layer_params=HIDDEN)
    sparse = _sparsify({"q": network}, method, optimizer())
    weights, masks = _copies(network.variables), _copies(k.mask for k in sparse.kernels)
    agent = dqn_agent.DqnAgent(
        TIME_STEP,
        DISCRETE,
        q_network=network,
        optimizer=sparse,
        td_errors_loss_fn=tf.math.squared_difference,
        train_step_counter=tf.Variable(0, dtype=tf.int64),
    )
    _train(agent, batch=32, steps=2)
    assert int(sparse.iterations) == STEPS
    _assert_on_own_masks(network, sparse.kernels)
    assert all(np.any(now != old) for now, old in zip(_copies(network.variables), weights))
    changed = any(np.any(k.mask != old) for k, old in zip(sparse.kernels, masks))
    assert changed == (method != "static")


@pytest.mark.parametrize("method", ["rigl", "prune"])
def test_sac_each_network_has_its_own_mask(method):
    actor = actor_distribution_network.ActorDistributionNetwork(
        OBSERVATION, CONTINUOUS, fc_layer_params=HIDDEN
    )
    critics = {
        f"critic_{i}": critic_network.CriticNetwork(
            (OBSERVATION, CONTINUOUS), joint_fc_layer_params=HIDDEN, name=f"critic_{i}"
        )
        for i in (1, 2)
    }
    actor_optimizer = _sparsify({"actor": actor}, method)
    critic_optimizer = _sparsify(critics, method)
    # Without critic_network_2 SacAgent would copy the first critic, and the copy had no masks.
    agent = sac_agent.SacAgent(
        TIME_STEP,
        CONTINUOUS,
        critic_network=critics["critic_1"],
        critic_network_2=critics["critic_2"],
        actor_network=actor,
        actor_optimizer=actor_optimizer,
        critic_optimizer=critic_optimizer,
        alpha_optimizer=_adam(),
        td_errors_loss_fn=tf.math.squared_difference,
        train_step_counter=tf.Variable(0, dtype=tf.int64),
    )
    networks = {"actor": actor, **critics}
    weights = {name: _copies(network.trainable_variables) for name, network in networks.items()}
    _train(agent, batch=32, steps=2)

    assert agent._critic_network_1 is critics["critic_1"]
    assert agent._critic_network_2 is critics["critic_2"]
    assert int(actor_optimizer.iterations) == int(critic_optimizer.iterations) == STEPS
    _assert_on_own_masks(actor, actor_optimizer.kernels)
    for name, network in critics.items():
        own = [kernel for kernel in critic_optimizer.kernels if kernel.network == name]
        _assert_on_own_masks(network, own)
    first, second = critic_optimizer.kernels[:3], critic_optimizer.kernels[3:]
    assert any(np.any(a.mask.numpy() != b.mask.numpy()) for a, b in zip(first, second))
    for name, network in networks.items():
        now = _copies(network.trainable_variables)
        assert any(np.any(new != old) for new, old in zip(now, weights[name])), name


def test_ppo():
    networks = {
        "actor": actor_distribution_network.ActorDistributionNetwork(
            OBSERVATION, CONTINUOUS, fc_layer_params=HIDDEN
        ),
        "value": value_network.ValueNetwork(OBSERVATION, fc_layer_params=HIDDEN),
    }
    sparse = _sparsify(networks, "rigl")
    weights = {name: _copies(network.trainable_variables) for name, network in networks.items()}
    agent = ppo_clip_agent.PPOClipAgent(
        TIME_STEP,
        CONTINUOUS,
        optimizer=sparse,
        actor_net=networks["actor"],
        value_net=networks["value"],
        num_epochs=1,
        importance_ratio_clipping=0.2,
        gradient_clipping=0.5,
        use_gae=True,
        use_td_lambda_return=True,
        train_step_counter=tf.Variable(0, dtype=tf.int64),
    )
    _train(agent, batch=4, steps=9)
    assert int(sparse.iterations) == STEPS
    for name, network in networks.items():
        own = [kernel for kernel in sparse.kernels if kernel.network == name]
        _assert_on_own_masks(network, own)
        now = _copies(network.trainable_variables)
        assert any(np.any(new != old) for new, old in zip(now, weights[name])), name
