"""`Model.fit` with sparse products, where weights, masks or the optimizer change between steps."""

import numpy as np
import pytest
import tensorflow as tf

from rigl_rl.sparsity import sparsify
from rigl_rl.sparsity.execution import library

X = np.random.default_rng(0).standard_normal((64, 32)).astype(np.float32)
Y = X[:, :1] ** 2


pytestmark = pytest.mark.usefixtures("operation")


def network():
    tf.keras.utils.set_random_seed(0)
    layers = [tf.keras.layers.Dense(32, "relu", input_shape=(32,)) for _ in range(2)]
    return tf.keras.Sequential([*layers, tf.keras.layers.Dense(1)])


def fit(model, optimizer, epochs=1, **options):
    model.compile(optimizer, loss="mse", **options)
    history = model.fit(X, Y, batch_size=16, epochs=epochs, verbose=0, shuffle=False)
    return history.history["loss"][-1]


def sparse(model, method="static", **settings):
    settings = {"total_steps": 100, "sparse_output_layer": False, **settings}
    return sparsify(model, method, 0.9, "adam", **settings)


def assert_obeys(optimizer):
    for kernel in optimizer.kernels:
        np.testing.assert_array_equal(kernel.kernel, kernel.kernel * kernel.mask)
        assert np.any(kernel.mask.numpy() == 0)


def test_weights_that_were_loaded_are_masked_by_the_next_step():
    model = network()
    optimizer = sparse(model)
    fit(model, optimizer)
    assert optimizer.execution.names
    model.set_weights([np.ones_like(each) for each in model.get_weights()])
    fit(model, optimizer)
    assert_obeys(optimizer)


def test_a_second_method_is_not_trained_with_the_lists_of_the_first():
    model = network()
    fit(model, sparse(model))
    second = sparse(model, seed=5, sparse_execution="dense")
    loss = fit(model, second, epochs=20)
    assert_obeys(second)
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(loss, rel=0.3)


def test_the_first_of_two_methods_is_trained_with_its_own_lists_again():
    model = network()
    first = sparse(model)
    fit(model, first)
    weights = model.get_weights()
    fit(model, sparse(model, seed=5))
    model.set_weights(weights)
    before = model.evaluate(X, Y, verbose=0)
    model.compile(first, loss="mse")
    # The loss of one step over all examples is that of the weights before it.
    history = model.fit(X, Y, batch_size=len(X), verbose=0)
    assert history.history["loss"] == [pytest.approx(before, rel=1e-5)]
    assert_obeys(first)


def test_masks_that_were_loaded_between_calls_are_those_of_the_next():
    model = network()
    optimizer = sparse(model)
    fit(model, optimizer)
    for kernel in optimizer.kernels:
        kernel.mask.assign(tf.reverse(kernel.mask, [0]))
        kernel.kernel.assign(kernel.mask)
    before = model.evaluate(X, Y, verbose=0)
    history = model.fit(X, Y, batch_size=len(X), verbose=0)
    assert history.history["loss"] == [pytest.approx(before, rel=1e-5)]
    assert_obeys(optimizer)


def test_weights_that_a_callback_loads_are_masked():
    class Load(tf.keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 0:
                self.model.set_weights([np.ones_like(each) for each in self.model.get_weights()])

    model = network()
    optimizer = sparse(model)
    fit(model, optimizer, epochs=2)
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[Load()])
    assert_obeys(optimizer)


def test_a_dense_optimizer_afterwards_trains_all_weights():
    model = network()
    fit(model, sparse(model))
    before = np.mean(model.layers[0].kernel.numpy() == 0)
    fit(model, "adam")
    assert before > 0.5
    assert np.mean(model.layers[0].kernel.numpy() == 0) < 0.05


def test_steps_in_graph_mode_continue_eager_ones_that_changed_masks():
    model = network()
    optimizer = sparse(model, "set", update_freq=1)
    fit(model, optimizer, run_eagerly=True)
    fit(model, optimizer)
    for kernel in optimizer.kernels:
        lists = optimizer.execution.connections_of(kernel.kernel).lists
        np.testing.assert_array_equal(lists, library.operation().rigl_connections(kernel.mask))
    assert_obeys(optimizer)


def test_a_gradient_from_an_inner_function_is_refused_not_taken_for_zero():
    class Inner(tf.keras.Model):
        def __init__(self):
            super().__init__()
            self.net = network()

        @tf.function
        def call(self, inputs):
            return self.net(inputs)

    model = Inner()
    model(X)
    with pytest.raises(ValueError, match="another graph or a variable .*'dense'"):
        fit(model, sparse(model, "rigl", update_freq=2))


def test_a_refused_call_changes_no_weight():
    model = network()
    before = model.get_weights()
    clipping = tf.keras.optimizers.Adam(global_clipnorm=1.0)
    with pytest.raises(ValueError, match="choose 'dense'"):
        sparsify(model, "static", 0.9, clipping, sparse_execution="sparse")
    for old, new in zip(before, model.get_weights()):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("kind", ["int32", "bool", "sparse tensor"])
def test_inputs_that_dense_layers_convert(kind):
    x = (X > 0.5).astype(np.float32)
    given = tf.sparse.from_dense(x) if kind == "sparse tensor" else x.astype(kind)
    losses = []
    for mode in ("sparse", "dense"):
        tf.keras.utils.set_random_seed(0)
        model = tf.keras.Sequential([tf.keras.layers.Dense(32, "relu"), tf.keras.layers.Dense(1)])
        model(given)
        model.compile(sparse(model, sparse_execution=mode), "mse")
        losses.append(model.fit(given, Y, 16, 2, verbose=0, shuffle=False).history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-4)


def test_second_derivatives_are_refused():
    class Penalized(tf.keras.Sequential):
        def train_step(self, batch):
            x = batch[0]
            with tf.GradientTape() as outer:
                with tf.GradientTape() as inner:
                    inner.watch(x)
                    y = self(x)
                loss = tf.reduce_mean(inner.gradient(y, x) ** 2)
            variables = self.trainable_variables
            self.optimizer.minimize(loss, variables, outer)
            return {"loss": loss}

    for mode in ("dense", "sparse"):
        model = Penalized(
            [tf.keras.Input((32,)), tf.keras.layers.Dense(32, "tanh"), tf.keras.layers.Dense(1)]
        )
        model.compile(sparse(model, sparse_execution=mode))
        if mode == "dense":
            model.fit(X, Y, verbose=0)
        else:
            with pytest.raises(Exception, match="second derivatives need sparse_execution='dense'"):
                model.fit(X, Y, verbose=0)
