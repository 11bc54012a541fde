"""Sparse execution of ordinary Keras networks: the same training as dense, from fewer products."""

import json
import types

import numpy as np
import pytest
import tensorflow as tf

from rigl_rl.runs.random_state import operations_of
from rigl_rl.sparsity import SparseOptimizer, kernels_of, sparsify
from rigl_rl.sparsity.execution import describe, execution, library, record

pytestmark = pytest.mark.usefixtures("operation")

STEPS, EPOCHS, BATCH = 8, 3, 32


def network(regularizer=None, units=96):
    tf.keras.utils.set_random_seed(3)
    dense = tf.keras.layers.Dense
    return tf.keras.Sequential(
        [
            tf.keras.Input((20,)),
            dense(units, activation="relu", name="a", kernel_regularizer=regularizer),
            dense(units, activation="tanh", name="b", use_bias=False),
            dense(units, activation="relu", name="c", kernel_regularizer=regularizer),
            dense(1, name="d"),
        ]
    )


def data():
    x = np.random.default_rng(0).standard_normal((STEPS * BATCH, 20)).astype(np.float32)
    return x, x[:, :1] * x[:, 1:2] + x[:, 2:3]


def fit(mode, method="rigl", optimizer="adam", regularizer=None, **arguments):
    model = network(regularizer)
    if method != "static":
        arguments = {"update_freq": 5, "last_update_step": 15, **arguments}
    arguments = {"distribution": "uniform", "total_steps": STEPS * EPOCHS, "seed": 1, **arguments}
    sparse = sparsify(model, method, 0.8, optimizer, sparse_execution=mode, **arguments)
    model.compile(sparse, loss="mse")
    model.fit(*data(), batch_size=BATCH, epochs=EPOCHS, shuffle=False, verbose=0)
    return model, sparse


@pytest.mark.parametrize(
    ("method", "optimizer", "regularizer"),
    [
        ("rigl", "adam", None),
        ("rigl", tf.keras.optimizers.legacy.Adam, tf.keras.regularizers.L2(1e-3)),
        ("rigl", lambda: tf.keras.optimizers.SGD(0.05, momentum=0.9), None),
        ("rigl", lambda: tf.keras.optimizers.Adam(clipvalue=0.1), tf.keras.regularizers.L1(1e-4)),
        ("rigl_inverted", "adam", tf.keras.regularizers.OrthogonalRegularizer(1e-3)),
        ("set", "adam", tf.keras.regularizers.L1L2(1e-4, 1e-3)),
        ("static", "adam", tf.keras.regularizers.L2(1e-3)),
    ],
)
def test_trains_as_dense_execution_does(method, optimizer, regularizer):
    def run(mode):
        made = optimizer() if callable(optimizer) else optimizer
        return fit(mode, method, made, regularizer)

    (dense, dense_optimizer), (sparse, sparse_optimizer) = run("dense"), run("sparse")
    assert len(sparse_optimizer.execution.names) == 4
    assert not dense_optimizer.execution.sparse
    for ours, theirs in zip(sparse_optimizer.kernels, dense_optimizer.kernels):
        np.testing.assert_array_equal(ours.mask, theirs.mask)
        np.testing.assert_array_equal(ours.kernel, ours.kernel * ours.mask)
    for ours, theirs in zip(sparse.variables, dense.variables):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)
    assert int(sparse_optimizer.iterations) == STEPS * EPOCHS


def test_masks_do_change_in_these_trainings():
    _, optimizer = fit("sparse")
    _, static = fit("sparse", "static")
    assert any(
        np.any(changed.mask != fixed.mask)
        for changed, fixed in zip(optimizer.kernels, static.kernels)
    )


def test_a_train_step_holds_no_dense_product_of_sparse_layers_but_at_mask_updates():
    model, optimizer = fit("sparse", "static")
    x, y = (tf.constant(each[:BATCH]) for each in data())

    @tf.function
    def step():
        return model.train_step((x, y))

    found = operations_of(step.get_concrete_function())
    assert {"RiglDense", "RiglDenseGradient", "RiglAdam"} <= found
    # The scattered gradient has fallen out, for nobody reads it.
    assert not found & {"MatMul"}
    assert "MatMul" in operations_of(tf.function(model).get_concrete_function(x))


def test_outside_of_train_steps_layers_are_keras_own():
    model, _ = fit("sparse")
    x = tf.constant(data()[0])
    before = model(x)
    for layer in model.layers:
        layer.call = types.MethodType(type(layer).call, layer)
    np.testing.assert_array_equal(model(x), before)


def test_regularizers_sum_over_active_weights_alone(tmp_path):
    model = network(tf.keras.regularizers.L2(1e-2))
    optimizer = sparsify(model, "static", 0.8, sparse_execution="sparse", total_steps=1)
    masks = [kernel.mask.numpy() for kernel in optimizer.kernels]
    for layer in model.layers:
        layer.kernel.assign(tf.ones_like(layer.kernel))  # inactive ones too, to tell them apart

    @tf.function
    def losses():
        with optimizer.execution.train_steps():
            return model.losses

    # The first and the third layer's: they have a regularizer.
    expected = [1e-2 * np.count_nonzero(mask) for mask in (masks[0], masks[2])]
    np.testing.assert_allclose([float(loss) for loss in losses()], expected, rtol=1e-6)
    dense = [1e-2 * mask.size for mask in (masks[0], masks[2])]
    np.testing.assert_allclose([float(loss) for loss in model.losses], dense, rtol=1e-6)
    tf.saved_model.save(model, str(tmp_path))  # as they are outside of train steps
    saved = tf.saved_model.load(str(tmp_path))
    np.testing.assert_allclose([float(f()) for f in saved.regularization_losses], dense, rtol=1e-6)


def test_a_loop_with_cached_weights_and_a_restored_checkpoint(tmp_path):
    """Lists and cache follow the optimizer, mask updates and restored checkpoints."""

    def train(cached, steps):
        model = network(tf.keras.regularizers.L2(1e-3))
        optimizer = sparsify(
            model, "rigl", 0.8, sparse_execution="sparse", last_update_step=20, update_freq=4
        )
        x, y = map(tf.constant, data())
        path = f"{tmp_path}/checkpoint-{cached}"
        checkpoint = tf.train.Checkpoint(model=model, optimizer=optimizer)

        @tf.function
        def step():
            with optimizer.execution.train_steps(cached):
                with tf.GradientTape() as tape:
                    loss = tf.reduce_mean((model(x) - y) ** 2) + tf.add_n(model.losses)
                variables = model.trainable_variables
                optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))

        optimizer.build(model.trainable_variables)
        for number in steps:
            if number is None:  # what came before is undone
                checkpoint.read(path).assert_existing_objects_matched()
            else:
                step()
            if number == 10:
                checkpoint.write(path)
        return model.get_weights()

    straight = train(False, range(1, 21))
    for cached in (False, True):
        weights = train(cached, [*range(1, 16), None, *range(11, 21)])
        for ours, theirs in zip(weights, straight):
            np.testing.assert_array_equal(ours, theirs)


def test_clipping_between_layers_and_optimizer_is_refused():
    model = network()
    optimizer = sparsify(model, "rigl", 0.8, sparse_execution="sparse", last_update_step=10)
    x, y = map(tf.constant, data())

    @tf.function
    def step():
        with optimizer.execution.train_steps(), tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(x) - y) ** 2)
            variables = model.trainable_variables
            gradients, _ = tf.clip_by_global_norm(tape.gradient(loss, variables), 1.0)
            optimizer.apply_gradients(zip(gradients, variables))

    with pytest.raises(ValueError, match="sparse_execution to 'dense'"):
        step()


def test_auto_takes_large_sparse_layers_only():
    model = network(units=256)
    optimizer = sparsify(model, "static", 0.9, sparse_execution="auto", distribution="uniform")
    # 20 x 256 and 256 x 256, not 256 x 1.
    assert [name[-8:] for name in optimizer.execution.names] == ["a/kernel", "b/kernel", "c/kernel"]
    model = network(units=256)
    optimizer = sparsify(model, "static", 0.5, sparse_execution="auto", distribution="uniform")
    assert not optimizer.execution.sparse
    assert not sparsify(network(), "dense").execution.sparse


def test_pruning_runs_sparsely_after_its_last_update():
    optimizer = sparsify(
        network(), "prune", 0.8, sparse_execution="sparse", total_steps=100, update_freq=10
    )
    assert optimizer.execution.first_step == 81


def test_without_the_operation_training_is_dense_and_says_so(monkeypatch):
    def missing():
        raise library.Missing("the operation is not built")

    monkeypatch.setattr(library, "operation", missing)
    optimizer = sparsify(network(units=256), "static", 0.95)
    assert not optimizer.execution.sparse
    assert describe([optimizer.execution]) == "dense execution: the operation is not built"
    with pytest.raises(ValueError, match="'sparse', but the operation is not built"):
        sparsify(network(), "static", 0.9, sparse_execution="sparse")


@pytest.mark.parametrize(
    "optimizer",
    [
        tf.keras.optimizers.Adam(clipnorm=0.5),
        tf.keras.optimizers.legacy.Adam(gradient_transformers=[lambda pairs: pairs]),
    ],
    ids=["clips norms", "transforms gradients"],
)
def test_optimizers_that_need_dense_gradients(optimizer):
    assert not sparsify(network(units=256), "static", 0.95, optimizer).execution.sparse
    with pytest.raises(ValueError, match="choose 'dense'"):
        sparsify(network(), "static", 0.9, optimizer, sparse_execution="sparse")


def test_an_unknown_mode():
    with pytest.raises(ValueError, match="one of 'auto', 'sparse', 'dense'"):
        sparsify(network(), "static", 0.9, sparse_execution="dens")


def test_the_record():
    optimizer = sparsify(network(), "set", 0.8, sparse_execution="sparse", last_update_step=10)
    recorded = json.loads(json.dumps(record([optimizer.execution])))
    assert recorded["mode"] == "sparse"
    assert recorded["sparse"][0].endswith("/a/kernel")
    assert recorded["from_step"] == 0
    assert recorded["processor"] in ("any", "avx2", "avx512")
    assert "/b/kernel" in describe([optimizer.execution])


def test_a_target_network_follows():
    """Its own older connections until the copy, then the online network's."""
    online, target = network(), network()
    optimizer = sparsify(online, "rigl", 0.8, sparse_execution="sparse", last_update_step=10)
    target.set_weights(online.get_weights())
    optimizer.execution.follow(online, target, period=5)
    x = tf.constant(data()[0])

    @tf.function
    def sparsely(model):
        with optimizer.execution.train_steps():
            return model(x)

    np.testing.assert_allclose(sparsely(target), target(x), rtol=1e-4, atol=1e-5)
    for kernel in kernels_of(online).values():
        kernel.assign(tf.reverse(kernel, [0]))
    target.set_weights(online.get_weights())
    assert np.abs(sparsely(target) - target(x)).max() > 1e-2
    optimizer.execution.renew_targets()
    np.testing.assert_allclose(sparsely(target), target(x), rtol=1e-4, atol=1e-5)


def test_a_sparse_optimizer_without_execution_is_dense():
    optimizer = SparseOptimizer(tf.keras.optimizers.SGD(0.1), [])
    assert execution.record([optimizer.execution])["sparse"] == []
