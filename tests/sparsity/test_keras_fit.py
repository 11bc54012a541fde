"""Outside of reinforcement learning: `Model.compile` and `Model.fit` with a sparse optimizer."""

import numpy as np
import pytest
import tensorflow as tf

from rigl_rl.sparsity import sparsify, sparsity_of


class OnMasks(tf.keras.callbacks.Callback):
    """Checks the invariant after every batch."""

    def __init__(self, optimizer):
        super().__init__()
        self.optimizer = optimizer
        self.batches = 0

    def on_train_batch_end(self, batch, logs=None):
        self.batches += 1
        assert self.optimizer.kernels
        for kernel in self.optimizer.kernels:
            np.testing.assert_array_equal(kernel.kernel, kernel.kernel * kernel.mask)


def _regression():
    """A product and a difference of four of the ten inputs."""
    x = np.random.default_rng(0).standard_normal((512, 10)).astype(np.float32)
    return x, x[:, :1] * x[:, 1:2] + x[:, 2:3] - x[:, 3:4]


def _mlp():
    tf.keras.utils.set_random_seed(0)
    return tf.keras.Sequential(
        [
            tf.keras.Input((10,)),
            tf.keras.layers.Dense(64, activation="relu"),
            tf.keras.layers.Dense(64, activation="relu"),
            tf.keras.layers.Dense(1),
        ]
    )


@pytest.mark.parametrize(
    ("method", "inner"),
    [
        ("rigl", "adam"),
        ("rigl", tf.keras.optimizers.legacy.Adam()),
        ("set", tf.keras.optimizers.legacy.SGD(0.02, momentum=0.9)),
        ("prune", tf.keras.optimizers.legacy.Adam()),
    ],
    ids=["rigl adam", "rigl legacy adam", "set momentum", "prune legacy adam"],
)
def test_the_three_line_use(method, inner):
    x, y = _regression()
    model = _mlp()

    optimizer = sparsify(
        model, method=method, sparsity=0.8, optimizer=inner, total_steps=320, update_freq=10
    )
    start = [kernel.mask.numpy() for kernel in optimizer.kernels]
    model.compile(optimizer, loss="mse")
    on_masks = OnMasks(optimizer)
    history = model.fit(x, y, batch_size=64, epochs=40, verbose=0, callbacks=[on_masks])

    assert on_masks.batches == 320 == int(optimizer.iterations)
    assert sparsity_of(optimizer.kernels) == pytest.approx(0.8, abs=1e-3)
    assert any(np.any(kernel.mask != mask) for kernel, mask in zip(optimizer.kernels, start))
    assert history.history["loss"][-1] < 0.3 * np.var(y)
    # Keras runs the very weights that we hold.
    weights = model.get_weights()
    hidden = np.maximum(np.maximum(x @ weights[0] + weights[1], 0) @ weights[2] + weights[3], 0)
    expected = hidden @ weights[4] + weights[5]
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-3, atol=1e-4)


def test_a_convolutional_network():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 256)
    images = rng.standard_normal((256, 8, 8, 1)).astype(np.float32)
    images[:, 2:6, 2:6, 0] += 1.5 * (2 * labels - 1)[:, None, None]
    tf.keras.utils.set_random_seed(0)
    model = tf.keras.Sequential(
        [
            tf.keras.Input((8, 8, 1)),
            tf.keras.layers.Conv2D(8, 3, activation="relu"),
            tf.keras.layers.Conv2D(8, 3, activation="relu"),
            tf.keras.layers.Flatten(),
            tf.keras.layers.Dense(2),
        ]
    )
    optimizer = sparsify(model, "rigl", 0.8, "adam", total_steps=80, update_freq=5)
    assert [kernel.mask.shape.rank for kernel in optimizer.kernels] == [4, 4, 2]
    model.compile(
        optimizer,
        loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    on_masks = OnMasks(optimizer)
    history = model.fit(images, labels, batch_size=32, epochs=10, verbose=0, callbacks=[on_masks])
    assert on_masks.batches == 80
    assert history.history["accuracy"][-1] > 0.9
    assert sparsity_of(optimizer.kernels) == pytest.approx(
        0.8, abs=6 / 904
    )  # 904 weights, 3 kernels


def test_a_learning_rate_scheduler_scales_the_drop_fraction():
    x, y = _regression()
    model = _mlp()
    optimizer = sparsify(
        model,
        "set",
        0.8,
        tf.keras.optimizers.Adam(0.01),
        last_update_step=-1,
        drop_fraction=0.4,
    )
    assert float(optimizer.drop_fraction()) == pytest.approx(0.4)
    scaled = sparsify(
        model,
        "set",
        0.8,
        optimizer.inner,
        total_steps=100,
        drop_fraction=0.4,
        drop_fraction_schedule="lr",
    )
    model.compile(scaled, loss="mse")
    halve = tf.keras.callbacks.LearningRateScheduler(lambda epoch: 0.01 * 0.5**epoch)
    model.fit(x, y, batch_size=256, epochs=3, verbose=0, callbacks=[halve])
    assert float(scaled.learning_rate) == pytest.approx(0.0025)
    assert float(scaled.drop_fraction()) == pytest.approx(0.1)
