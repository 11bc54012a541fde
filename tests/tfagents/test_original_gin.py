"""original.gin over every method's file, against the authors' own files (tests/original)."""

from __future__ import annotations

from pathlib import Path

import gin
import numpy as np
import pytest
import tensorflow as tf

from rigl_rl.errors import ConfigError
from rigl_rl.runs import config
from rigl_rl.sparsity import sparsify_with
from rigl_rl.sparsity.gin_config import sparse_settings
from rigl_rl.tfagents import dqn_train_eval, ppo_train_eval, sac_train_eval

TESTS = Path(__file__).resolve().parents[1]
MAINS = {
    "dqn_classic": (dqn_train_eval, "dqn_gym"),
    "sac_mujoco": (sac_train_eval, "sac_mujoco"),
    "ppo_mujoco": (ppo_train_eval, "ppo_mujoco"),
}
FILES = {
    "dense": "dense",
    "prune": "pruning",
    "static": "sparse",
    "set": "sparse",
    "rigl": "sparse",
}
TOTAL_STEPS = {"dqn_classic": 100_000, "sac_mujoco": 1_000_000, "ppo_mujoco": 156_480}

# Tasks and records, which are the user's, and what has no effect on a dense network.
LEFT_OUT = {"env_name", "policy_save_interval", "sparse_output_layer"}
# What the authors' code does although their files do not say so.
IN_CODE = {
    "dqn_classic": {
        "initial_epsilon_greedy": 0.01,  # no decay
        "eval_epsilon_greedy": 0.0,
        "decay_output_layer": False,
        "bootstrap_at_time_limit": False,
    },
    "sac_mujoco": {"bootstrap_at_time_limit": False},
    # An iteration has 320 steps; one is evaluated that ends 2,000 or more after the last one was.
    "ppo_mujoco": {"eval_interval": 7 * 320, "bootstrap_at_time_limit": False},
}


@pytest.fixture(params=MAINS)
def agent(request):
    """An agent's name, with its main as the only one that gin knows."""
    registry = gin.config._REGISTRY
    own = f"rigl_rl.tfagents.{MAINS[request.param][0].__name__.split('.')[-1]}.train_eval"
    others = [name for name in registry.matching_selectors("train_eval") if name != own]
    removed = {name: registry.pop(name) for name in others}
    assert registry.matching_selectors("train_eval") == [own]
    yield request.param
    for name, main in removed.items():
        registry[name] = main


def parse(agent, files, *bindings):
    """What is bound of train_eval, and the arguments of `sparsify`."""
    gin.clear_config()
    config.parse([str(file) for file in files], bindings)
    bound = gin.get_bindings("train_eval")
    modes = {value for name, value in bound.items() if name.startswith("train_mode")}
    (mode,) = modes or {"dense"}
    return bound, sparse_settings(mode)


def authors(agent, method):
    """As the authors start it."""
    file = TESTS / "original" / f"{MAINS[agent][1]}_{FILES[method]}_config.gin"
    alg = "" if method == "static" else method
    by_hand = (f"mask_updater.update_alg = '{alg}'",) if FILES[method] == "sparse" else ()
    return parse(agent, [file], *by_hand)


def ours(agent, method, *bindings):
    """The method's file with original.gin over it."""
    folder = TESTS.parent / "gin_configs" / agent
    return parse(agent, [folder / f"{method}.gin", folder / "original.gin"], *bindings)


def updater(agent, settings):
    kernels = [tf.Variable(np.ones((30, 30), np.float32), name="kernel")]
    return sparsify_with(settings, {"q": kernels}, "adam", total_steps=TOTAL_STEPS[agent]).updater


@pytest.mark.parametrize("method", FILES)
def test_values_are_those_of_the_authors_file(agent, method):
    expected, their_settings = authors(agent, method)
    found, settings = ours(agent, method)
    wanted = {**expected, **IN_CODE[agent]}
    wanted = {name: value for name, value in wanted.items() if name not in LEFT_OUT}
    assert len(wanted) >= 5
    assert {name: found[name] for name in wanted} == wanted
    if method != "dense":
        assert found["sparse_output_layer"] is expected["sparse_output_layer"] is True

    assert settings.method == their_settings.method == method
    assert updater(agent, settings) == updater(agent, their_settings)
    if method in ("static", "set", "rigl"):
        for name in ("distribution", "sparsity", "erk_power_scale", "sparsity_aware_init"):
            assert getattr(settings, name) == getattr(their_settings, name)


def test_a_control_of_rigl_is_understood_as_well(agent):
    _, settings = ours(agent, "rigl", "mask_updater.update_alg = 'rigl_inverted'")
    assert settings.method == "rigl_inverted"


def test_bindings_win_over_it(agent):
    found, settings = ours(
        agent, "set", "train_eval.weight_decay = 0.5", "mask_updater.update_freq = 3"
    )
    assert (found["weight_decay"], settings.update_freq) == (0.5, 3)


# -- what original.gin is made of --------------------------------------------------------------

VALUES = ("train_eval.weight_decay = @by_method()", "by_method.dense = 1.0", "by_method.set = 2.0")


@pytest.mark.parametrize(
    ("method", "bindings", "expected"),
    [
        ("dense", (), 1.0),
        ("set", (), 2.0),
        ("rigl", ("mask_updater.update_alg = 'set'",), 2.0),
        ("set", ("MODE = 'dense'", *(f"train_eval.{name} = %MODE" for name in ("m1", "m2"))), 1.0),
    ],
)
def test_a_value_by_method(agent, method, bindings, expected):
    names = [name for name in ("train_mode_actor", "train_mode_value") if agent != "dqn_classic"]
    names = names or ["train_mode"]
    bindings = [
        binding.replace("m1", names[0]).replace("m2", names[-1]) for binding in (*VALUES, *bindings)
    ]
    file = TESTS.parent / "gin_configs" / agent / f"{method}.gin"
    bound, _ = parse(agent, [file], *bindings)
    assert bound["weight_decay"] == expected


def test_a_value_by_method_that_is_missing_or_misspelt_is_one_line(agent):
    file = TESTS.parent / "gin_configs" / agent / "rigl.gin"
    with pytest.raises(ConfigError) as caught:
        parse(agent, [file], *VALUES)
    assert str(caught.value).splitlines()[0] == (
        "by_method has no value for 'rigl'; bind by_method.rigl"
    )
    with pytest.raises(ConfigError) as caught:
        parse(agent, [file], *VALUES, "by_method.rigle = 3.0")
    line = str(caught.value).splitlines()[0]
    assert "by_method.rigle" in line
    assert "rigl, rigl_inverted" in line


@pytest.mark.parametrize(
    ("binding", "parts"),
    [
        ("train_eval.reverb_port = 8000", ["train_eval.reverb_port", "Reverb server"]),
        ("train_eval.debug_summaries = True", ["debug_summaries", "summaries"]),
        ("wrap_layer.mode = 'prune'", ["wrap_layer", "bind wrap_all_layers"]),
        ("log_sparsities.model_name = 'q'", ["model_name"]),
        # These gin would take, from TF-Agents, and nothing would happen.
        ("ValueNetwork.dropout_layer_params = (0.5, 0.5)", ["value_fc_layers"]),
        ("some_scope/EncodingNetwork.dtype = 'float16'", ["value_fc_layers"]),
    ],
)
def test_names_without_a_counterpart_say_why(agent, binding, parts):
    with pytest.raises(ConfigError) as caught:
        config.parse([], [binding])
    line = str(caught.value)
    assert "\n" not in line
    assert "has no counterpart here: " in line
    assert all(part in line for part in parts)


SIGNATURES = {
    # The arguments of the original's functions, as far as gin can bind them.
    "dqn_classic": {
        "train_eval": """env_name update_frequency initial_collect_steps num_iterations
            fc_layer_params epsilon_greedy epsilon_decay_period batch_size learning_rate
            n_step_update gamma target_update_tau target_update_period reward_scale_factor
            reverb_port replay_capacity policy_save_interval eval_interval eval_episodes
            weight_decay width debug_summaries sparse_output_layer train_mode""",
        "SparseDqnAgent": "gradient_clipping boltzmann_temperature emit_log_probability",
    },
    "sac_mujoco": {
        "train_eval": """env_name initial_collect_steps num_iterations actor_fc_layers
            critic_obs_fc_layers critic_action_fc_layers critic_joint_fc_layers batch_size
            actor_learning_rate critic_learning_rate alpha_learning_rate gamma target_update_tau
            target_update_period reward_scale_factor reverb_port replay_capacity
            policy_save_interval replay_buffer_save_interval eval_interval eval_episodes
            debug_summaries summarize_grads_and_vars sparse_output_layer width train_mode_actor
            train_mode_value weight_decay actor_critic_sparsities_str actor_critic_widths_str""",
        "SparseSacAgent": """actor_sparsity critic_sparsity target_entropy actor_loss_weight
            critic_loss_weight alpha_loss_weight initial_log_alpha use_log_alpha_in_alpha_loss""",
    },
    "ppo_mujoco": {
        "train_eval": """env_name num_iterations actor_fc_layers value_fc_layers learning_rate
            collect_sequence_length minibatch_size num_epochs importance_ratio_clipping lambda_value
            discount_factor entropy_regularization value_pred_loss_coef use_gae use_td_lambda_return
            gradient_clipping value_clipping reverb_port replay_capacity policy_save_interval
            summary_interval eval_interval eval_episodes debug_summaries summarize_grads_and_vars
            train_mode_actor train_mode_value sparse_output_layer weight_decay width""",
        "SparsePPOAgent": """policy_l2_reg value_function_l2_reg shared_vars_l2_reg greedy_eval
            normalize_rewards reward_norm_clipping normalize_observations check_numerics
            kl_cutoff_factor initial_adaptive_kl_beta""",
    },
}
FOR_ALL = {
    "mask_updater": """update_alg schedule_alg update_freq init_drop_fraction last_update_step
        use_stateless""",
    "init_masks": """mask_init_method sparsity erk_power_scale custom_sparsity_map
        fixed_sparse_init""",
    "wrap_all_layers": """mode mask_init_method initial_sparsity final_sparsity begin_step end_step
        frequency""",
    "wrap_layer": "mode initial_sparsity final_sparsity begin_step end_step frequency",
    "log_snr": "freq",
    "log_sparsities": "model_name log_images",
    "unit_scaled_init": "method scale",
    "layer_scaled_init": "method scale",
}


def test_no_argument_of_the_original_is_merely_unknown(agent):
    answers = {}
    for configurable, names in {**SIGNATURES[agent], **FOR_ALL}.items():
        for name in names.split():
            gin.clear_config()
            try:
                config.parse([], [f"{configurable}.{name} = 1"])
                answers[name] = "taken"
            except ConfigError as error:
                answers[name] = str(error)
    assert len(answers) >= 25
    for name, answer in answers.items():
        assert answer == "taken" or " has no counterpart here: " in answer, name
    assert sum(answer == "taken" for answer in answers.values()) >= 30
