"""The gin files against the paper: Table 3, Table 9 and section A.1, typed from it here."""

from __future__ import annotations

import inspect
from pathlib import Path

import gin
import numpy as np
import pytest
import tensorflow as tf

from rigl_rl.runs import config
from rigl_rl.sparsity import sparsify_with
from rigl_rl.sparsity.gin_config import sparse_settings
from rigl_rl.tfagents import ppo_train_eval  # noqa: F401, registers its gin name
from rigl_rl.tfagents.hyperparameters import PpoHyperparameters

CONFIGS = Path(__file__).resolve().parents[2] / "gin_configs" / "ppo_mujoco"
METHODS = ["dense", "prune", "static", "set", "rigl"]

TABLE_9 = {
    "learning_rate": 3e-4,
    "discount_factor": 0.99,
    "actor_fc_layers": (64, 64),  # separate networks of 2 hidden layers of 64 units
    "value_fc_layers": (64, 64),
    "collect_sequence_length": 2_048,
    "minibatch_size": 64,
    "num_epochs": 10,
    "importance_ratio_clipping": 0.2,
    "use_gae": True,
    "lambda_value": 0.95,
    "entropy_regularization": 0.0,
    "value_pred_loss_coef": 0.5,
    "gradient_clipping": 0.5,
}
# A million transitions: 489 iterations are the first to reach it.
SECTION_A1 = {"num_iterations": 489, "eval_interval": 2_000, "eval_episodes": 20}
# Weight decay, update interval, drop fraction, sparsity-aware initialization.
TABLE_3 = {
    "dense": (1e-6, None, None, None),
    "prune": (1e-6, 500, None, False),
    "static": (0.0, None, None, True),
    "rigl": (1e-4, 250, 0.3, True),
    "set": (1e-6, 100, 0.0, True),
}
TOTAL_STEPS = 156_480


@pytest.fixture
def parsed():
    """Parses a method's file: the bindings of train_eval and the arguments of sparsify."""

    def parse(method, *bindings):
        config.parse([str(CONFIGS / f"{method}.gin")], bindings)
        bound = gin.get_bindings("train_eval")
        assert bound["train_mode_actor"] == bound["train_mode_value"]
        return bound, sparse_settings(bound["train_mode_actor"])

    return parse


def updater(settings):
    kernels = [tf.Variable(np.ones((30, 30), np.float32), name="kernel")]
    return sparsify_with(settings, {"actor": kernels}, "adam", total_steps=TOTAL_STEPS).updater


@pytest.mark.parametrize("method", METHODS)
def test_hyperparameters_shared_by_all_methods(parsed, method):
    bound, _ = parsed(method)
    expected = {**TABLE_9, **SECTION_A1, "weight_decay": TABLE_3[method][0]}
    assert {name: bound[name] for name in expected} == expected
    assert (bound["env_name"], bound["width"]) == ("HalfCheetah-v2", 1.0)
    assert bound["sparse_output_layer"] is True
    # Not in the paper: the time limit is no terminal state.
    assert bound["bootstrap_at_time_limit"] is True


def test_iterations_are_the_papers_million_steps(parsed):
    bound, _ = parsed("dense")
    iterations, steps = bound["num_iterations"], bound["collect_sequence_length"]
    assert (iterations - 1) * steps < 1_000_000 <= iterations * steps == 1_001_472
    assert iterations * bound["num_epochs"] * steps // bound["minibatch_size"] == TOTAL_STEPS


def test_without_any_file_the_defaults_are_the_papers_too():
    parameters = inspect.signature(PpoHyperparameters).parameters
    expected = {**TABLE_9, **SECTION_A1, "weight_decay": 1e-6}
    assert {name: parameters[name].default for name in expected} == expected


@pytest.mark.parametrize("method", METHODS)
def test_the_method_is_the_files(parsed, method):
    _, settings = parsed(method)
    assert settings.method == method
    if method != "dense":
        assert settings.sparsity == 0.9
        assert settings.distribution == "erdos_renyi_kernel"
        assert settings.erk_power_scale == 1.0
        assert settings.sparsity_aware_init is TABLE_3[method][3]


@pytest.mark.parametrize("method", ["set", "rigl"])
def test_masks_change_from_the_start_to_80_percent_by_a_cosine(parsed, method):
    _, settings = parsed(method)
    found = updater(settings)
    drop_fraction = TABLE_3[method][2]
    assert found.method == method
    assert (found.times.begin, found.times.end) == (0, 125_184)  # 80 % of 156,480
    assert found.times.frequency == TABLE_3[method][1]
    # Half of it half-way, nothing at the end.
    fractions = [float(found.drop_fraction(step)) for step in (0, 62_592, 125_184)]
    assert fractions == pytest.approx([drop_fraction, drop_fraction / 2, 0.0], abs=1e-6)


def test_pruning_goes_from_20_to_80_percent(parsed):
    _, settings = parsed("prune")
    found = updater(settings)
    assert (found.times.begin, found.times.end) == (31_296, 125_184)
    assert found.times.frequency == TABLE_3["prune"][1]
    assert found.initial_sparsity == 0.0


def test_static_masks_never_change(parsed):
    _, settings = parsed("static")
    assert updater(settings).times.never


def test_the_originals_stop_is_one_binding_away(parsed):
    _, settings = parsed("rigl", "mask_updater.last_update_step = 120000")
    assert updater(settings).times.end == 120_000
    gin.clear_config()
    _, settings = parsed(
        "prune", "wrap_all_layers.begin_step = 32000", "wrap_all_layers.end_step = 120000"
    )
    assert (updater(settings).times.begin, updater(settings).times.end) == (32_000, 120_000)


@pytest.mark.parametrize("method", ["prune", "static", "set", "rigl"])
def test_one_macro_each_for_sparsity_and_distribution(parsed, method):
    _, settings = parsed(method, "SPARSITY = 0.5", "DISTRIBUTION = 'uniform'")
    assert (settings.sparsity, settings.distribution) == (0.5, "uniform")
