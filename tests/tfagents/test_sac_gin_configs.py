"""The gin files against the paper: Table 2, Table 8 and section A.1, typed from it here."""

from __future__ import annotations

import inspect

import gin
import numpy as np
import pytest
import tensorflow as tf

from launch.agents import SAC
from rigl_rl.runs import config
from rigl_rl.sparsity import sparsify_with
from rigl_rl.tfagents import (
    actor_critic,
    sac_train_eval,
)
from rigl_rl.tfagents.hyperparameters import SacHyperparameters

MAIN = "sac_train_eval"
METHODS = ["dense", "prune", "static", "set", "rigl"]

TABLE_8 = {
    "actor_learning_rate": 3e-4,
    "critic_learning_rate": 3e-4,
    "alpha_learning_rate": 3e-4,
    "gamma": 0.99,  # discount
    "replay_capacity": 1_000_000,  # replay buffer size
    "actor_fc_layers": (256, 256),  # 2 hidden layers of 256 units, all networks
    "critic_joint_fc_layers": (256, 256),
    "critic_obs_fc_layers": None,
    "critic_action_fc_layers": None,
    "batch_size": 256,  # number of samples per minibatch
    "target_update_tau": 0.005,  # target smoothing coefficient
    "target_update_period": 1,  # target update interval
}
INITIAL_COLLECT_STEPS = {  # Table 8
    "Hopper-v2": 1_000,
    "Walker2d-v2": 1_000,
    "Humanoid-v2": 1_000,
    "HalfCheetah-v2": 10_000,
    "Ant-v2": 10_000,
}
SECTION_A1 = {"num_iterations": 1_000_000, "eval_interval": 10_000, "eval_episodes": 30}
# Weight decay, update interval, drop fraction, sparsity-aware initialization.
TABLE_2 = {
    "dense": (1e-4, None, None, None),
    "prune": (1e-4, 1_000, None, True),
    "static": (1e-4, None, None, False),
    "rigl": (1e-6, 1_000, 0.5, True),
    "set": (1e-4, 250, 0.3, True),
}


@pytest.fixture
def parsed(sac_configs):
    """Parses a method's file: the bindings of train_eval, arguments of sparsify for both."""

    def parse(method, *bindings):
        config.parse([str(sac_configs / f"{method}.gin")], bindings)
        bound = gin.get_bindings("train_eval")
        return bound, actor_critic.settings_of_both(sac_train_eval.hyperparameters())

    return parse


def updater(settings, total_steps=1_000_000):
    kernels = [tf.Variable(np.ones((30, 30), np.float32), name="kernel")]
    return sparsify_with(settings, {"q": kernels}, "adam", total_steps=total_steps).updater


@pytest.mark.parametrize("method", METHODS)
def test_hyperparameters_shared_by_all_methods(parsed, method):
    bound, _ = parsed(method)
    expected = {**TABLE_8, **SECTION_A1, "weight_decay": TABLE_2[method][0]}
    assert {name: bound[name] for name in expected} == expected
    assert (bound["env_name"], bound["width"]) == ("HalfCheetah-v2", 1.0)
    assert bound["sparse_output_layer"] is True
    # Not in the paper: the original's reward scale; the time limit is no terminal state.
    assert bound["reward_scale_factor"] == 0.1
    assert bound["bootstrap_at_time_limit"] is True


def test_without_any_file_the_defaults_are_the_papers_too():
    parameters = inspect.signature(SacHyperparameters).parameters
    expected = {**TABLE_8, **SECTION_A1, "weight_decay": 1e-4, "reward_scale_factor": 0.1}
    assert {name: parameters[name].default for name in expected} == expected


@pytest.mark.parametrize("env", INITIAL_COLLECT_STEPS)
def test_initial_collection_is_the_environments(parsed, env):
    bound, _ = parsed("rigl", f"train_eval.env_name = '{env}'")
    assert bound["initial_collect_steps"] is None
    for name in (env, env.replace("v2", "v4")):
        given = SacHyperparameters(env_name=name).resolved()
        assert given.initial_collect_steps == INITIAL_COLLECT_STEPS[env]


def test_the_launcher_counts_the_same_initial_collection():
    assert SAC.initial_collect_steps == INITIAL_COLLECT_STEPS
    for env, initial in INITIAL_COLLECT_STEPS.items():
        assert SAC.env_steps(env, SAC.schedules["paper"]) == initial + SECTION_A1["num_iterations"]


@pytest.mark.parametrize("method", METHODS)
def test_the_method_is_the_files_for_actor_and_critic(parsed, method):
    _, both = parsed(method)
    for settings in both:
        assert settings.method == method
        if method != "dense":
            assert settings.sparsity == 0.9
            assert settings.distribution == "erdos_renyi_kernel"
            assert settings.erk_power_scale == 1.0
            assert settings.sparsity_aware_init is TABLE_2[method][3]


@pytest.mark.parametrize("method", ["set", "rigl"])
def test_masks_change_from_the_start_to_80_percent_by_a_cosine(parsed, method):
    _, both = parsed(method)
    _, interval, fraction, _ = TABLE_2[method]
    for settings in both:
        found = updater(settings)
        assert found.method == method
        assert (found.times.begin, found.times.end) == (0, 800_000)
        assert found.times.frequency == interval
        fractions = [float(found.drop_fraction(step)) for step in (0, 400_000, 800_000)]
        assert fractions == pytest.approx([fraction, fraction / 2, 0.0], abs=1e-6)


def test_pruning_goes_from_20_to_80_percent(parsed):
    _, both = parsed("prune")
    for settings in both:
        found = updater(settings)
        assert (found.times.begin, found.times.end) == (200_000, 800_000)
        assert found.times.frequency == TABLE_2["prune"][1]
        assert found.initial_sparsity == 0.0


def test_static_masks_never_change(parsed):
    _, both = parsed("static")
    assert [updater(settings).times.never for settings in both] == [True, True]


@pytest.mark.parametrize("method", ["prune", "static", "set", "rigl"])
def test_one_macro_each_for_sparsity_and_distribution(parsed, method):
    _, both = parsed(method, "SPARSITY = 0.5", "DISTRIBUTION = 'uniform'")
    for settings in both:
        assert (settings.sparsity, settings.distribution) == (0.5, "uniform")


def test_a_pair_of_sparsities_is_one_binding_away(parsed):
    _, both = parsed("rigl", "train_eval.actor_critic_sparsities_str = '0.5_0.8'")
    assert [settings.sparsity for settings in both] == [0.5, 0.8]
