"""The check for NaN, on runs with and without NaN."""

import numpy as np
import pytest
import tensorflow as tf

from benchmarks import finite


@pytest.fixture
def run(tmp_path):
    def make(returns=(1.0, 2.0), weights=(0.0, 1.0)):
        rows = "".join(f"{step},{value}\n" for step, value in enumerate(returns))
        (tmp_path / "evals.csv").write_text(f"train_step,avg_return\n{rows}")
        module = tf.Module()
        module.count, module.kernel = tf.Variable(3), tf.Variable(np.float32(weights))
        tf.saved_model.save(module, str(tmp_path / "policies" / "000000007"))
        return tmp_path

    return make


def test_what_is_finite(run):
    assert finite.fault(run()) == ""


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not(run, value):
    assert finite.fault(run(returns=(1.0, value))) == f"returns are [1.0, {value}]"
    assert "kernel" in finite.fault(run(weights=(0.0, value)))


def test_the_steps_of_ppo_come_in_iterations_of_320():
    assert "train_eval.num_iterations = 7" in finite.bindings("ppo", "Ant-v2", 2000)
    assert "train_eval.num_iterations = 1" in finite.bindings("ppo", "Ant-v2", 320)
    assert "train_eval.num_iterations = 2000" in finite.bindings("sac", "Ant-v2", 2000)


def test_a_run_that_fails_counts(monkeypatch, capsys):
    outcomes = {"dense": "", "rigl": "error: the loss became infinite or NaN"}
    monkeypatch.setattr(
        finite, "train", lambda run, agent, task, method, seed, steps: outcomes[method]
    )
    assert finite.main(["--tasks", "Ant-v2", "--agents", "sac"]) == 1
    assert "sac Ant-v2 rigl seed 0: error: the loss became" in capsys.readouterr().out
    assert finite.main(["--tasks", "Ant-v2", "--methods", "dense"]) == 0
    assert "2 of 2 runs are finite" in capsys.readouterr().out
    assert finite.main([]) == 1
    assert "10 of 20 runs are finite" in capsys.readouterr().out  # five tasks, two agents
