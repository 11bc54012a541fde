"""Small SAC runs of the training function: what they record, how they resume and fail."""

import inspect
import json
import shutil
import subprocess
import sys

import gin
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from tf_agents.trajectories import time_step as ts

from analysis import hyperparameters, old_runs
from analysis.collect import collect
from rigl_rl.environments import saving
from rigl_rl.environments.gymnasium_environment import GymnasiumEnvironment
from rigl_rl.errors import RiglRlError
from rigl_rl.runs import config, threads
from rigl_rl.runs.run_directory import RunDirectory
from rigl_rl.sparsity import kernels_of
from rigl_rl.tfagents import sac_train_eval
from rigl_rl.tfagents.hyperparameters import SacHyperparameters

MAIN = "sac_train_eval"

# 5 evaluations, checkpoints after those of steps 0, 20 and 40, mask updates up to step 32 of 40.
SMALL = (
    "train_eval.env_name = 'Hopper-v2'",
    "train_eval.actor_fc_layers = (24, 16)",
    "train_eval.critic_joint_fc_layers = (24, 16)",
    "train_eval.num_iterations = 40",
    "train_eval.initial_collect_steps = 60",
    "train_eval.replay_capacity = 80",  # fills up on the way
    "train_eval.batch_size = 16",
    "train_eval.eval_interval = 10",
    "train_eval.eval_episodes = 2",
    "train_eval.checkpoint_interval = 15",
    "mask_updater.update_freq = 5",
    "log_snr.freq = 20",
)
CLOCK = {"wall_s", "steps_per_s", "peak_memory_mb"}
UNITS_OF_BIASES = {"actor": 24 + 16 + 6, "critic_1": 24 + 16 + 1, "critic_2": 24 + 16 + 1}


def start(root_dir, method="rigl", bindings=SMALL, configs=None):
    """Starts a run like the command, but in this process."""
    gin.clear_config()
    config.parse([str(configs / f"{method}.gin")], bindings)
    sac_train_eval.train_eval(str(root_dir), seed=0, config_text=config.text(0), show_bar=False)


@pytest.fixture(scope="module")
def session(tmp_path_factory, sac_configs, watching):
    """A finished run, copies of it from after evaluations 2, 3 and 4, and its parts."""
    folder = tmp_path_factory.mktemp("sac")
    original = RunDirectory.write_history

    def write_and_copy(self, history):
        original(self, history)
        shutil.copytree(self.path, folder / f"interrupted_{len(history.evals)}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunDirectory, "write_history", write_and_copy)
        with watching(sac_train_eval.sac_agent) as watched:
            start(folder / "run", configs=sac_configs)
    return folder, watched


@pytest.fixture(scope="module")
def runs(session):
    """The folder of the run and its copies."""
    return session[0]


def evals_of(run) -> pd.DataFrame:
    """As text: equal text means equal bits."""
    return pd.read_csv(run / "evals.csv", dtype=str).drop(columns="wall_s")


def result_of(run) -> dict:
    return json.loads((run / "result.json").read_text())


def test_what_a_run_records(runs):
    run = runs / "run"
    evals, result = pd.read_csv(run / "evals.csv"), result_of(run)
    assert evals["train_step"].tolist() == [0, 10, 20, 30, 40]
    assert evals["env_step"].tolist() == [60, 70, 80, 90, 100]
    assert set(evals["episodes"]) == {2}
    labels = {"agent": "sac", "env": "Hopper-v2", "method": "rigl", "target_sparsity": 0.9}
    assert labels.items() <= result.items()
    assert (result["env_steps"], result["train_steps"]) == (100, 40)
    config = (run / "operative_config.gin").read_text()
    assert hyperparameters.of_run(result) == old_runs.of_run(config, "rigl")
    layers = {}
    for layer in result["layers"]:
        layers.setdefault(layer["network"], []).append(layer)
    shapes = {name: [layer["shape"] for layer in found] for name, found in layers.items()}
    critic = [[14, 24], [24, 16], [16, 1]]
    assert shapes == {
        "actor": [[11, 24], [24, 16], [16, 6]],
        "critic_1": critic,
        "critic_2": critic,
    }
    # 90% of each network: 744 and 736 weights, and at most two more per layer.
    for name, size in (("actor", 744), ("critic_1", 736), ("critic_2", 736)):
        active = sum(layer["active"] for layer in layers[name])
        assert 0 <= active - (size - int(0.9 * size)) <= 6
    active = sum(layer["active"] for layer in result["layers"])
    assert result["active_params"] == active + sum(UNITS_OF_BIASES.values())
    assert result["sparsity"] == pytest.approx(1 - active / (744 + 2 * 736), abs=1e-12)
    assert not (run / "checkpoints").exists()


def test_soft_targets_vanish_where_the_masks_do(session):
    _, watched = session
    targets = {
        (name, label): copy
        for name, (critic, target) in watched.agent.critics_and_targets.items()
        for label, copy in zip(kernels_of(critic), kernels_of(target).values())
    }
    kernels = watched.agent.critic_optimizer.kernels
    assert len(kernels) == len(targets) == 6
    for kernel in kernels:
        target, mask = targets[kernel.network, kernel.label].numpy(), kernel.mask.numpy()
        assert not target[mask == 0].any()
        assert target[mask == 1].any()


def test_every_evaluation_is_of_episodes_of_its_own(session):
    session[1].assert_evaluations_are_of_episodes_of_their_own(evaluations=5)


def test_the_result_comes_last(session):
    session[1].assert_the_result_came_last()


def test_analysis_reads_what_the_run_was(runs, capsys):
    tables = collect(runs / "run")
    assert capsys.readouterr().err == ""
    (row,) = tables.runs.to_dict("records")
    given = {"batch_size": 16, "update_freq": 5, "sparsities": None, "widths": None}
    # Table 2, row RigL.
    best = {"weight_decay": 1e-6, "drop_fraction": 0.5, "sparsity_aware_init": True}
    expected = {**given, **best, "sparse_output_layer": True, "learning_rate": None}
    assert {name: row[name] for name in expected} == expected
    assert row["kernel_params"] == 744 + 2 * 736
    assert (len(tables.evals), len(tables.snr)) == (5, 4)


def test_signal_to_noise_ratios_of_actor_and_critic(runs):
    snr = pd.read_csv(runs / "run" / "snr.csv")
    assert snr["network"].tolist() == ["actor", "critic"] * 2
    assert snr["train_step"].tolist() == [20, 20, 40, 40]
    assert snr["snr"].between(0, 10, inclusive="neither").all()


def test_checkpoints_are_as_far_apart_as_asked_for(runs):
    def steps(copy):
        return sorted(int(p.name) for p in (runs / copy / "checkpoints").glob("[0-9]*"))

    # A checkpoint is due at the first evaluation 15 or more steps after the last one.
    assert steps("interrupted_2") == [0]
    assert steps("interrupted_3") == steps("interrupted_4") == [0, 20]


@pytest.mark.parametrize("copy", ["interrupted_2", "interrupted_4"])
def test_a_resumed_run_ends_as_if_nothing_had_happened(
    runs, copy, sac_configs, capsys, monkeypatch
):
    run, of_checkpoint = runs / copy, []
    monkeypatch.setattr(threads, "warn_of_change", of_checkpoint.append)
    start(run, configs=sac_configs)
    begun = {"interrupted_2": 0, "interrupted_4": 20}[copy]
    assert capsys.readouterr().out.startswith(f"resuming {run} at step {begun}\n")
    assert of_checkpoint == [threads.number()]
    pd.testing.assert_frame_equal(evals_of(run), evals_of(runs / "run"))
    assert (run / "snr.csv").read_text() == (runs / "run" / "snr.csv").read_text()
    one, other = (
        {k: v for k, v in result_of(each).items() if k not in CLOCK} for each in (run, runs / "run")
    )
    assert one == other


def test_the_saved_policy_acts_within_bounds(runs):
    policy = tf.saved_model.load(str(runs / "run" / "policies" / "000000040"))
    observations = np.random.default_rng(0).normal(size=(3, 11)).astype(np.float32)
    action = policy.action(ts.restart(tf.constant(observations), 3), ()).action.numpy()
    assert action.shape == (3, 3)
    assert (np.abs(action) <= 1).all()
    again = policy.action(ts.restart(tf.constant(observations), 3), ()).action.numpy()
    np.testing.assert_array_equal(action, again)  # greedy


def test_a_simulation_that_diverges_stops_the_run_with_its_checkpoint_intact(
    runs, sac_configs, tmp_path, monkeypatch
):
    run = shutil.copytree(runs / "interrupted_3", tmp_path / "run")
    before = {p: p.read_bytes() for p in (run / "checkpoints").rglob("*") if p.is_file()}
    original, taken = GymnasiumEnvironment._step, []

    def step(self, action):
        taken.append(action)
        if len(taken) == 5:
            self._gym.unwrapped.data.qvel[0] = np.nan
        return original(self, action)

    monkeypatch.setattr(GymnasiumEnvironment, "_step", step)
    # `prepare` would try out an environment before the run, which takes extra steps.
    monkeypatch.setattr(saving, "prepare", lambda *arguments: None)
    with pytest.raises(RiglRlError) as caught:
        start(run, configs=sac_configs)
    line = str(caught.value).splitlines()[0]
    assert "the simulation of Hopper-v4 diverged" in line
    assert "between train steps 20 and 30; the last checkpoint is intact" in line
    assert {p: p.read_bytes() for p in before} == before


@pytest.mark.parametrize(
    ("bindings", "parts"),
    [
        (["train_eval.env_name = 'HalfCheetah-v77'"], ["'HalfCheetah-v77'"]),
        (["train_eval.env_name = 'CartPole-v0'"], ["'CartPole-v0'", "continuous actions"]),
        (
            ["train_eval.actor_critic_sparsities_str = '0.9'"],
            ["actor_critic_sparsities_str is '0.9'", "'0.9_0.8'"],
        ),
        (
            ["train_eval.actor_critic_sparsities_str = '0.9_1.0'"],
            ["actor_critic_sparsities_str is '0.9_1.0'", "[0, 1)"],
        ),
        (
            ["train_eval.actor_critic_widths_str = 'wide'"],
            ["actor_critic_widths_str is 'wide'", "two numbers"],
        ),
        (
            ["train_eval.actor_critic_widths_str = '0_1'"],
            ["widths_str is", "(0, 100]"],
        ),
        (["train_eval.train_mode_value = 'spars'"], ["'spars'", "'dense', 'sparse'"]),
        (["train_eval.checkpoint_interval = -1"], ["checkpoint_interval is -1", "at least 0"]),
        (["train_eval.target_update_tau = 2"], ["target_update_tau is 2", "[0, 1]"]),
        (["SPARSITY = 1.2"], ["sparsity", "1.2", "[0, 1)"]),
        (["SparseSacAgent.gamma = 0.9"], ["SparseSacAgent.gamma has no effect", "train_eval"]),
    ],
    ids=lambda value: value[-1] if " = " in value[-1] else "",
)
def test_bad_values_are_one_line(refused, sac_configs, tmp_path, bindings, parts):
    with refused(*parts, called_by_gin=True):
        start(tmp_path / "run", bindings=bindings, configs=sac_configs)
    assert not (tmp_path / "run").exists()


def test_the_command_says_what_is_wrong_in_one_line(sac_configs, tmp_path):
    flags = [f"--gin_file={sac_configs}/rigl.gin", f"--root_dir={tmp_path / 'run'}"]
    flags.append("--gin_bindings=train_eval.actor_critic_sparsities_str = '0.9_x'")
    completed = subprocess.run(
        [sys.executable, "-m", "rigl_rl.tfagents.sac_train_eval", *flags],
        cwd=sac_configs.parents[1],
        capture_output=True,
        text=True,
    )
    assert completed.returncode == 2
    assert completed.stdout == ""
    (line,) = completed.stderr.splitlines()
    assert line.startswith("error: actor_critic_sparsities_str is '0.9_x'")


def test_every_binding_of_the_original_is_there():
    names = """env_name initial_collect_steps num_iterations actor_fc_layers critic_obs_fc_layers
    critic_action_fc_layers critic_joint_fc_layers target_update_tau target_update_period batch_size
    actor_learning_rate critic_learning_rate alpha_learning_rate gamma reward_scale_factor
    replay_capacity weight_decay width policy_save_interval eval_interval eval_episodes
    sparse_output_layer train_mode_actor train_mode_value actor_critic_sparsities_str
    actor_critic_widths_str"""
    assert set(names.split()) <= set(inspect.signature(SacHyperparameters).parameters)
