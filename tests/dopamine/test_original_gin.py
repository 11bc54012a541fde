"""original.gin over every method's file, against the authors' own files (tests/original)."""

from __future__ import annotations

import inspect
from pathlib import Path

import gin
import pytest

from rigl_rl.dopamine import run_experiment  # noqa: F401, registers all gin names
from rigl_rl.dopamine.dqn_agents import SparseDQNAgent
from rigl_rl.dopamine.gin_config import adam, create_atari_environment
from rigl_rl.dopamine.hyperparameters import AgentHyperparameters
from rigl_rl.dopamine.replay import replay_buffer
from rigl_rl.errors import ConfigError
from rigl_rl.runs import config
from rigl_rl.sparsity import kernels_of

TESTS = Path(__file__).resolve().parents[1]
AGENT = ["gamma", "update_horizon", "min_replay_history", "update_period", "target_update_period"]
AGENT += ["epsilon_train", "epsilon_eval", "epsilon_decay_period"]
RUNNER = ["num_iterations", "training_steps", "evaluation_steps", "max_steps_per_episode"]


def effective(files, *bindings):
    """What an agent made from gin files is like."""
    gin.clear_config()
    small = ["NatureDQNNetwork.width = 0.05", "ImpalaNetwork.width = 0.1"]
    small.append("WrappedReplayBuffer.replay_capacity = 100")
    config.parse([str(file) for file in files], [*small, *bindings])
    agent = SparseDQNAgent(6, total_training_steps=10_000_000)
    settings = agent.sparse_settings
    shapes = {name: kernel.shape for name, kernel in kernels_of(agent.online_network).items()}
    return {
        "agent": {name: getattr(agent.given, name) for name in AGENT},
        "decay": agent.sparse.weight_decay,
        "adam": agent.optimizer.inner.get_config(),
        "updater": agent.optimizer.updater,
        "settings": settings.labels(),
        "aware": None if settings.updater_class.starts_dense else settings.sparsity_aware_init,
        "runner": {name: gin.get_bindings("SparseTrainRunner")[name] for name in RUNNER},
        "batch": agent.replay._batch_size,
        "shapes": shapes,
    }


@pytest.mark.parametrize("method", ["dense", "prune", "static", "set", "rigl"])
@pytest.mark.parametrize("network", ["cnn", "resnet"])
def test_the_originals_values_lie_over_any_method(network, method):
    name = f"dqn_atari_{method}{'_impala_net' if network == 'resnet' else ''}.gin"
    in_code = []  # what the authors' code does although their files do not say so
    if network == "resnet":
        in_code.append("ImpalaNetwork.dense_units = 256")
    if method in ("rigl", "set"):
        optimizer = {"rigl": "UpdatedRigLOptimizer", "set": "UpdatedSETOptimizer"}[method]
        in_code.append(f"{optimizer}.drop_noise = 1e-5")
    expected = effective([TESTS / "original" / name], *in_code)
    folder = TESTS.parent / "gin_configs" / f"dqn_atari_{network}"
    # Their files have the sparsities of the example at hand.
    sparsity = expected["settings"]["target_sparsity"] or 0.9
    files = [folder / f"{method}.gin", folder / "original.gin"]
    found = effective(files, f"SPARSITY = {sparsity}")
    assert found == expected
    assert found["agent"]["epsilon_decay_period"] == 250_000
    assert found["aware"] is {"static": False, "set": True, "rigl": True}.get(method)
    if method in ("rigl", "set"):
        assert found["updater"].drop_noise == 1e-5
    if network == "resnet":  # a tenth of 256
        assert found["shapes"]["q/dense/kernel"][1] == 26
    assert gin.query_parameter("PixelNoise.outside") == "wrap"


# What Dopamine 4's file for DQN binds, which the authors' files include: all but its imports and
# its optimizer.
DOPAMINES = """
DQNAgent.gamma = 0.99
DQNAgent.update_horizon = 1
DQNAgent.min_replay_history = 20000
DQNAgent.update_period = 4
DQNAgent.target_update_period = 8000
DQNAgent.epsilon_train = 0.01
DQNAgent.epsilon_eval = 0.001
DQNAgent.epsilon_decay_period = 250000
atari_lib.create_atari_environment.game_name = 'Pong'
atari_lib.create_atari_environment.sticky_actions = True
create_agent.agent_name = 'dqn'
Runner.num_iterations = 200
Runner.training_steps = 250000
Runner.evaluation_steps = 125000
Runner.max_steps_per_episode = 27000
WrappedReplayBuffer.replay_capacity = 1000000
WrappedReplayBuffer.batch_size = 32
"""


def test_all_but_one_value_of_dopamines_file_is_the_default():
    config.parse([], DOPAMINES.strip().splitlines())
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


SIGNATURES = {
    # The arguments of the original's classes and functions, as far as gin can bind them.
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
        min_replay_history update_period target_update_period epsilon_fn epsilon_train epsilon_eval
        epsilon_decay_period tf_device eval_mode use_staging max_tf_checkpoints_to_keep optimizer
        summary_writer summary_writing_frequency allow_partial_reload""",
    "tf.train.AdamOptimizer": "learning_rate beta1 beta2 epsilon use_locking name",
    "atari_lib.create_atari_environment": "game_name sticky_actions",
}


@pytest.mark.parametrize("configurable", SIGNATURES)
def test_no_argument_of_the_original_is_merely_unknown(configurable):
    for name in SIGNATURES[configurable].split():
        try:
            config.parse([], [f"{configurable}.{name} = 1"])
        except ConfigError as error:
            line = str(error)
            assert "\n" not in line
            assert f".{name} = 1" in line
            assert " has no counterpart here: " in line


@pytest.mark.parametrize(
    ("binding", "part"),
    [
        ("import rigl.rl.dqn_agents", "import lines"),
        ("import gin.tf.external_configurables", "import lines"),
        ("DQNAgent.optimizer = @tf.train.RMSPropOptimizer()", "@tf.train.AdamOptimizer()"),
        ("UpdatedRigLOptimizer.grow_init = 'random_normal'", "start at 0"),
    ],
)
def test_other_lines_of_their_files_say_what_to_do(binding, part):
    with pytest.raises(ConfigError) as caught:
        config.parse([], [binding])
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)
