"""Noise on the observations of a policy that TF-Agents saved.

For Atari see `dopamine/`, for trained runs of every agent `test_commands.py`.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import gymnasium
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from tf_agents.networks import actor_distribution_network
from tf_agents.policies import actor_policy, policy_saver, tf_policy
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import policy_step
from tf_agents.trajectories import time_step as ts

from rigl_rl import record
from rigl_rl.environments.evaluation import Evaluator
from rigl_rl.errors import ConfigError
from rigl_rl.robustness import __main__ as command
from rigl_rl.robustness import under_noise

ROOT = Path(__file__).resolve().parents[1]
OBSERVATION = tensor_spec.TensorSpec((4,), tf.float32, "observation")
PUSH = tensor_spec.BoundedTensorSpec((), tf.int64, 0, 1, "action")
FORCE = tensor_spec.BoundedTensorSpec((1,), tf.float32, -1, 1, "action")
LABELS = dict(agent="dqn", suite="classic", env="CartPole-v0", method="set", sparsity=0.9, seed=4)


class Balance(tf_policy.TFPolicy):
    """Pushes the cart in the direction of the fall: 200 steps if there is no noise."""

    def __init__(self, action=PUSH):
        super().__init__(ts.time_step_spec(OBSERVATION), action)

    def _distribution(self, time_step, policy_state):
        angle, speed = time_step.observation[:, 2], time_step.observation[:, 3]
        push = tf.cast(angle + 0.5 * speed > 0, self.action_spec.dtype)
        push = tf.reshape(push, [-1, *self.action_spec.shape])
        return policy_step.PolicyStep(tfp.distributions.Deterministic(push), policy_state)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    run = tmp_path_factory.mktemp("run")
    policy_saver.PolicySaver(Balance()).save(str(run / "policies" / "000000400"))
    (run / "result.json").write_text(json.dumps(LABELS))
    (run / "config.gin").write_text("# seed = 4\n")
    return run


def test_noise_costs_return(run):
    table = under_noise.evaluate_run(run, [0.0, 4.0, 30.0], episodes=10, epsilon=0.0)
    columns = [*under_noise.LABELS, *record.ROBUSTNESS_COLUMNS, *record.NOISE_SETTINGS]
    assert list(table.columns) == columns
    assert set(zip(table["epsilon"], table["noise_seed"])) == {(0.0, 0)}
    assert table["avg_return"][0] == 200
    assert table["std_return"][0] == 0
    # Noise of 30 deviations drowns the observation: no better than coin tosses, about 22.
    assert 10 < table["avg_return"][2] < 40
    assert table["avg_return"][2] < table["avg_return"][1] < 200
    assert set(table["train_step"]) == {400}
    assert set(table["seed"]) == {4}


def test_random_actions_are_as_many_as_in_the_run_s_evaluations(run, monkeypatch):
    saved_policy, given = under_noise._saved_policy, []

    def remembering(path, epsilon):
        given.append(epsilon)
        return saved_policy(path, epsilon)

    monkeypatch.setattr(under_noise, "_saved_policy", remembering)
    under_noise.evaluate_run(run, [0.0], episodes=1)
    tossed = under_noise.evaluate_run(run, [0.0], episodes=20, epsilon=1.0)
    assert given == [0.1, 1.0]  # Table 6
    assert 15 < tossed["avg_return"][0] < 30  # of coin tosses about 22


def test_a_share_of_the_actions_is_random(run):
    observations = np.ones((10_000, 4), np.float32)  # pushed to the right
    act = under_noise._saved_policy(run / "policies" / "000000400", epsilon=0.3)
    actions = act(observations, np.random.default_rng(1))
    assert actions.dtype == np.int64
    # A random action equals the policy's half of the time. The bound is six standard deviations.
    assert (actions == 0).mean() == pytest.approx(0.15, abs=6 * (0.15 * 0.85 / 10_000) ** 0.5)
    assert set(actions) == {0, 1}
    again = act(observations, np.random.default_rng(1))
    np.testing.assert_array_equal(again, actions)


def test_random_actions_are_whole_numbers(run, tmp_path):
    policy_saver.PolicySaver(Balance(FORCE)).save(str(tmp_path))
    act = under_noise._saved_policy(tmp_path, epsilon=0.0)
    assert act(np.ones((2, 4), np.float32), np.random.default_rng(0)).tolist() == [[1.0], [1.0]]
    with pytest.raises(ConfigError, match=r"epsilon is 0.1, but must be 0"):
        under_noise._saved_policy(tmp_path, 0.1)
    with pytest.raises(ConfigError, match=r"epsilon is 1.1, but must be a number within \[0, 1\]"):
        under_noise.evaluate_run(run, epsilon=1.1)


def test_a_policy_that_samples_is_refused(refused, run, tmp_path):
    # No seed determines its actions.
    time_steps = ts.time_step_spec(OBSERVATION)
    network = actor_distribution_network.ActorDistributionNetwork(OBSERVATION, PUSH)
    policy = actor_policy.ActorPolicy(time_steps, PUSH, network)
    shutil.copytree(run, tmp_path, dirs_exist_ok=True)
    policy_saver.PolicySaver(policy).save(str(tmp_path / "policies" / "000000500"))
    with refused("its policy samples actions; only greedy ones can be exported or evaluated with"):
        under_noise.evaluate_run(tmp_path, [0.0], episodes=1)


def test_noise_is_scaled_to_each_observation():
    # Deviations differ between observations: noise that would drown the angle hardly shows in
    # another one.
    seen = []

    def always_left(observations, random):
        seen.append(observations.copy())
        return np.zeros(5, int)

    evaluate = under_noise.with_scaled_noise(Evaluator("CartPole-v0", 5), always_left)
    evaluate(0.0, 1)
    clean = np.concatenate(seen[: len(seen) // 2])  # measured first, then played again
    seen.clear()
    evaluate(2.0, 1)
    # The action is always the same, so only the noise makes a difference.
    noisy = np.concatenate(seen)
    added = (noisy - clean).std(axis=0)
    deviation = np.unique(clean, axis=0).std(axis=0)  # an ended episode's last state counts once
    np.testing.assert_allclose(added, 2.0 * deviation, rtol=0.3)


class Still(gymnasium.Env):
    """Observes 0, 0, 0, 1 and ends; from an odd seed, observes 7 and ends."""

    observation_space = gymnasium.spaces.Box(0, 7, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        self.left = [7.0] if seed % 2 else [0.0, 0.0, 0.0, 1.0]
        return self._next(), {}

    def step(self, action):
        over = not self.left
        return (np.float32([9.0]) if over else self._next()), 0.0, over, False, {}

    def _next(self):
        return np.float32([self.left.pop(0)])


def test_every_observation_of_a_running_episode_counts_once():
    gymnasium.register("Still-v0", entry_point=Still, disable_env_checker=True)
    seen = []

    def look(observations, random):
        seen.append(observations.copy())
        return np.zeros(2, int)

    evaluate = under_noise.with_scaled_noise(Evaluator("Still-v0", 2), look)
    seed = 3
    _, noise_seed = np.random.SeedSequence(seed).generate_state(2)
    evaluate(1.0, seed)
    clean, noisy = seen[0], seen[len(seen) // 2]
    noise = np.random.default_rng(int(noise_seed)).standard_normal((2, 1))
    deviation = np.std([0.0, 0.0, 0.0, 1.0, 7.0])
    np.testing.assert_allclose(noisy - clean, deviation * noise, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({**LABELS, "agent": "ddpg"}, "agent 'ddpg' is not one of dqn, sac, ppo"),
        ({"agent": "dqn"}, "result.json lacks suite, env, method, sparsity, seed"),
    ],
)
def test_what_is_no_run_of_ours(run, tmp_path, labels, message):
    shutil.copytree(run / "policies", tmp_path / "policies")
    (tmp_path / "result.json").write_text(json.dumps(labels))
    with pytest.raises(ConfigError, match=message):
        under_noise.evaluate_run(tmp_path)


def test_a_run_without_policies(run, tmp_path):
    shutil.copy(run / "result.json", tmp_path)
    with pytest.raises(ConfigError, match="no saved policy"):
        under_noise.evaluate_run(tmp_path)


# A user's environment, configured through gin. Its reward shows the binding.
MODULE = """
import gin, gymnasium

@gin.configurable
def make_mine(reward=1.0):
    env = gymnasium.make("CartPole-v0", disable_env_checker=True).unwrapped
    env = gymnasium.wrappers.TransformReward(env, lambda each: reward)
    return gymnasium.wrappers.TimeLimit(env, 7)

gymnasium.register("Mine-v0", entry_point=make_mine, disable_env_checker=True)
"""
CONFIG = """import {module}
make_mine.reward = %REWARD
REWARD = 3.0
train_eval.env_name = 'Mine-v0'
train_eval.eval_epsilon_greedy = 0.0
"""


def test_runs_that_fail_leave_the_others_alone(run, tmp_path):
    (tmp_path / "mine.py").write_text(MODULE)
    (tmp_path / "fatal.py").write_text("import os; os.abort()")
    (tmp_path / "broken.py").write_text("raise RuntimeError('two' + chr(10) + 'lines')")
    runs = {}
    for module in ("fatal", "broken", "absent", "mine"):
        runs[module] = tmp_path / "runs" / module
        shutil.copytree(run, runs[module])
        (runs[module] / "config.gin").write_text(CONFIG.format(module=module))
        result = json.loads((runs[module] / "result.json").read_text())
        result |= {"env": "Mine-v0", "env_options": {"modules": [module]}}
        (runs[module] / "result.json").write_text(json.dumps(result))
    unfinished = tmp_path / "runs" / "unfinished"
    unfinished.mkdir()

    def robustness(*paths):
        argv = [sys.executable, "-m", "rigl_rl.robustness", "--sigmas", "0", "--episodes", "2"]
        env = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
        argv += ["--run", *(str(path.relative_to(tmp_path)) for path in paths)]
        return subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True)

    completed = robustness(unfinished, *runs.values())
    assert completed.returncode == 1
    errors = completed.stderr.splitlines()
    beginnings = [
        "error: run 'runs/unfinished': no result.json to read",
        "error: run 'runs/fatal': its process was killed",
        "error: run 'runs/broken': gin file 'runs/broken/config.gin': RuntimeError: two lines",
        "error: run 'runs/absent': gin file 'runs/absent/config.gin': No module named 'absent'; "
        "start the command where it can be imported",
    ]
    assert len(errors) == len(beginnings), completed.stderr
    for line, beginning in zip(errors, beginnings):
        assert line.startswith(beginning)
    assert pd.read_csv(runs["mine"] / "robustness.csv")["avg_return"].tolist() == [7 * 3.0]
    assert "Mine" not in completed.stderr
    assert len(completed.stdout.splitlines()) == 2
    for path in (runs["fatal"], runs["broken"], runs["absent"], unfinished):
        assert not (path / "robustness.csv").exists()

    again = robustness(runs["mine"])
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout == "runs/mine/robustness.csv exists; nothing to do\n"


def test_one_file_for_one_run(tmp_path):
    out = tmp_path / "table.csv"
    with pytest.raises(ConfigError, match="is one file, but --run names 2 runs"):
        command.main(["--run", "a", "b", "--out", str(out)])
    out.touch()
    with pytest.raises(ConfigError, match="^--out '.*table.csv' exists"):
        command.main(["--run", "a", "--out", str(out)])
