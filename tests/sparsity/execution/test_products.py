"""The operation against NumPy in double precision, and against input that does not fit."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from rigl_rl.sparsity.execution import library
from rigl_rl.sparsity.execution.products import Connections

BATCHES = (1, 7, 16, 33, 256)
SIDES = (1, 2, 3, 15, 16, 17, 31, 64, 100, 257)


def random_case(rng):
    """Input, kernel, mask, bias and the gradient of the output; float32."""
    batch = int(rng.choice(BATCHES))
    inputs, outputs = (int(side) for side in rng.choice(SIDES, 2))
    if rng.random() < 0.1:
        inputs = 1100  # so many more inputs than outputs that the order of work is another
    kind = rng.integers(5)
    mask = rng.random((inputs, outputs)) < rng.choice([0.01, 0.05, 0.2, 0.5, 1.0])
    if kind == 0:
        mask[:] = False
    elif kind == 1:
        mask[:] = False
        mask[rng.integers(inputs), rng.integers(outputs)] = True
    elif kind == 2:
        mask[rng.random(inputs) < 0.5] = False
        mask[:, rng.random(outputs) < 0.5] = False
    shapes = (batch, inputs), (inputs, outputs), (outputs,), (batch, outputs)
    x, kernel, bias, dy = (rng.standard_normal(shape).astype(np.float32) for shape in shapes)
    return x, kernel * mask, mask.astype(np.float32), bias, dy


def assert_close(ours, exact, sums_of):
    """Equal to 1e-5 of the sum of the magnitudes that were added up."""
    np.testing.assert_array_less(np.abs(ours - exact), 1e-5 * sums_of + 1e-12)


def check_random_products(number: int, seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    for case in range(number):
        x, kernel, mask, bias, dy = random_case(rng)
        variable = tf.Variable(kernel)
        connections = Connections(variable, tf.Variable(mask))
        relu = bool(case % 2)
        with tf.GradientTape() as tape:
            inputs, biases = tf.constant(x), tf.constant(bias)
            tape.watch([inputs, biases])
            y = connections.product(inputs, connections.weights(), biases, relu)
        dx, dkernel, dbias = tape.gradient(y, [inputs, variable, biases], tf.constant(dy))

        x, kernel, dy = x.astype(np.float64), kernel.astype(np.float64), dy.astype(np.float64)
        before = x @ kernel + bias
        magnitude = np.abs(x) @ np.abs(kernel) + np.abs(bias)
        assert_close(y, np.maximum(before, 0) if relu else before, magnitude)
        # Where rounding decides a ReLU, its own output does.
        dy = dy * (y.numpy() > 0) if relu else dy
        assert_close(dx, dy @ kernel.T, np.abs(dy) @ np.abs(kernel.T))
        assert_close(dkernel, (x.T @ dy) * mask, np.abs(x.T) @ np.abs(dy))
        assert_close(dbias, dy.sum(0), np.abs(dy).sum(0))
        assert not dkernel.numpy()[mask == 0].any()


def test_200_random_products_and_gradients(operation):
    check_random_products(200)


@pytest.mark.parametrize("processor", ["any", "avx2"])
def test_code_for_older_processors_computes_the_same(operation, processor):
    if library.processor() == "any":
        pytest.skip("this processor runs the oldest code as it is")
    run_here(
        f"assert library.processor() == {processor!r}\ncheck_random_products(60, seed=1)",
        RIGL_RL_PROCESSOR=processor,
    )


def test_only_what_is_asked_for_is_computed(operation):
    """In a graph each gradient alone equals the same gradient among all of them."""
    x, kernel, mask, bias, dy = random_case(np.random.default_rng(3))
    connections = Connections(tf.Variable(kernel), tf.Variable(mask))

    def gradients(wanted):
        @tf.function
        def compute():
            with tf.GradientTape() as tape:
                sources = [tf.constant(x), connections.kernel, tf.constant(bias)]
                tape.watch(sources)
                y = connections.product(sources[0], connections.weights(), sources[2], relu=True)
            return tape.gradient(y, [sources[index] for index in wanted], tf.constant(dy))

        return compute()

    together = gradients([0, 1, 2])
    for index, expected in enumerate(together):
        np.testing.assert_allclose(gradients([index])[0], expected, rtol=1e-5, atol=1e-6)


def digest_of_products() -> str:
    """Of every bit that comes out of two products, one for either order of work."""
    rng = np.random.default_rng(0)
    digest = hashlib.sha256()
    for inputs, outputs in ((512, 300), (3000, 128)):
        mask = (rng.random((inputs, outputs)) < 0.1).astype(np.float32)
        kernel = tf.Variable(mask * rng.standard_normal(mask.shape).astype(np.float32))
        connections = Connections(kernel, tf.Variable(mask))
        with tf.GradientTape() as tape:
            x = tf.constant(rng.standard_normal((77, inputs)).astype(np.float32))
            tape.watch(x)
            y = connections.product(x, connections.weights(), relu=True)
        for each in [y, *tape.gradient(y, [x, kernel])]:
            digest.update(each.numpy().tobytes())
    return digest.hexdigest()


def test_threads_do_not_change_a_bit(operation):
    digests = {
        run_here(
            f"tf.config.threading.set_intra_op_parallelism_threads({threads})\n"
            "print(digest_of_products())"
        )
        for threads in (1, 3)
    }
    assert len(digests) == 1


def run_here(program: str, **variables: str) -> str:
    """What a program with this module's names prints, run in a process of its own."""
    environment = {**os.environ, **variables}
    environment["PYTHONPATH"] = os.pathsep.join([os.path.dirname(__file__), *sys.path])
    command = [sys.executable, "-c", "from test_products import *\n" + program]
    done = subprocess.run(
        command, env=environment, timeout=300, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.strip()


def test_an_empty_batch(operation):
    connections = Connections(tf.Variable(tf.ones((3, 2))))
    with tf.GradientTape() as tape:
        y = connections.product(tf.zeros((0, 3)), connections.weights(), tf.ones(2), relu=True)
    assert y.shape == (0, 2)
    np.testing.assert_array_equal(tape.gradient(y, connections.kernel), np.zeros((3, 2)))


def test_nan_and_infinity_stay(operation):
    connections = Connections(tf.Variable([[1.0, 0.0], [1.0, 1.0]]))
    x = tf.constant([[np.nan, 1.0], [np.inf, 1.0], [1.0, -np.inf]])
    y = connections.product(x, connections.weights(), tf.zeros(2), relu=True).numpy()
    np.testing.assert_array_equal(y, [[np.nan, 1.0], [np.inf, 1.0], [0.0, 0.0]])


def test_wrong_shapes_are_errors(operation):
    connections = Connections(tf.Variable(tf.ones((3, 2))))
    weights, bias = connections.weights(), tf.zeros(2)
    for x, values, b in (
        (tf.zeros((4, 2)), weights, bias),
        (tf.zeros((4, 3)), weights[:-1], bias),
        (tf.zeros((4, 3)), weights, tf.zeros(3)),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError, match="has shape"):
            connections.product(x, values, b)
    with pytest.raises(tf.errors.InvalidArgumentError, match="has shape"):
        connections.active(tf.zeros((2, 3)))
    with pytest.raises(tf.errors.InvalidArgumentError, match="has shape"):
        operation.rigl_dense_gradient(
            tf.zeros((4, 3)),
            tf.zeros((4, 2)),
            tf.zeros((3, 2)),
            weights,
            connections.lists,
            relu=True,
        )
    with pytest.raises(tf.errors.InvalidArgumentError, match="2 dimensions"):
        operation.rigl_connections(tf.zeros(3))


def test_every_wrong_number_in_the_lists_is_an_error(operation):
    connections = Connections(tf.Variable([[1.0, 0.0], [1.0, 1.0]]))
    right = connections.lists.numpy()
    weights, x = connections.weights(), tf.ones((4, 2))
    for place in range(len(right)):
        for wrong in (-1, 7, 2**31 - 1, -(2**31)):
            lists = right.copy()
            lists[place] = wrong
            with pytest.raises(tf.errors.InvalidArgumentError, match="lists of connections"):
                operation.rigl_dense(x, weights, tf.zeros(2), lists, relu=False)
    for lists in (right[:-1], right[:2], right[:0], np.append(right, 0)):
        with pytest.raises(tf.errors.InvalidArgumentError, match="lists of connections"):
            operation.rigl_scatter(weights, lists, shape=[2, 2])


def test_adam_steps_active_weights_as_keras_does(operation):
    rng = np.random.default_rng(0)
    mask = (rng.random((40, 30)) < 0.2).astype(np.float32)
    kernel = (rng.standard_normal(mask.shape) * mask).astype(np.float32)
    ours, theirs = tf.Variable(kernel), tf.Variable(kernel)
    m, v = tf.Variable(tf.zeros(mask.shape)), tf.Variable(tf.zeros(mask.shape))
    connections = Connections(ours, tf.Variable(mask))
    adam = tf.keras.optimizers.legacy.Adam(0.01)
    old = ours.read_value() + 0.0
    for step in range(1, 6):
        gradient = rng.standard_normal(mask.shape).astype(np.float32) * mask
        adam.apply_gradients([(tf.constant(gradient), theirs)])
        rate = 0.01 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        numbers = [tf.constant(number, tf.float32) for number in (rate, 0.9, 0.999, 1e-7)]
        connections.adam(m, v, numbers, connections.active(gradient), cached=True)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=2e-6)
    np.testing.assert_allclose(m, adam.get_slot(theirs, "m"), rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(v, adam.get_slot(theirs, "v"), rtol=1e-5, atol=1e-8)
    np.testing.assert_array_equal(connections.cache, connections.weights())
    np.testing.assert_array_equal(old, kernel)  # who read the kernel before keeps what was read


def test_adam_refuses_variables_that_do_not_fit(operation):
    connections = Connections(tf.Variable(tf.ones((3, 2))))
    numbers = [tf.constant(0.1)] * 4
    other, slot = tf.Variable(tf.zeros((2, 3))), tf.Variable(tf.zeros((3, 2)))
    with pytest.raises(tf.errors.InvalidArgumentError, match="has shape"):
        connections.adam(slot, other, numbers, connections.weights())
    with pytest.raises(tf.errors.InvalidArgumentError, match="variables of their own"):
        connections.adam(slot, slot, numbers, connections.weights())


def test_lists_follow_the_mask(operation):
    mask = tf.Variable([[1.0, 0.0], [0.0, 1.0]])
    connections = Connections(tf.Variable([[1.0, 2.0], [3.0, 4.0]]), mask)
    np.testing.assert_array_equal(connections.weights(), [1.0, 4.0])
    mask.assign([[0.0, 1.0], [1.0, 1.0]])
    connections.renew()
    np.testing.assert_array_equal(connections.weights(), [2.0, 3.0, 4.0])
    np.testing.assert_array_equal(connections.weights(cached=True), [2.0, 3.0, 4.0])
    x = tf.constant([[1.0, 10.0]])
    y = connections.product(x, connections.weights())
    np.testing.assert_array_equal(y, [[30.0, 42.0]])
