"""The gin names of DQN on Atari: the authors', the launcher's, and those of other methods."""

from __future__ import annotations

from pathlib import Path

import gin
import pytest

from launch.agent_runs import agent_run
from launch.agents import DQN_CNN, DQN_RESNET
from rigl_rl.dopamine import run_experiment  # noqa: F401, registers all gin names
from rigl_rl.dopamine.dqn_agents import SparseDQNAgent
from rigl_rl.dopamine.gin_config import sparse_settings
from rigl_rl.errors import ConfigError
from rigl_rl.runs import config

CONFIGS = Path(__file__).resolve().parents[2] / "gin_configs"
METHODS = ["dense", "prune", "static", "set", "rigl"]


def parse(network, method, *bindings):
    config.parse([str(CONFIGS / f"dqn_atari_{network}" / f"{method}.gin")], bindings)


# The authors' own file for RigL with its includes merged and its imports left out.
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
