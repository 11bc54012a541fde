"""Per-sample gradients and their SNR against explicit loops over samples in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from rigl_rl.sparsity.snr import batch_snr, per_sample_gradients


@pytest.fixture
def problem():
    """A small ReLU network, a batch, its per-sample loss, and half of a kernel masked."""
    tf.keras.utils.set_random_seed(0)
    model = tf.keras.Sequential(
        [
            tf.keras.Input((3,)),
            tf.keras.layers.Dense(8, activation="relu"),
            tf.keras.layers.Dense(2),
        ]
    )
    kernel = model.layers[0].kernel
    kernel.assign(kernel * (np.indices((3, 8)).sum(axis=0) % 2))  # a checkerboard
    rng = np.random.default_rng(0)
    batch = {
        "x": tf.constant(rng.standard_normal((7, 3)), tf.float32),
        "y": tf.constant(rng.standard_normal((7, 2)), tf.float32),
    }

    def loss_fn(samples):
        return tf.reduce_sum((model(samples["x"]) - samples["y"]) ** 2, axis=-1)

    return model, batch, loss_fn


def _gradients_by_loop(variables, batch, loss_fn):
    per_sample = []
    for i in range(7):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(loss_fn(tf.nest.map_structure(lambda x, i=i: x[i : i + 1], batch)))
        per_sample.append([g.numpy() for g in tape.gradient(loss, variables)])
    return [np.stack(gradients) for gradients in zip(*per_sample)]


def _snr_by_loop(gradients):
    ratios = []
    for gradient in gradients:
        columns = gradient.reshape(len(gradient), -1).astype(np.float64)
        for column in columns.T:
            ratios.append(abs(column.mean()) / column.std() if column.std() > 0 else 0.0)
    return np.mean(ratios)


def snr(gradients) -> float:
    """Of a loss whose per-sample gradients, (B, *shape) each, are these: the sum of the products
    of weights and gradients.
    """
    weights = [tf.Variable(tf.ones(gradient.shape[1:])) for gradient in gradients]

    def loss_fn(samples):
        return sum(
            tf.reduce_sum(tf.reshape(sample * weight, (1, -1)), axis=1)
            for sample, weight in zip(samples, weights)
        )

    return float(batch_snr(loss_fn, weights, gradients))


def test_snr_by_hand():
    gradients = [
        tf.constant([[1.0, -2.0], [3.0, -2.5]]),  # means 2, -2.25; deviations 1, 0.25
        tf.constant([4.0, 0.0]),  # mean 2, deviation 2
    ]
    assert snr(gradients) == pytest.approx((2 + 9 + 1) / 3)


@pytest.mark.parametrize("in_graph", [True, False])
def test_per_sample_gradients_match_loops(problem, in_graph):
    model, batch, loss_fn = problem
    variables = model.trainable_variables

    def gradients():
        return per_sample_gradients(loss_fn, variables, batch)

    found = (tf.function(gradients) if in_graph else gradients)()
    expected = _gradients_by_loop(variables, batch, loss_fn)
    assert len(found) == len(expected) == len(variables) == 4
    for ours, theirs, variable in zip(found, expected, variables):
        assert ours.shape == (7, *variable.shape)
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("chunk_size", [None, 1, 3, 7, 100])
def test_chunks_change_the_memory_not_the_result(problem, chunk_size):
    model, batch, loss_fn = problem
    expected = _snr_by_loop(_gradients_by_loop(model.trainable_variables, batch, loss_fn))
    found = batch_snr(loss_fn, model.trainable_variables, batch, chunk_size)
    assert float(found) == pytest.approx(expected, rel=1e-4)


def test_weights_at_zero_by_a_mask_count(problem):
    model, batch, loss_fn = problem
    kernel = model.layers[0].kernel
    (gradient,) = per_sample_gradients(loss_fn, [kernel], batch)
    inactive = kernel.numpy() == 0
    assert np.count_nonzero(gradient.numpy()[:, inactive]) > 0
    expected = _snr_by_loop(_gradients_by_loop([kernel], batch, loss_fn))
    assert float(batch_snr(loss_fn, [kernel], batch)) == pytest.approx(expected, rel=1e-4)


def test_dead_units_and_constant_gradients_count_as_zero():
    varying = np.array([1.0, 3.0, 1.0])  # mean 5/3, deviation sqrt(8)/3
    dead = np.zeros(3)
    constant = np.full(3, 0.1)  # its float32 mean is not exactly 0.1
    columns = tf.constant(np.stack([varying, dead, constant], axis=1), tf.float32)
    assert snr([columns]) == pytest.approx(5 / 8**0.5 / 3)
    assert snr([tf.zeros((4, 2, 3))]) == 0.0


def test_what_only_rounding_tells_apart_counts_as_zero():
    # Neighboring float32 numbers near 1 lie 1.2e-7 apart: so far off a gradient may be.
    one = np.float32(1.0)
    rounded = np.array([one, np.nextafter(one, np.float32(2)), one, one])
    varying = np.array([1 - 1e-5, 1 + 1e-5, 1 - 1e-5, 1 + 1e-5])  # a deviation that is one
    columns = np.stack([rounded, 1e4 * rounded, 1e-4 * rounded, varying], axis=1)
    found = snr([tf.constant(columns, tf.float32)])
    assert found == pytest.approx(1e5 / 4, rel=0.02)


def test_a_dead_relu_layer_gives_a_finite_ratio(problem):
    model, batch, loss_fn = problem
    model.layers[0].bias.assign(tf.fill([8], -1e6))
    found = float(batch_snr(loss_fn, model.trainable_variables, batch, 2))
    # Only the two biases of the output are alive among 24 + 8 + 16 + 2 parameters.
    bias = _gradients_by_loop([model.layers[1].bias], batch, loss_fn)
    assert found == pytest.approx(_snr_by_loop(bias) * 2 / 50, rel=1e-4)


def test_high_ratios_survive_float32_and_chunks():
    rng = np.random.default_rng(0)
    slopes = (100 + 0.1 * rng.standard_normal((64, 5))).astype(np.float32)
    weight = tf.Variable(tf.ones(5))
    found = batch_snr(lambda x: tf.linalg.matvec(x, weight), [weight], tf.constant(slopes), 6)
    assert float(found) == pytest.approx(_snr_by_loop([slopes]), rel=1e-2)


def test_parameters_that_the_loss_ignores_have_zero_gradients(problem):
    model, batch, loss_fn = problem
    stranger = tf.Variable(tf.ones((2, 2)))
    variables = [model.layers[1].bias, stranger]
    _, ignored = per_sample_gradients(loss_fn, variables, batch)
    assert ignored.shape == (7, 2, 2)
    assert not np.any(ignored)


def test_convolutions_and_integer_parts_of_the_batch():
    tf.keras.utils.set_random_seed(1)
    layer = tf.keras.layers.Conv2D(4, 3, strides=2, activation="relu")
    rng = np.random.default_rng(1)
    batch = (
        tf.constant(rng.standard_normal((7, 9, 9, 2)), tf.float32),
        tf.constant(rng.integers(0, 64, 7), tf.int32),
    )
    layer(batch[0])

    def loss_fn(samples):
        images, actions = samples
        values = tf.reshape(layer(images), (-1, 64))
        return tf.gather(values, actions, axis=1, batch_dims=1) ** 2

    expected = _gradients_by_loop(layer.trainable_variables, batch, loss_fn)
    found = per_sample_gradients(loss_fn, layer.trainable_variables, batch)
    assert len(found) == len(expected) == 2
    for ours, theirs in zip(found, expected):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_refuses_a_loss_averaged_over_the_batch(problem):
    model, batch, loss_fn = problem
    with pytest.raises(ValueError, match=r"one loss per sample, \(B,\)"):
        per_sample_gradients(
            lambda samples: tf.reduce_mean(loss_fn(samples)), model.trainable_variables, batch
        )


def test_refuses_a_single_sample():
    with pytest.raises(ValueError, match="at least 2 samples"):
        snr([tf.ones((1, 3))])
