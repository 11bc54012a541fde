"""PPO's networks: their equations, TF-Agents' own actor, and how they start."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from tf_agents.agents.ppo import ppo_actor_network
from tf_agents.specs import tensor_spec

from rigl_rl.networks import ppo
from rigl_rl.sparsity import kernels_of, sparsify

OBSERVATION = tf.TensorSpec((17,), tf.float32)
REAL = tensor_spec.BoundedTensorSpec((6,), tf.float32, -np.arange(1, 7), np.arange(6) + 0.5)
WHOLE = tensor_spec.BoundedTensorSpec((), tf.int64, 0, 2)


def built(network):
    network.create_variables(OBSERVATION)
    return network


def randomized(network, seed=0):
    """The network, with weights large enough to make it nonlinear, and these weights."""
    rng = np.random.default_rng(seed)
    for variable in network.trainable_variables:
        variable.assign(rng.normal(scale=0.3, size=variable.shape))
    return [v.numpy().astype(np.float64) for v in network.trainable_variables]


def observations(number=10):
    return np.random.default_rng(1).normal(size=(number, 17)).astype(np.float32)


def test_real_actions_are_normal_around_means_within_bounds():
    network = built(ppo.actor((5, 4), REAL))
    w1, b1, w2, b2, w3, b3, std = randomized(network)
    x = observations()
    distribution, _ = network(x)
    squashed = np.tanh(np.tanh(np.tanh(x @ w1 + b1) @ w2 + b2) @ w3 + b3)
    low, high = REAL.minimum, REAL.maximum
    means = (low + high) / 2 + (high - low) / 2 * squashed
    np.testing.assert_allclose(distribution.mode(), means, rtol=1e-4, atol=1e-5)
    deviations = np.log1p(np.exp(std))  # whatever the observation
    actions = np.random.default_rng(2).normal(size=(10, 6)).astype(np.float32)
    expected = stats.norm(means, deviations).logpdf(actions).sum(axis=1)
    np.testing.assert_allclose(distribution.log_prob(actions), expected, rtol=1e-4)


def test_the_actor_is_tf_agents_own():
    spec = tensor_spec.BoundedTensorSpec((6,), tf.float32, -1.0, 1.0)
    ours = built(ppo.actor((64, 64), spec))
    theirs = built(ppo_actor_network.PPOActorNetwork().create_sequential_actor_net((64, 64), spec))
    # Compares deviations before training; means differ with the random weights.
    deviation = [net(observations())[0].stddev().numpy() for net in (ours, theirs)]
    np.testing.assert_allclose(*deviation, rtol=1e-6)
    assert deviation[0] == pytest.approx(0.35)
    randomized(ours)
    randomized(theirs)
    x, actions = observations(), np.random.default_rng(2).uniform(-1, 1, (10, 6))
    one, other = (net(x)[0] for net in (ours, theirs))
    np.testing.assert_allclose(one.mode(), other.mode(), rtol=1e-5, atol=1e-6)
    actions = actions.astype(np.float32)
    np.testing.assert_allclose(one.log_prob(actions), other.log_prob(actions), rtol=1e-5)
    np.testing.assert_allclose(one.entropy(), other.entropy(), rtol=1e-5)


def test_whole_actions_are_categorical():
    network = built(ppo.actor((5,), WHOLE))
    w1, b1, w2, b2 = randomized(network)
    x = observations()
    logits = np.tanh(x @ w1 + b1) @ w2 + b2
    assert logits.shape == (10, 3)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    distribution, _ = network(x)
    np.testing.assert_allclose(distribution.probs_parameter(), probabilities, rtol=1e-4)
    np.testing.assert_array_equal(distribution.mode(), logits.argmax(axis=1))
    assert distribution.sample().dtype == tf.int64


def test_values_are_relu_relu_linear_and_scalar():
    network = built(ppo.value((5, 4)))
    w1, b1, w2, b2, w3, b3 = randomized(network)
    x = observations()
    expected = np.maximum(np.maximum(x @ w1 + b1, 0) @ w2 + b2, 0) @ w3 + b3
    values, _ = network(x)
    assert values.shape == (10,)
    np.testing.assert_allclose(values, expected[:, 0], rtol=1e-4, atol=1e-5)
    steps, _ = network(x.reshape(5, 2, 17))
    np.testing.assert_allclose(steps, expected.reshape(5, 2), rtol=1e-4, atol=1e-5)


def test_hidden_kernels_start_orthogonal_and_outputs_small():
    tf.keras.utils.set_random_seed(0)
    actor, value = built(ppo.actor((64, 64), REAL)), built(ppo.value((64, 64)))
    for network in (actor, value):
        first, second, _ = kernels_of(network).values()
        np.testing.assert_allclose(first @ tf.transpose(first), np.eye(17), atol=1e-5)
        np.testing.assert_allclose(second @ tf.transpose(second), np.eye(64), atol=1e-5)
        biases = [v for v in network.trainable_variables if "bias" in v.name]
        assert len(biases) == 3
        assert not any(bias.numpy().any() for bias in biases)
    *_, actor_output = kernels_of(actor).values()
    assert actor_output.numpy().std() == pytest.approx(np.sqrt(0.1 / 64), rel=0.1)
    *_, value_output = kernels_of(value).values()
    assert stats.kstest(value_output.numpy().ravel(), stats.uniform(-0.03, 0.06).cdf).pvalue > 1e-3


@pytest.mark.parametrize(
    ("sparsity", "expected"),
    [
        (0.5, [993, 1568, 64]),
        (0.8, [383, 605, 64]),
        (0.9, [180, 283, 64]),
        (0.95, [79, 124, 63]),
        (0.99, [16, 25, 13]),
    ],
)
def test_erk_connections_of_the_value_network(sparsity, expected):
    network = built(ppo.value((64, 64)))
    kernels = sparsify({"value": network}, "static", sparsity).kernels
    assert [int(kernel.active()) for kernel in kernels] == expected
    assert [np.count_nonzero(kernel.kernel) for kernel in kernels] == expected
