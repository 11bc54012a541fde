"""The gin names of DQN on Atari: the authors', the launcher's, and those of other methods."""

import inspect
import re
from pathlib import Path

import gin
import pytest

from launch.agent_runs import agent_run
from launch.agents import DQN_CNN, DQN_RESNET
from rigl_rl.adapters import gin_internals
from rigl_rl.dopamine import run_experiment  # noqa: F401, registers all gin names
from rigl_rl.dopamine.dqn_agents import SparseDQNAgent
from rigl_rl.dopamine.gin_config import sparse_settings
from rigl_rl.errors import ConfigError
from rigl_rl.runs import config

TESTS = Path(__file__).resolve().parents[1]
CONFIGS = TESTS.parent / "gin_configs"
METHODS = ["dense", "prune", "static", "set", "rigl"]


def parse(network, method, *bindings):
    config.parse([str(CONFIGS / f"dqn_atari_{network}" / f"{method}.gin")], bindings)


# The authors' own file for RigL, and Dopamine's, which theirs includes.
AUTHORS = [TESTS / "gin_configs" / "dopamine.gin", TESTS / "original" / "dqn_atari_rigl.gin"]
UPDATES = ("begin_step", "end_step", "frequency", "drop_fraction", "drop_fraction_anneal")
# All else that their files bind for any method, and other values than ours.
CHANGES = {
    "NatureDQNNetwork": dict(width=0.05),
    "ImpalaNetwork": dict(use_batch_norm=False),
    "WrappedReplayBuffer": dict(replay_capacity=100),
    "tf.train.AdamOptimizer": dict(learning_rate=0.0003),
    "atari_lib.create_atari_environment": dict(game_name="Qbert"),
    "SparseTrainRunner": dict(atari_100k_eval=False, num_eval_episodes=100, observation_noise=None),
    "init_masks": dict(sparsity=0.8),
    "get_pruning_sparsities": dict(
        target_sparsity=0.7, mask_init_method="random", erk_power_scale=1.0, custom_sparsity_map={}
    ),
    "pruning": dict(
        initial_sparsity=0.1, final_sparsity=0.0, begin_step=10**9, end_step=10**9 + 1, frequency=10
    ),
    "UpdatedRigLOptimizer": dict(zip(UPDATES, (10, 2000, 500, 0.4, "constant"))),
    "UpdatedSETOptimizer": dict(zip(UPDATES, (20, 3000, 600, 0.2, "exponential_3"))),
}


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
    bindings = [
        f"{configurable}.{name} = {value!r}"
        for configurable, values in CHANGES.items()
        for name, value in values.items()
    ]
    files = [str(file) for file in AUTHORS]
    config.parse(files, [*bindings, f"SparseDQNAgent.mode = {mode!r}"])
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
    config.parse([str(CONFIGS.parent / run.gin_file)], run.bindings)
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


def test_the_page_links_to_the_file_that_defines_a_name():
    page = TESTS.parent / "docs" / "from_the_original.md"
    known = dict(gin_internals.configurables())
    found = set()
    for names, here in re.findall(r"^\| (`.*?) \| (.*) \|$", page.read_text(), re.M):
        links = {(page.parent / link).resolve() for link in re.findall(r"\]\((.*?)\)", here)}
        for name in re.findall(r"(\w+)\.(?:\*|\w+)`", names):
            if links and name in known:
                assert Path(inspect.getfile(known[name])).resolve() in links, name
                found.add(name)
    assert {"SparseTrainRunner", "SparseDQNAgent", "NatureDQNNetwork", "log_snr"} < found
