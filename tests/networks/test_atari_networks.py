"""The Q-networks of Table 7."""

import numpy as np
import pytest
import tensorflow as tf

from rigl_rl.environments.frames import STATE_SHAPE
from rigl_rl.networks import q_values
from rigl_rl.networks.impala import ImpalaNetwork
from rigl_rl.networks.nature_cnn import NatureDQNNetwork
from rigl_rl.sparsity import counting, kernels_of, sparsify

# Pong's 6 actions. Convolutions from Table 7; 84 -> 21 -> 11 -> 11 with 'same' padding.
NATURE_KERNELS = [(8, 8, 4, 32), (4, 4, 32, 64), (3, 3, 64, 64), (11 * 11 * 64, 512), (512, 6)]
# Each stack has one convolution and then two blocks of two.
IMPALA_KERNELS = [
    *[(3, 3, 4, 32)] + 4 * [(3, 3, 32, 32)],
    *[(3, 3, 32, 64)] + 4 * [(3, 3, 64, 64)],
    *[(3, 3, 64, 64)] + 4 * [(3, 3, 64, 64)],
    *[(11 * 11 * 64, 512), (512, 6)],
]
# Weights and biases, layer by layer.
NATURE_PARAMS = 8224 + 32832 + 36928 + 3965440 + 3078
IMPALA_PARAMS = (1184 + 4 * 9248) + (18496 + 4 * 36928) + 5 * 36928 + 3965440 + 3078

# ERK, 6 actions: active weights of conv 1, 2, 3, dense, output.
ERK = {
    0.5: [8192, 24631, 31736, 1955283, 3072],
    0.8: [4905, 9810, 12640, 778741, 3072],
    0.9: [2444, 4887, 6296, 387889, 3072],
    0.95: [1213, 2425, 3124, 192462, 3072],
    0.99: [233, 465, 599, 36854, 2313],
}


def built(network, *args, **options):
    return q_values.build(network(*args, name="q", **options), STATE_SHAPE)


def states(batch=2, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (batch, 84, 84, 4), np.uint8)
    return tf.constant(pixels)


@pytest.mark.parametrize(
    ("network", "kernels", "params"),
    [
        (NatureDQNNetwork, NATURE_KERNELS, NATURE_PARAMS),
        (ImpalaNetwork, IMPALA_KERNELS, IMPALA_PARAMS),
    ],
)
def test_layers_and_parameters(network, kernels, params):
    net = built(network, 6)
    assert [tuple(kernel.shape) for kernel in kernels_of(net).values()] == kernels
    assert net.count_params() == counting.count(counting.from_keras(net)).total_params == params
    # "with an approximately equivalent number of parameters as the standard CNN (~4M)"
    assert params == pytest.approx(4e6, rel=0.1)


def conv(x, kernel, bias, stride=1):
    return tf.nn.conv2d(x, kernel, stride, "SAME") + bias


def test_nature_cnn_is_relu_convolutions_a_relu_layer_and_a_linear_one():
    net = built(NatureDQNNetwork, 6, width=0.25)
    k = [tf.Variable(tf.random.normal(v.shape, stddev=0.1)) for v in net.trainable_variables]
    net.set_weights([v.numpy() for v in k])
    x = tf.cast(states(), tf.float32) / 255
    for index, stride in enumerate((4, 2, 1)):
        x = tf.nn.relu(conv(x, k[2 * index], k[2 * index + 1], stride))
    x = tf.nn.relu(tf.reshape(x, [2, 11 * 11 * 16]) @ k[6] + k[7])
    np.testing.assert_allclose(net(states()).q_values, x @ k[8] + k[9], rtol=1e-4, atol=1e-5)


def test_impala_is_three_residual_stacks_a_relu_layer_and_a_linear_one():
    net = built(ImpalaNetwork, 6, width=0.25)
    k = [tf.Variable(tf.random.normal(v.shape, stddev=0.1)) for v in net.trainable_variables]
    net.set_weights([v.numpy() for v in k])
    pairs = list(zip(k[::2], k[1::2]))
    x = tf.cast(states(), tf.float32) / 255
    for stack in range(3):
        enter, *inner = pairs[5 * stack : 5 * stack + 5]
        x = tf.nn.max_pool2d(conv(x, *enter), 3, 2, "SAME")
        for first, second in (inner[:2], inner[2:]):
            x = x + conv(tf.nn.relu(conv(tf.nn.relu(x), *first)), *second)
    x = tf.reshape(tf.nn.relu(x), [2, 11 * 11 * 16])
    (dense, dense_bias), (output, output_bias) = pairs[15:]
    expected = tf.nn.relu(x @ dense + dense_bias) @ output + output_bias
    np.testing.assert_allclose(net(states()).q_values, expected, rtol=1e-4, atol=1e-4)


def test_batch_norm_is_an_option_of_impala():
    plain, normed = (built(ImpalaNetwork, 6, width=0.1, use_batch_norm=b) for b in (False, True))
    # 15 convolutions: per filter, a learned offset and scale, and two moments that are not learned.
    filters = 5 * (3 + 6 + 6)
    assert normed.count_params() - plain.count_params() == 4 * filters
    before = [v.numpy() for v in normed.non_trainable_variables]
    normed(states(), training=False)
    after_acting = [v.numpy() for v in normed.non_trainable_variables]
    np.testing.assert_equal(after_acting, before)
    normed(states(), training=True)
    assert any((v.numpy() != b).any() for v, b in zip(normed.non_trainable_variables, before))


@pytest.mark.parametrize(
    ("network", "width", "units"),
    [
        (NatureDQNNetwork, 0.3, [10, 19, 19, 154, 6]),  # 9.6, 19.2, 19.2, 153.6
        (NatureDQNNetwork, 2.0, [64, 128, 128, 1024, 6]),
        (ImpalaNetwork, 0.3, 5 * [10] + 10 * [19] + [154, 6]),
    ],
)
def test_width_scales_filters_and_units(network, width, units):
    kernels = list(kernels_of(built(network, 6, width=width)).values())
    assert [kernel.shape[-1] for kernel in kernels] == units
    assert kernels[-2].shape[0] == 11 * 11 * units[-3]


def test_the_originals_hidden_layer_is_half_as_wide():
    kernels = list(kernels_of(built(ImpalaNetwork, 6, width=0.5, dense_units=256)).values())
    assert [tuple(kernel.shape) for kernel in kernels[-2:]] == [(11 * 11 * 32, 128), (128, 6)]


@pytest.mark.parametrize("network", [NatureDQNNetwork, ImpalaNetwork])
def test_weights_start_glorot_uniform(network):
    net = built(network, 6)
    *kernels, _ = kernels_of(net).values()
    assert len(kernels) in (4, 16)
    for kernel in kernels:
        *area, into, out = kernel.shape
        limit = np.sqrt(6 / (np.prod(area) * (into + out)))
        values = kernel.numpy()
        assert np.abs(values).max() <= limit * (1 + 1e-6)
        assert values.std() == pytest.approx(limit / np.sqrt(3), rel=0.1)
    biases = [v.numpy() for v in net.variables if "bias" in v.name]
    assert len(biases) == len(kernels) + 1
    assert not any(bias.any() for bias in biases)


@pytest.mark.parametrize("sparsity", ERK)
def test_erk_of_the_nature_cnn(sparsity):
    net = built(NatureDQNNetwork, 6)
    kernels = sparsify(net, method="static", sparsity=sparsity).kernels
    assert [int(kernel.active()) for kernel in kernels] == ERK[sparsity]
