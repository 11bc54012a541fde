"""Layers, models, optimizers and settings that work: tiny models, one or two steps each."""

import numpy as np
import pytest
import tensorflow as tf

from rigl_rl.sparsity import sparsify, sparsity_of

keras, layers, new = tf.keras, tf.keras.layers, tf.keras.optimizers
legacy = new.legacy
RNG = np.random.default_rng(0)
X = RNG.standard_normal((16, 8)).astype(np.float32)
Y = X[:, :1] - X[:, 1:2]
IMAGES = RNG.standard_normal((4, 6, 6, 2)).astype(np.float32)
TEXT = RNG.integers(0, 10, (4, 6))


def sparse(model, method="rigl", optimizer="adam", **arguments):
    given = dict(last_update_step=3, begin_step=0, update_freq=1)
    return sparsify(model, method, 0.5, optimizer, **{**given, **arguments})


def train(model, optimizer, x=X, steps=2):
    for _ in range(steps):
        variables = model.trainable_variables
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(model(x, training=True) ** 2)
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))


def assert_on_masks(optimizer, sparsity=0.5):
    for kernel in optimizer.kernels:
        np.testing.assert_array_equal(kernel.kernel, kernel.kernel * kernel.mask)
    size = sum(kernel.mask.shape.num_elements() for kernel in optimizer.kernels)
    assert sparsity_of(optimizer.kernels) == pytest.approx(
        sparsity, abs=2 * len(optimizer.kernels) / size
    )


def mlp():
    return keras.Sequential(
        [keras.Input((8,)), layers.Dense(8, "tanh"), layers.Dense(8, "tanh"), layers.Dense(1)]
    )


# -- layers and models ---------------------------------------------------------------------------


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.blocks = [layers.Dense(6), keras.Sequential([layers.Dense(6), layers.Dense(2)])]

    def call(self, x):
        for block in self.blocks:
            x = block(x)
        return x


def attention():
    inputs = keras.Input((6, 8))
    return keras.Model(inputs, layers.MultiHeadAttention(2, 4)(inputs, inputs))


def shared():
    layer, inputs = layers.Dense(8), keras.Input((8,))
    return keras.Model(inputs, layers.Dense(2)(layer(tf.nn.tanh(layer(inputs)))))


def nested():
    return keras.Sequential([keras.Input((8,)), mlp(), layers.Dense(2)])


def frozen():
    model = mlp()
    model.layers[0].trainable = False
    return model


def stack(shape, *found):
    return lambda: keras.Sequential([keras.Input(shape), *(make() for make in found)])


# By name: the model, its input, and the shapes of its masks.
MODELS = {
    "batch norm": (
        stack((8,), lambda: layers.Dense(4), layers.BatchNormalization),
        X,
        [(8, 4)],
    ),
    "depthwise": (
        stack((6, 6, 2), lambda: layers.DepthwiseConv2D(3), lambda: layers.Conv2D(4, 2)),
        IMAGES,
        [(3, 3, 2, 1), (2, 2, 2, 4)],
    ),
    "separable": (
        stack((6, 6, 2), lambda: layers.SeparableConv2D(4, 3)),
        IMAGES,
        [(3, 3, 2, 1), (1, 1, 2, 4)],
    ),
    "conv1d": (
        stack((6, 2), lambda: layers.Conv1D(4, 3), lambda: layers.Conv1DTranspose(2, 3)),
        IMAGES[:, 0],
        [(3, 2, 4), (3, 2, 4)],
    ),
    "embedding stays dense": (
        stack((6,), lambda: layers.Embedding(10, 4), lambda: layers.Dense(4)),
        TEXT,
        [(4, 4)],
    ),
    "bidirectional": (
        stack((6, 2), lambda: layers.Bidirectional(layers.LSTM(2))),
        IMAGES[:, 0],
        [(2, 8), (2, 8), (2, 8), (2, 8)],
    ),
    "attention": (attention, np.ones((2, 6, 8), np.float32), [(8, 2, 4)] * 3 + [(2, 4, 8)]),
    "shared": (shared, X, [(8, 8), (8, 2)]),
    "nested": (nested, X, [(8, 8), (8, 8), (8, 1), (1, 2)]),
    "subclassed": (Subclassed, X, [(8, 6), (6, 6), (6, 2)]),
    "frozen": (frozen, X, [(8, 8), (8, 1)]),
}


@pytest.mark.parametrize("name", MODELS)
def test_layers_and_models(name):
    make, x, shapes = MODELS[name]
    model = make()
    model(x)
    optimizer = sparse(model, distribution="uniform")
    assert [tuple(kernel.mask.shape) for kernel in optimizer.kernels] == shapes
    before = [kernel.mask.numpy() for kernel in optimizer.kernels]
    weights = model.get_weights()
    train(model, optimizer, x)
    assert_on_masks(optimizer)
    changed = [np.any(kernel.mask != old) for kernel, old in zip(optimizer.kernels, before)]
    assert any(changed)
    assert any(np.any(new != old) for new, old in zip(model.get_weights(), weights))


# -- inner optimizers ----------------------------------------------------------------------------

OPTIMIZERS = {
    **{
        name: getattr(new, name)
        for name in (
            *("Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lion"),
            *("Nadam", "RMSprop", "SGD"),
        )
    },
    **{f"legacy {name}": getattr(legacy, name) for name in ("Adam", "Nadam", "RMSprop", "SGD")},
    "clipnorm": lambda: new.Adam(clipnorm=0.1),
    "global_clipnorm": lambda: legacy.Adam(global_clipnorm=0.1),
    "clipvalue": lambda: new.SGD(clipvalue=0.1),
    "schedule": lambda: new.SGD(new.schedules.ExponentialDecay(0.1, 1, 0.5)),
    "legacy schedule": lambda: legacy.SGD(new.schedules.ExponentialDecay(0.1, 1, 0.5)),
    "weight decay": lambda: new.SGD(0.1, weight_decay=0.01),
}


@pytest.mark.parametrize("method", ["rigl", "prune"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_inner_optimizers(name, method):
    model = mlp()
    optimizer = sparse(model, method, OPTIMIZERS[name](), last_update_step=1)
    weights = model.get_weights()
    train(model, optimizer)
    assert_on_masks(optimizer)
    assert int(optimizer.iterations) == 2
    assert any(np.any(new != old) for new, old in zip(model.get_weights(), weights))


@pytest.mark.parametrize("name", ["Adadelta", "Adagrad", "Adamax", "Ftrl", "RMSprop"])
def test_connections_that_grow_on_dead_inputs(name):
    x = X.copy()
    x[:, ::2] = 0  # gradients of exactly 0
    model = mlp()
    optimizer = sparse(model, "set", OPTIMIZERS[name](), last_update_step=9)
    for _ in range(3):
        train(model, optimizer, x)
    assert all(np.all(np.isfinite(each)) for each in model.get_weights())


@pytest.mark.parametrize("name", ["Adam", "legacy Adam"])
def test_gradients_that_are_none(name):
    model = mlp()
    optimizer = sparse(model, "static", OPTIMIZERS[name]())
    variables = model.trainable_variables
    before = variables[0].numpy()
    optimizer.apply_gradients(
        [(None, variables[0]), *((tf.ones_like(v), v) for v in variables[1:])]
    )
    np.testing.assert_array_equal(variables[0], before)
    assert_on_masks(optimizer)


# -- ways to train -------------------------------------------------------------------------------


class Accumulating(keras.Model):
    """Applies the sum of two batches' gradients at every second step."""

    def build_sums(self):
        self.sums = [tf.Variable(tf.zeros_like(v), trainable=False) for v in self.net.variables]
        self.count = tf.Variable(0, trainable=False)

    def __init__(self):
        super().__init__()
        self.net = mlp()
        self.build_sums()

    def call(self, x):
        return self.net(x)

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self(x) - y) ** 2)
        for total, gradient in zip(self.sums, tape.gradient(loss, self.net.trainable_variables)):
            total.assign_add(gradient)
        self.count.assign_add(1)

        def apply():
            self.optimizer.apply_gradients(zip(self.sums, self.net.trainable_variables))
            for total in self.sums:
                total.assign(tf.zeros_like(total))
            return tf.constant(True)

        tf.cond(self.count % 2 == 0, apply, lambda: tf.constant(False))
        return {"loss": loss}


WAYS = {
    "eager": dict(run_eagerly=True),
    "xla": dict(jit_compile=True),
    "steps_per_execution": dict(steps_per_execution=2),
}


@pytest.mark.parametrize("way", WAYS)
def test_ways_to_compile(way):
    model = mlp()
    # XLA has no kernel for the sparse products.
    optimizer = sparse(model, sparse_execution="dense")
    model.compile(optimizer, "mse", **WAYS[way])
    model.fit(X, Y, 4, verbose=0)
    assert int(optimizer.iterations) == 4
    assert_on_masks(optimizer)


def test_gradient_accumulation():
    model = Accumulating()
    model(X)
    optimizer = sparse(model, last_update_step=1)
    model.compile(optimizer, "mse")
    model.fit(X, Y, 4, verbose=0)
    assert int(optimizer.iterations) == 2
    assert_on_masks(optimizer)


def test_reduce_on_plateau():
    model = mlp()
    optimizer = sparse(model, optimizer=new.Adam(0.01))
    model.compile(optimizer, "mse", run_eagerly=True)
    plateau = keras.callbacks.ReduceLROnPlateau("loss", 0.1, patience=1, min_delta=1e9)
    model.fit(X, Y, 16, 3, verbose=0, callbacks=[plateau])
    assert float(optimizer.learning_rate) == pytest.approx(0.0001)
    assert_on_masks(optimizer)


# -- export --------------------------------------------------------------------------------------


def test_exported_networks_are_sparse(tmp_path):
    model = mlp()
    optimizer = sparse(model, "static")
    train(model, optimizer)
    expected = model(X).numpy()
    model.export(tmp_path / "served")
    served = tf.saved_model.load(tmp_path / "served")
    np.testing.assert_allclose(served.serve(X), expected, rtol=1e-5, atol=1e-6)
    held = [v.numpy() for v in served.variables if v.shape.rank == 2]
    zeros = sum(np.sum(kernel.mask.numpy() == 0) for kernel in optimizer.kernels)
    assert sum(np.sum(kernel == 0) for kernel in held) == zeros > 0

    converted = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    interpreter = tf.lite.Interpreter(model_content=converted)
    entry = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(entry, X.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(entry, X)
    interpreter.invoke()
    out = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-5)
