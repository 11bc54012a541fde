"""The gin files against the paper: Tables 4 to 7 and section A.1, typed from it here."""

from __future__ import annotations

from pathlib import Path

import gin
import pytest

from launch.agent_runs import agent_run
from launch.agents import DQN_CNN, DQN_RESNET
from rigl_rl.dopamine import run_experiment  # noqa: F401, registers all gin names
from rigl_rl.dopamine.dqn_agents import SparseDQNAgent
from rigl_rl.dopamine.gin_config import create_atari_environment, sparse_settings
from rigl_rl.errors import ConfigError
from rigl_rl.networks.impala import ImpalaNetwork
from rigl_rl.networks.nature_cnn import NatureDQNNetwork
from rigl_rl.runs import config
from rigl_rl.sparsity import kernels_of

CONFIGS = Path(__file__).resolve().parents[2] / "gin_configs"
METHODS = ["dense", "prune", "static", "set", "rigl"]
NETWORKS = ["cnn", "resnet"]

# Table 6, shared and Atari.
TABLE_6 = {
    "gamma": 0.99,  # discount
    "epsilon_decay_period": 25_000,  # 2.5e4 environment steps
    "min_replay_history": 20_000,  # initial collect steps
    "target_update_period": 8_000,  # target update interval
    "update_period": 4,  # gradient steps every k env steps
    "epsilon_train": 0.01,  # final epsilon
    "epsilon_eval": 0.001,  # eval epsilon
}
REPLAY = {"replay_capacity": 1_000_000, "batch_size": 32}
# Learning rate and epsilon of Adam.
TABLE_7 = {"cnn": (2.5e-4, 1e-8), "resnet": (1e-4, 3.125e-4)}
# Weight decay; learning rate; update interval, drop fraction, sparsity-aware initialization.
TABLES_4_AND_5 = {
    "cnn": {
        "dense": (0.0, 2.5e-4, None, None, None),
        "prune": (0.0, 2.5e-4, 5_000, None, False),
        "static": (0.0, 2.5e-4, None, None, True),
        "rigl": (0.0, 2.5e-4, 5_000, 0.3, True),
        "set": (0.0, 2.5e-4, 5_000, 0.3, True),
    },
    "resnet": {
        "dense": (1e-5, 1e-4, None, None, None),
        "prune": (1e-5, 1e-4, 5_000, None, False),
        "static": (1e-5, 1e-4, None, None, True),
        "rigl": (1e-5, 1e-4, 5_000, 0.3, True),
        "set": (1e-5, 1e-4, 5_000, 0.3, True),
    },
}
# 40 million frames, four to an agent step; every million, 125,000 steps of evaluation.
SECTION_A1 = {
    "num_iterations": 40_000_000 // 1_000_000,
    "training_steps": 1_000_000 // 4,
    "evaluation_steps": 125_000,
    "max_steps_per_episode": 27_000,
    "clip_rewards": True,
}


def parse(network, method, *bindings):
    config.parse([str(CONFIGS / f"dqn_atari_{network}" / f"{method}.gin")], bindings)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("network", NETWORKS)
def test_operative_config(network, method):
    parse(network, method)
    runner = gin.get_bindings("SparseTrainRunner")
    assert SECTION_A1.items() <= runner.items()
    assert runner["load_env_fn"] is create_atari_environment
    assert gin.query_parameter("create_atari_environment.game_name") == "Pong"
    assert gin.query_parameter("SparseDQNAgent.mode") == method
    # A small net, to save time; its filters are seen to in the networks' own tests.
    gin.bind_parameter("NatureDQNNetwork.width", 0.05)
    gin.bind_parameter("ImpalaNetwork.width", 0.05)
    for name, value in REPLAY.items():
        assert gin.query_parameter(f"WrappedReplayBuffer.{name}") == value
    gin.bind_parameter("WrappedReplayBuffer.replay_capacity", 100)
    agent = SparseDQNAgent(6, SECTION_A1["num_iterations"] * SECTION_A1["training_steps"])
    operative = gin.operative_config_str()
    for name, value in TABLE_6.items():
        assert getattr(agent.given, name) == value
        assert f"DQNAgent.{name} = {value}\n" in operative

    decay, rate, interval, drop, aware = TABLES_4_AND_5[network][method]
    assert f"SparseDQNAgent.weight_decay = {decay}\n" in operative
    adam = agent.optimizer.inner.get_config()
    # Keras holds the rate in float32.
    assert (adam["learning_rate"], adam["epsilon"]) == pytest.approx(TABLE_7[network], rel=1e-6)
    assert rate == TABLE_7[network][0]
    assert (adam["beta_1"], adam["beta_2"]) == pytest.approx((0.9, 0.999), rel=1e-6)
    assert adam["amsgrad"] is False
    expected = NatureDQNNetwork if network == "cnn" else ImpalaNetwork
    assert type(agent.online_network) is expected
    assert len(kernels_of(agent.online_network)) == (5 if network == "cnn" else 17)
    settings, updater = agent.sparse_settings, agent.optimizer.updater
    assert settings.method == updater.method == method
    if method == "dense":
        return
    assert (settings.sparsity, settings.distribution) == (0.9, "erdos_renyi_kernel")
    if method == "prune":  # dense at the start, whose initializer is the network's own
        assert aware is False
        assert agent.optimizer.kernels[0].mask.numpy().all()
    else:
        assert settings.sparsity_aware_init is aware
    if interval is None:
        assert updater.times.never
        return
    # 10,000,000 agent steps are 2,500,000 gradient steps: 20 % and 80 % of them (section A.3).
    begin = 500_000 if method == "prune" else 0
    assert updater.times.begin == begin
    assert (updater.times.end, updater.times.frequency) == (2_000_000, interval)
    if drop is not None:  # half of it half-way, by a cosine
        fractions = [float(updater.drop_fraction(step)) for step in (0, 1_000_000, 2_000_000)]
        assert fractions == pytest.approx([drop, drop / 2, 0.0], abs=1e-6)


@pytest.mark.parametrize("method", METHODS[1:])
@pytest.mark.parametrize("network", NETWORKS)
def test_one_macro_each_for_sparsity_and_distribution(network, method):
    parse(network, method, "SPARSITY = 0.5", "DISTRIBUTION = 'random'")
    settings = sparse_settings(method)
    assert (settings.sparsity, settings.distribution) == (0.5, "uniform")


# The authors' own file for RigL, its include lines put together, its imports left out.
AUTHORS = """
DQNAgent.gamma = 0.99
DQNAgent.update_horizon = 1
DQNAgent.min_replay_history = 20000
DQNAgent.update_period = 4
DQNAgent.target_update_period = 8000
DQNAgent.epsilon_train = 0.01
DQNAgent.epsilon_eval = 0.001
DQNAgent.epsilon_decay_period = 250000
WrappedReplayBuffer.replay_capacity = 100
WrappedReplayBuffer.batch_size = 32
DQNAgent.network = @dqn_agents.NatureDQNNetwork
DQNAgent.optimizer = @tf.train.AdamOptimizer()
tf.train.AdamOptimizer.learning_rate = 0.0003
NatureDQNNetwork.width = 0.05
SparseDQNAgent.mode = '%s'
SparseDQNAgent.weight_decay = 0.0
atari_lib.create_atari_environment.game_name = 'Qbert'
SparseTrainRunner.load_env_fn = @atari_lib.create_atari_environment
SparseTrainRunner.agent_type = 'dqn'
SparseTrainRunner.num_iterations = 40
SparseTrainRunner.training_steps = 250000
SparseTrainRunner.evaluation_steps = 125000
SparseTrainRunner.max_steps_per_episode = 27000
SparseTrainRunner.atari_100k_eval = False
SparseTrainRunner.num_eval_episodes = 100
SparseTrainRunner.observation_noise = None
pruning.initial_sparsity = 0.1
pruning.final_sparsity = 0.
pruning.begin_step = 1000000000
pruning.end_step = 1000000001
pruning.frequency = 10
get_pruning_sparsities.target_sparsity = 0.7
get_pruning_sparsities.mask_init_method = 'random'
get_pruning_sparsities.erk_power_scale = 1.0
get_pruning_sparsities.custom_sparsity_map = {}
init_masks.mask_init_method = 'erdos_renyi_kernel'
init_masks.fixed_sparse_init = True
init_masks.sparsity = 0.8
UpdatedRigLOptimizer.begin_step = 10
UpdatedRigLOptimizer.end_step = 2000
UpdatedRigLOptimizer.frequency = 500
UpdatedRigLOptimizer.drop_fraction_anneal = 'constant'
UpdatedRigLOptimizer.drop_fraction = 0.4
UpdatedSETOptimizer.begin_step = 20
UpdatedSETOptimizer.end_step = 3000
UpdatedSETOptimizer.frequency = 600
UpdatedSETOptimizer.drop_fraction_anneal = 'exponential_3'
UpdatedSETOptimizer.drop_fraction = 0.2
ImpalaNetwork.use_batch_norm = False
"""


@pytest.mark.parametrize(
    ("mode", "sparsity", "times", "drop"),
    [
        ("rigl", 0.8, (10, 2000, 500), 0.4),
        ("set", 0.8, (20, 3000, 600), 0.2),
        ("static", 0.8, None, None),
        ("prune", 0.7, (1000000000, 1000000001, 10), None),
    ],
)
def test_the_authors_names_keep_their_meaning(mode, sparsity, times, drop):
    config.parse([], AUTHORS.replace("%s", mode).strip().splitlines())
    agent = SparseDQNAgent(6, 10_000_000)
    assert agent.given.epsilon_decay_period == 250_000
    rate = agent.optimizer.inner.get_config()["learning_rate"]
    assert rate == pytest.approx(3e-4, rel=1e-6)
    assert agent.sparse_settings.sparsity == sparsity
    updater = agent.optimizer.updater
    assert updater.method == mode
    if times:
        assert (updater.times.begin, updater.times.end, updater.times.frequency) == times
    if drop:
        assert float(updater.drop_fraction(0)) == pytest.approx(drop)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("preset", ["paper", "reduced", "smoke"])
@pytest.mark.parametrize("agent", [DQN_CNN, DQN_RESNET], ids=lambda agent: agent.name)
def test_what_is_launched_is_understood(agent, preset, method):
    schedule = agent.schedules[preset]
    sparse = {} if method == "dense" else {"distribution": "uniform", "sparsity": 0.5}
    run = agent_run(agent, "Qbert", method, 0, schedule, units=128, **sparse)
    config.parse([str(CONFIGS.parent / file) for file in run.gin_files], run.bindings)
    assert gin.query_parameter("create_atari_environment.game_name") == "Qbert"
    runner = gin.get_bindings("SparseTrainRunner")
    assert runner["num_iterations"] * runner["training_steps"] == run.env_steps
    assert runner["evaluation_steps"] == schedule.evaluation_steps
    network = gin.query_parameter("DQNAgent.network").configurable.wrapped
    assert gin.get_bindings(network)["width"] == 0.25
    if method == "dense":
        return
    settings = sparse_settings(method)
    assert (settings.method, settings.sparsity) == (method, 0.5)
    assert settings.distribution == "uniform"
    if method != "static":
        assert settings.update_freq == (schedule.update_freq or 5000)


def test_a_method_of_yours_is_bound_by_mask_updater():
    parse("cnn", "static", "SparseDQNAgent.mode = 'rigl_inverted'")
    config.parse([], ["mask_updater.update_freq = 7", "mask_updater.init_drop_fraction = 0.1"])
    settings = sparse_settings("rigl_inverted")
    assert (settings.method, settings.sparsity) == ("rigl_inverted", 0.9)
    assert (settings.update_freq, settings.drop_fraction) == (7, 0.1)


@pytest.mark.parametrize(
    ("file", "mode", "binding", "line"),
    [
        ("rigl", "rigl_inverted", [], "UpdatedRigLOptimizer is bound.*'rigl_inverted'.*mask_upda"),
        ("set", "set", ["mask_updater.update_freq = 7"], "mask_updater is bound.*UpdatedSETOpt"),
    ],
)
def test_mask_updates_bound_by_a_name_that_nothing_reads(file, mode, binding, line):
    parse("cnn", file, *binding)
    with pytest.raises(ConfigError, match=line):
        sparse_settings(mode)
