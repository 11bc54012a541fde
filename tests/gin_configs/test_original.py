"""original.gin over every method's file, against the authors' own files (tests/original)."""

import dataclasses
import inspect
from pathlib import Path
from typing import Any

import gin
import numpy as np
import pytest
import tensorflow as tf

from rigl_rl.dopamine.dqn_agents import SparseDQNAgent
from rigl_rl.dopamine.gin_config import adam, create_atari_environment
from rigl_rl.dopamine.hyperparameters import AgentHyperparameters
from rigl_rl.dopamine.replay import replay_buffer
from rigl_rl.errors import ConfigError
from rigl_rl.runs import config
from rigl_rl.sparsity import SparseSettings, kernels_of, sparsify_with
from rigl_rl.sparsity.gin_config import sparse_settings
from rigl_rl.tfagents import dqn_train_eval, ppo_train_eval, sac_train_eval

TESTS = Path(__file__).resolve().parents[1]
METHODS = ["dense", "prune", "static", "set", "rigl"]
TF_AGENTS = {
    "dqn_classic": (dqn_train_eval, "dqn_gym", 100_000),
    "sac_mujoco": (sac_train_eval, "sac_mujoco", 1_000_000),
    "ppo_mujoco": (ppo_train_eval, "ppo_mujoco", 156_480),
}
"""The main, the beginning of the authors' file names, train steps."""
of_tf_agents = pytest.mark.parametrize("agent", TF_AGENTS, indirect=True)

# Behavior of the authors' code that is not in their files.
NO_BOOTSTRAP = "train_eval.bootstrap_at_time_limit = False"
IN_CODE = {
    "dqn_classic": [
        "train_eval.initial_epsilon_greedy = 0.01",  # no decay
        "train_eval.eval_epsilon_greedy = 0.0",
        "train_eval.decay_output_layer = False",
        NO_BOOTSTRAP,
    ],
    "sac_mujoco": [NO_BOOTSTRAP],
    # An iteration has 320 steps; evaluation follows the first that ends 2,000 steps after the last.
    "ppo_mujoco": ["train_eval.eval_interval = 2240", NO_BOOTSTRAP],
    "dqn_atari_cnn": ["PixelNoise.outside = 'wrap'"],
    "dqn_atari_resnet": ["PixelNoise.outside = 'wrap'", "ImpalaNetwork.dense_units = 256"],
}
OPTIMIZERS = {"rigl": "UpdatedRigLOptimizer", "set": "UpdatedSETOptimizer"}
# A small agent, to save time.
SMALL = ("NatureDQNNetwork.width = 0.05", "ImpalaNetwork.width = 0.1")
SMALL += ("WrappedReplayBuffer.replay_capacity = 100",)
# The user chooses tasks and records.
LEFT_OUT = {"env_name", "policy_save_interval"}


def meaning(agent, files, *bindings) -> dict[str, Any]:
    """The settings of a run with these files, as far as they determine them."""
    gin.clear_config()
    small = () if agent in TF_AGENTS else SMALL
    config.parse([str(file) for file in files], [*small, *bindings])
    return of_train_eval(agent) if agent in TF_AGENTS else of_atari()


def of_train_eval(agent) -> dict[str, Any]:
    main, _, train_steps = TF_AGENTS[agent]
    given = main.hyperparameters()
    modes = {value for name, value in vars(given).items() if name.startswith("train_mode")}
    (mode,) = modes
    settings = sparse_settings(mode)
    kernels = [tf.Variable(np.ones((30, 30), np.float32), name="kernel")]
    updater = sparsify_with(settings, {"q": kernels}, "adam", total_steps=train_steps).updater
    values = {name: value for name, value in vars(given).items() if name not in LEFT_OUT}
    if settings.dense:
        values.pop("sparse_output_layer")  # has no effect then
    return {**values, "updater": updater, **in_effect(settings)}


def of_atari() -> dict[str, Any]:
    agent = SparseDQNAgent(6, total_training_steps=10_000_000)
    shapes = {name: kernel.shape for name, kernel in kernels_of(agent.online_network).items()}
    runner = gin.get_bindings("SparseTrainRunner")
    lengths = ["num_iterations", "training_steps", "evaluation_steps", "max_steps_per_episode"]
    return {
        **{each.name: getattr(agent.given, each.name) for each in dataclasses.fields(agent.given)},
        "optimizer": agent.optimizer.inner.get_config(),
        "decay": agent.sparse.weight_decay,
        "updater": agent.optimizer.updater,
        "runner": {name: runner[name] for name in lengths},
        "batch": agent.replay.batch_size,
        "shapes": shapes,
        "noise": gin.query_parameter("PixelNoise.outside"),
        **in_effect(agent.sparse_settings),
    }


def in_effect(settings: SparseSettings) -> dict[str, Any]:
    starts_dense = settings.updater_class.starts_dense
    return {
        **settings.labels(),
        "power": settings.erk_power_scale,
        "aware": None if starts_dense or settings.dense else settings.sparsity_aware_init,
    }


def authors(agent, method) -> dict[str, Any]:
    """The settings of the authors' own file, started as they do."""
    by_hand = [*IN_CODE[agent]]
    if agent in TF_AGENTS:
        name = {"prune": "pruning", "dense": "dense"}.get(method, "sparse")
        file = f"{TF_AGENTS[agent][1]}_{name}_config.gin"
        if name == "sparse":
            alg = "" if method == "static" else method
            by_hand.append(f"mask_updater.update_alg = {alg!r}")
    else:
        file = f"dqn_atari_{method}{'_impala_net' if agent.endswith('resnet') else ''}.gin"
        if method in OPTIMIZERS:
            by_hand.append(f"{OPTIMIZERS[method]}.drop_noise = 1e-5")
    return meaning(agent, [TESTS / "original" / file], *by_hand)


def files_of(agent, method) -> list[Path]:
    """The method's file with original.gin over it."""
    folder = TESTS.parent / "gin_configs" / agent
    return [folder / f"{method}.gin", folder / "original.gin"]


@pytest.mark.parametrize("method", METHODS)
def test_a_run_is_the_one_of_the_authors_file(agent, method):
    expected = authors(agent, method)
    assert expected["method"] == method
    # Their files contain example sparsities.
    sparsity = expected["target_sparsity"] or 0.9
    assert meaning(agent, files_of(agent, method), f"SPARSITY = {sparsity}") == expected


@of_tf_agents
def test_a_control_of_rigl_is_understood_as_well(agent):
    found = meaning(agent, files_of(agent, "rigl"), "mask_updater.update_alg = 'rigl_inverted'")
    assert found["method"] == "rigl_inverted"


@of_tf_agents
def test_bindings_win_over_it(agent):
    bindings = ["train_eval.weight_decay = 0.5", "mask_updater.update_freq = 3"]
    found = meaning(agent, files_of(agent, "set"), *bindings)
    assert (found["weight_decay"], found["updater"].times.frequency) == (0.5, 3)


# -- what original.gin is made of --------------------------------------------------------------

VALUES = ("train_eval.weight_decay = @by_method()", "by_method.dense = 1.0", "by_method.set = 2.0")


@of_tf_agents
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
    assert meaning(agent, [file], *bindings)["weight_decay"] == expected


@of_tf_agents
def test_a_value_by_method_that_is_missing_or_misspelled_is_one_line(agent):
    file = TESTS.parent / "gin_configs" / agent / "rigl.gin"
    with pytest.raises(ConfigError) as caught:
        meaning(agent, [file], *VALUES)
    assert str(caught.value).splitlines()[0] == (
        "by_method has no value for 'rigl'; bind by_method.rigl"
    )
    with pytest.raises(ConfigError) as caught:
        meaning(agent, [file], *VALUES, "by_method.rigle = 3.0")
    line = str(caught.value).splitlines()[0]
    assert "by_method.rigle" in line
    assert "rigl, rigl_inverted" in line


@of_tf_agents
@pytest.mark.parametrize(
    ("binding", "parts"),
    [
        ("train_eval.reverb_port = 8000", ["train_eval.reverb_port", "Reverb server"]),
        ("train_eval.debug_summaries = True", ["debug_summaries", "summaries"]),
        ("wrap_layer.mode = 'prune'", ["wrap_layer", "bind wrap_all_layers"]),
        ("log_sparsities.model_name = 'q'", ["model_name"]),
        # gin would accept these, from TF-Agents, without effect.
        ("ValueNetwork.dropout_layer_params = (0.5, 0.5)", ["value_fc_layers"]),
        ("some_scope/EncodingNetwork.dtype = 'float16'", ["value_fc_layers"]),
    ],
)
def test_names_without_a_counterpart_say_why(refused, agent, binding, parts):
    with refused("has no counterpart here: ", *parts):
        config.parse([], [binding])


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
    "dqn_atari_cnn": {
        "SparseTrainRunner": """agent_type checkpoint_file_prefix logging_file_prefix log_every_n
            num_iterations training_steps evaluation_steps max_steps_per_episode load_env_fn
            clip_rewards atari_100k_eval num_eval_episodes observation_noise""",
        "SparseDQNAgent": "mode weight_decay",
        "NatureDQNNetwork": "width mode name",
        "ImpalaNetwork": "width mode name prune_allow_key use_batch_norm",
        "get_pruning_sparsities": """mask_init_method target_sparsity erk_power_scale
            custom_sparsity_map""",
        "pruning": "initial_sparsity final_sparsity begin_step end_step frequency",
        "init_masks": """mask_init_method sparsity erk_power_scale custom_sparsity_map
            fixed_sparse_init""",
        "UpdatedSETOptimizer": """begin_step end_step frequency drop_fraction drop_fraction_anneal
            use_locking grow_init name use_stateless stateless_seed_offset""",
        "UpdatedRigLOptimizer": """begin_step end_step frequency drop_fraction drop_fraction_anneal
            use_locking grow_init initial_acc_scale use_tpu name stateless_seed_offset""",
        "create_sparse_agent": "agent",
        # Dopamine's and TensorFlow's, which the authors' files bind.
        "DQNAgent": """observation_shape observation_dtype stack_size network gamma update_horizon
            min_replay_history update_period target_update_period epsilon_fn epsilon_train
            epsilon_eval epsilon_decay_period tf_device eval_mode use_staging
            max_tf_checkpoints_to_keep optimizer summary_writer summary_writing_frequency
            allow_partial_reload""",
        "tf.train.AdamOptimizer": "learning_rate beta1 beta2 epsilon use_locking name",
        "atari_lib.create_atari_environment": "game_name sticky_actions",
    },
}
FOR_TF_AGENTS = {
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


@pytest.mark.parametrize("agent", SIGNATURES, indirect=True)
def test_no_argument_of_the_original_is_merely_unknown(agent):
    taken = 0
    others = FOR_TF_AGENTS if agent in TF_AGENTS else {}
    for configurable, names in {**SIGNATURES[agent], **others}.items():
        for name in names.split():
            gin.clear_config()
            try:
                config.parse([], [f"{configurable}.{name} = 1"])
                taken += 1
            except ConfigError as error:
                line = str(error)
                assert "\n" not in line
                if f".{name} is 1, but must be " in line:  # known, of another type
                    taken += 1
                    continue
                assert f".{name} = 1" in line
                assert " has no counterpart here: " in line
    assert taken >= 30


# -- Dopamine's own names --------------------------------------------------------------------------


def test_all_but_one_value_of_dopamines_file_is_the_default():
    config.parse([str(TESTS / "gin_configs" / "dopamine.gin")], [])
    different = []
    for function in (AgentHyperparameters, create_atari_environment, replay_buffer):
        parameters = inspect.signature(function).parameters
        bound = gin.get_bindings(function)
        assert bound
        different += [name for name in bound if bound[name] != parameters[name].default]
    assert different == ["epsilon_decay_period"]


def test_adams_decay_rates_can_be_bound():
    config.parse([], ["tf.train.AdamOptimizer.beta1 = 0.5", "tf.train.AdamOptimizer.beta2 = 0.75"])
    found = adam().get_config()
    assert (found["beta_1"], found["beta_2"], found["epsilon"]) == (0.5, 0.75, 1e-8)


@pytest.mark.parametrize(
    ("binding", "part"),
    [
        ("import rigl.rl.dqn_agents", "import lines"),
        ("import gin.tf.external_configurables", "import lines"),
        ("DQNAgent.optimizer = @tf.train.RMSPropOptimizer()", "@tf.train.AdamOptimizer()"),
        ("UpdatedRigLOptimizer.grow_init = 'random_normal'", "start at 0"),
    ],
)
def test_other_lines_of_their_files_say_what_to_do(refused, binding, part):
    with refused(part):
        config.parse([], [binding])
