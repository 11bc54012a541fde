"""The original's gin names, given as in the authors' configs, as arguments of `sparsify`."""

import gin
import pytest
import tensorflow as tf

from rigl_rl.runs import config
from rigl_rl.sparsity import DENSE, SparseSettings, sparsify_with
from rigl_rl.sparsity.gin_config import sparse_settings


def _settings(*bindings, train_mode="sparse"):
    gin.parse_config(list(bindings))
    return sparse_settings(train_mode)


RIGL = (
    "wrap_all_layers.mode = 'constant'",
    "init_masks.mask_init_method = 'random'",
    "init_masks.sparsity = 0.8",
    "init_masks.erk_power_scale = 0.5",
    "init_masks.custom_sparsity_map = {'a': 0.1}",
    "init_masks.fixed_sparse_init = True",
    "init_masks.sparse_initializer = 'rescale'",
    "mask_updater.update_alg = 'rigl'",
    "mask_updater.schedule_alg = 'lr'",
    "mask_updater.update_freq = 250",
    "mask_updater.init_drop_fraction = 0.3",
    "mask_updater.last_update_step = 75000",
    "mask_updater.use_stateless = True",
    "sparse_execution.mode = 'dense'",
)
PRUNE = (
    "wrap_all_layers.mode = 'prune'",
    "wrap_all_layers.mask_init_method = 'erdos_renyi'",
    "wrap_all_layers.initial_sparsity = 0.1",
    "wrap_all_layers.final_sparsity = 0.95",
    "wrap_all_layers.begin_step = 20000",
    "wrap_all_layers.end_step = 75000",
    "wrap_all_layers.frequency = 500",
)


def test_constant_mode_is_configured_by_init_masks_and_mask_updater():
    assert _settings(*RIGL) == SparseSettings(
        method="rigl",
        distribution="uniform",
        sparsity=0.8,
        erk_power_scale=0.5,
        custom_sparsity_map={"a": 0.1},
        sparsity_aware_init=True,
        sparse_initializer="rescale",
        drop_fraction_schedule="lr",
        update_freq=250,
        drop_fraction=0.3,
        last_update_step=75000,
        sparse_execution="dense",
    )


def test_prune_mode_is_configured_by_wrap_all_layers():
    # Bindings of the other mode, as a shared base file has them, do not leak.
    settings = _settings("init_masks.sparsity = 0.5", "mask_updater.update_freq = 7", *PRUNE)
    assert settings == SparseSettings(
        method="prune",
        distribution="erdos_renyi",
        sparsity=0.95,
        initial_sparsity=0.1,
        begin_step=20000,
        last_update_step=75000,
        update_freq=500,
        sparsity_aware_init=False,
    )


@pytest.mark.parametrize(
    ("algorithm", "method"),
    [("", "static"), ("set", "set"), ("rigl", "rigl"), ("rigl_inverted", "rigl_inverted")],
)
def test_names_of_the_update_algorithms(algorithm, method):
    assert _settings(f"mask_updater.update_alg = '{algorithm}'").method == method


def test_defaults_leave_the_ends_to_the_length_of_training():
    settings = _settings("init_masks.sparsity = 0.9")
    assert settings.method == "static"
    assert settings.last_update_step is None
    settings = _settings("wrap_all_layers.mode = 'prune'")
    assert settings.begin_step is None
    assert settings.last_update_step is None


def test_dense_ignores_every_binding():
    assert _settings(*RIGL, train_mode="dense") == DENSE


@pytest.mark.parametrize(
    ("bindings", "method", "steps", "active"),
    [
        # 0.8 of a single uniform layer, but for the layer set by hand: floor(0.1 * 60) zeros.
        (RIGL, "rigl", (0, 75000, 250), {"a": 54, "b": 12}),
        (PRUNE, "prune", (20000, 75000, 500), {"a": 60, "b": 60}),
    ],
    ids=["rigl", "prune"],
)
def test_settings_make_a_sparse_optimizer(bindings, method, steps, active):
    kernels = [tf.Variable(tf.ones((6, 10)), name=name) for name in "ab"]
    optimizer = sparsify_with(_settings(*bindings), kernels, "sgd", total_steps=100_000)
    times = optimizer.updater.times
    assert optimizer.updater.method == method
    assert (times.begin, times.end, times.frequency) == steps
    assert {kernel.label: int(kernel.active()) for kernel in optimizer.kernels} == active


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("mask_updater.update_alg", "'rigel'", "'set', 'rigl'"),
        ("wrap_all_layers.mode", "'pruned'", "'constant', 'prune'"),
        ("wrap_all_layers.mode", "'set'", "'constant', 'prune'"),
        ("mask_updater.update_freq", "2.5", "whole number"),
        ("init_masks.fixed_sparse_init", "'no'", "True or False"),
        ("init_masks.sparse_initializer", "'he'", "'glorot', 'rescale'"),
        ("wrap_all_layers.final_sparsity", "1", "[0, 1)"),
        ("sparse_execution.mode", "'fast'", "'auto'"),
    ],
)
def test_unknown_values_name_what_is_allowed(refused, name, value, allowed):
    with refused(f"{name} is {value}", allowed):
        config.parse([], [f"{name} = {value}"])


@pytest.mark.parametrize("binding", ["mask_updater.frequency = 1", "init_maks.sparsity = 0.5"])
def test_misspelt_names_are_refused(binding):
    with pytest.raises(ValueError, match=r"(?i)no (configurable|parameter)|doesn't have"):
        _settings(binding)
