"""Noise on the observations of a policy that TF-Agents saved. Atari: `dopamine/`."""

from __future__ import annotations

import json
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from tf_agents.policies import policy_saver, tf_policy
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import policy_step
from tf_agents.trajectories import time_step as ts

from rigl_rl import robustness

OBSERVATION = tensor_spec.TensorSpec((4,), tf.float32, "observation")
ACTION = tensor_spec.BoundedTensorSpec((), tf.int64, 0, 1, "action")


class Balance(tf_policy.TFPolicy):
    """Pushes the cart to where the pole falls: the full 200 steps, without noise."""

    def __init__(self):
        super().__init__(ts.time_step_spec(OBSERVATION), ACTION)

    def _distribution(self, time_step, policy_state):
        angle, speed = time_step.observation[:, 2], time_step.observation[:, 3]
        push = tf.cast(angle + 0.5 * speed > 0, tf.int64)
        return policy_step.PolicyStep(tfp.distributions.Deterministic(push), policy_state)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    run = tmp_path_factory.mktemp("run")
    policy_saver.PolicySaver(Balance()).save(str(run / "policies" / "000000400"))
    labels = dict(agent="dqn", suite="classic", env="CartPole-v0", method="set", sparsity=0.9)
    (run / "result.json").write_text(json.dumps({**labels, "seed": 4}))
    return run


def test_noise_costs_return(run):
    table = robustness.evaluate_run(run, [0.0, 4.0, 30.0], episodes=10)
    assert table["avg_return"][0] == 200
    assert table["std_return"][0] == 0
    # Noise of 30 deviations leaves nothing of the observation: as good as coin tosses, about 22.
    assert 10 < table["avg_return"][2] < 40
    assert table["avg_return"][2] < table["avg_return"][1] < 200
    assert set(table["train_step"]) == {400}
    assert set(table["seed"]) == {4}


def test_noise_is_scaled_to_each_observation(run):
    # The cart stays where it is, for a policy that asks for angle and speed alone: noise of so
    # many deviations of the angle is nothing to the eye and everything to the policy.
    seen = []

    class Recording:
        def action(self, time_step):
            seen.append(time_step.observation.numpy())
            return policy_step.PolicyStep(tf.zeros(5, tf.int64))

    evaluate = robustness._gymnasium_evaluation(Recording(), "CartPole-v0", 5)
    evaluate(0.0, 1)
    clean = np.concatenate(seen[: len(seen) // 2])  # measured first, then played again
    seen.clear()
    evaluate(2.0, 1)
    # Always the same action, so the same course again but for the noise.
    noisy = np.concatenate(seen)
    added = (noisy - clean).std(axis=0)
    deviation = np.unique(clean, axis=0).std(axis=0)  # of ended episodes the last state once
    np.testing.assert_allclose(added, 2.0 * deviation, rtol=0.3)


def test_the_last_state_of_an_ended_episode_counts_once():
    going_on, over = [[0.0], [1.0], [2.0], [3.0]], [[7.0], [8.0], [8.0], [8.0]]
    observations = np.stack([going_on, over], axis=1)
    assert sorted(robustness._distinct(observations).ravel()) == [0, 1, 2, 3, 7, 8]


def test_the_command_writes_a_table_once(run, tmp_path, monkeypatch, capsys):
    out = tmp_path / "table.csv"
    flags = ["--run", str(run), "--out", str(out), "--sigmas", "0", "5", "--episodes", "3"]
    monkeypatch.setattr(sys, "argv", ["robustness", *flags])
    robustness.main()
    table = pd.read_csv(out)
    assert list(table.columns) == [*robustness.COLUMNS, *robustness.SCORES]
    assert table["sigma"].tolist() == [0.0, 5.0]
    assert table["avg_return"][0] == 200
    capsys.readouterr()
    with pytest.raises(SystemExit, match="^error: --out '.*table.csv' exists"):
        robustness.main()


def test_tables_of_several_runs_go_into_their_directories(run, tmp_path, monkeypatch, capsys):
    others = [tmp_path / "second", tmp_path / "unfinished"]
    shutil.copytree(run, others[0])
    others[1].mkdir()
    flags = ["--sigmas", "0", "5", "--episodes", "2"]
    monkeypatch.setattr(
        sys, "argv", ["robustness", *flags, "--run", str(run), *map(str, reversed(others))]
    )
    for already_there in (0, 2):
        with pytest.raises(SystemExit) as caught:
            robustness.main()
        assert caught.value.code == 1
        said = capsys.readouterr()
        (line,) = said.err.splitlines()
        assert line.startswith(f"error: run '{others[1]}' has no result.json")
        assert said.out.count("nothing to do") == already_there
        assert pd.read_csv(others[0] / "robustness.csv")["avg_return"][0] == 200
        assert list(others[1].iterdir()) == []
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--out", str(tmp_path / "t.csv")])
    with pytest.raises(SystemExit, match="is one file, but --run names 3 runs"):
        robustness.main()
