"""The PPO agent against TF-Agents' own, and against the equations in NumPy."""

import gin
import numpy as np
import pytest
import tensorflow as tf
from tf_agents.agents.ppo import ppo_clip_agent
from tf_agents.trajectories import StepType
from tf_agents.trajectories import time_step as ts
from tf_agents.utils import value_ops

from rigl_rl.adapters.in_graph_environment import InGraphEnvironment
from rigl_rl.environments.gymnasium_environment import GymnasiumEnvironment
from rigl_rl.errors import ConfigError
from rigl_rl.networks import ppo
from rigl_rl.sparsity import DENSE, SparseSettings, kernels_of
from rigl_rl.tfagents import ppo_agent
from rigl_rl.tfagents.hyperparameters import PpoHyperparameters
from rigl_rl.tfagents.on_policy_loop import take

STEPS = 256
MINIBATCH = 32


@pytest.fixture(scope="module")
def env():
    py_env = GymnasiumEnvironment("HalfCheetah-v4", seed=0)
    py_env.reset()
    return InGraphEnvironment(py_env)


def make(env, sparse=DENSE, sparse_value=None, seed=0, **changes):
    tf.keras.utils.set_random_seed(seed)
    # Ten iterations of ten train steps.
    settings = dict(num_iterations=10, collect_sequence_length=64)
    given = PpoHyperparameters(**{**settings, **changes})
    step = tf.Variable(0, dtype=tf.int64)
    return ppo_agent.make_agent(env, step, given, sparse, sparse_value or sparse, seed=seed)


def collected(seed=0, steps=STEPS):
    """Transitions with both kinds of episode ends at known steps."""
    rng = np.random.default_rng(seed)
    observations = rng.normal(2.0, 3.0, (steps + 1, 1, 17)).astype(np.float32)
    kinds = np.full((steps, 1), StepType.MID, np.int32)
    discounts = np.ones((steps, 1), np.float32)
    kinds[[50, 120, 200]] = StepType.LAST
    discounts[[50, 200]] = 0.0  # terminal; at 120 the time limit
    return ppo_agent.Collected(
        observation=tf.constant(observations[:-1]),
        action=tf.constant(rng.normal(0, 0.5, (steps, 1, 6)), tf.float32),
        reward=tf.constant(rng.normal(1.0, 4.0, (steps, 1)), tf.float32),
        discount=tf.constant(discounts),
        next_step_type=tf.constant(kinds),
        next_observation=tf.constant(observations[1:]),
    )


def minibatches(experience, number, seed=0):
    rng = np.random.default_rng(seed)
    return [take(experience, rng.choice(STEPS, MINIBATCH, replace=False)) for _ in range(number)]


def values_of(agent, name="value"):
    net = {"actor": agent.actor_net, "value": agent.value_net}[name]
    return [variable.numpy() for variable in net.trainable_variables]


# -- advantages -------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 7, 256])
def test_advantages_are_the_recursion(steps):
    rng = np.random.default_rng(steps)
    rewards, values, next_values = rng.normal(size=(3, steps)).astype(np.float32)
    discounts = 0.99 * rng.integers(0, 4, steps).clip(0, 1).astype(np.float32)
    ends = (rng.random(steps) < 0.2) | (discounts == 0)
    expected = np.zeros(steps)
    following = 0.0
    for t in reversed(range(steps)):
        delta = rewards[t] + discounts[t] * next_values[t] - values[t]
        following = delta + (0.0 if ends[t] else 0.95 * discounts[t] * following)
        expected[t] = following
    found = ppo_agent.advantage_estimates(
        *(tf.constant(x) for x in (rewards, discounts, values, next_values)),
        tf.constant(ends),
        0.95,
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_advantages_within_an_episode_are_those_of_tf_agents():
    rng = np.random.default_rng(0)
    rewards = tf.constant(rng.normal(size=(100, 1)), tf.float32)
    values = tf.constant(rng.normal(size=(101, 1)), tf.float32)
    discounts = tf.fill((100, 1), 0.99)
    expected = value_ops.generalized_advantage_estimation(
        values[:-1], values[-1], discounts, rewards, td_lambda=0.95
    )
    ends = tf.zeros((100, 1), tf.bool)
    found = ppo_agent.advantage_estimates(rewards, discounts, values[:-1], values[1:], ends, 0.95)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


# -- what comes before training ---------------------------------------------------------------


def scaled(x, data, clip, center=True):
    mean = data.mean(axis=0) if center else 0.0
    return np.clip((x - mean) / np.sqrt(data.var(axis=0) + 1e-3), -clip, clip)


def test_prepare(env):
    agent = make(env)
    rng = np.random.default_rng(5)
    for variable in agent.value_net.trainable_variables:
        variable.assign(rng.normal(scale=0.3, size=variable.shape))
    w1, b1, w2, b2, w3, b3 = values_of(agent)

    def value(x):
        hidden = np.maximum(np.maximum(x @ w1 + b1, 0) @ w2 + b2, 0)
        return (hidden @ w3 + b3)[:, 0]

    agent.prepare(collected(seed=1))  # so that the normalizers have seen something
    first, second = collected(seed=1), collected(seed=2)
    seen = first.observation.numpy()[:, 0]
    acting = agent.collect_policy.distribution(_time_steps(second)).action
    experience = agent.prepare(second)

    # Values from the time of acting: observations are normalized by what was seen until then.
    observation, following = (
        scaled(x.numpy()[:, 0].astype(np.float64), seen, 5)
        for x in (second.observation, second.next_observation)
    )
    values = value(observation)
    info = {name: x for name, x in experience.policy_info.items() if name != "dist_params"}
    np.testing.assert_allclose(info["value_prediction"][:, 0], values, rtol=1e-3, atol=1e-3)
    means = experience.policy_info["dist_params"]["distribution"]["loc"]
    np.testing.assert_allclose(means, acting.mode(), rtol=1e-5)

    # Rewards: scaled by the deviation of all rewards, including these; not centered; clipped at 10.
    rewards = [x.reward.numpy()[:, 0].astype(np.float64) for x in (first, second)]
    rewards = scaled(rewards[1], np.concatenate(rewards), 10, center=False)
    next_values, advantage = value(following), 0.0
    kinds, discounts = second.next_step_type.numpy()[:, 0], second.discount.numpy()[:, 0]
    expected = np.zeros(STEPS)
    for t in reversed(range(STEPS)):
        delta = rewards[t] + 0.99 * discounts[t] * next_values[t] - values[t]
        goes_on = kinds[t] != StepType.LAST
        advantage = delta + 0.99 * 0.95 * goes_on * advantage
        expected[t] = advantage
    np.testing.assert_allclose(info["advantage"][:, 0], expected, rtol=1e-2, atol=1e-2)
    np.testing.assert_allclose(info["return"][:, 0], expected + values, rtol=1e-2, atol=1e-2)

    # The observation normalizer has now seen both.
    both = np.concatenate([seen, second.observation.numpy()[:, 0]]).astype(np.float64)
    normalized = agent._observation_normalizer.normalize(second.observation)[:, 0]
    expected = scaled(second.observation.numpy()[:, 0], both, 5)
    np.testing.assert_allclose(normalized, expected, rtol=1e-3, atol=1e-3)


def test_value_targets_without_lambda_are_the_returns_of_tf_agents(env):
    experiences = {
        flag: make(env, use_td_lambda_return=flag).prepare(collected()) for flag in (True, False)
    }
    with_lambda, without = (experiences[flag].policy_info for flag in (True, False))
    np.testing.assert_array_equal(with_lambda["advantage"], without["advantage"])
    agent = make(env)
    steps = collected()
    last = tf.nest.map_structure(lambda x: x[-1:], steps)
    bootstrap, _ = agent.collect_policy.apply_value_network(
        last.next_observation, last.next_step_type
    )
    # At step 120, the time limit ends an episode; later rewards are not part of its return.
    agent.update_reward_normalizer(steps.reward)
    rewards = agent._reward_normalizer.normalize(steps.reward, center_mean=False, clip_value=10)
    start, end = 121, STEPS
    expected = value_ops.discounted_return(
        rewards[start:end], 0.99 * steps.discount[start:end], final_value=bootstrap[0]
    )
    np.testing.assert_allclose(without["return"][start:end], expected, rtol=1e-3, atol=1e-3)
    assert np.abs(without["return"] - with_lambda["return"]).max() > 0.1


def test_rewards_and_observations_may_stay_as_they_are(env):
    gin.parse_config("SparsePPOAgent.normalize_rewards = False")
    gin.parse_config("SparsePPOAgent.normalize_observations = False")
    experience = make(env, discount_factor=0.0).prepare(collected())
    np.testing.assert_allclose(experience.policy_info["return"], collected().reward, rtol=1e-5)


def test_evaluation_may_sample_actions_and_collection_stays_the_same(env):
    def actions():
        agent = make(env)
        tf.random.set_seed(0)
        return agent.acting_policy.action(ts.restart(tf.ones((1, 17)), 1)).action

    greedy = actions()
    gin.parse_config("SparsePPOAgent.greedy_eval = False")
    np.testing.assert_array_equal(actions(), greedy)


def _time_steps(steps):
    kinds = tf.fill(steps.reward.shape, StepType.MID)
    return ts.TimeStep(kinds, steps.reward, steps.discount, steps.observation)


# -- training ---------------------------------------------------------------------------------


def plain_agent(env, networks, learning_rate=3e-4, weight_decay=1e-6, value_clipping=None):
    """TF-Agents' own agent, with the paper's values (Table 9)."""
    return ppo_clip_agent.PPOClipAgent(
        env.time_step_spec(),
        env.action_spec(),
        optimizer=tf.keras.optimizers.legacy.Adam(learning_rate, epsilon=1e-5),
        actor_net=networks[0],
        value_net=networks[1],
        importance_ratio_clipping=0.2,
        lambda_value=0.95,
        discount_factor=0.99,
        entropy_regularization=0.0,
        policy_l2_reg=weight_decay,
        value_function_l2_reg=weight_decay,
        value_pred_loss_coef=0.5,
        num_epochs=1,
        gradient_clipping=0.5,
        value_clipping=value_clipping,
        compute_value_and_advantage_in_train=False,
        update_normalizers_in_train=False,
        train_step_counter=tf.Variable(0, dtype=tf.int64),
    )


@pytest.mark.parametrize(
    ("sparse", "value_clipping"),
    [
        (DENSE, None),
        (SparseSettings("rigl", 0.0, update_freq=2, sparsity_aware_init=False), None),
        (DENSE, 1e-3),
    ],
    ids=["dense", "sparsified at 0%", "with clipped values"],
)
def test_training_is_bit_by_bit_that_of_tf_agents(env, sparse, value_clipping):
    clipped = dict(value_clipping=value_clipping)
    ours = make(env, sparse, weight_decay=1e-2, num_epochs=100, num_iterations=1, **clipped)
    networks = ppo.actor((64, 64), env.action_spec()), ppo.value((64, 64))
    theirs = plain_agent(env, networks, weight_decay=1e-2, **clipped)
    pairs = list(zip((ours.actor_net, ours.value_net), networks))
    for our_net, their_net in pairs:
        for our_variable, their_variable in zip(our_net.variables, their_net.variables):
            their_variable.assign(our_variable)
    before = values_of(ours)
    experience = ours.prepare(collected())
    theirs.update_observation_normalizer(collected().observation)
    for minibatch in minibatches(experience, 5):
        losses = [agent.train(minibatch).loss.numpy() for agent in (ours, theirs)]
        assert losses[0] == losses[1]
    for our_net, their_net in pairs:
        assert len(our_net.variables) == len(their_net.variables) >= 6
        for our_variable, their_variable in zip(our_net.variables, their_net.variables):
            np.testing.assert_array_equal(our_variable, their_variable)
    assert [(old != new).any() for old, new in zip(before, values_of(ours))] == 6 * [True]


@pytest.mark.parametrize("method", ["static", "set", "rigl"])
def test_train_calls_keep_kernels_on_masks_of_constant_size(env, method):
    agent = make(env, SparseSettings(method=method, sparsity=0.8, update_freq=2, drop_fraction=0.3))
    kernels = agent.optimizer.kernels
    assert [k.network for k in kernels] == ["actor"] * 3 + ["value"] * 3
    masks = [kernel.mask.numpy() for kernel in kernels]
    for minibatch in minibatches(agent.prepare(collected()), 5):
        agent.train(minibatch)
        for kernel, mask in zip(kernels, masks):
            weights = kernel.kernel.numpy()
            np.testing.assert_array_equal(weights, weights * kernel.mask.numpy())
            assert kernel.mask.numpy().sum() == mask.sum()
    changed = [(k.mask.numpy() != mask).any() for k, mask in zip(kernels, masks)]
    assert any(changed[:3]) == any(changed[3:]) == (method != "static")


def test_pruning_follows_the_cubic_schedule_in_every_layer(env):
    agent = make(env, SparseSettings(method="prune", sparsity=0.8, update_freq=2), num_iterations=2)
    batches = minibatches(agent.prepare(collected()), 20)
    assert len(agent.optimizer.kernels) == 6
    for step, minibatch in enumerate(batches):
        agent.train(minibatch)
        at = step - step % 2
        share = 1 - (1 - np.clip((at - 4) / (16 - 4), 0, 1)) ** 3 if step >= 4 else 0.0
        for kernel in agent.optimizer.kernels:
            size = int(tf.size(kernel.mask))
            zeros = size - int(kernel.active())
            assert zeros == pytest.approx(share * kernel.sparsity * size, abs=1)
            np.testing.assert_array_equal(kernel.kernel, kernel.kernel * kernel.mask)
    assert share == 1.0


def test_neither_weights_nor_slots_of_inactive_connections_matter(env):
    sparse = SparseSettings(method="rigl", sparsity=0.8, update_freq=2, drop_fraction=0.3)
    agents = make(env, sparse), make(env, sparse)
    experience = agents[0].prepare(collected())
    agents[1].prepare(collected())
    first, *others = minibatches(experience, 4)
    for agent in agents:
        agent.train(first)
    for kernel in agents[1].optimizer.kernels:
        for slot in ("m", "v"):
            variable = agents[1].optimizer.inner.get_slot(kernel.kernel, slot)
            variable.assign_add(100.0 * (1.0 - kernel.mask))
    for minibatch in others:
        losses = [agent.train(minibatch).loss.numpy() for agent in agents]
        assert losses[0] == losses[1]
    assert [len(agent.optimizer.kernels) for agent in agents] == [6, 6]
    for one, other in zip(agents[0].optimizer.kernels, agents[1].optimizer.kernels):
        np.testing.assert_array_equal(one.kernel, other.kernel)
    x = np.random.default_rng(0).normal(size=(5, 17)).astype(np.float32)
    w1, b1, w2, b2, w3, b3 = values_of(agents[0])
    masks = [k.mask.numpy() for k in agents[0].optimizer.kernels if k.network == "value"]
    hidden = np.maximum(np.maximum(x @ (w1 * masks[0]) + b1, 0) @ (w2 * masks[1]) + b2, 0)
    expected = (hidden @ (w3 * masks[2]) + b3)[:, 0]
    np.testing.assert_allclose(agents[0].value_net(x)[0], expected, rtol=1e-4, atol=1e-5)


def test_each_network_has_its_own_sparsity(env):
    both = (SparseSettings(method="static", sparsity=sparsity) for sparsity in (0.9, 0.5))
    kernels = make(env, *both).optimizer.kernels
    for name, sparsity in (("actor", 0.9), ("value", 0.5)):
        own = [kernel for kernel in kernels if kernel.network == name]
        active = sum(int(kernel.active()) for kernel in own)
        size = sum(int(tf.size(kernel.mask)) for kernel in own)
        assert active / size == pytest.approx(1 - sparsity, abs=3 / size)


def test_actor_and_value_network_share_neither_masks_nor_weights(env, assert_independent):
    kernels = make(env, SparseSettings(method="static", sparsity=0.9)).optimizer.kernels
    one, other = (kernel for kernel in kernels if kernel.mask.shape == (64, 64))
    assert_independent(one, other)


def test_one_network_may_stay_dense_and_output_layers_too(env):
    agent = make(env, DENSE, SparseSettings(method="static", sparsity=0.9))
    assert {kernel.network for kernel in agent.optimizer.kernels} == {"value"}
    assert [np.all(kernel) for kernel in kernels_of(agent.actor_net).values()] == 3 * [True]
    agent = make(env, SparseSettings(method="static", sparsity=0.9), sparse_output_layer=False)
    shapes = [tuple(kernel.mask.shape) for kernel in agent.optimizer.kernels]
    assert shapes == [(17, 64), (64, 64)] * 2


def test_the_learning_rate_falls_linearly_by_iterations(env):
    step = tf.Variable(0, dtype=tf.int64)
    agent = ppo_agent.make_agent(env, step, PpoHyperparameters(), seed=0)
    rates = []
    for at in (0, 319, 320, 78_080, 156_160):
        step.assign(at)
        rates.append(float(agent.optimizer.learning_rate))
    fractions = [1, 1, 488 / 489, 245 / 489, 1 / 489]
    assert rates == pytest.approx([3e-4 * fraction for fraction in fractions], rel=1e-5)


def test_weight_decay_is_the_sum_of_squares_of_kernels_alone(env):
    agent = make(env, weight_decay=1e-3)
    (minibatch,) = minibatches(agent.prepare(collected()), 1)
    kernels = [
        k.numpy() for n in (agent.actor_net, agent.value_net) for k in kernels_of(n).values()
    ]
    found = agent.train(minibatch).extra.l2_regularization_loss
    expected = 1e-3 * sum(np.sum(kernel.astype(np.float64) ** 2) for kernel in kernels)
    assert float(found) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        dict(value_clipping=1e-3),
        dict(importance_ratio_clipping=0.0),
        dict(importance_ratio_clipping=1e-3, entropy_regularization=0.1),
    ],
    ids=str,
)
def test_sample_losses_average_to_the_minibatch_loss(env, changes):
    agent = make(env, weight_decay=0.0, **changes)
    first, second = minibatches(agent.prepare(collected()), 2)
    for _ in range(20):  # so that some ratios are clipped
        agent.train(first)
    advantage = ppo_agent.normalized(second.policy_info["advantage"])
    samples = second.replace(policy_info={**second.policy_info, "advantage": advantage})
    losses = agent.sample_losses(samples)
    assert losses.shape == (MINIBATCH,)
    assert float(tf.reduce_mean(losses)) == pytest.approx(float(agent.train(second).loss), rel=1e-4)


def test_clipping_values_to_no_change_is_refused():
    with pytest.raises(ConfigError, match="value_clipping is 0.0, but must be a number above 0"):
        PpoHyperparameters(value_clipping=0.0)
