"""The agent against TF-Agents' own SacAgent, its masks and its targets."""

import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.agents.sac import sac_agent as reference
from tf_agents.environments import tf_py_environment
from tf_agents.trajectories import PolicyStep, Transition, time_step

from rigl_rl.environments.gymnasium_environment import GymnasiumEnvironment
from rigl_rl.networks import sac
from rigl_rl.runs import random_state
from rigl_rl.sparsity import DENSE, SparseSettings, kernels_of
from rigl_rl.tfagents import sac_agent, targets
from rigl_rl.tfagents.hyperparameters import SacHyperparameters

UNITS = (24, 16)
# Unusual, so that each shows.
DECAY, TAU = 1e-2, 0.1
RETURN = dict(gamma=0.9, reward_scale_factor=0.5)
BATCH = 32


@pytest.fixture(autouse=True)
def eager():
    """Runs functions eagerly: for a few steps, tracing takes longer than it saves."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def env():
    return tf_py_environment.TFPyEnvironment(
        GymnasiumEnvironment("HalfCheetah-v2", seed=0), check_dims=False
    )


def ours(env, sparse=DENSE, seed=0, **changes) -> sac_agent.SacAgent:
    units = dict(actor_fc_layers=UNITS, critic_joint_fc_layers=UNITS)
    settings = dict(
        num_iterations=100, weight_decay=DECAY, target_update_tau=TAU, **units, **RETURN
    )
    step = tf.Variable(0, dtype=tf.int64)
    given = SacHyperparameters(**{**settings, **changes})
    return sac_agent.make_agent(env, step, given, sparse, sparse, seed=seed)


def theirs(env) -> reference.SacAgent:
    action = env.action_spec()
    adam = tf.keras.optimizers.legacy.Adam
    return reference.SacAgent(
        env.time_step_spec(),
        action,
        critic_network=sac.critic_network(None, None, UNITS, DECAY),
        critic_network_2=sac.critic_network(None, None, UNITS, DECAY),
        target_critic_network=sac.critic_network(None, None, UNITS, DECAY),
        target_critic_network_2=sac.critic_network(None, None, UNITS, DECAY),
        actor_network=sac.actor_network(action, UNITS, DECAY),
        actor_optimizer=adam(3e-4),
        critic_optimizer=adam(3e-4),
        alpha_optimizer=adam(3e-4),
        target_update_tau=TAU,
        **RETURN,
        train_step_counter=tf.Variable(0, dtype=tf.int64),
    )


def networks(agent) -> list:
    found = [
        agent._actor_network,
        agent._critic_network_1,
        agent._critic_network_2,
        agent._target_critic_network_1,
        agent._target_critic_network_2,
    ]
    assert {len(network.variables) for network in found} == {6}
    return found


def randomize(agent):
    rng = np.random.default_rng(0)
    for variable in (v for network in networks(agent) for v in network.variables):
        variable.assign(rng.normal(scale=0.1, size=variable.shape))


def batch(seed) -> Transition:
    rng = np.random.default_rng(seed)

    def steps(step_type, discount):
        return time_step.TimeStep(
            tf.constant(step_type, tf.int32),
            tf.constant(rng.normal(size=BATCH), tf.float32),
            tf.constant(discount, tf.float32),
            tf.constant(rng.normal(size=(BATCH, 17)), tf.float32),
        )

    over = rng.random(BATCH) < 0.2
    action = tf.constant(rng.uniform(-0.9, 0.9, (BATCH, 6)), tf.float32)
    return Transition(
        steps(np.ones(BATCH), np.ones(BATCH)),
        PolicyStep(action, (), ()),
        steps(np.where(over, 2, 1), np.where(over, 0, 1)),
    )


def train(agent, seed):
    with random_state.draws_from(random_state.generator(seed)):
        return agent.train(batch(seed))


def masker(agent, tau=TAU, period=1):
    return targets.target_masker(
        agent.critic_optimizer, agent.critics_and_targets, agent.train_step_counter, tau, period
    )


def all_kernels(agent) -> list:
    """A sparse agent's masked kernels; with dense output layers there are fewer."""
    kernels = [*agent.actor_optimizer.kernels, *agent.critic_optimizer.kernels]
    assert len(kernels) in (6, 9)
    return kernels


def copies(agent) -> list:
    """(masked kernel of a critic, its target's variable)."""
    found = {
        (name, label): copy
        for name, (critic, target) in agent.critics_and_targets.items()
        for label, copy in zip(kernels_of(critic), kernels_of(target).values())
    }
    assert len(agent.critic_optimizer.kernels) == len(found) == 6
    return [
        (kernel, found[kernel.network, kernel.label]) for kernel in agent.critic_optimizer.kernels
    ]


@pytest.mark.parametrize("method", ["dense", "static", "rigl", "set", "prune"])
def test_dense_or_at_sparsity_0_it_trains_to_the_bit_as_tf_agents_own(env, method):
    sparse = DENSE
    if method != "dense":
        sparse = SparseSettings(method=method, sparsity=0.0, update_freq=2)
    one, other = ours(env, sparse), theirs(env)
    randomize(one)
    randomize(other)
    after_train = masker(one)
    for seed in range(5):
        loss, expected = train(one, seed), train(other, seed)
        after_train()
        assert float(loss.loss) == float(expected.loss)
        for a, b in zip(networks(one), networks(other)):
            for ours_variable, theirs_variable in zip(a.variables, b.variables):
                np.testing.assert_array_equal(ours_variable, theirs_variable)
    assert float(one._log_alpha) == float(other._log_alpha) != 0.0


def test_what_the_paper_leaves_open_is_as_in_the_original(env):
    agent = ours(env)
    assert agent._target_entropy == -6 / 2
    assert agent._gradient_clipping is None


# ERK by hand at 90%. Of the actor's kernels (17, 256), (256, 256), (256, 12), 436 + 6554 + 308
# weights are to stay, shared as 273 : 512 : 268 (inputs + outputs): 1892.1, 3548.5 and 1857.4. Of a
# critic's (23, 256), (256, 256), (256, 1), 589 + 6554 + 26: the output would get more than it has
# and is dense; the other 6913 are shared as 279 : 512: 2438.3 and 4474.7. Masks round up.
ACTOR = {0.8: [4008, 7515, 3072], 0.9: [1893, 3549, 1858]}
CRITIC = {0.9: [2439, 4475, 256]}


@pytest.mark.parametrize("method", ["static", "set", "rigl"])
def test_actor_and_both_critics_have_masks_of_their_own(env, method):
    sparse = SparseSettings(method=method, sparsity=0.9)
    agent = ours(env, sparse, actor_fc_layers=(256, 256), critic_joint_fc_layers=(256, 256))
    actor, critics = agent.actor_optimizer.kernels, agent.critic_optimizer.kernels
    assert [int(kernel.active()) for kernel in actor] == ACTOR[0.9]
    assert [int(kernel.active()) for kernel in critics] == 2 * CRITIC[0.9]
    assert [kernel.network for kernel in critics] == 3 * ["critic_1"] + 3 * ["critic_2"]
    trained = {id(v) for v in agent.critic_networks["critic_2"].trainable_variables}
    assert [id(kernel.kernel) in trained for kernel in critics[3:]] == 3 * [True]


def test_no_two_networks_share_masks_or_weights(env, assert_independent):
    agent = ours(
        env,
        SparseSettings(method="static", sparsity=0.9),
        actor_fc_layers=(64, 64),
        critic_joint_fc_layers=(64, 64),
    )
    hidden = [kernel for kernel in all_kernels(agent) if kernel.mask.shape == (64, 64)]
    assert [kernel.network for kernel in hidden] == ["actor", "critic_1", "critic_2"]
    for one, other in itertools.combinations(hidden, 2):
        assert_independent(one, other)


def test_actor_and_critic_may_differ_in_sparsity_and_in_width(env):
    step = tf.Variable(0, dtype=tf.int64)
    agent = sac_agent.make_agent(
        env,
        step,
        SacHyperparameters(num_iterations=10, actor_critic_widths_str="1.0_0.5"),
        SparseSettings(method="static", sparsity=0.8),
        DENSE,
        seed=0,
    )
    assert [int(kernel.active()) for kernel in agent.actor_optimizer.kernels] == ACTOR[0.8]
    assert agent.critic_optimizer.kernels == []
    for critic in [*agent.critic_networks.values(), *agent.target_critic_networks.values()]:
        shapes = [tuple(kernel.shape) for kernel in kernels_of(critic).values()]
        assert shapes == [(23, 128), (128, 128), (128, 1)]


def test_output_layers_may_stay_dense(env):
    agent = ours(env, SparseSettings(method="static", sparsity=0.8), sparse_output_layer=False)
    shapes = [tuple(kernel.mask.shape) for kernel in all_kernels(agent)]
    assert shapes == [(17, 24), (24, 16)] + 2 * [(23, 24), (24, 16)]


def test_a_sparsity_by_hand_is_for_the_kernel_of_that_name(env):
    sparse = SparseSettings(method="static", sparsity=0.5)
    by_hand = {"actor/hidden_1/kernel": 0.75, "critic_2/joint_1/kernel": 0.25}
    agent = ours(env, dataclasses.replace(sparse, custom_sparsity_map=by_hand))
    for kernel in all_kernels(agent):
        if kernel.label in by_hand:
            assert int(kernel.active()) == 24 * 16 * (1 - by_hand[kernel.label])
    with pytest.raises(ValueError, match="names 'nothing', the kernels are"):
        ours(env, dataclasses.replace(sparse, custom_sparsity_map={"nothing": 0.5}))


@pytest.mark.parametrize("method", ["static", "set", "rigl", "prune"])
def test_targets_vanish_where_the_mask_does_from_construction_on(env, method):
    sparse = SparseSettings(method=method, sparsity=0.8, update_freq=2)
    if method == "prune":
        sparse = dataclasses.replace(sparse, begin_step=0, last_update_step=6)
    agent = ours(env, sparse)
    after_train = masker(agent)
    counts = [int(kernel.active()) for kernel in all_kernels(agent)]
    masks = [kernel.mask.numpy() for kernel in all_kernels(agent)]
    for kernel, target in copies(agent):
        np.testing.assert_array_equal(target.numpy(), kernel.kernel.numpy())
    for seed in range(7):
        before = [target.numpy() for _, target in copies(agent)]
        train(agent, seed)
        after_train()
        for kernel in all_kernels(agent):
            weights, mask = kernel.kernel.numpy(), kernel.mask.numpy()
            np.testing.assert_array_equal(weights, weights * mask)
        for (kernel, target), old in zip(copies(agent), before):
            # Masks at once, weights by tau, then masked.
            expected = ((1 - TAU) * old + TAU * kernel.kernel.numpy()) * kernel.mask.numpy()
            np.testing.assert_allclose(target.numpy(), expected, rtol=1e-5, atol=1e-7)
            assert not target.numpy()[kernel.mask.numpy() == 0].any()
    after = [int(kernel.active()) for kernel in all_kernels(agent)]
    changed = any((k.mask.numpy() != mask).any() for k, mask in zip(all_kernels(agent), masks))
    if method == "prune":
        # At its end: each layer's sparsity in the ERK distribution.
        sizes = [kernel.mask.shape.num_elements() for kernel in all_kernels(agent)]
        goals = [round(s * (1 - k.sparsity)) for s, k in zip(sizes, all_kernels(agent))]
        assert counts == sizes
        assert after == pytest.approx(goals, abs=1)
    else:
        assert after == counts
        assert changed == (method != "static")


def test_masks_and_targets_come_back_from_a_checkpoint(env, tmp_path):
    sparse = SparseSettings(method="rigl", sparsity=0.8, update_freq=2)
    agent, other = ours(env, sparse), ours(env, sparse, seed=1)
    for seed in range(3):
        train(agent, seed)
        masker(agent)()
    path = tf.train.Checkpoint(agent=agent).write(str(tmp_path / "checkpoint"))
    train(other, 0)  # creates the optimizers' variables
    tf.train.Checkpoint(agent=other).read(path).assert_consumed()
    for seed in (3, 4):
        for (one, one_target), (two, two_target) in zip(copies(agent), copies(other)):
            np.testing.assert_array_equal(one.mask, two.mask)
            np.testing.assert_array_equal(one_target, two_target)
            assert not two_target.numpy()[two.mask.numpy() == 0].any()
        for a, b in zip(networks(agent), networks(other)):
            for one, two in zip(a.variables, b.variables):
                np.testing.assert_array_equal(one, two)
        for each in (agent, other):
            train(each, seed)
            masker(each)()


def test_pruning_follows_the_cubic_schedule(env):
    sparse = SparseSettings(
        method="prune", sparsity=0.8, update_freq=1, begin_step=0, last_update_step=4
    )
    agent = ours(env, sparse)
    for t in range(6):
        train(agent, t)
        for kernel in all_kernels(agent):
            now = kernel.sparsity * (1 - (1 - min(t, 4) / 4) ** 3)
            size = kernel.mask.shape.num_elements()
            assert int(kernel.active()) == pytest.approx(size * (1 - now), abs=1)


def test_what_is_inactive_influences_no_output(env):
    """Inactive weights are 0, as if they did not exist."""
    agent = ours(env, SparseSettings(method="rigl", sparsity=0.8, update_freq=1))
    train(agent, 0)
    x, a = batch(9).time_step.observation.numpy(), batch(9).action_step.action.numpy()
    kernels = [k for k in agent.critic_optimizer.kernels if k.network == "critic_2"]
    biases = [v.numpy() for v in agent.critic_networks["critic_2"].trainable_variables[1::2]]
    hidden = np.concatenate([x, a], axis=-1)
    for number, (kernel, bias) in enumerate(zip(kernels, biases)):
        garbage = np.where(kernel.mask.numpy() > 0, kernel.kernel.numpy(), 7.0)
        hidden = hidden @ (garbage * kernel.mask.numpy()) + bias
        hidden = np.maximum(hidden, 0) if number < 2 else hidden
    values, _ = agent.critic_networks["critic_2"]((x, a))
    np.testing.assert_allclose(values.numpy(), hidden[:, 0], rtol=1e-4, atol=1e-5)


def test_losses_per_sample_average_to_those_that_are_trained_on(env):
    agent = ours(env, weight_decay=0.0)
    randomize(agent)
    now, action_step, after = batch(3)
    with random_state.draws_from(random_state.generator(1)):
        td_targets = agent.td_targets(after)
    losses = agent.critic_losses(now.observation, action_step.action, td_targets)
    with random_state.draws_from(random_state.generator(1)):
        expected = agent._critic_loss_weight * agent.critic_loss(
            now,
            action_step.action,
            after,
            td_errors_loss_fn=tf.math.squared_difference,
            **RETURN,
        )
    assert losses.shape == (BATCH,)
    assert float(tf.reduce_mean(losses)) == pytest.approx(float(expected), rel=1e-5)

    # TF-Agents draws the noise itself; we compute it from the action (bounds are -1 and 1).
    with random_state.draws_from(random_state.generator(2)):
        action, _ = agent._actions_and_log_probs(now, training=True)
    gaussian = agent.actor_network(now.observation)[0].input_distribution
    noise = (tf.atanh(action) - gaussian.loc) / gaussian.stddev()
    variables = agent.actor_network.trainable_variables
    with tf.GradientTape() as tape:
        mean = tf.reduce_mean(agent.actor_losses(now.observation, noise))
    with tf.GradientTape() as other, random_state.draws_from(random_state.generator(2)):
        loss = agent.actor_loss(now, training=True)
    assert float(mean) == pytest.approx(float(loss), rel=1e-3)
    assert len(variables) == 6
    for a, b in zip(tape.gradient(mean, variables), other.gradient(loss, variables)):
        np.testing.assert_allclose(a, b, rtol=1e-2, atol=1e-4)
