"""Small but real runs of the training command: what they record, how they resume and fail."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import gin
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from analysis.collect import collect
from analysis.hyperparameters import COLUMNS
from rigl_rl.dopamine.run_experiment import SparseTrainRunner
from rigl_rl.environments import atari, atari_evaluation, observation_noise
from rigl_rl.errors import ConfigError
from rigl_rl.robustness import under_noise
from rigl_rl.runs import config

ROOT = Path(__file__).resolve().parents[2]
RIGL = ROOT / "gin_configs" / "dqn_atari_cnn" / "rigl.gin"
FILES = [str(RIGL), str(ROOT / "tests" / "short_atari.gin")]
# 4 iterations of 4 training episodes and one of evaluation; a replay that fills and wraps.
SMALL = (
    "NatureDQNNetwork.width = 0.1",
    "SparseTrainRunner.num_iterations = 4",
    "SparseTrainRunner.observation_noise = 2.0",
    "DQNAgent.target_update_period = 50",
    "DQNAgent.epsilon_decay_period = 200",
    "UpdatedRigLOptimizer.frequency = 7",
)
CLOCK = ["wall_s", "steps_per_s", "peak_memory_mb"]


def command(base_dir, *bindings):
    flags = [f"--gin_files={file}" for file in FILES]
    flags += [f"--gin_bindings={binding}" for binding in (*SMALL, *bindings)]
    main = [sys.executable, "-m", "rigl_rl.dopamine.train"]
    return [*main, f"--base_dir={base_dir}", "--seed=3", *flags]


def train(base_dir, *bindings):
    return subprocess.run(
        command(base_dir, *bindings), cwd=ROOT, capture_output=True, text=True, timeout=600
    )


def evals_of(run):
    """As text, without times: equal text means equal bits."""
    return pd.read_csv(run / "evals.csv", dtype=str).drop(columns="wall_s")


def result_of(run):
    result = json.loads((run / "result.json").read_text())
    return {name: value for name, value in result.items() if name not in CLOCK}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    run = tmp_path_factory.mktemp("atari") / "run"
    completed = train(run)
    assert completed.returncode == 0, completed.stderr
    return run


def test_what_a_run_records(uninterrupted):
    evals = pd.read_csv(uninterrupted / "evals.csv")
    # Whole episodes of 30 steps: 120 steps of training in each iteration, one of evaluation.
    assert evals["env_step"].tolist() == [120, 240, 360, 480]
    # With padding, there are 60 frames after 55 steps; from then on, every fourth step trains.
    assert evals["train_step"].diff().dropna().eq(30).all()
    assert evals["train_step"].iloc[0] in range(15, 20)
    assert set(evals["episodes"]) == {1}
    assert evals["avg_return"].between(-21, 21).all()
    result = result_of(uninterrupted)
    expected = dict(agent="dqn", suite="atari_cnn", env="Pong", method="rigl", width=0.1, seed=3)
    assert expected.items() <= result.items()
    assert result["distribution"] == "erdos_renyi_kernel"
    assert result["final_return"] == evals["avg_return"].iloc[-1]
    assert (result["env_steps"], result["evaluations"]) == (480, 4)
    assert result["sparsity"] == pytest.approx(0.9, abs=1e-3)
    shapes = [(8, 8, 4, 3), (4, 4, 3, 6), (3, 3, 6, 6), (726, 51), (51, 6)]
    assert [tuple(layer["shape"]) for layer in result["layers"]] == shapes
    assert not (uninterrupted / "checkpoints").exists()
    assert (
        "DQNAgent.epsilon_decay_period = 200"
        in (uninterrupted / "operative_config.gin").read_text()
    )


def test_the_result_comes_last(uninterrupted):
    written = {path: path.stat().st_mtime_ns for path in uninterrupted.glob("*.*")}
    policies = list(uninterrupted.glob("policies/*/**/*.*"))
    assert {"evals.csv", "operative_config.gin"} < {path.name for path in written}
    assert "saved_model.pb" in {path.name for path in policies}
    result = written.pop(uninterrupted / "result.json")
    assert max(*written.values(), *(path.stat().st_mtime_ns for path in policies)) < result


def test_analysis_reads_what_the_run_was(uninterrupted, capsys):
    tables = collect(uninterrupted)
    assert capsys.readouterr().err == ""
    (row,) = tables.runs.to_dict("records")
    # Tables 4 and 7, and the bindings above.
    assert {name: row[name] for name in COLUMNS if not pd.isna(row[name])} == {
        "weight_decay": 0.0,
        "batch_size": 4,
        "learning_rate": 2.5e-4,
        "drop_fraction": 0.3,
        "sparsity_aware_init": True,
        "sparse_initializer": "glorot",
        "update_freq": 7,
    }
    assert row["planned_steps"] == 4 * 120
    assert json.loads(row["hyperparameters"])["other_bindings"] == {}
    assert len(tables.evals) == 4


def test_killed_with_its_newest_checkpoint_damaged_it_ends_the_same(uninterrupted, tmp_path):
    run = tmp_path / "run"
    with open(tmp_path / "log", "w") as log:
        process = subprocess.Popen(command(run), cwd=ROOT, stdout=log, stderr=log)
    while process.poll() is None and not (run / "checkpoints" / "000000001").exists():
        time.sleep(0.001)
    process.kill()
    assert process.wait() < 0
    logged = evals_of(run) if (run / "evals.csv").exists() else evals_of(uninterrupted)[:0]
    newest = max(run.glob("checkpoints/[0-9]*"))
    iteration = int(newest.name)
    damaged = newest / f"$store$_observation_ckpt.{iteration}.gz"
    os.truncate(damaged, damaged.stat().st_size // 2)
    completed = train(run)
    assert completed.returncode == 0, completed.stderr
    (warning,) = completed.stderr.splitlines()
    assert warning.startswith(f"warning: checkpoint {newest} is damaged")
    assert completed.stdout.startswith(f"resuming {run} at iteration {iteration}\n")
    evals = evals_of(run)
    pd.testing.assert_frame_equal(evals[: len(logged)], logged)  # what was logged is kept
    pd.testing.assert_frame_equal(evals, evals_of(uninterrupted))
    assert result_of(run) == result_of(uninterrupted)


def test_the_saved_policy_under_noise(uninterrupted):
    table = under_noise.evaluate_run(uninterrupted, [0.0, 20.0], episodes=2)
    assert table["sigma"].tolist() == [0.0, 20.0]
    assert set(table["episodes"]) == {2}
    assert set(table["env"]) == {"Pong"}
    (policy,) = (uninterrupted / "policies").iterdir()
    states = np.random.default_rng(0).integers(0, 256, (3, 84, 84, 4), np.uint8)
    loaded = tf.saved_model.load(str(policy))
    assert loaded.q_values(states).shape == (3, 6)


@pytest.mark.parametrize(
    ("bindings", "sticky", "epsilon"),
    [
        ("", True, 0.001),
        ("atari_lib.create_atari_environment.sticky_actions = False", False, 0.001),
        ("DQNAgent.epsilon_eval = 0.05", True, 0.05),
    ],
)
def test_noise_meets_the_policy_where_the_run_was_evaluated(
    uninterrupted, tmp_path, monkeypatch, bindings, sticky, epsilon
):
    run = tmp_path / "run"
    shutil.copytree(uninterrupted, run)
    with open(run / "config.gin", "a") as file:
        file.write(f"{bindings}\nPixelNoise.outside = 'wrap'\n")
    made = []

    def remembering(*arguments):
        made.append(arguments)
        return atari_evaluation.AtariEvaluator(*arguments)

    monkeypatch.setattr(under_noise, "AtariEvaluator", remembering)
    under_noise.evaluate_run(run, [0.0], episodes=1)
    ((make_game, *others),) = made
    assert others == [1, epsilon, 30]  # max_steps_per_episode
    ale = make_game().environment.ale
    assert ale.getFloat("repeat_action_probability") == (0.25 if sticky else 0.0)
    black = observation_noise.PixelNoise(9.0)(np.zeros((50, 50), np.uint8))
    assert black.max() > 200


def the_line(completed):
    """The only line on standard error, without a traceback."""
    assert completed.returncode not in (0, None)
    (line,) = completed.stderr.splitlines()
    assert line.startswith("error: ")
    return line


def test_an_unknown_game_through_the_command(tmp_path):
    line = the_line(
        train(tmp_path / "run", "atari_lib.create_atari_environment.game_name = 'Pnog'")
    )
    assert "'Pnog'" in line
    assert "`Pong`" in line
    assert not (tmp_path / "run").exists()


# The function that the command calls, without the wait for a new process.
def runner(base_dir, *bindings):
    gin.clear_config()
    try:
        config.parse(FILES, (*SMALL, *bindings))
        return SparseTrainRunner(str(base_dir), seed=3, config_text=config.text(3))
    finally:
        gin.clear_config()


def test_a_finished_run_is_left_alone(uninterrupted, capsys):
    before = {path: path.stat().st_mtime_ns for path in uninterrupted.rglob("*")}
    runner(uninterrupted).run_experiment()
    assert "finished; nothing to do" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in uninterrupted.rglob("*")} == before


@pytest.mark.parametrize(
    ("learning_begins", "words"),
    [
        # Four iterations of 120 agent steps: updates end at gradient step 0.8 * 480 / 4 = 96.
        (60, ""),
        (200, "mask updates end at gradient step 96, but the run takes only about 70;"),
        (480, "it takes no gradient step"),
    ],
)
def test_a_run_too_short_for_its_updates_says_so(tmp_path, capfd, learning_begins, words):
    runner(tmp_path / "run", f"DQNAgent.min_replay_history = {learning_begins}")
    error = capfd.readouterr().err
    assert words in error
    assert ("warning: " in error) == bool(words)


def test_another_width_in_the_same_directory_is_one_line(uninterrupted):
    with pytest.raises(ConfigError, match="belongs to another configuration") as caught:
        runner(uninterrupted, "NatureDQNNetwork.width = 0.2")
    line = str(caught.value).splitlines()[0]
    assert "- NatureDQNNetwork.width = 0.1 | + NatureDQNNetwork.width = 0.2" in line


@pytest.mark.parametrize(
    ("binding", "parts"),
    [
        ("SparseTrainRunner.observation_noise = -1.0", ["observation_noise is -1.0", "at least 0"]),
        ("SparseTrainRunner.num_iterations = 0", ["num_iterations is 0", "at least 1"]),
        ("SparseTrainRunner.agent_type = 'rainbow'", ["agent_type is 'rainbow'", "one of 'dqn'"]),
        ("SparseDQNAgent.mode = 'magic'", ["'magic'", "rigl"]),
        ("NatureDQNNetwork.width = -1", ["NatureDQNNetwork.width is -1", "(0, 100]"]),
        ("SPARSITY = 1.5", ["1.5", "[0, 1)"]),
        ("UpdatedRigLOptimizer.frequency = 0", ["RigLOptimizer.frequency is 0", "at least 1"]),
        ("UpdatedRigLOptimizer.drop_fraction = 2.0", ["drop_fraction is 2.0", "[0, 1)"]),
        ("PixelNoise.sigma = 30", ["no effect here; bind SparseTrainRunner.observation_noise"]),
        ("log_snr.freq = 5", ["log_snr.freq has no effect here", "leave it out"]),
        (
            "SparseDQNAgent.mode = 'static'\nmask_updater.update_alg = 'set'",
            ["mask_updater.update_alg has no effect here; bind SparseDQNAgent.mode"],
        ),
        ("wrap_all_layers.mode = 'prune'", ["wrap_all_layers.mode has no", "SparseDQNAgent.mode"]),
        ("SparseTrainRunner.trainin_steps = 3", ["did you mean 'training_steps'"]),
        # NumPy would spread a single pixel over the whole frame.
        (
            "atari_lib.AtariPreprocessing.screen_size = 1",
            ["frames are (1, 1, 1), but must be (84, 84, 1)"],
        ),
        (
            "atari_lib.AtariPreprocessing.screen_size = 42",
            ["frames are (42, 42, 1)", "screen_size unbound"],
        ),
        (
            "DQNAgent.min_replay_history = 1\nDQNAgent.update_period = 1",
            ["min_replay_history is 1", "at least 4"],
        ),
        (
            "DQNAgent.min_replay_history = 12\nDQNAgent.update_horizon = 10",
            ["min_replay_history is 12", "at least 13"],
        ),
        ("WrappedReplayBuffer.replay_capacity = 8", ["replay_capacity is 8", "at least 9"]),
        (
            "WrappedReplayBuffer.replay_capacity = 10\nDQNAgent.update_horizon = 3",
            ["replay_capacity is 10", "at least 11"],
        ),
    ],
)
def test_bad_values_are_one_line(refused, tmp_path, binding, parts):
    with refused(*parts, called_by_gin=True):
        runner(tmp_path / "run", binding)
    assert not (tmp_path / "run").exists()


@gin.configurable
def plain_network(num_actions, name):
    layers = [tf.keras.layers.Flatten(), tf.keras.layers.Dense(num_actions)]
    return tf.keras.Sequential(layers, name)


@gin.configurable
def unnamed_game():
    return atari.atari_lib.AtariPreprocessing(atari.Emulator("Pong"))


@pytest.mark.parametrize(
    ("binding", "name"),
    [
        ("DQNAgent.network = @plain_network", "width"),
        ("SparseTrainRunner.load_env_fn = @unnamed_game", "game"),
    ],
)
def test_what_cannot_be_recorded_is_refused_before_training(refused, tmp_path, binding, name):
    line = "result.json needs a network with `label` and `width` and a game with `game`: "
    with refused(line, f"no attribute '{name}'", called_by_gin=True):
        runner(tmp_path / "run", binding)
    assert not (tmp_path / "run").exists()


def test_robustness_of_what_is_no_run(tmp_path):
    with pytest.raises(ConfigError, match="^no result.json to read"):
        under_noise.evaluate_run(tmp_path)


def test_negative_noise_and_unknown_policies(uninterrupted):
    with pytest.raises(ConfigError, match="sigma is -1.0"):
        under_noise.evaluate_run(uninterrupted, [-1.0])
    with pytest.raises(ConfigError, match="^no policy of step 7; saved steps: "):
        under_noise.evaluate_run(uninterrupted, step=7)
