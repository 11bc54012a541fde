"""`sparsify` as a user calls it: what it makes of networks, of arguments, and of bad ones."""

import numpy as np
import pytest
import tensorflow as tf

from rigl_rl.sparsity import kernels_of, sparsify, sparsity_of

SPARSE_METHODS = ["prune", "static", "set", "rigl", "rigl_inverted"]
OPTIMIZERS = {
    "new Adam": lambda: tf.keras.optimizers.Adam(0.01, jit_compile=False),
    "legacy Adam": lambda: tf.keras.optimizers.legacy.Adam(0.01),
    "momentum": lambda: tf.keras.optimizers.SGD(0.01, momentum=0.9, jit_compile=False),
}
all_optimizers = pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS.keys())


def _model(seed=0):
    tf.keras.utils.set_random_seed(seed)
    return tf.keras.Sequential(
        [
            tf.keras.Input((6,)),
            tf.keras.layers.Dense(20, activation="relu", name="a"),
            tf.keras.layers.Dense(20, activation="relu", name="b"),
            tf.keras.layers.Dense(3, name="c"),
        ]
    )


def _train(model, optimizer, steps):
    """Train steps on the batches of the given step numbers."""
    variables = model.trainable_variables
    for step in steps:
        rng = np.random.default_rng(step)
        x = rng.standard_normal((16, 6)).astype(np.float32)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(x) - x[:, :3] * x[:, 3:]) ** 2)
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))


def _assert_equal(values, others):
    assert len(values) == len(others) > 0
    for value, other in zip(values, others):
        np.testing.assert_array_equal(value, other)


# -- a sparse network is an ordinary network -----------------------------------------------------


@all_optimizers
@pytest.mark.parametrize(
    "arguments",
    [dict(method="dense", sparsity=0.9)]
    + [dict(method=m, sparsity=0.0, update_freq=2, total_steps=6) for m in SPARSE_METHODS],
    ids=lambda arguments: arguments["method"],
)
def test_without_sparsity_training_is_the_plain_optimizers_bit_for_bit(make, arguments):
    plain, ours = _model(), _model()
    _train(plain, make(), range(6))
    optimizer = sparsify(ours, optimizer=make(), **arguments)
    _train(ours, optimizer, range(6))
    _assert_equal(ours.get_weights(), plain.get_weights())
    assert int(optimizer.iterations) == 6


@all_optimizers
@pytest.mark.parametrize("method", SPARSE_METHODS)
def test_kernels_are_on_their_masks_after_every_step(make, method):
    model = _model()
    optimizer = sparsify(model, method, 0.8, make(), total_steps=6, update_freq=1)
    start = model.get_weights()
    kernels = kernels_of(model)
    assert [kernel.label for kernel in optimizer.kernels] == list(kernels)
    sparsities = []
    for step in range(6):
        _train(model, optimizer, [step])
        for kernel, variable in zip(optimizer.kernels, kernels.values()):
            assert kernel.kernel is variable
            np.testing.assert_array_equal(variable, variable * kernel.mask)
        sparsities.append(sparsity_of(optimizer.kernels))
    assert all(np.any(now != before) for now, before in zip(model.get_weights(), start))
    if method == "prune":  # steps 1 to 4: progress 0, 1/3, 2/3, 1
        expected = [0, 0, 0.8 * (1 - 8 / 27), 0.8 * (1 - 1 / 27), 0.8, 0.8]
    else:
        expected = [0.8] * 6
    assert sparsities == pytest.approx(expected, abs=3 / 580)  # within one weight per kernel


def test_pruning_reaches_its_target_in_a_run_shorter_than_its_interval():
    model = _model()
    optimizer = sparsify(model, "prune", 0.8, total_steps=10, update_freq=1000)
    _train(model, optimizer, range(10))
    assert sparsity_of(optimizer.kernels) == pytest.approx(0.8, abs=3 / 580)


@pytest.mark.parametrize("total_steps", [2, 3, 4, 6])
def test_pruning_reaches_its_target_in_the_shortest_runs(total_steps):
    model = _model()
    optimizer = sparsify(model, "prune", 0.8, total_steps=total_steps)
    _train(model, optimizer, range(total_steps))
    assert sparsity_of(optimizer.kernels) == pytest.approx(0.8, abs=3 / 580)


@all_optimizers
@pytest.mark.parametrize("method", ["prune", "set", "rigl"])
def test_a_checkpoint_continues_as_if_never_interrupted(tmp_path, make, method):
    def start(seed):
        model = _model(seed)
        optimizer = sparsify(
            model, method, 0.7, make(), total_steps=10, update_freq=2, begin_step=0, seed=7
        )
        for kernel in optimizer.kernels:  # masks of another seed
            if seed:
                kernel.mask.assign(tf.reverse(kernel.mask, [0]))
                kernel.apply_mask()
        return model, optimizer, tf.train.Checkpoint(model=model, optimizer=optimizer)

    model, optimizer, checkpoint = start(seed=0)
    _train(model, optimizer, range(5))
    path = checkpoint.write(str(tmp_path / "checkpoint"))
    _train(model, optimizer, range(5, 10))

    resumed, resumed_optimizer, checkpoint = start(seed=1)
    status = checkpoint.read(path)
    _train(resumed, resumed_optimizer, range(5, 10))
    status.assert_consumed()
    _assert_equal(resumed.get_weights(), model.get_weights())
    _assert_equal(
        [kernel.mask for kernel in resumed_optimizer.kernels],
        [kernel.mask for kernel in optimizer.kernels],
    )
    assert int(resumed_optimizer.iterations) == 10


# -- several networks ----------------------------------------------------------------------------


def _layers(*shapes):
    return [tf.Variable(tf.ones(shape), name=f"layer_{i}") for i, shape in enumerate(shapes)]


def test_sparsity_is_distributed_within_each_network():
    # ERK at 80 %, as the original gives for these two; over both together it would differ.
    actor = _layers((17, 256), (256, 256), (256, 12))
    value = _layers((17, 64), (64, 64), (64, 1))
    optimizer = sparsify({"actor": actor, "value": value}, "static", 0.8, "sgd")
    assert [(kernel.network, int(kernel.active())) for kernel in optimizer.kernels] == [
        *(("actor", active) for active in (4008, 7515, 3072)),
        *(("value", active) for active in (383, 605, 64)),
    ]


def test_each_network_may_have_a_sparsity_of_its_own():
    networks = {
        "actor": _layers((17, 256), (256, 256), (256, 12)),
        "value": _layers((17, 64), (64, 64), (64, 1)),
    }
    optimizer = sparsify(networks, "static", {"actor": 0.9, "value": 0.5}, "sgd")
    assert [(kernel.network, int(kernel.active())) for kernel in optimizer.kernels] == [
        *(("actor", active) for active in (1893, 3549, 1858)),
        *(("value", active) for active in (993, 1568, 64)),
    ]


def test_networks_of_equal_shape_get_masks_and_weights_of_their_own():
    networks = {name: _layers((30, 30)) for name in ("critic_1", "critic_2")}
    first, second = sparsify(networks, "static", 0.5, "sgd").kernels
    assert 0.4 < np.mean(first.mask.numpy() == second.mask.numpy()) < 0.6


def test_networks_of_neighboring_seeds_share_nothing():
    """Seeds of a study are 0, 1, 2, ...: critic 2 of one run must not be critic 1 of the next."""

    def masks(seed):
        networks = {name: _layers((30, 30)) for name in ("critic_1", "critic_2")}
        kernels = sparsify(networks, "static", 0.5, "sgd", seed=seed).kernels
        return [kernel.mask.numpy() for kernel in kernels]

    for mask in masks(0):
        for other in masks(1):
            assert 0.4 < np.mean(mask == other) < 0.6


def test_one_optimizer_trains_several_networks():
    networks = {"one": _model(0), "two": _model(1)}
    optimizer = sparsify(networks, "rigl", 0.8, "sgd", total_steps=10, update_freq=1)
    before = [kernel.mask.numpy() for kernel in optimizer.kernels]
    variables = [v for network in networks.values() for v in network.trainable_variables]
    gradients = [np.random.default_rng(0).standard_normal(v.shape) for v in variables]
    optimizer.apply_gradients((tf.constant(g, tf.float32), v) for g, v in zip(gradients, variables))
    assert [kernel.network for kernel in optimizer.kernels] == ["one"] * 3 + ["two"] * 3
    for kernel, mask in zip(optimizer.kernels, before):
        np.testing.assert_array_equal(kernel.kernel, kernel.kernel * kernel.mask)
        assert int(kernel.active()) == mask.sum()
        if 0 < mask.sum() < mask.size:
            assert np.any(kernel.mask != mask)


# -- arguments -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "begin", "end"),
    [
        (dict(method="rigl", total_steps=100_000), 0, 80_000),
        (dict(method="set", total_steps=100_000, last_update_step=75_000), 0, 75_000),
        (dict(method="rigl", last_update_step=-1), 0, -1),
        (dict(method="prune", total_steps=100_000), 20_000, 80_000),
        (dict(method="prune", total_steps=100_000, begin_step=0, last_update_step=9), 0, 9),
        (dict(method="prune", last_update_step=50), 0, 50),
    ],
)
def test_updates_end_at_80_percent_and_pruning_begins_at_20(arguments, begin, end):
    times = sparsify(_layers((4, 4)), optimizer="sgd", update_freq=5, **arguments).updater.times
    assert (times.frequency, times.begin, times.end) == (5, begin, end)


def test_drop_fraction_decays_to_the_last_update():
    optimizer = sparsify(_layers((4, 4)), "rigl", 0.5, "sgd", total_steps=100, drop_fraction=0.4)
    fractions = [float(optimizer.updater.drop_fraction(step)) for step in (0, 40, 80)]
    assert fractions == pytest.approx([0.4, 0.2, 0.0])
    endless = sparsify(_layers((4, 4)), "set", 0.5, "sgd", last_update_step=-1, drop_fraction=0.4)
    assert float(endless.updater.drop_fraction(10**6)) == pytest.approx(0.4)


def test_last_update_step_0_leaves_the_masks_alone():
    for method in ("rigl", "prune"):
        (kernel,) = _layers((8, 8))
        optimizer = sparsify(
            [kernel], method, 0.5, "sgd", last_update_step=0, update_freq=1, initial_sparsity=0.3
        )
        mask = optimizer.kernels[0].mask.numpy()
        for _ in range(2):
            optimizer.apply_gradients([(tf.random.normal((8, 8)), kernel)])
        np.testing.assert_array_equal(optimizer.kernels[0].mask, mask)


def test_custom_sparsities_and_uniform_distribution():
    kernels = _layers((10, 10), (10, 10), (10, 10))
    optimizer = sparsify(
        kernels,
        "static",
        0.6,
        "sgd",
        distribution="uniform",
        custom_sparsity_map={"layer_1": 0.0},
    )
    assert [int(kernel.active()) for kernel in optimizer.kernels] == [40, 100, 40]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (dict(method="rigle"), ["'rigle'", "'dense', 'prune', 'static', 'set', 'rigl', 'rigl_i"]),
        (dict(sparsity=1.2), ["sparsity is 1.2", "[0, 1)"]),
        (dict(sparsity=-0.1), ["sparsity is -0.1", "[0, 1)"]),
        (dict(sparsity=1.0), ["sparsity is 1.0", "[0, 1)"]),
        (dict(method="static", sparsity=1.2), ["sparsity is 1.2", "[0, 1)"]),
        (dict(update_freq=0), ["update_freq is 0", "at least 1"]),
        (dict(method="prune", update_freq=0), ["update_freq is 0", "at least 1"]),
        (dict(drop_fraction=1.0), ["drop_fraction is 1.0", "[0, 1)"]),
        (dict(drop_fraction_schedule="linear"), ["'linear'", "cosine"]),
        (dict(drop_noise=-1e-5), ["drop_noise is -1e-05", "at least 0"]),
        (dict(total_steps=None), ["rigl needs total_steps"]),
        (dict(method="prune", total_steps=None), ["prune needs total_steps"]),
        (dict(method="prune", last_update_step=-1), ["-1", "last step"]),
        (dict(method="prune", total_steps=1), ["total_steps is 1", "at least 2"]),
        (dict(method="prune", initial_sparsity=-0.5), ["-0.5", "[0, 1)"]),
        (dict(method="prune", initial_sparsity=0.95), ["is 0.95", "at most", "0.9"]),
        (dict(begin_step=-2), ["begin_step is -2", "at least 0"]),
        (dict(drop_fraction=-0.1), ["drop_fraction is -0.1", "[0, 1)"]),
        (dict(drop_fraction_schedule="exponential_"), ["'exponential_'", "'exponential_K'"]),
        (dict(sparsity="0.9"), ["sparsity is '0.9'", "a number"]),
        (dict(sparsity=0.99999999), ["0.99999999 leaves no connection in kernel 'layer_0'"]),
        (dict(sparse_output_layer="no"), ["sparse_output_layer is 'no'", "True or False"]),
        (dict(erk_power_scale=float("inf")), ["erk_power_scale is inf"]),
        (dict(erk_power_scale=1e4), ["erk_power_scale", "densities of kernels vanish"]),
        (dict(seed=-1), ["seed is -1", "at least 0"]),
        (dict(seed=2**50), [f"seed is {2**50}", "at most"]),
        (dict(distribution="erk"), ["'erk'", "erdos_renyi_kernel", "uniform"]),
        (dict(custom_sparsity_map={"layer_9": 0.5}), ["'layer_9'", "layer_0"]),
    ],
    ids=str,
)
def test_bad_arguments_name_the_value_and_what_is_allowed(arguments, words):
    kernels = _layers((4, 4), (4, 4))
    with pytest.raises(ValueError, match=r".") as error:
        sparsify(kernels, **{"optimizer": "sgd", "total_steps": 100, **arguments})
    message = str(error.value)
    assert "\n" not in message
    assert all(word in message for word in words)
    for kernel in kernels:  # nothing was touched
        np.testing.assert_array_equal(kernel, np.ones((4, 4)))
