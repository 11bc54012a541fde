"""Sparsity-aware initialization against limits worked by hand and by loops, and its statistics."""

import math
import time

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from tf_agents.specs.tensor_spec import BoundedTensorSpec

from rigl_rl.networks import mlp, ppo
from rigl_rl.sparsity import kernels_of, sparsify
from rigl_rl.sparsity.initializers import rescaled, sparsity_aware

from .worked_cases import NETS


def _random_mask(shape, density, seed=0):
    return (np.random.default_rng(seed).random(shape) < density).astype(np.float32)


def _limits(mask):
    """The limit of every active weight, connection by connection."""
    limits = np.zeros(mask.shape)
    for index in np.argwhere(mask):
        fan_in = np.sum(mask[..., :, index[-1]])
        fan_out = np.sum(mask[..., index[-2], :])
        limits[tuple(index)] = math.sqrt(3 / max(1, (fan_in + fan_out) / 2))
    return limits


def _draws(mask, number=4000):
    rng = np.random.default_rng(0)
    return np.stack([sparsity_aware(mask, rng) for _ in range(number)])


def test_limits_by_hand():
    # Column sums (fan in): 3, 1, 1. Row sums (fan out): 3, 1, 1.
    mask = np.array([[1, 1, 1], [1, 0, 0], [1, 0, 0]], np.float32)
    expected = np.array([[1, 3 / 2, 3 / 2], [3 / 2, 0, 0], [3 / 2, 0, 0]]) ** 0.5
    largest = np.abs(_draws(mask)).max(axis=0)
    assert np.all(largest <= expected * (1 + 1e-6))
    np.testing.assert_allclose(largest, expected, rtol=5e-3)


def test_one_lonely_connection_has_the_limit_of_fan_one():
    mask = np.zeros((4, 4), np.float32)
    mask[2, 1] = 1
    np.testing.assert_allclose(np.abs(_draws(mask)).max(), math.sqrt(3), rtol=5e-3)


@pytest.mark.parametrize(
    ("shape", "density"), [((40, 30), 0.1), ((3, 3, 6, 8), 0.2), ((5, 4, 3, 2), 0.5)]
)
def test_weights_are_uniform_within_the_limits_of_their_own_units(shape, density):
    mask = _random_mask(shape, density)
    limits = _limits(mask)
    draws = _draws(mask, 500)
    assert np.all(draws[:, mask == 0] == 0)
    scaled = draws[:, mask == 1] / limits[mask == 1]
    assert np.abs(scaled).max() <= 1 + 1e-6
    # Every weight fills its own interval: the largest of 500 draws misses the end by 1 % or so.
    assert np.abs(scaled).max(axis=0).min() > 0.95
    assert stats.kstest(scaled.ravel(), stats.uniform(-1, 2).cdf).pvalue > 1e-3


@pytest.mark.parametrize("shape", [(512, 256), (3, 3, 64, 32)])
def test_a_full_mask_gives_glorots_uniform_initializer(shape):
    ours = sparsity_aware(np.ones(shape), seed=1)
    keras = tf.keras.initializers.GlorotUniform(seed=1)(shape).numpy()
    assert np.abs(ours).max() == pytest.approx(np.abs(keras).max(), rel=1e-3)
    assert ours.std() == pytest.approx(keras.std(), rel=1e-2)
    assert abs(ours.mean()) < 0.02 * ours.std()


def test_activations_keep_their_variance_where_a_dense_initializer_loses_it():
    mask = _random_mask((1000, 1000), 0.1)
    inputs = np.random.default_rng(1).standard_normal((2000, 1000)).astype(np.float32)
    assert (inputs @ sparsity_aware(mask, 0)).var() == pytest.approx(1, rel=0.05)
    assert (inputs @ (sparsity_aware(np.ones_like(mask), 0) * mask)).var() < 0.15


def test_seed_determines_the_weights():
    mask = _random_mask((50, 40), 0.3)
    first = sparsity_aware(mask, seed=3)
    assert np.array_equal(first, sparsity_aware(mask, seed=3))
    assert not np.array_equal(first, sparsity_aware(mask, seed=4))
    rng = np.random.default_rng(3)
    assert np.array_equal(first, sparsity_aware(mask, rng))
    assert not np.array_equal(first, sparsity_aware(mask, rng))
    assert not np.array_equal(sparsity_aware(mask), sparsity_aware(mask))


@pytest.mark.parametrize("convert", [np.asarray, tf.constant, tf.Variable, np.ndarray.tolist])
def test_takes_arrays_tensors_and_variables(convert):
    mask = _random_mask((5, 4), 0.5)
    weights = sparsity_aware(convert(mask), seed=0)
    assert weights.shape == (5, 4)
    assert weights.dtype == np.float32
    assert np.array_equal(weights, sparsity_aware(mask, seed=0))


def test_empty_mask_gives_zeros():
    assert not np.any(sparsity_aware(np.zeros((3, 3, 2, 4)), seed=0))


@pytest.mark.parametrize("fit", [sparsity_aware, lambda mask: rescaled(mask, mask)])
def test_refuses_a_bias(fit):
    with pytest.raises(ValueError, match=r"shape \(5,\)"):
        fit(np.ones(5))


def test_rescaled_by_hand():
    # The units have 4, 2, 1 and 0 of their 4 inputs: factors 1, sqrt 2, 2 and none.
    mask = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [1, 1, 1, 0], [1, 0, 0, 0]])
    weights = np.arange(16.0).reshape(4, 4)
    root = math.sqrt(2)
    expected = [[0, root, 0, 0], [4, 0, 0, 0], [8, 9 * root, 20, 0], [12, 0, 0, 0]]
    found = rescaled(weights, mask)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.dtype == np.float32
    # A convolution's inputs are all positions of its kernel.
    as_convolution = (2, 2, 1, 4)
    found = rescaled(weights.reshape(as_convolution), mask.reshape(as_convolution))
    np.testing.assert_allclose(found.reshape(4, 4), expected, rtol=1e-6)


def test_rescaled_weights_keep_the_variance_of_a_units_input_under_any_initializer():
    mask = _random_mask((1000, 500), 0.1)
    weights = np.random.default_rng(2).standard_normal(mask.shape).astype(np.float32)
    inputs = np.random.default_rng(1).standard_normal((2000, 1000)).astype(np.float32)
    dense, masked, fitted = (
        (inputs @ kernel).var() for kernel in (weights, weights * mask, rescaled(weights, mask))
    )
    assert fitted == pytest.approx(dense, rel=0.03)
    assert masked == pytest.approx(dense / 10, rel=0.05)


def test_four_million_parameters_take_well_below_a_second():
    masks = [_random_mask(shape, 0.1) for shape in NETS["nature"].values()]
    rng = np.random.default_rng(0)
    start = time.process_time()  # what else the machine does hardly matters
    for mask in masks:
        sparsity_aware(mask, rng)
    assert time.process_time() - start < 1


# The numbers in docs/results.md: standard deviations of active weights at 90%, ERK, by layer, with
# the network's own initialization, Glorot's on the mask, and its own rescaled.
Q_NETWORK = ([0.98, 0.062, 0.017], [0.063, 0.145, 0.062], [0.98, 0.21, 0.017])
ACTOR = ([0.127, 0.127, 0.038], [0.39, 0.47, 0.26], [0.31, 0.48, 0.065])
VALUE = ([0.127, 0.127, 0.017], [0.37, 0.45, 0.18], [0.31, 0.47, 0.017])
INITIALIZATIONS = (
    dict(sparsity_aware_init=False),
    dict(sparsity_aware_init=True),
    dict(sparse_initializer="rescale"),
)


@pytest.mark.parametrize(
    ("make", "inputs", "expected"),
    [
        (lambda: mlp.q_network((512, 512), 3), 2, Q_NETWORK),
        (lambda: ppo.actor((64, 64), BoundedTensorSpec((6,), tf.float32, -1, 1)), 17, ACTOR),
        (lambda: ppo.value((64, 64)), 17, VALUE),
    ],
    ids=["DQN on MountainCar", "PPO's actor on HalfCheetah", "its value network"],
)
def test_what_becomes_of_the_networks_own_scale(make, inputs, expected):
    for initialization, deviations in zip(INITIALIZATIONS, expected):
        found = []
        for seed in range(2):
            tf.keras.utils.set_random_seed(seed)
            network = make()
            network.create_variables(tf.TensorSpec((inputs,), tf.float32))
            sparsify({"net": network}, "static", 0.9, "sgd", seed=seed, **initialization)
            weights = [kernel.numpy() for kernel in kernels_of(network).values()]
            found.append([each[each != 0].std() for each in weights])
        np.testing.assert_allclose(np.mean(found, axis=0), deviations, rtol=0.06)
