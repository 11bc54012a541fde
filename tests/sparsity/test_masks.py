"""Kernels found by name, masks with exact counts, and what a seed determines."""

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.networks import q_network
from tf_agents.specs import tensor_spec

from rigl_rl.sparsity.masks import MaskedKernel, kernels_of, mask_kernels, random_mask, sparsity_of

from .worked_cases import ERK_ACTIVE, NETS


def _variables(net):
    return {f"{name}/kernel": tf.Variable(tf.ones(s)) for name, s in NETS[net].items()}


@pytest.mark.parametrize(("net", "sparsity", "active"), ERK_ACTIVE)
def test_active_weights_of_the_worked_cases(net, sparsity, active):
    kernels = mask_kernels(_variables(net), sparsity)
    assert [int(kernel.active()) for kernel in kernels] == active
    for kernel in kernels:
        mask, weights = kernel.mask.numpy(), kernel.kernel.numpy()
        assert set(np.unique(mask)) <= {0.0, 1.0}
        assert np.all(weights[mask == 0] == 0)
        assert np.count_nonzero(weights) > 0.999 * mask.sum()
    total = sum(np.prod(shape) for shape in NETS[net].values())
    assert sparsity_of(kernels) == pytest.approx(1 - sum(active) / total)


@pytest.mark.parametrize(
    ("shape", "sparsity", "ones"),
    [
        ((10,), 0.75, 3),
        ((2, 5), 0.79, 3),
        ((3, 3, 2, 2), 0.5, 18),
        ((7, 1), 0.0, 7),
        ((3,), 0.9, 1),
    ],
)
def test_random_masks_hold_size_minus_floor_of_zeros(shape, sparsity, ones):
    mask = random_mask(shape, sparsity, np.random.default_rng(0))
    assert mask.shape == shape
    assert mask.dtype == np.float32
    assert sorted(set(mask.ravel()) | {1.0}) in ([0.0, 1.0], [1.0])
    assert mask.sum() == ones


def test_every_place_of_a_random_mask_is_as_likely():
    rng = np.random.default_rng(0)
    counts = sum(random_mask((4, 5), 0.8, rng) for _ in range(2000))
    # 4 of 20 each time: 400 expected, standard deviation 17.9.
    assert np.all(np.abs(counts - 400) < 5 * 17.9)


# -- seeds -----------------------------------------------------------------------------------


def _masks_and_weights(seed):
    kernels = mask_kernels({name: tf.Variable(tf.ones((20, 20))) for name in "ab"}, 0.5, seed=seed)
    return [kernel.mask.numpy() for kernel in kernels], [k.kernel.numpy() for k in kernels]


def test_the_seed_determines_masks_and_weights():
    masks, weights = _masks_and_weights(3)
    same_masks, same_weights = _masks_and_weights(3)
    other_masks, _ = _masks_and_weights(4)
    np.testing.assert_array_equal(masks, same_masks)
    np.testing.assert_array_equal(weights, same_weights)
    assert np.any(masks[0] != other_masks[0])


def test_kernels_of_one_shape_differ():
    masks, weights = _masks_and_weights(3)
    agreement = np.mean(masks[0] == masks[1])
    assert 0.35 < agreement < 0.65  # 1/2 expected of independent masks, standard deviation 0.025
    both = (masks[0] * masks[1]) == 1
    assert abs(np.corrcoef(weights[0][both], weights[1][both])[0, 1]) < 0.4


# -- what happens to the weights ---------------------------------------------------------------


def test_without_sparsity_aware_initialization_weights_are_only_masked():
    kernels = mask_kernels({"k": tf.Variable(tf.fill((6, 6), 7.0))}, 0.5, sparsity_aware_init=False)
    np.testing.assert_array_equal(kernels[0].kernel, 7.0 * kernels[0].mask.numpy())


def test_sparsity_aware_initialization_redraws_layers_that_stay_dense_too():
    kernels = mask_kernels(_variables("cartpole"), 0.9)
    first = kernels[0]
    assert int(first.active()) == 4 * 512
    # Each of the 512 units has 4 inputs, each input 512 outputs: L = sqrt(3 / 258).
    limit = np.sqrt(3 / 258)
    weights = first.kernel.numpy()
    assert 0.98 * limit < np.abs(weights).max() <= limit


def test_rescaling_keeps_the_masks_and_the_weights_of_layers_that_stay_dense():
    draw = np.random.default_rng(0).standard_normal
    own = {name: draw(shape).astype(np.float32) for name, shape in NETS["cartpole"].items()}
    drawn, fitted = (
        mask_kernels({name: tf.Variable(own[name]) for name in own}, 0.9, sparse_initializer=kind)
        for kind in ("glorot", "rescale")
    )
    for glorot, kernel in zip(drawn, fitted):
        np.testing.assert_array_equal(glorot.mask, kernel.mask)
        mask = kernel.mask.numpy()
        active = np.maximum(1, mask.sum(0))
        expected = own[kernel.label] * mask * np.sqrt(len(mask) / active)
        np.testing.assert_allclose(kernel.kernel, expected, rtol=1e-5)
    np.testing.assert_array_equal(fitted[0].kernel, own[fitted[0].label])  # dense


@pytest.mark.parametrize("arguments", [dict(sparsity=0.0), dict(sparsity=0.9, start_dense=True)])
def test_a_dense_start_keeps_the_networks_own_initializer(arguments):
    weights = np.random.default_rng(0).standard_normal((8, 8)).astype(np.float32)
    (kernel,) = mask_kernels({"k": tf.Variable(weights)}, **arguments)
    np.testing.assert_array_equal(kernel.kernel, weights)
    assert int(kernel.active()) == 64
    # What pruning ends at: whole weights, floor(0.9 * 64) = 57 zeros.
    assert kernel.sparsity == pytest.approx(57 / 64 if arguments["sparsity"] else 0.0)


def test_apply_mask_and_labels():
    kernel = MaskedKernel("k", "actor", tf.Variable([[1.0, 2.0]]), [[0.0, 1.0]], 0.5)
    kernel.apply_mask()
    np.testing.assert_array_equal(kernel.kernel, [[0.0, 2.0]])
    assert (kernel.label, kernel.network, int(kernel.active())) == ("k", "actor", 1)
    assert not kernel.mask.trainable


# -- kernels_of --------------------------------------------------------------------------------


def test_kernels_of_a_keras_model_are_its_dense_and_conv_kernels_in_order():
    model = tf.keras.Sequential(
        [
            tf.keras.Input((6, 6, 2)),
            tf.keras.layers.Conv2D(3, 2, name="eye"),
            tf.keras.layers.BatchNormalization(name="norm"),
            tf.keras.layers.Flatten(),
            tf.keras.layers.Dense(4, name="a"),
            tf.keras.layers.Dense(2, name="head"),
        ]
    )
    kernels = kernels_of(model)
    assert list(kernels) == ["eye/kernel", "a/kernel", "head/kernel"]
    assert kernels["eye/kernel"] is model.get_layer("eye").kernel
    assert kernels["head/kernel"] is model.get_layer("head").kernel


def test_kernels_of_a_tf_agents_network():
    network = q_network.QNetwork(
        tf.TensorSpec((4,), tf.float32),
        tensor_spec.BoundedTensorSpec((), tf.int32, 0, 1),
        fc_layer_params=(8, 16),
    )
    with pytest.raises(ValueError, match=r"create_variables"):
        kernels_of(network)
    network.create_variables()
    shapes = [tuple(kernel.shape) for kernel in kernels_of(network).values()]
    assert shapes == [(4, 8), (8, 16), (16, 2)]


def test_equal_names_are_made_unique():
    variables = [tf.Variable(tf.zeros((1, 1)), name="dense/kernel") for _ in range(3)]
    variables.insert(1, tf.Variable(tf.zeros((1, 1)), name="dense/kernel_2"))
    named = kernels_of(variables)
    assert len(named) == 4
    assert [id(variable) for variable in named.values()] == [id(v) for v in variables]
    assert list(named)[:2] == ["dense/kernel", "dense/kernel_2"]


@pytest.mark.parametrize(
    "unbuilt",
    [tf.keras.Sequential([tf.keras.layers.Dense(2)]), tf.keras.layers.Dense(2)],
    ids=["model", "layer"],
)
def test_an_unbuilt_network_says_how_to_build_it(unbuilt):
    with pytest.raises(ValueError, match="no variables yet; build it first"):
        kernels_of(unbuilt)


def test_a_network_without_kernels_is_refused():
    with pytest.raises(ValueError, match="no Dense or Conv kernel"):
        kernels_of(
            tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.BatchNormalization()])
        )
    with pytest.raises(ValueError, match="no Dense or Conv kernel"):
        kernels_of([])
