"""Small PPO runs: what they record, how a stopped one continues, and bad input."""

import json
from pathlib import Path

import gin
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from analysis import hyperparameters, old_runs
from analysis.collect import collect
from rigl_rl.runs import config
from rigl_rl.tfagents import ppo_train_eval

CONFIGS = Path(__file__).resolve().parents[2] / "gin_configs" / "ppo_mujoco"
CLOCK = {"wall_s", "steps_per_s", "peak_memory_mb"}

# 5 iterations of 2 epochs of 4 minibatches: 40 train steps, 640 environment steps.
SMALL = (
    "train_eval.num_iterations = 5",
    "train_eval.collect_sequence_length = 128",
    "train_eval.minibatch_size = 32",
    "train_eval.num_epochs = 2",
    "train_eval.eval_interval = 10",
    "train_eval.eval_episodes = 2",
    "mask_updater.update_freq = 5",
    "train_eval.actor_fc_layers = (32, 32)",
)
CARTPOLE = (*SMALL, "train_eval.env_name = 'CartPole-v0'", "log_snr.freq = 20")


def start(root_dir, method, bindings):
    """The training command's function, in this process."""
    gin.clear_config()
    config.parse([str(CONFIGS / f"{method}.gin")], bindings)
    ppo_train_eval.train_eval(str(root_dir), seed=1, config_text=config.text(1), show_bar=False)


def result_of(run):
    return json.loads((run / "result.json").read_text())


def weights_of(run):
    """Everything in the saved policy: networks and observation normalizer."""
    (policy,) = (run / "policies").iterdir()
    reader = tf.train.load_checkpoint(str(policy / "variables" / "variables"))
    names = [name for name in reader.get_variable_to_shape_map() if "OBJECT_GRAPH" not in name]
    return {name: reader.get_tensor(name) for name in names}


@pytest.fixture(scope="module")
def session(tmp_path_factory, watching):
    """A finished run, and its parts."""
    run = tmp_path_factory.mktemp("ppo") / "rigl"
    pairs = "train_eval.actor_critic_sparsities_str = '0.9_0.5'"
    with watching(ppo_train_eval.ppo_agent) as watched:
        start(run, "rigl", (*CARTPOLE, pairs, "train_eval.sparse_output_layer = False"))
    return run, watched


@pytest.fixture(scope="module")
def cartpole(session):
    return session[0]


def test_evaluations_fall_at_the_end_of_iterations(cartpole):
    evals = pd.read_csv(cartpole / "evals.csv")
    # Due at 10, 20, 30 and 40 train steps; iterations end at multiples of 8.
    assert evals["train_step"].tolist() == [0, 16, 24, 32, 40]
    assert evals["env_step"].tolist() == [0, 256, 384, 512, 640]
    assert set(evals["episodes"]) == {2}
    assert evals["avg_return"].between(5, 200).all()


def test_result(cartpole):
    result = result_of(cartpole)
    labels = {"agent": "ppo", "suite": "classic", "env": "CartPole-v0", "method": "rigl", "seed": 1}
    assert labels.items() <= result.items()
    assert (result["env_steps"], result["train_steps"]) == (640, 40)
    shapes = [(layer["network"], *layer["shape"]) for layer in result["layers"]]
    assert shapes == [
        ("actor", 4, 32),
        ("actor", 32, 32),
        ("actor", 32, 2),
        ("value", 4, 64),
        ("value", 64, 64),
        ("value", 64, 1),
    ]
    # ERK within each network. Actor: 13 + 103 of 128 + 1024 weights are to stay, in proportion to
    # 4 + 32 and 32 + 32: 41.8 and 74.2, rounded up. Value: 2176 of 4352, in proportion to 68 and
    # 128: 755 is more than the first layer has, so it is dense, and the second gets 1920.
    active = [layer["active"] for layer in result["layers"]]
    assert active == [42, 75, 64, 256, 1920, 64]
    biases = 32 + 32 + 2 + 64 + 64 + 1
    assert result["active_params"] == sum(active) + biases
    assert result["total_params"] == 1216 + 4416 + biases
    assert (result["actor_sparsity"], result["value_sparsity"]) == (0.9, 0.5)
    config = (cartpole / "operative_config.gin").read_text()
    assert hyperparameters.of_run(result) == old_runs.of_run(config, "rigl")


def test_every_evaluation_is_of_episodes_of_its_own(session):
    session[1].assert_evaluations_are_of_episodes_of_their_own(evaluations=5)


def test_the_result_comes_last(session):
    session[1].assert_the_result_came_last()


def test_analysis_reads_what_the_run_was(cartpole, capsys):
    tables = collect(cartpole)
    assert capsys.readouterr().err == ""
    (row,) = tables.runs.to_dict("records")
    given = {"batch_size": 32, "update_freq": 5, "sparsities": "0.9_0.5", "widths": None}
    # Table 3, row RigL.
    best = {"weight_decay": 1e-4, "drop_fraction": 0.3, "sparsity_aware_init": True}
    expected = {**given, **best, "sparse_output_layer": False, "learning_rate": None}
    assert {name: row[name] for name in expected} == expected
    assert (len(tables.evals), len(tables.snr)) == (5, 4)


def test_signal_to_noise_of_each_network(cartpole):
    snr = pd.read_csv(cartpole / "snr.csv")
    # Due at 20 and 40.
    assert snr["train_step"].tolist() == [24, 24, 40, 40]
    assert snr["network"].tolist() == ["actor", "value"] * 2
    assert snr["snr"].between(1e-3, 10).all()


class _Stopped(Exception):
    pass


def test_a_stopped_run_continues_exactly(tmp_path, monkeypatch):
    """HalfCheetah: simulation, normalizers, learning rate, masks and random numbers."""
    bindings = (*SMALL, "train_eval.eval_episodes = 1")
    start(tmp_path / "whole", "set", (*bindings, "mask_updater.init_drop_fraction = 0.3"))

    train, calls = ppo_train_eval.on_policy_loop.Loop.train, []

    def stop_in_the_fourth_iteration(loop, n):
        calls.append(n)
        if len(calls) == 3:  # 16 train steps, then 8, then:
            raise _Stopped
        return train(loop, n)

    with monkeypatch.context() as patch:
        patch.setattr(ppo_train_eval.on_policy_loop.Loop, "train", stop_in_the_fourth_iteration)
        with pytest.raises(_Stopped):
            start(tmp_path / "parts", "set", (*bindings, "mask_updater.init_drop_fraction = 0.3"))
    assert calls == [16, 8, 8]
    start(tmp_path / "parts", "set", (*bindings, "mask_updater.init_drop_fraction = 0.3"))

    whole, parts = tmp_path / "whole", tmp_path / "parts"
    evals = [
        pd.read_csv(run / "evals.csv", dtype=str).drop(columns="wall_s") for run in (whole, parts)
    ]
    assert len(evals[0]) == 5
    pd.testing.assert_frame_equal(*evals)
    results = [result_of(run) for run in (whole, parts)]
    one, other = ({k: v for k, v in r.items() if k not in CLOCK} for r in results)
    assert one == other
    expected, found = weights_of(whole), weights_of(parts)
    assert expected.keys() == found.keys()
    assert len(expected) > 12
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)


@pytest.mark.parametrize(
    ("bindings", "parts"),
    [
        (["train_eval.num_iterations = 0"], ["num_iterations is 0", "at least 1"]),
        (["train_eval.minibatch_size = 60"], ["minibatch_size is 60", "must divide", "2048"]),
        (["train_eval.lambda_value = 1.5"], ["lambda_value is 1.5", "[0, 1]"]),
        (["train_eval.train_mode_value = 'spars'"], ["'spars'", "'dense', 'sparse'"]),
        (["train_eval.actor_critic_sparsities_str = '0.9'"], ["'0.9'", "such as '0.9_0.8'"]),
        (["train_eval.actor_critic_sparsities_str = '0.9_b'"], ["'0.9_b'", "two numbers"]),
        (["train_eval.actor_critic_sparsities_str = '0.9_1.2'"], ["1.2", "[0, 1)"]),
        (
            ["train_eval.actor_critic_widths_str = '1_0'"],
            ["widths_str is", "(0, 100]"],
        ),
        (["train_eval.env_name = 'HalfCheetah-v77'"], ["environment", "'HalfCheetah-v77'"]),
        (["SPARSITY = 1.2"], ["sparsity", "1.2", "[0, 1)"]),
        (["SparsePPOAgent.policy_l2_reg = 0.1"], ["SparsePPOAgent.policy_l2_reg has no effect"]),
    ],
    ids=lambda value: value[-1] if " = " in value[-1] else "",
)
def test_bad_input_is_one_line_and_leaves_nothing(refused, tmp_path, bindings, parts):
    with refused(*parts, called_by_gin=True):
        start(tmp_path / "run", "rigl", bindings)
    assert not (tmp_path / "run").exists()
