"""Actor and critic of Table 8 against their equations in NumPy."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from tf_agents.specs import tensor_spec

from rigl_rl.networks import sac

OBSERVATION = tensor_spec.TensorSpec((17,), tf.float32)
LOW, HIGH = np.array([-1.0, -0.4], np.float32), np.array([1.0, 2.0], np.float32)
ACTION = tensor_spec.BoundedTensorSpec((2,), tf.float32, LOW, HIGH)


def actor(hidden=(256, 256), weight_decay=0.0):
    network = sac.actor_network(ACTION, hidden, weight_decay)
    network.create_variables(OBSERVATION)
    return network


def critic(*units, weight_decay=0.0):
    network = sac.critic_network(*units, weight_decay)
    network.create_variables((OBSERVATION, ACTION))
    return network


def randomized(network) -> list:
    rng = np.random.default_rng(0)
    values = [rng.normal(scale=0.3, size=v.shape) for v in network.trainable_variables]
    for variable, value in zip(network.trainable_variables, values):
        variable.assign(value.astype(np.float32))
    return values


def relu(x):
    return np.maximum(x, 0)


def test_the_actor_is_a_gaussian_squashed_into_the_bounds():
    network = actor((8, 5))
    w1, b1, w2, b2, w3, b3 = randomized(network)
    x = np.random.default_rng(1).normal(size=(6, 17))
    distribution, _ = network(x.astype(np.float32))
    mean, log_std = np.split(relu(relu(x @ w1 + b1) @ w2 + b2) @ w3 + b3, 2, axis=-1)
    center, magnitude = (HIGH + LOW) / 2, (HIGH - LOW) / 2
    np.testing.assert_allclose(
        distribution.mode(), center + magnitude * np.tanh(mean), rtol=1e-4, atol=1e-5
    )
    action = distribution.sample().numpy()
    assert ((action >= LOW) & (action <= HIGH)).all()  # tanh may round to a bound
    raw = np.random.default_rng(2).uniform(-2, 2, size=(6, 2))  # well inside the bounds
    action = center + magnitude * np.tanh(raw)
    density = stats.norm(mean, np.exp(log_std)).logpdf(raw)  # not clipped
    density -= np.log(magnitude * (1 - np.tanh(raw) ** 2))
    np.testing.assert_allclose(
        distribution.log_prob(action.astype(np.float32)), density.sum(axis=-1), rtol=1e-4, atol=1e-4
    )


def test_the_critic_sees_observation_and_action_together():
    network = critic(None, None, (8, 5))
    w1, b1, w2, b2, w3, b3 = randomized(network)
    rng = np.random.default_rng(2)
    x, a = rng.normal(size=(6, 17)), rng.normal(size=(6, 2))
    values, _ = network((x.astype(np.float32), a.astype(np.float32)))
    both = np.concatenate([x, a], axis=-1)
    expected = (relu(relu(both @ w1 + b1) @ w2 + b2) @ w3 + b3)[:, 0]
    np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-4)


def test_the_critic_may_have_layers_for_either_input():
    network = critic((7,), (3,), (5,))
    wx, bx, wa, ba, w1, b1, w2, b2 = randomized(network)
    rng = np.random.default_rng(2)
    x, a = rng.normal(size=(6, 17)), rng.normal(size=(6, 2))
    values, _ = network((x.astype(np.float32), a.astype(np.float32)))
    both = np.concatenate([relu(x @ wx + bx), relu(a @ wa + ba)], axis=-1)
    np.testing.assert_allclose(values, (relu(both @ w1 + b1) @ w2 + b2)[:, 0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("make", [actor, lambda **k: critic(None, None, (256, 256), **k)])
def test_weights_start_glorot_uniform_and_biases_at_0(make):
    tf.keras.utils.set_random_seed(0)
    variables = make().trainable_variables
    assert len(variables) == 6
    for variable in variables:
        values = variable.numpy()
        if values.ndim == 1:
            assert not values.any()
        else:
            limit = np.sqrt(6 / sum(values.shape))
            uniform = stats.uniform(-limit, 2 * limit)
            assert stats.kstest(values.ravel()[:20_000], uniform.cdf).pvalue > 1e-3


@pytest.mark.parametrize(
    "make", [lambda **k: actor((8, 5), **k), lambda **k: critic((7,), (3,), (5,), **k)]
)
def test_weight_decay_is_the_sum_of_squares_of_all_kernels(make):
    network = make(weight_decay=1e-3)
    kernels = [value for value in randomized(network) if value.ndim == 2]
    expected = 1e-3 * sum((kernel**2).sum() for kernel in kernels)
    assert float(tf.add_n(network.losses)) == pytest.approx(expected, rel=1e-5)
    assert make().losses == []
