"""What users of Keras do with the sparse optimizer: policies, callbacks, files, odd models."""

import warnings

import numpy as np
import pytest
import tensorflow as tf

from rigl_rl.sparsity import MaskedKernel, SparseOptimizer, kernels_of, sparsify, sparsity_of

keras, layers = tf.keras, tf.keras.layers
GENERATIONS = {"new": keras.optimizers, "legacy": keras.optimizers.legacy}
METHODS = ["prune", "static", "set", "rigl", "rigl_inverted"]
generations = pytest.mark.parametrize("generation", GENERATIONS)
all_methods = pytest.mark.parametrize("method", METHODS)

X = np.random.default_rng(0).standard_normal((32, 8)).astype(np.float32)
Y = X[:, :1] * X[:, 1:2]


@pytest.fixture
def policy():
    """Sets Keras' global policy for a test."""
    yield keras.mixed_precision.set_global_policy
    keras.mixed_precision.set_global_policy("float32")


def adam(generation, rate=0.01, **arguments):
    return GENERATIONS[generation].Adam(rate, **arguments)


def mlp(units=12):
    return keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(units, activation="tanh"),
            layers.Dense(units, activation="tanh"),
            layers.Dense(1),
        ]
    )


def sparse(model, method="rigl", optimizer="adam", sparsity=0.8, **arguments):
    """Masks change at each of the first six steps; pruning ends at the sixth."""
    given = dict(last_update_step=5, begin_step=0, update_freq=1)
    return sparsify(model, method, sparsity, optimizer, **{**given, **arguments})


def fit(model, optimizer, epochs=1, **arguments):
    """Four steps an epoch."""
    model.compile(optimizer, "mse")
    data = dict(x=X, y=Y, batch_size=8, shuffle=False)
    return model.fit(**data, epochs=epochs, verbose=0, **arguments)


def step(model, optimizer, x=X, y=Y):
    """One step of a loop, not of `fit`."""
    variables = model.trainable_variables
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((tf.cast(model(x), tf.float32) - y) ** 2)
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))


def zeros_of(model) -> float:
    """Share of zeros in the kernels themselves."""
    kernels = [kernel.numpy() for kernel in kernels_of(model).values()]
    return 1 - sum(map(np.count_nonzero, kernels)) / sum(kernel.size for kernel in kernels)


def assert_sparse(model, optimizer, sparsity=0.8):
    """The model's kernels are on masks of that sparsity, and it is what is reported."""
    kernels = kernels_of(model).values()
    masked = {kernel.kernel.ref(): kernel for kernel in optimizer.kernels}
    ones = 0
    for kernel in kernels:
        mask = masked[kernel.ref()].mask.numpy()
        assert set(np.unique(mask)) <= {0.0, 1.0}
        np.testing.assert_array_equal(kernel.numpy(), kernel.numpy() * mask)
        ones += int(mask.sum())
    size = sum(kernel.shape.num_elements() for kernel in kernels)
    assert 1 - ones / size == pytest.approx(sparsity, abs=2 * len(kernels) / size)
    assert zeros_of(model) >= 1 - ones / size
    assert sparsity_of(optimizer.kernels) == pytest.approx(1 - ones / size)


# -- the class, and what Keras asks of it --------------------------------------------------------


@generations
def test_it_is_of_the_class_that_it_wraps(generation):
    optimizer = sparse(mlp(), optimizer=adam(generation))
    assert isinstance(optimizer, SparseOptimizer)
    assert isinstance(optimizer, keras.optimizers.Optimizer) == (generation == "new")
    assert isinstance(optimizer, keras.optimizers.legacy.Optimizer) == (generation == "legacy")
    assert keras.optimizers.get(optimizer) is optimizer


@generations
def test_weights_are_the_wrapped_optimizers_and_the_masks(generation):
    model = mlp()
    optimizer = sparse(model, optimizer=adam(generation))
    step(model, optimizer)
    weights = optimizer.get_weights()
    # A count, two moments of six variables, three masks.
    assert len(weights) == len(optimizer.variables()) == 16
    for kernel, weight in zip(optimizer.kernels, weights[-3:]):
        np.testing.assert_array_equal(weight, kernel.mask)
    other = mlp()
    copy = sparse(other, optimizer=adam(generation), seed=1)
    with pytest.raises(ValueError, match="do not fit.* build the optimizer"):
        copy.set_weights(weights)
    copy.build(other.trainable_variables)
    copy.set_weights(weights)
    for one, same in zip(copy.get_weights(), weights):
        np.testing.assert_array_equal(one, same)


# -- types and loss scales -----------------------------------------------------------------------


@generations
def test_mixed_float16_in_fit(policy, generation):
    policy("mixed_float16")
    model = mlp()
    optimizer = sparse(model, optimizer=adam(generation))
    fit(model, optimizer, epochs=2)
    assert model.optimizer.inner_optimizer is optimizer
    assert_sparse(model, optimizer)
    assert int(optimizer.steps) > 0


@generations
def test_a_loss_scale_given_goes_around(policy, generation):
    policy("mixed_float16")
    model = mlp()
    given = keras.mixed_precision.LossScaleOptimizer(
        adam(generation), dynamic=False, initial_scale=8
    )
    optimizer = sparse(model, "prune", given)
    fit(model, optimizer, epochs=2)
    assert model.optimizer is optimizer
    assert float(optimizer.loss_scale) == 8
    assert isinstance(optimizer.inner_optimizer, SparseOptimizer)
    assert_sparse(model, optimizer)
    assert int(optimizer.inner_optimizer.steps) == 8
    with pytest.raises(ValueError, match="within the LossScaleOptimizer, and put one around"):
        SparseOptimizer(given, [])


@generations
@pytest.mark.parametrize("method", ["prune", "set", "rigl"])
def test_a_step_that_the_loss_scale_skips_is_no_step(generation, method):
    kernels = [tf.Variable(tf.random.stateless_normal((8, 8), (0, 0)), name="kernel")]
    settings = dict(update_freq=2, initial_sparsity=0.25, drop_fraction=0.3)
    inner = sparse(kernels, method, adam(generation), 0.5, **settings)
    optimizer = keras.mixed_precision.LossScaleOptimizer(inner)
    start = [kernels[0].numpy(), inner.kernels[0].mask.numpy()]
    # The scale takes the first and the third step away: the update of step 0 comes at the second.
    masks = []
    for number, factor in enumerate((np.inf, 1, np.nan, 1, 1)):
        gradient = factor * np.random.default_rng(number).standard_normal((8, 8))
        optimizer.apply_gradients([(tf.constant(gradient, tf.float32), kernels[0])])
        masks.append(inner.kernels[0].mask.numpy())
        np.testing.assert_array_equal(kernels[0], kernels[0] * masks[-1])
        if len(masks) == 1:
            np.testing.assert_array_equal(masks[0], start[1])
            np.testing.assert_array_equal(kernels[0], start[0])
    assert (int(inner.steps), int(optimizer.iterations)) == (3, 5)
    changed = [np.any(now != old) for now, old in zip(masks, [start[1], *masks])]
    assert changed == [False, True, False, False, True]


@generations
@all_methods
def test_float64(policy, generation, method):
    policy("float64")
    model = mlp()
    optimizer = sparse(model, method, adam(generation), drop_noise=1e-3)
    for _ in range(6):
        step(model, optimizer, X.astype(np.float64))
    assert_sparse(model, optimizer)
    assert {kernel.mask.dtype for kernel in optimizer.kernels} == {tf.float64}


@all_methods
def test_floatx_in_fit(method):
    keras.backend.set_floatx("float64")
    try:
        model = keras.Sequential([keras.Input((8,)), layers.Dense(12, dtype="float64")])
        optimizer = sparse(model, method)
        step(model, optimizer, X.astype(np.float64))
    finally:
        keras.backend.set_floatx("float32")
    assert optimizer.kernels[0].mask.dtype == tf.float64
    np.testing.assert_array_equal(
        model.layers[0].kernel, model.layers[0].kernel * optimizer.kernels[0].mask
    )


@generations
@pytest.mark.parametrize("name", ["mixed_bfloat16", "bfloat16"])
def test_bfloat16(policy, generation, name):
    policy(name)
    model = mlp()
    optimizer = sparse(model, "rigl", adam(generation))
    for _ in range(6):
        step(model, optimizer)
    assert_sparse(model, optimizer)


# -- one kernel, one mask ------------------------------------------------------------------------


def test_a_kernel_that_networks_share_has_one_mask():
    shared = layers.Dense(16, name="shared")
    inputs = keras.Input((8,))
    hidden = shared(inputs)
    actor, critic = (keras.Model(inputs, layers.Dense(n)(hidden)) for n in (4, 1))
    optimizer = sparsify({"actor": actor, "critic": critic}, "static", 0.5, distribution="uniform")
    assert [(kernel.network, int(kernel.active())) for kernel in optimizer.kernels] == [
        ("actor", 64),
        ("actor", 32),
        ("critic", 8),
    ]
    assert optimizer.kernels[0].kernel is shared.kernel
    assert np.count_nonzero(shared.kernel) == 64
    assert sparsity_of(optimizer.kernels) == 0.5
    networks = {"one": actor, "same": actor}
    assert len(sparsify(networks, "static", 0.5).kernels) == 2
    assert len(kernels_of([shared.kernel, shared.kernel])) == 1


def test_two_masks_on_one_kernel_are_refused():
    variable = tf.Variable([[1.0, 2.0]])
    kernels = [MaskedKernel(name, "net", variable, [[1.0, 0.0]], 0.5) for name in ("a", "b")]
    with pytest.raises(ValueError, match="the kernel 'b' is given twice"):
        SparseOptimizer(adam("new"), kernels)


# -- learning rates ------------------------------------------------------------------------------


@generations
def test_the_drop_fraction_after_a_warm_up_from_zero(generation):
    kernel = tf.Variable(tf.ones((8, 8)), name="kernel")
    optimizer = sparse(
        [kernel], "set", adam(generation, 0.0), drop_fraction=0.4, drop_fraction_schedule="lr"
    )
    fractions = [float(optimizer.drop_fraction())]
    for rate in (0.0, 0.01, 0.02, 0.01, 0.0):
        optimizer.learning_rate = rate
        optimizer.apply_gradients([(tf.ones((8, 8)), kernel)])
        fractions.append(float(optimizer.drop_fraction()))
    assert fractions == pytest.approx([0.0, 0.0, 0.4, 0.4, 0.2, 0.0])
    assert int(optimizer.kernels[0].active()) == 13  # 64 - floor(0.8 x 64)


@generations
def test_the_largest_rate_is_in_checkpoints(tmp_path, generation):
    def start():
        kernel = tf.Variable(tf.ones((8, 8)), name="kernel")
        optimizer = sparse([kernel], "set", adam(generation, 0.5), drop_fraction_schedule="lr")
        return kernel, optimizer

    kernel, optimizer = start()
    for rate in (2.0, 0.5):
        optimizer.learning_rate = rate
        optimizer.apply_gradients([(tf.ones((8, 8)), kernel)])
    path = tf.train.Checkpoint(kernel=kernel, o=optimizer).write(str(tmp_path / "c"))
    other, restored = start()
    restored.build([other])
    tf.train.Checkpoint(kernel=other, o=restored).read(path).assert_consumed()
    assert float(restored.drop_fraction()) == float(optimizer.drop_fraction()) == 0.125


def test_a_scheduled_warm_up():
    schedule = keras.optimizers.schedules.PolynomialDecay(0.0, 4, 0.01)  # up
    model = mlp()
    optimizer = sparse(model, "rigl", keras.optimizers.Adam(schedule), drop_fraction_schedule="lr")
    for _ in range(6):
        step(model, optimizer)
    assert_sparse(model, optimizer)


# -- averages ------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["static", "rigl", "prune"])
def test_averages_are_swapped_in_and_sparse(method):
    def average_in_fit(optimizer, model):
        seen = []
        watch = keras.callbacks.LambdaCallback(
            on_batch_end=lambda batch, logs: seen.append(model.layers[0].bias.numpy())
        )
        fit(model, optimizer, epochs=2, callbacks=[watch])
        return seen, model.layers[0].bias.numpy()

    keras.utils.set_random_seed(0)
    model = mlp()
    optimizer = sparse(model, method, adam("new", use_ema=True, ema_momentum=0.5))
    seen, average = average_in_fit(optimizer, model)
    expected = 0.0  # of biases, which start at 0
    for value in seen:
        expected = 0.5 * expected + 0.5 * value
    np.testing.assert_allclose(average, expected, rtol=1e-5, atol=1e-7)
    assert_sparse(model, optimizer)
    by_hand = optimizer.inner._model_variables_moving_average
    for kernel in optimizer.kernels:
        (of_kernel,) = [a for a in by_hand if np.array_equal(a, kernel.kernel)]
        assert np.count_nonzero(of_kernel) <= int(kernel.active())


# -- reports of what is --------------------------------------------------------------------------


@generations
def test_restored_best_weights_of_another_mask_are_reported(generation):
    model = mlp()
    # The best by this measure is the dense network of the first epoch.
    zeros = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: logs.update(zeros=float(epoch))
    )
    stop = keras.callbacks.EarlyStopping("zeros", patience=2, mode="min", restore_best_weights=True)
    optimizer = sparse(model, "prune", adam(generation, 0.001), begin_step=4, last_update_step=6)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(model, optimizer, epochs=6, callbacks=[zeros, stop])
    said = [str(each.message) for each in caught if "masks" in str(each.message)]
    assert bool(said) == (generation == "new")  # fit tells new optimizers that it ends
    assert zeros_of(model) == 0
    with pytest.warns(UserWarning, match=r"\d+ weights are not 0 where .* apply_masks"):
        assert sparsity_of(optimizer.kernels) == 0
    optimizer.apply_masks()
    assert_sparse(model, optimizer)


def test_weights_set_by_hand_are_masked_by_the_next_step():
    model = mlp()
    optimizer = sparse(model, "static")
    model.set_weights([np.ones_like(weight) for weight in model.get_weights()])
    with pytest.warns(UserWarning, match="something other than the sparse optimizer changed them"):
        assert sparsity_of(optimizer.kernels) == 0
    step(model, optimizer)
    assert_sparse(model, optimizer)


# -- who is trained ------------------------------------------------------------------------------


@generations
@all_methods
def test_the_first_step_knows_every_kernel(generation, method):
    model = mlp()
    optimizer = sparse(model, method, adam(generation))
    clone = keras.models.clone_model(model)
    with pytest.raises(ValueError, match=f"no gradient for the sparse kernel .*{method} needs"):
        step(clone, optimizer)
    with pytest.raises(ValueError, match="not among the variables of the first train step"):
        fit(clone, optimizer)
    step(model, optimizer)
    assert_sparse(model, optimizer, sparsity=0 if method == "prune" else 0.8)


@generations
def test_later_steps_may_train_a_part(generation):
    model = mlp()
    optimizer = sparse(model, "static", adam(generation))
    step(model, optimizer)
    model.layers[0].trainable = False
    before = model.layers[0].kernel.numpy()
    step(model, optimizer)
    np.testing.assert_array_equal(model.layers[0].kernel, before)
    model.layers[0].trainable = True
    assert_sparse(model, optimizer)


# -- arguments -----------------------------------------------------------------------------------


class HalfBuilt(keras.Model):
    """Uses one of its layers in training alone."""

    def __init__(self, late):
        super().__init__()
        self.first, self.late = layers.Dense(4), late
        self.dropout = layers.Dropout(0.1)

    def call(self, x, training=False):
        return self.late(self.dropout(self.first(x))) if training else self.first(x)


class Head(layers.Layer):
    """Makes its layers when it is built."""

    def build(self, shape):
        self.dense = layers.Dense(2)
        super().build(shape)

    def call(self, x):
        return self.dense(x)


@pytest.mark.parametrize(
    "late", [layers.Dense(4, name="late"), Head(name="late"), keras.Sequential([Head(name="late")])]
)
def test_a_part_that_is_not_built_is_named(late):
    model = HalfBuilt(late)
    model(X)
    with pytest.raises(ValueError, match="no variables yet: .*late.*; build it first"):
        sparsify(model, "static", 0.5)
    model(X, training=True)
    assert len(sparsify(model, "static", 0.5).kernels) == 2


@pytest.mark.parametrize(
    ("given", "sparsity", "words"),
    [
        (lambda: [layers.Dense(2)], 0.5, "holds a Dense, but must hold kernels"),
        (lambda: keras.Input((3,)), 0.5, "cannot make a KerasTensor sparse; give a built"),
        (lambda: {"actor": None}, 0.5, "cannot make a NoneType sparse"),
        (lambda: {"a": mlp(), "b": mlp()}, {"a": 0.5}, "for 'a', but the networks are 'a', 'b'"),
        (lambda: {"a": mlp()}, {"a": 0.5, "c": 0.5}, "'a', 'c', but the networks are 'a'"),
        (lambda: {"a": mlp()}, {}, "networks are 'a'"),
    ],
)
def test_foreign_arguments_are_one_clear_line(given, sparsity, words):
    with pytest.raises(ValueError, match=words) as error:
        sparsify(given(), "static", sparsity)
    assert "\n" not in str(error.value)


def test_variables_can_be_excluded_from_weight_decay():
    model = mlp()
    optimizer = sparsify(model, "static", 0.5, keras.optimizers.SGD(0.1, weight_decay=0.5))
    first, last = model.layers[0].kernel, model.layers[-1].kernel
    optimizer.exclude_from_weight_decay([last])
    before = first.numpy(), last.numpy()
    variables = model.trainable_variables
    optimizer.apply_gradients([(tf.zeros_like(variable), variable) for variable in variables])
    np.testing.assert_allclose(first, 0.95 * before[0], rtol=1e-6)
    np.testing.assert_array_equal(last, before[1])
