"""The gin files against the paper: Table 1, Table 6 and section A.1, typed from it here."""

from __future__ import annotations

import inspect

import gin
import numpy as np
import pytest
import tensorflow as tf

from rigl_rl.runs import config
from rigl_rl.sparsity import sparsify_with
from rigl_rl.sparsity.gin_config import sparse_settings
from rigl_rl.tfagents import dqn_train_eval  # noqa: F401, registers its gin name
from rigl_rl.tfagents.hyperparameters import DqnHyperparameters

METHODS = ["dense", "prune", "static", "set", "rigl"]

TABLE_6 = {
    "gamma": 0.99,  # discount
    "target_update_tau": 1.0,  # target smoothing coefficient
    "epsilon_decay_period": 25_000,  # 2.5e4 environment steps, of which each train step takes one
    "replay_capacity": 100_000,  # replay buffer size
    "learning_rate": 1e-3,
    "initial_collect_steps": 1_000,
    "target_update_period": 100,  # target update interval
    "reward_scale_factor": 1.0,
    "epsilon_greedy": 0.1,  # final epsilon
    "eval_epsilon_greedy": 0.1,  # eval epsilon
    "batch_size": 128,  # number of samples per minibatch
    "fc_layer_params": (512, 512),  # 2 hidden dense layers of 512 units
}
SECTION_A1 = {"num_iterations": 100_000, "eval_interval": 2_000, "eval_episodes": 20}
# Weight decay, update interval, drop fraction, sparsity-aware initialization.
TABLE_1 = {
    "dense": (1e-6, None, None, None),
    "prune": (1e-6, 1_000, None, True),
    "static": (1e-6, None, None, True),
    "rigl": (1e-6, 1_000, 0.5, True),
    "set": (1e-6, 1_000, 0.5, True),
}


@pytest.fixture
def parsed(configs):
    """Parses a method's file: the bindings of train_eval and the arguments of sparsify."""

    def parse(method, *bindings):
        config.parse([str(configs / f"{method}.gin")], bindings)
        bound = gin.get_bindings("train_eval")
        return bound, sparse_settings(bound["train_mode"])

    return parse


def updater(settings, total_steps=100_000):
    kernels = [tf.Variable(np.ones((30, 30), np.float32), name="kernel")]
    return sparsify_with(settings, {"q": kernels}, "adam", total_steps=total_steps).updater


@pytest.mark.parametrize("method", METHODS)
def test_hyperparameters_shared_by_all_methods(parsed, method):
    bound, _ = parsed(method)
    expected = {**TABLE_6, **SECTION_A1, "weight_decay": TABLE_1[method][0]}
    assert {name: bound[name] for name in expected} == expected
    assert (bound["env_name"], bound["width"]) == ("CartPole-v0", 1.0)
    # Not in the paper: the time limit is no terminal state, exploration starts at its final rate.
    assert bound["bootstrap_at_time_limit"] is True
    assert bound["initial_epsilon_greedy"] == 0.1


def test_without_any_file_the_defaults_are_the_papers_too():
    parameters = inspect.signature(DqnHyperparameters).parameters
    expected = {**TABLE_6, **SECTION_A1, "weight_decay": 1e-6}
    assert {name: parameters[name].default for name in expected} == expected


@pytest.mark.parametrize("method", METHODS)
def test_the_method_is_the_files(parsed, method):
    _, settings = parsed(method)
    assert settings.method == method
    if method != "dense":
        assert settings.sparsity == 0.9
        assert settings.distribution == "erdos_renyi_kernel"
        assert settings.erk_power_scale == 1.0
        assert settings.sparsity_aware_init is TABLE_1[method][3] is True


@pytest.mark.parametrize("method", ["set", "rigl"])
def test_masks_change_from_the_start_to_80_percent_by_a_cosine(parsed, method):
    _, settings = parsed(method)
    found = updater(settings)
    assert found.method == method
    assert (found.times.begin, found.times.end) == (0, 80_000)
    assert found.times.frequency == TABLE_1[method][1]
    # Half of 0.5 half-way, nothing at the end.
    fractions = [float(found.drop_fraction(step)) for step in (0, 40_000, 80_000)]
    assert fractions == pytest.approx([TABLE_1[method][2], 0.25, 0.0], abs=1e-6)


def test_pruning_goes_from_20_to_80_percent(parsed):
    _, settings = parsed("prune")
    found = updater(settings)
    assert (found.times.begin, found.times.end) == (20_000, 80_000)
    assert found.times.frequency == TABLE_1["prune"][1]
    assert found.initial_sparsity == 0.0
    shorter = updater(settings, total_steps=1_000)
    assert (shorter.times.begin, shorter.times.end) == (200, 800)


def test_static_masks_never_change(parsed):
    _, settings = parsed("static")
    assert updater(settings).times.never


def test_the_original_stop_is_one_binding_away(parsed):
    _, settings = parsed("rigl", "mask_updater.last_update_step = 75000")
    assert updater(settings).times.end == 75_000
    gin.clear_config()
    _, settings = parsed("prune", "wrap_all_layers.end_step = 75000")
    assert updater(settings).times.end == 75_000


@pytest.mark.parametrize("method", ["prune", "static", "set", "rigl"])
def test_one_macro_each_for_sparsity_and_distribution(parsed, method):
    _, settings = parsed(method, "SPARSITY = 0.5", "DISTRIBUTION = 'uniform'")
    assert (settings.sparsity, settings.distribution) == (0.5, "uniform")


def test_rigl_inverted_is_one_binding_away(parsed):
    _, settings = parsed("rigl", "mask_updater.update_alg = 'rigl_inverted'")
    assert updater(settings).method == "rigl_inverted"
