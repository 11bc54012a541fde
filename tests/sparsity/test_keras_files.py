"""Saved and loaded: models come back sparse, and go on training with their masks."""

import numpy as np
import pytest
import tensorflow as tf

from rigl_rl.sparsity import (
    METHODS,
    MaskUpdater,
    SparseOptimizer,
    register,
    sparsify,
    sparsity_of,
)

keras, layers = tf.keras, tf.keras.layers
GENERATIONS = {"new": keras.optimizers, "legacy": keras.optimizers.legacy}
X = np.random.default_rng(0).standard_normal((32, 8)).astype(np.float32)
Y = X[:, :1] * X[:, 1:2]
pytestmark = pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")


def mlp():
    return keras.Sequential(
        [keras.Input((8,)), layers.Dense(12, "tanh"), layers.Dense(12, "tanh"), layers.Dense(1)]
    )


def compiled(generation="new", method="rigl", **arguments):
    """A model whose masks change at every second step until step 9 (pruning: reach 80%)."""
    model = mlp()
    inner = GENERATIONS[generation].Adam(0.01)
    # Computed densely: sparse products round in another order.
    given = dict(last_update_step=9, begin_step=0, update_freq=2, sparse_execution="dense")
    model.compile(sparsify(model, method, 0.8, inner, **{**given, **arguments}), "mse")
    return model


def fit(model, epochs=1, **arguments):
    """Four steps an epoch, the same batches in each."""
    return model.fit(X, Y, 8, epochs, verbose=0, shuffle=False, **arguments)


def masks_of(optimizer):
    return [kernel.mask.numpy() for kernel in optimizer.kernels]


def assert_equal(values, others):
    assert len(values) == len(others) > 0
    for value, other in zip(values, others):
        np.testing.assert_array_equal(value, other)


# A SavedModel holds no moments and `.keras` no legacy optimizer: what is lost there is Keras' to
# keep, and masks follow from the kernels' zeros.
EXACT = [
    ("new", "model.keras"),
    ("new", "model.h5"),
    ("legacy", "model.h5"),
]
WITHOUT_MOMENTS = [("legacy", "model.keras"), ("new", "model"), ("legacy", "model")]


@pytest.mark.parametrize("method", ["rigl", "prune"])
@pytest.mark.parametrize(("generation", "file"), EXACT)
def test_a_loaded_model_continues_as_the_saved_one(tmp_path, generation, file, method):
    model = compiled(generation, method)
    fit(model)
    model.save(tmp_path / file)
    loaded = keras.models.load_model(tmp_path / file)
    assert type(loaded.optimizer) is type(model.optimizer)
    assert_equal(masks_of(loaded.optimizer), masks_of(model.optimizer))
    for each in (model, loaded):
        fit(each, 2)
    assert_equal(loaded.get_weights(), model.get_weights())
    assert_equal(masks_of(loaded.optimizer), masks_of(model.optimizer))
    assert sparsity_of(loaded.optimizer.kernels) == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("method", ["static", "prune"])
@pytest.mark.parametrize(("generation", "file"), WITHOUT_MOMENTS)
def test_where_moments_are_lost_zeros_become_the_masks(tmp_path, generation, file, method):
    model = compiled(generation, method, initial_sparsity=0.5)
    fit(model, 2)
    masks = masks_of(model.optimizer)
    model.save(tmp_path / file)
    loaded = keras.models.load_model(tmp_path / file)
    assert isinstance(loaded.optimizer, SparseOptimizer)
    fit(loaded)
    assert int(loaded.optimizer.iterations) == 12
    if method == "static":
        assert_equal(masks_of(loaded.optimizer), masks)
    else:  # pruning continues from step 8, and ends at step 9
        assert all(np.all(now <= then) for now, then in zip(masks_of(loaded.optimizer), masks))
    assert sparsity_of(loaded.optimizer.kernels) == pytest.approx(0.8, abs=0.02)
    for kernel in loaded.optimizer.kernels:
        np.testing.assert_array_equal(kernel.kernel, kernel.kernel * kernel.mask)


@pytest.mark.parametrize(("generation", "file"), [*EXACT, *WITHOUT_MOMENTS])
def test_pruning_that_has_not_begun_continues_at_its_step(tmp_path, generation, file):
    model = compiled(generation, "prune", begin_step=6)
    fit(model)
    model.save(tmp_path / file)
    loaded = keras.models.load_model(tmp_path / file)
    fit(loaded)
    assert int(loaded.optimizer.iterations) == 8


def test_under_a_loss_scale(tmp_path):
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = compiled()
        fit(model)
        model.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras")
        inner, saved = loaded.optimizer.inner_optimizer, model.optimizer.inner_optimizer
        assert_equal(masks_of(inner), masks_of(saved))
        assert int(inner.steps) == int(saved.steps)
        fit(loaded)
        assert sparsity_of(inner.kernels) == pytest.approx(0.8, abs=0.02)
    finally:
        keras.mixed_precision.set_global_policy("float32")


def test_a_model_that_was_not_trained_yet(tmp_path):
    model = compiled(method="static")
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_equal(masks_of(loaded.optimizer), masks_of(model.optimizer))
    fit(loaded)
    assert sparsity_of(loaded.optimizer.kernels) == pytest.approx(0.8, abs=0.02)


def test_without_its_state_a_dense_model_is_refused():
    model = compiled()
    clone = keras.models.clone_model(model)
    clone.compile(type(model.optimizer).from_config(model.optimizer.get_config()), "mse")
    with pytest.raises(ValueError, match=r"no zeros; load the model with compile=False.*keep_zero"):
        fit(clone)
    other = keras.Sequential([keras.Input((8,)), layers.Dense(3), layers.Dense(1)])
    other.compile(type(model.optimizer).from_config(model.optimizer.get_config()), "mse")
    with pytest.raises(ValueError, match="is not among the variables that are trained; load"):
        fit(other)


def test_keep_zeros_makes_masks_of_a_loaded_models_zeros(tmp_path):
    model = compiled()
    fit(model, 3)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", compile=False)
    with pytest.raises(ValueError, match="no zeros to keep"):
        sparsify(mlp(), "static", 0.8, keep_zeros=True)
    optimizer = sparsify(loaded, "static", 0.8, keep_zeros=True)
    assert_equal(loaded.get_weights(), model.get_weights())
    kernels = model.get_weights()[::2]
    assert_equal(masks_of(optimizer), [np.float32(kernel != 0) for kernel in kernels])
    assert [kernel.sparsity for kernel in optimizer.kernels] == pytest.approx(
        [np.mean(kernel == 0) for kernel in kernels]
    )
    before = sparsity_of(optimizer.kernels)
    loaded.compile(optimizer, "mse")
    fit(loaded)
    assert sparsity_of(optimizer.kernels) == before


def test_pruning_keeps_zeros_only_from_their_sparsity_on():
    model = compiled()
    with pytest.raises(ValueError, match="prune begins at initial_sparsity 0.0, where zeros would"):
        sparsify(model, "prune", 0.95, keep_zeros=True, total_steps=10)
    sparsest = max(np.mean(kernel == 0) for kernel in model.get_weights()[::2])
    sparsify(model, "prune", 0.95, keep_zeros=True, total_steps=10, initial_sparsity=sparsest)


def test_a_method_must_be_registered_again(tmp_path):
    @register("still")
    class Still(MaskUpdater):
        fixed = True

    try:
        config = compiled(method="still").optimizer.get_config()
    finally:
        del METHODS["still"]
    with pytest.raises(ValueError, match="method 'still', which is not registered; import"):
        SparseOptimizer._generations[False].from_config(config)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_weights_and_checkpoints(tmp_path, generation):
    """`save_weights` and `BackupAndRestore` hold the optimizer, so masks, too."""
    model = compiled(generation)
    fit(model, 2)
    model.save_weights(tmp_path / "weights")
    again = compiled(generation, seed=1)
    again.optimizer.build(again.trainable_variables)
    again.load_weights(tmp_path / "weights")
    assert_equal(masks_of(again.optimizer), masks_of(model.optimizer))

    class Killed(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    whole, killed, resumed = (compiled(generation, seed=3) for _ in range(3))
    for other in (killed, resumed):
        other.set_weights(whole.get_weights())
    fit(whole, 3)
    backup = keras.callbacks.BackupAndRestore(str(tmp_path / "backup"), delete_checkpoint=False)
    with pytest.raises(KeyboardInterrupt):
        fit(killed, 3, callbacks=[backup, Killed()])
    backup = keras.callbacks.BackupAndRestore(str(tmp_path / "backup"))
    fit(resumed, 3, callbacks=[backup])
    assert_equal(resumed.get_weights(), whole.get_weights())
    assert_equal(masks_of(resumed.optimizer), masks_of(whole.optimizer))


def test_best_weights_in_a_file_are_reported_until_they_are_masked(tmp_path):
    model = compiled(method="prune")
    best = keras.callbacks.ModelCheckpoint(tmp_path / "best.weights.h5", save_weights_only=True)
    fit(model, callbacks=[best])
    fit(model, 3)
    weights_alone = mlp()
    weights_alone.load_weights(tmp_path / "best.weights.h5", skip_mismatch=True)
    model.set_weights(weights_alone.get_weights())
    with pytest.warns(UserWarning, match="weights are not 0 where their masks are"):
        assert sparsity_of(model.optimizer.kernels) < 0.7
    fit(model)
    assert sparsity_of(model.optimizer.kernels) == pytest.approx(0.8, abs=0.02)
