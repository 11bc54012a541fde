"""The sparse optimizer's step, weight by weight, against plain Keras optimizers.

Gradients are given by hand here, so every reference is independent of the masks: the wrapped
optimizers work weight by weight, and a plain one fed the same gradients says where each weight
must be.
"""

import numpy as np
import pytest
import tensorflow as tf

from rigl_rl.adapters.keras_optimizers import slots_of
from rigl_rl.sparsity.mask_updaters import METHODS, SET, Prune, Static
from rigl_rl.sparsity.masks import MaskedKernel
from rigl_rl.sparsity.optimizer import SparseOptimizer
from rigl_rl.sparsity.schedules import DropFraction, UpdateTimes

new, legacy = tf.keras.optimizers, tf.keras.optimizers.legacy
OPTIMIZERS = {
    "Adam": lambda: new.Adam(0.1, jit_compile=False),
    "AMSGrad": lambda: new.Adam(0.1, amsgrad=True, jit_compile=False),
    "momentum": lambda: new.SGD(0.1, momentum=0.9, jit_compile=False),
    "RMSprop": lambda: new.RMSprop(0.1, momentum=0.5, centered=True, jit_compile=False),
    "legacy Adam": lambda: legacy.Adam(0.1),
    "legacy momentum": lambda: legacy.SGD(0.1, momentum=0.9),
}
all_optimizers = pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS.keys())


def _updater(method="rigl", fraction=0.5, seed=0, **times):
    times = UpdateTimes(**{"frequency": 1, **times})
    return METHODS[method](times, DropFraction(fraction, "constant"), seed)


def _sparse(optimizer, updater, weights, mask, copies=1):
    """A sparse optimizer over `copies` equal kernels."""
    kernels = [
        MaskedKernel(
            f"k{i}", "net", tf.Variable(np.multiply(weights, mask), dtype=tf.float32), mask, 0.5
        )
        for i in range(copies)
    ]
    return SparseOptimizer(optimizer, kernels, updater)


def _step(optimizer, *gradients):
    pairs = zip(gradients, [kernel.kernel for kernel in optimizer.kernels])
    optimizer.apply_gradients((tf.constant(gradient, tf.float32), k) for gradient, k in pairs)


def _random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


# -- every weight where a plain optimizer would have it ------------------------------------------


@all_optimizers
def test_one_rigl_update_weight_by_weight(make):
    """Steps 0 and 1 without, step 2 with an update; then one of each kind of connection."""
    mask = np.array([[1, 1, 1, 1, 0, 0, 0, 0]], np.float32)
    weights = np.array([[9.0, 8.0, 0.5, 0.4, 0, 0, 0, 0]], np.float32)
    gradients = 0.01 * _random(3, 1, 8)
    # The two smallest are dropped. Index 2 has the largest gradient of all and comes straight back.
    gradients[2] = [[0.1, 0.1, -5.0, 0.1, 0.2, 0.3, 4.0, 0.0]]

    optimizer = _sparse(make(), _updater(begin=2), weights, mask)
    plain, everywhere = make(), tf.Variable(weights)  # never masked
    for gradient in gradients:
        _step(optimizer, gradient)
        plain.apply_gradients([(tf.constant(gradient), everywhere)])
    fresh, newborn = make(), tf.Variable([[0.0]])  # weight and slots 0, but the third step
    fresh.iterations.assign(2)
    fresh.apply_gradients([(tf.constant([[4.0]]), newborn)])

    (kernel,) = optimizer.kernels
    np.testing.assert_array_equal(kernel.mask, [[1, 1, 1, 0, 0, 0, 1, 0]])
    result = kernel.kernel.numpy()[0]
    np.testing.assert_allclose(result[:3], everywhere.numpy()[0, :3], rtol=1e-6)
    assert np.all(result[[3, 4, 5, 7]] == 0)
    assert result[6] == pytest.approx(newborn.numpy()[0, 0], rel=1e-6)
    assert abs(result[6]) > 1e-3


@all_optimizers
def test_only_newly_grown_connections_lose_their_slots(make):
    """One more step: moments of all but the grown connection are the plain optimizer's."""
    mask = np.array([[1, 1, 1, 1, 0, 0, 0, 0]], np.float32)
    weights = np.array([[9.0, 8.0, 0.5, 0.4, 0, 0, 0, 0]], np.float32)
    gradients = _random(3, 1, 8)
    gradients[2] = [[0.1, 0.1, -5.0, 0.1, 0.2, 0.3, 4.0, 0.0]]

    optimizer = _sparse(make(), _updater(begin=2), weights, mask)
    plain, everywhere = make(), tf.Variable(weights)
    for gradient in gradients:
        _step(optimizer, gradient)
        plain.apply_gradients([(tf.constant(gradient), everywhere)])

    ours = slots_of(optimizer.inner, optimizer.kernels[0].kernel)
    theirs = slots_of(plain, everywhere)
    assert len(ours) == len(theirs) > 0
    others = [0, 1, 2, 3, 4, 5, 7]
    for our, their in zip(ours, theirs):
        np.testing.assert_allclose(our.numpy()[0, others], their.numpy()[0, others], rtol=1e-6)
    assert any(
        our.numpy()[0, 6] != pytest.approx(their.numpy()[0, 6]) for our, their in zip(ours, theirs)
    )


@pytest.mark.parametrize(
    ("name", "count"),
    [("Adam", 2), ("AMSGrad", 3), ("momentum", 1), ("RMSprop", 3), ("legacy Adam", 2)],
)
def test_slots_are_found_for_each_of_several_variables_of_one_shape(name, count):
    optimizer = OPTIMIZERS[name]()
    variables = [tf.Variable(_random(3, 2, seed=seed)) for seed in range(4)]
    optimizer.apply_gradients((tf.fill((3, 2), float(i)), v) for i, v in enumerate(variables))
    slots = [slots_of(optimizer, variable) for variable in variables]
    assert [len(found) for found in slots] == [count] * 4
    assert len({id(slot) for found in slots for slot in found}) == 4 * count
    assert all(np.all(slot.numpy() == 0) for slot in slots[0])  # its gradient was 0
    assert all(np.any(slot.numpy() != 0) for found in slots[1:] for slot in found)


# -- what holds after every step -----------------------------------------------------------------


@all_optimizers
@pytest.mark.parametrize("method", ["set", "rigl", "rigl_inverted"])
def test_kernels_stay_on_masks_of_constant_size(make, method):
    mask = (_random(6, 8) > 0.7).astype(np.float32)
    optimizer = _sparse(make(), _updater(method, frequency=2, end=5), _random(6, 8), mask, copies=2)
    masks = []
    for step in range(8):
        _step(optimizer, _random(6, 8, seed=step), _random(6, 8, seed=100 + step))
        for kernel in optimizer.kernels:
            np.testing.assert_array_equal(kernel.kernel, kernel.kernel * kernel.mask)
            assert set(np.unique(kernel.mask)) == {0.0, 1.0}
            assert int(kernel.active()) == mask.sum()
        masks.append(optimizer.kernels[0].mask.numpy())
    changed = [np.any(now != before) for before, now in zip([mask] + masks, masks)]
    assert changed == [True, False, True, False, True, False, False, False]


def test_the_gradient_of_inactive_weights_moves_their_moments():
    optimizer = _sparse(OPTIMIZERS["Adam"](), Static(), [[1.0, 1.0]], [[1.0, 0.0]])
    _step(optimizer, [[2.0, 2.0]])
    slots = slots_of(optimizer.inner, optimizer.kernels[0].kernel)
    assert len(slots) == 2
    for slot in slots:
        assert slot.numpy()[0, 0] == slot.numpy()[0, 1] > 0


def test_variables_without_masks_take_the_plain_step():
    optimizer = _sparse(new.SGD(0.5, jit_compile=False), _updater(), [[1.0, 0.0]], [[1.0, 0.0]])
    bias = tf.Variable([1.0, 2.0])
    kernel = optimizer.kernels[0].kernel
    optimizer.apply_gradients(
        [(tf.constant([[0.0, 0.0]]), kernel), (tf.constant([2.0, -2.0]), bias)]
    )
    np.testing.assert_array_equal(bias, [0.0, 3.0])


@all_optimizers
def test_inside_a_graph_loop_the_result_is_that_of_eager_steps(make):
    mask = (_random(4, 5) > 0).astype(np.float32)
    gradients = tf.constant(_random(5, 4, 5, seed=7))

    def train(optimizer):
        for i in tf.range(5):
            optimizer.apply_gradients([(gradients[i], optimizer.kernels[0].kernel)])

    graph, eager = (
        _sparse(make(), _updater("set", frequency=2, begin=1), _random(4, 5), mask)
        for _ in range(2)
    )
    tf.function(train)(graph)
    train(eager)
    assert int(graph.iterations) == int(eager.iterations) == 5
    np.testing.assert_array_equal(graph.kernels[0].mask, eager.kernels[0].mask)
    np.testing.assert_allclose(graph.kernels[0].kernel, eager.kernels[0].kernel, rtol=1e-5)


# -- growth --------------------------------------------------------------------------------------


def test_rigl_grows_where_the_dense_gradient_of_a_loss_is_largest():
    # One linear layer, loss = |x w - y|^2 / 2: the dense gradient is x^T (x w - y).
    x, y, weights = _random(9, 4), _random(9, 5, seed=1), _random(4, 5, seed=2)
    mask = (np.arange(20).reshape(4, 5) % 2).astype(np.float32)
    optimizer = _sparse(new.SGD(1e-6, jit_compile=False), _updater(fraction=0.4), weights, mask)
    (kernel,) = optimizer.kernels
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum((x @ kernel.kernel - y) ** 2) / 2
    optimizer.apply_gradients([(tape.gradient(loss, kernel.kernel), kernel.kernel)])

    gradient = np.abs(x.T @ (x @ (weights * mask) - y)).ravel()
    active = np.flatnonzero(mask)
    kept = active[np.argsort(np.abs(weights.ravel()[active]))[4:]]  # 4 of the 10 are dropped
    free = np.setdiff1d(np.arange(20), kept)
    grown = free[np.argsort(gradient[free])[-4:]]
    assert set(np.flatnonzero(kernel.mask.numpy())) == {*kept, *grown}
    assert set(grown) - set(active)  # the case says something


def test_set_draws_differ_between_kernels_and_updates_and_repeat_by_seed():
    mask = np.arange(400).reshape(20, 20) % 4 == 0
    weights, gradient = _random(20, 20), np.zeros((20, 20), np.float32)

    def draws(seed):
        optimizer = _sparse(new.SGD(0.1), _updater("set", seed=seed), weights, mask, copies=2)
        seen = []
        for _ in range(2):
            for kernel in optimizer.kernels:  # the same start for every draw
                kernel.mask.assign(mask)
                kernel.kernel.assign(weights * mask)
            _step(optimizer, gradient, gradient)
            seen += [kernel.mask.numpy() for kernel in optimizer.kernels]
        return seen

    first = draws(0)
    # 50 of 350 are grown: two independent draws share 7 on average.
    grown = [(seen == 1) & ~mask for seen in first]
    for i in range(4):
        for j in range(i):
            assert np.sum(grown[i] & grown[j]) < 20
    np.testing.assert_array_equal(first, draws(0))
    assert np.any(first[0] != draws(1)[0])


@pytest.mark.parametrize("method", ["set", "rigl"])
def test_a_missing_gradient_is_named(method):
    optimizer = _sparse(new.SGD(0.1), _updater(method), [[1.0]], [[1.0]], copies=2)
    first, second = (kernel.kernel for kernel in optimizer.kernels)
    for missing in ([], [(None, second)]):
        with pytest.raises(ValueError, match=f"no gradient for the sparse kernel 'k1'.*{method}"):
            optimizer.apply_gradients([(tf.constant([[1.0]]), first), *missing])


def test_the_drop_fraction_follows_the_learning_rate():
    optimizer = _sparse(new.SGD(0.1), Static(), [[1.0]], [[1.0]])
    assert float(optimizer.drop_fraction()) == 0.0
    updater = SET(UpdateTimes(1), DropFraction(0.4, "lr"))
    for inner in (new.SGD(0.2), legacy.SGD(0.2)):
        optimizer = _sparse(inner, updater, [[1.0]], [[1.0]])
        assert float(optimizer.drop_fraction()) == pytest.approx(0.4)
        optimizer.learning_rate = 0.05
        assert float(inner.learning_rate) == pytest.approx(0.05)
        assert float(optimizer.drop_fraction()) == pytest.approx(0.1)
    decay = new.schedules.PolynomialDecay(0.2, 4, 0.0)  # linear to 0 in four steps
    optimizer = _sparse(new.SGD(decay), updater, [[1.0]], [[1.0]])
    _step(optimizer, [[0.0]])
    assert float(optimizer.drop_fraction()) == pytest.approx(0.3)


# -- pruning -------------------------------------------------------------------------------------


@all_optimizers
def test_pruning_follows_the_cubic_schedule(make):
    sizes = {0: 300, 1: 40}
    finals = {0: 0.9, 1: 0.3}
    kernels = [
        MaskedKernel(
            f"k{i}",
            "net",
            tf.Variable(_random(size // 10, 10)),
            tf.ones((size // 10, 10)),
            finals[i],
        )
        for i, size in sizes.items()
    ]
    optimizer = SparseOptimizer(make(), kernels, Prune(times=UpdateTimes(2, end=11, begin=3)))
    # (1 - progress)^3 in force after each step
    remaining = 5 * [1] + 2 * [27 / 64] + 2 * [1 / 8] + 2 * [1 / 64] + 3 * [0]
    for step in range(14):
        _step(optimizer, *(_random(size // 10, 10, seed=step) for size in sizes.values()))
        for i, kernel in enumerate(kernels):
            expected = sizes[i] * (1 - finals[i] * (1 - remaining[step]))
            assert abs(int(kernel.active()) - expected) <= 1
            np.testing.assert_array_equal(kernel.kernel, kernel.kernel * kernel.mask)


def test_pruned_weights_return_only_at_an_update_and_by_their_own_step():
    updater = Prune(times=UpdateTimes(2, end=4), initial_sparsity=0.5)  # 0.5 from first to last
    optimizer = _sparse(
        new.SGD(1.0, jit_compile=False), updater, [[4.0, 3.0, 2.0, 1.0]], [[1.0, 1.0, 1.0, 1.0]]
    )
    (kernel,) = optimizer.kernels
    push = [[0.0, 0.0, 0.0, -10.0]]
    for gradient, expected in [
        (np.zeros((1, 4)), [[4.0, 3.0, 0.0, 0.0]]),  # step 0: pruned to half
        (push, [[4.0, 3.0, 0.0, 0.0]]),  # step 1 is no update: pushed, but masked again
        (push, [[4.0, 0.0, 0.0, 10.0]]),  # step 2 is: from 0 to 10 in one step, beyond the 3
        (push, [[4.0, 0.0, 0.0, 20.0]]),
    ]:
        _step(optimizer, gradient)
        np.testing.assert_array_equal(kernel.kernel, expected)
