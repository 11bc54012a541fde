"""The gin files of the five agents against the paper's Tables 1 to 9 and section A.1."""

import inspect
from pathlib import Path
from typing import Any, NamedTuple

import gin
import numpy as np
import pytest
import tensorflow as tf

from launch import agents as launch
from rigl_rl.dopamine.dqn_agents import SparseDQNAgent
from rigl_rl.dopamine.gin_config import create_atari_environment
from rigl_rl.dopamine.gin_config import sparse_settings as atari_settings
from rigl_rl.networks.impala import ImpalaNetwork
from rigl_rl.networks.nature_cnn import NatureDQNNetwork
from rigl_rl.runs import config
from rigl_rl.sparsity import SparseSettings, kernels_of, sparsify_with
from rigl_rl.sparsity.gin_config import sparse_settings
from rigl_rl.tfagents.actor_critic import settings_of_both
from rigl_rl.tfagents.hyperparameters import (
    DqnHyperparameters,
    PpoHyperparameters,
    SacHyperparameters,
)

ROOT = Path(__file__).resolve().parents[2]
METHODS = ["dense", "prune", "static", "set", "rigl"]


class Tuned(NamedTuple):
    """One of Tables 1 to 5, by method; methods for which it has a dash are left out."""

    weight_decay: dict[str, float]
    update_interval: dict[str, int]
    drop_fraction: dict[str, float]
    sparsity_aware_init: dict[str, bool]


class Agent(NamedTuple):
    values: dict[str, Any]
    """By gin name."""
    ours: dict[str, Any]
    """Values that are not in the paper, by gin name."""
    tuned: Tuned
    train_steps: int
    """Gradient steps of a run; mask updates are counted in these."""
    weight_decay: str = "train_eval.weight_decay"
    """Its gin name."""


def _train_eval(values: dict[str, Any]) -> dict[str, Any]:
    return {f"train_eval.{name}": value for name, value in values.items()}


def _section_a1(iterations: int, interval: int, episodes: int) -> dict[str, int]:
    """The length of a run, steps between evaluations and their episodes."""
    return {"num_iterations": iterations, "eval_interval": interval, "eval_episodes": episodes}


OURS = {"bootstrap_at_time_limit": True, "width": 1.0}
OURS_ON_MUJOCO = {"env_name": "HalfCheetah-v2", "sparse_output_layer": True, **OURS}


DQN = Agent(
    _train_eval(
        {
            # Table 6
            "gamma": 0.99,  # discount
            "target_update_tau": 1.0,  # target smoothing coefficient
            "epsilon_decay_period": 25_000,  # environment steps: each train step takes one
            "replay_capacity": 100_000,  # replay buffer size
            "learning_rate": 1e-3,
            "initial_collect_steps": 1_000,
            "target_update_period": 100,  # target update interval
            "reward_scale_factor": 1.0,
            "epsilon_greedy": 0.1,  # final epsilon
            "eval_epsilon_greedy": 0.1,  # eval epsilon
            "batch_size": 128,  # number of samples per minibatch
            "fc_layer_params": (512, 512),  # 2 hidden dense layers of 512 units
            **_section_a1(iterations=100_000, interval=2_000, episodes=20),
        }
    ),
    # Exploration starts at its final rate.
    _train_eval({"env_name": "CartPole-v0", "initial_epsilon_greedy": 0.1, **OURS}),
    Tuned(  # Table 1
        weight_decay=dict.fromkeys(METHODS, 1e-6),
        update_interval=dict.fromkeys(["prune", "rigl", "set"], 1_000),
        drop_fraction=dict(rigl=0.5, set=0.5),
        sparsity_aware_init=dict.fromkeys(METHODS[1:], True),
    ),
    train_steps=100_000,
)
SAC = Agent(
    _train_eval(
        {
            # Table 8
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
            **_section_a1(iterations=1_000_000, interval=10_000, episodes=30),
        }
    ),
    _train_eval({"reward_scale_factor": 0.1, **OURS_ON_MUJOCO}),  # the original's scale
    Tuned(  # Table 2
        weight_decay=dict(dense=1e-4, prune=1e-4, static=1e-4, rigl=1e-6, set=1e-4),
        update_interval=dict(prune=1_000, rigl=1_000, set=250),
        drop_fraction=dict(rigl=0.5, set=0.3),
        sparsity_aware_init=dict(prune=True, static=False, rigl=True, set=True),
    ),
    train_steps=1_000_000,
)
PPO = Agent(
    _train_eval(
        {
            # Table 9
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
            # A million transitions, for which 489 iterations are just enough.
            **_section_a1(iterations=489, interval=2_000, episodes=20),
        }
    ),
    _train_eval(OURS_ON_MUJOCO),
    Tuned(  # Table 3
        weight_decay=dict(dense=1e-6, prune=1e-6, static=0.0, rigl=1e-4, set=1e-6),
        update_interval=dict(prune=500, rigl=250, set=100),
        drop_fraction=dict(rigl=0.3, set=0.0),
        sparsity_aware_init=dict(prune=False, static=True, rigl=True, set=True),
    ),
    train_steps=156_480,  # 489 iterations of 10 epochs of 32 minibatches
)


def _atari(learning_rate: float, epsilon: float, weight_decay: float) -> Agent:
    return Agent(
        {
            # Table 6, shared and Atari
            "DQNAgent.gamma": 0.99,  # discount
            "DQNAgent.epsilon_decay_period": 25_000,  # 2.5e4 environment steps
            "DQNAgent.min_replay_history": 20_000,  # initial collect steps
            "DQNAgent.target_update_period": 8_000,  # target update interval
            "DQNAgent.update_period": 4,  # gradient steps every k env steps
            "DQNAgent.epsilon_train": 0.01,  # final epsilon
            "DQNAgent.epsilon_eval": 0.001,  # eval epsilon
            "WrappedReplayBuffer.replay_capacity": 1_000_000,
            "WrappedReplayBuffer.batch_size": 32,
            # Tables 4, 5 and 7
            "tf.train.AdamOptimizer.learning_rate": learning_rate,
            "tf.train.AdamOptimizer.epsilon": epsilon,
            # Section A.1: 40 million frames, four per agent step; 125,000 evaluation steps after
            # every million.
            "SparseTrainRunner.num_iterations": 40_000_000 // 1_000_000,
            "SparseTrainRunner.training_steps": 1_000_000 // 4,
            "SparseTrainRunner.evaluation_steps": 125_000,
            "SparseTrainRunner.max_steps_per_episode": 27_000,
            "SparseTrainRunner.clip_rewards": True,
        },
        {"create_atari_environment.game_name": "Pong"},
        Tuned(  # Tables 4 and 5
            weight_decay=dict.fromkeys(METHODS, weight_decay),
            update_interval=dict.fromkeys(["prune", "rigl", "set"], 5_000),
            drop_fraction=dict(rigl=0.3, set=0.3),
            sparsity_aware_init=dict(prune=False, static=True, rigl=True, set=True),
        ),
        train_steps=10_000_000 // 4,
        weight_decay="SparseDQNAgent.weight_decay",
    )


AGENTS = {
    "dqn_classic": DQN,
    "sac_mujoco": SAC,
    "ppo_mujoco": PPO,
    "dqn_atari_cnn": _atari(2.5e-4, epsilon=1e-8, weight_decay=0.0),
    "dqn_atari_resnet": _atari(1e-4, epsilon=3.125e-4, weight_decay=1e-5),
}


HYPERPARAMETERS = {
    "dqn_classic": DqnHyperparameters,
    "sac_mujoco": SacHyperparameters,
    "ppo_mujoco": PpoHyperparameters,
}


def parse(agent, method, *bindings) -> list[SparseSettings]:
    """Parses a method's file and returns the settings of each of the agent's networks."""
    config.parse([str(ROOT / "gin_configs" / agent / f"{method}.gin")], bindings)
    if agent.startswith("dqn_atari"):
        return [atari_settings(gin.query_parameter("SparseDQNAgent.mode"))]
    given = gin.get_bindings("train_eval")
    if agent == "dqn_classic":
        return [sparse_settings(given["train_mode"])]
    return list(settings_of_both(HYPERPARAMETERS[agent](**given)))


def updaters(agent, method, *bindings, train_steps=None) -> list:
    """The mask updaters of a run of `train_steps` steps, by default the paper's."""
    kernels = [tf.Variable(np.ones((30, 30), np.float32), name="kernel")]
    steps = train_steps or AGENTS[agent].train_steps
    return [
        sparsify_with(settings, {"q": kernels}, "adam", total_steps=steps).updater
        for settings in parse(agent, method, *bindings)
    ]


@pytest.mark.parametrize("method", METHODS)
def test_values_are_the_papers(agent, method):
    parse(agent, method)
    values, ours, tuned, _, weight_decay = AGENTS[agent]
    expected = {**values, **ours, weight_decay: tuned.weight_decay[method]}
    assert {name: gin.query_parameter(name) for name in expected} == expected


@pytest.mark.parametrize("agent", HYPERPARAMETERS, indirect=True)
def test_without_any_file_the_defaults_are_the_papers_too(agent):
    values, _, tuned, _, weight_decay = AGENTS[agent]
    parameters = inspect.signature(HYPERPARAMETERS[agent]).parameters
    expected = {**values, weight_decay: tuned.weight_decay["dense"]}
    found = {name: parameters[name.split(".")[1]].default for name in expected}
    assert found == expected


@pytest.mark.parametrize("method", METHODS)
def test_the_method_is_the_files(agent, method):
    for settings in parse(agent, method):
        assert settings.method == method
        if method == "dense":
            continue
        assert settings.sparsity == 0.9
        assert settings.distribution == "erdos_renyi_kernel"
        assert settings.erk_power_scale == 1.0
        # Pruning starts dense, so this does not affect it.
        if not settings.updater_class.starts_dense or not agent.startswith("dqn_atari"):
            assert settings.sparsity_aware_init is AGENTS[agent].tuned.sparsity_aware_init[method]


@pytest.mark.parametrize("method", ["set", "rigl"])
def test_masks_change_from_the_start_to_80_percent_by_a_cosine(agent, method):
    tuned, last = AGENTS[agent].tuned, AGENTS[agent].train_steps * 8 // 10
    drop = tuned.drop_fraction[method]
    for found in updaters(agent, method):
        assert found.method == method
        assert (found.times.begin, found.times.end) == (0, last)
        assert found.times.frequency == tuned.update_interval[method]
        # Half of it halfway, nothing at the end.
        fractions = [float(found.drop_fraction(step)) for step in (0, last // 2, last)]
        assert fractions == pytest.approx([drop, drop / 2, 0], abs=1e-6)


def test_pruning_goes_from_20_to_80_percent(agent):
    steps = AGENTS[agent].train_steps
    for found in updaters(agent, "prune"):
        assert (found.times.begin, found.times.end) == (steps * 2 // 10, steps * 8 // 10)
        assert found.times.frequency == AGENTS[agent].tuned.update_interval["prune"]
        assert found.initial_sparsity == 0.0
    for shorter in updaters(agent, "prune", train_steps=1_000):
        assert (shorter.times.begin, shorter.times.end) == (200, 800)


def test_static_masks_never_change(agent):
    assert all(found.times.never for found in updaters(agent, "static"))


@pytest.mark.parametrize("method", METHODS[1:])
@pytest.mark.parametrize("uniform", ["uniform", "random"])
def test_one_macro_each_for_sparsity_and_distribution(agent, method, uniform):
    for settings in parse(agent, method, "SPARSITY = 0.5", f"DISTRIBUTION = {uniform!r}"):
        assert (settings.sparsity, settings.distribution) == (0.5, "uniform")


# -- TF-Agents' agents -----------------------------------------------------------------------------


@pytest.mark.parametrize("agent", HYPERPARAMETERS, indirect=True)
@pytest.mark.parametrize(
    ("method", "bindings", "times"),
    [
        ("rigl", ["mask_updater.last_update_step = 75000"], (0, 75_000)),
        (
            "prune",
            ["wrap_all_layers.begin_step = 32000", "wrap_all_layers.end_step = 75000"],
            (32_000, 75_000),
        ),
    ],
)
def test_other_times_are_a_binding_away(agent, method, bindings, times):
    for found in updaters(agent, method, *bindings):
        assert (found.times.begin, found.times.end) == times


@pytest.mark.parametrize("agent", HYPERPARAMETERS, indirect=True)
def test_another_method_is_a_binding_away(agent):
    binding = "mask_updater.update_alg = 'rigl_inverted'"
    for found in updaters(agent, "rigl", binding):
        assert found.method == "rigl_inverted"


def test_ppos_iterations_are_the_papers_million_steps():
    values = AGENTS["ppo_mujoco"].values
    iterations, steps, epochs, minibatch = (
        values[f"train_eval.{name}"]
        for name in ("num_iterations", "collect_sequence_length", "num_epochs", "minibatch_size")
    )
    assert (iterations - 1) * steps < 1_000_000 <= iterations * steps == 1_001_472
    assert iterations * epochs * steps // minibatch == AGENTS["ppo_mujoco"].train_steps


# Table 8
INITIAL_COLLECT_STEPS = {
    "Hopper-v2": 1_000,
    "Walker2d-v2": 1_000,
    "Humanoid-v2": 1_000,
    "HalfCheetah-v2": 10_000,
    "Ant-v2": 10_000,
}


@pytest.mark.parametrize("agent", ["sac_mujoco"], indirect=True)
@pytest.mark.parametrize("env", INITIAL_COLLECT_STEPS)
def test_sacs_initial_collection_is_the_environments(agent, env):
    parse(agent, "rigl", f"train_eval.env_name = {env!r}")
    assert gin.query_parameter("train_eval.initial_collect_steps") is None
    for name in (env, env.replace("v2", "v4")):
        given = SacHyperparameters(env_name=name).resolved()
        assert given.initial_collect_steps == INITIAL_COLLECT_STEPS[env]


def test_the_launcher_counts_the_same_initial_collection():
    assert launch.SAC.initial_collect_steps == INITIAL_COLLECT_STEPS
    for env, initial in INITIAL_COLLECT_STEPS.items():
        steps = launch.SAC.env_steps(env, launch.SAC.schedules["paper"])
        assert steps == initial + AGENTS["sac_mujoco"].train_steps


@pytest.mark.parametrize("agent", ["sac_mujoco", "ppo_mujoco"], indirect=True)
def test_a_pair_of_sparsities_is_one_binding_away(agent):
    both = parse(agent, "rigl", "train_eval.actor_critic_sparsities_str = '0.5_0.8'")
    assert [settings.sparsity for settings in both] == [0.5, 0.8]


# -- Atari -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("network", ["cnn", "resnet"])
def test_an_atari_agent_is_made_of_them(network, method):
    """Dopamine's names determine the network, the optimizer, the updater and the record."""
    values, _, tuned, train_steps, _ = AGENTS[f"dqn_atari_{network}"]
    # A small network, to save time; the networks' own tests check the filters.
    small = ["NatureDQNNetwork.width = 0.05", "ImpalaNetwork.width = 0.05"]
    small.append("WrappedReplayBuffer.replay_capacity = 100")
    parse(f"dqn_atari_{network}", method, *small)
    agent = SparseDQNAgent(6, total_training_steps=10_000_000)
    operative = gin.operative_config_str()
    for name, value in values.items():
        if name.startswith("DQNAgent."):
            assert getattr(agent.given, name.split(".")[1]) == value
            assert f"{name} = {value}\n" in operative
    assert f"SparseDQNAgent.weight_decay = {tuned.weight_decay[method]}\n" in operative
    assert gin.get_bindings("SparseTrainRunner")["load_env_fn"] is create_atari_environment

    adam = agent.optimizer.inner.get_config()
    wanted = [values[f"tf.train.AdamOptimizer.{name}"] for name in ("learning_rate", "epsilon")]
    # Keras stores the rate in float32.
    assert [adam["learning_rate"], adam["epsilon"]] == pytest.approx(wanted, rel=1e-6)
    assert (adam["beta_1"], adam["beta_2"]) == pytest.approx((0.9, 0.999), rel=1e-6)
    assert adam["amsgrad"] is False

    kind, kernels = {"cnn": (NatureDQNNetwork, 5), "resnet": (ImpalaNetwork, 17)}[network]
    assert type(agent.online_network) is kind
    assert len(kernels_of(agent.online_network)) == kernels
    updater = agent.optimizer.updater
    assert agent.sparse_settings.method == updater.method == method
    if method in ("prune", "set", "rigl"):
        assert updater.times.end == train_steps * 8 // 10
    if method == "prune":  # dense at the start, whose initializer is the network's own
        assert tuned.sparsity_aware_init["prune"] is False
        assert agent.optimizer.kernels[0].mask.numpy().all()
