"""The Q-network of Table 6, and how `width` scales it."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from tf_agents.specs import tensor_spec

from rigl_rl.networks import mlp
from rigl_rl.networks.width import scaled_units


def built(hidden=(512, 512), actions=2, observations=4, weight_decay=0.0):
    network = mlp.q_network(hidden, actions, weight_decay)
    network.create_variables(tensor_spec.TensorSpec((observations,), tf.float32))
    return network


def kernels_and_biases(network):
    return network.trainable_variables[::2], network.trainable_variables[1::2]


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (1.0, (512, 512)),
        (0.5, (256, 256)),
        (0.3, (154, 154)),  # 153.6
        (0.0126953125, (7, 7)),  # 6.5, up
        (0.0107421875, (6, 6)),  # 5.5, up: not to the even neighbor
        (0.0001, (1, 1)),
        (2.0, (1024, 1024)),
    ],
)
def test_width_rounds_halves_up_to_at_least_one_unit(width, expected):
    assert scaled_units((512, 512), width) == expected


@pytest.mark.parametrize("width", [0.0, -1.0, float("nan")])
def test_a_width_that_is_not_positive_is_refused(width):
    with pytest.raises(ValueError, match="but must be positive"):
        scaled_units((512,), width)


def test_layers_are_relu_relu_linear():
    network = built((5, 3), actions=2, observations=4)
    shapes = [tuple(v.shape) for v in network.trainable_variables]
    assert shapes == [(4, 5), (5,), (5, 3), (3,), (3, 2), (2,)]
    rng = np.random.default_rng(0)
    values = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    for variable, value in zip(network.trainable_variables, values):
        variable.assign(value)
    x = rng.normal(size=(10, 4)).astype(np.float32)
    w1, b1, w2, b2, w3, b3 = values
    expected = np.maximum(np.maximum(x @ w1 + b1, 0) @ w2 + b2, 0) @ w3 + b3
    np.testing.assert_allclose(network(x)[0].numpy(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("observations", "actions", "width"), [(4, 2, 1.0), (6, 3, 0.25), (2, 3, 0.1)]
)
def test_number_of_parameters(observations, actions, width):
    network = built(scaled_units((512, 512), width), actions, observations)
    h = int(np.floor(512 * width + 0.5))
    expected = (observations + 1) * h + (h + 1) * h + (h + 1) * actions
    assert sum(int(tf.size(v)) for v in network.trainable_variables) == expected
    if width == 1.0:
        assert expected == 266_242  # CartPole's


def test_hidden_layers_start_as_he_truncated_normal():
    tf.keras.utils.set_random_seed(0)
    first, second, _ = kernels_and_biases(built(observations=50))[0]
    for kernel, fan_in in ((first, 50), (second, 512)):
        weights = kernel.numpy().ravel()
        # Scaled so that after truncation at two deviations, the deviation is sqrt(2 / fan_in).
        sigma = np.sqrt(2 / fan_in) / stats.truncnorm(-2, 2).std()
        assert np.abs(weights).max() <= 2 * sigma * (1 + 1e-5)
        assert weights.std() == pytest.approx(np.sqrt(2 / fan_in), rel=0.02)
        assert stats.kstest(weights[:20_000] / sigma, stats.truncnorm(-2, 2).cdf).pvalue > 1e-3


def test_the_output_starts_near_minus_0_2_for_all_actions():
    tf.keras.utils.set_random_seed(0)
    kernels, biases = kernels_and_biases(built(actions=6))
    weights = kernels[-1].numpy().ravel()
    assert stats.kstest(weights, stats.uniform(-0.03, 0.06).cdf).pvalue > 1e-3
    np.testing.assert_array_equal(biases[-1].numpy(), np.full(6, -0.2, np.float32))
    assert [bias.numpy().any() for bias in biases[:-1]] == [False, False]


def test_weight_decay_is_the_sum_of_squares_of_kernels_alone():
    network = built((16, 8), weight_decay=1e-3)
    kernels, biases = kernels_and_biases(network)
    for bias in biases:
        bias.assign(tf.ones_like(bias))  # would show
    expected = 1e-3 * sum(
        float(np.sum(kernel.numpy().astype(np.float64) ** 2)) for kernel in kernels
    )
    assert float(tf.add_n(network.losses)) == pytest.approx(expected, rel=1e-5)
    assert len(network.losses) == 3


def test_the_output_layer_may_be_left_out_of_weight_decay():
    network = mlp.q_network((16, 8), 2, weight_decay=1e-3, decay_output_layer=False)
    network.create_variables(tf.TensorSpec((4,)))
    kernels, _ = kernels_and_biases(network)
    expected = [1e-3 * float(tf.reduce_sum(kernel**2)) for kernel in kernels[:2]]
    assert [float(loss) for loss in network.losses] == pytest.approx(expected, rel=1e-5)


def test_no_weight_decay_no_losses():
    assert built(weight_decay=0.0).losses == []
