"""Training in users' environments: odd spaces, a step limit, and no way to save them.

The environments are in tests/environments/own.
"""

import importlib
import json
import pathlib
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from tf_agents.policies import random_tf_policy
from tf_agents.replay_buffers import tf_uniform_replay_buffer
from tf_agents.trajectories import StepType

from rigl_rl.adapters.in_graph_environment import InGraphEnvironment
from rigl_rl.environments.gymnasium_environment import GymnasiumEnvironment
from rigl_rl.errors import ConfigError, RiglRlError
from rigl_rl.runs import random_state
from rigl_rl.runs.run_directory import RunDirectory
from rigl_rl.tfagents import (
    dqn_train_eval,
    off_policy_loop,
    on_policy_loop,
    ppo_train_eval,
    sac_train_eval,
)

MAINS = {"dqn": dqn_train_eval, "sac": sac_train_eval, "ppo": ppo_train_eval}
UNITS = {
    "dqn": dict(fc_layer_params=(8,)),
    "sac": dict(actor_fc_layers=(8,), critic_joint_fc_layers=(8,)),
    "ppo": dict(actor_fc_layers=(8,), value_fc_layers=(8,)),
}
OFF_POLICY = dict(initial_collect_steps=20, replay_capacity=90, batch_size=8, num_iterations=30)
TRAINING = {
    "dqn": OFF_POLICY,
    "sac": dict(checkpoint_interval=1, **OFF_POLICY),
    "ppo": dict(collect_sequence_length=20, minibatch_size=10, num_epochs=5, num_iterations=3),
}
EVALUATIONS = dict(eval_interval=10, eval_episodes=2)


@pytest.fixture(autouse=True)
def _own_environments(monkeypatch):
    monkeypatch.syspath_prepend(str(pathlib.Path(__file__).parents[1] / "environments" / "own"))


def train(agent: str, root_dir, env: str, **more) -> None:
    small = {**UNITS[agent], **TRAINING[agent], **EVALUATIONS}
    name = f"my_environments:{env}-v0"
    MAINS[agent].train_eval(str(root_dir), 0, "", show_bar=False, env_name=name, **small, **more)


def result_of(run) -> dict:
    return json.loads((run / "result.json").read_text())


@pytest.mark.parametrize(
    ("agent", "env"), [("dqn", "Odd"), ("ppo", "Odd"), ("sac", "OddContinuous")]
)
def test_odd_environments_with_a_step_limit(agent, env, tmp_path):
    run = tmp_path / "run"
    train(agent, run, env, max_episode_steps=7)  # the environment checks the actions it is given
    evals = pd.read_csv(run / "evals.csv")
    assert evals["avg_return"].tolist() == [7.0] * 4  # a reward of 1 per step
    result = result_of(run)
    assert result["env"] == f"my_environments:{env}-v0"
    assert result["env_options"] == {"max_episode_steps": 7}
    assert result["inexact_resumes"] == 0
    if env == "Odd":
        taken = sys.modules["my_environments"].Odd.all_taken
        assert taken == {-1, 0, 1}
        taken.clear()


@pytest.mark.parametrize("agent", MAINS)
def test_one_that_cannot_be_saved_is_refused_before_anything_is_written(agent, tmp_path):
    env = "ForgetfulContinuous" if agent == "sac" else "Forgetful"
    with pytest.raises(
        ConfigError, match="cannot be saved exactly .* bind train_eval.allow_inexact"
    ):
        train(agent, tmp_path / "run", env)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("agent", "what", "line"),
    [
        ("dqn", "step", "failed: {} between train steps 10 and 20; the last checkpoint is intact"),
        ("ppo", "reset", "failed: {} between train steps 10 and 20; the last checkpoint is intact"),
    ],
)
def test_one_that_fails_stops_the_run_in_one_line(agent, what, line, tmp_path, monkeypatch):
    failing = importlib.import_module("my_environments").Failing
    original = RunDirectory.write_history

    def write(self, history):
        original(self, history)
        if len(history.evals) == 2:
            monkeypatch.setattr(failing, "fails", what)

    monkeypatch.setattr(RunDirectory, "write_history", write)
    with pytest.raises(RiglRlError) as caught:
        train(agent, tmp_path / "run", "Failing", max_episode_steps=7)
    expected = line.format("ZeroDivisionError: the wheel came off")
    assert str(caught.value) == f"environment 'my_environments:Failing-v0' {expected}"
    names = [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()]
    assert max(names) == "000000010"
    assert not (tmp_path / "run" / "result.json").exists()


@pytest.mark.parametrize("agent", ["sac", "ppo"])
def test_a_binding_of_contact_forces_reaches_the_environment(agent, tmp_path):
    with pytest.raises(ConfigError, match="contact_forces is True, but environment"):
        train(agent, tmp_path / "run", "Continuous", contact_forces=True)


def interrupted(monkeypatch, folder, evaluations: int):
    """Makes the next run leave a copy of itself after this number of evaluations."""
    original = RunDirectory.write_history

    def write_and_copy(self, history):
        original(self, history)
        if len(history.evals) == evaluations and not folder.exists():
            shutil.copytree(self.path, folder)

    monkeypatch.setattr(RunDirectory, "write_history", write_and_copy)


def noted(monkeypatch, kind: type) -> list:
    """All objects of a class that are made from here on."""
    made, original = [], kind.__init__

    def init(self, *arguments, **options):
        original(self, *arguments, **options)
        made.append(self)

    monkeypatch.setattr(kind, "__init__", init)
    return made


def follows(before, after) -> bool:
    """Whether one observation, (episode, step) / 1024, comes after another."""
    return after[0] == before[0] and after[1] == before[1] + 1 / 1024


def assert_resumed(run, capsys):
    output = capsys.readouterr()
    assert output.err.startswith("warning: environment 'my_environments:Forgetful")
    assert output.err.count("\n") == 1
    assert "a resumed run starts a new episode" in output.out
    assert result_of(run)["inexact_resumes"] == 1
    assert len(pd.read_csv(run / "evals.csv")) == 4


@pytest.fixture
def in_place():
    """The environment that changes its arrays in place, and the random policy."""
    env = InGraphEnvironment(GymnasiumEnvironment("my_environments:InPlace-v0", seed=0))
    env.pyenv.reset()
    return env, random_tf_policy.RandomTFPolicy(env.time_step_spec(), env.action_spec())


def assert_six_steps(observation, action):
    """Shapes (6, 2) and (6, 1): an episode as it was when each step was taken."""
    assert (observation[:, 1] * 1024).tolist() == [*range(6)]
    assert len(set(action[:, 0])) == 6


def test_the_replay_buffer_holds_what_was_seen_and_done_though_the_environment_changes_it(in_place):
    env, policy = in_place
    replay = tf_uniform_replay_buffer.TFUniformReplayBuffer(policy.trajectory_spec, 1, max_length=9)
    off_policy_loop.collect_at_random(env, replay, 6, random_state.generator(0))
    frames = tf.nest.map_structure(lambda x: x.numpy()[0], replay.gather_all())
    assert_six_steps(frames.observation, frames.action)


def test_ppo_collects_what_was_seen_and_done_though_the_environment_changes_it(in_place):
    collected = tf.function(lambda: on_policy_loop.collect(*in_place, 6))()
    assert_six_steps(collected.observation[:, 0].numpy(), collected.action[:, 0].numpy())
    following = collected.next_observation[:, 0, 1].numpy() * 1024
    assert following.tolist() == [*range(1, 7)]


def test_sac_learns_from_no_transition_across_a_break(tmp_path, monkeypatch, capsys):
    resumed = tmp_path / "resumed"
    interrupted(monkeypatch, resumed, 3)
    train("sac", tmp_path / "run", "ForgetfulContinuous", allow_inexact_resume=True)
    assert capsys.readouterr().err == ""
    buffers = noted(monkeypatch, tf_uniform_replay_buffer.TFUniformReplayBuffer)
    train("sac", resumed, "ForgetfulContinuous", allow_inexact_resume=True)
    assert_resumed(resumed, capsys)
    (replay,) = buffers
    frames = tf.nest.map_structure(lambda x: x.numpy()[0], replay.gather_all())
    pairs = [
        follows(frames.observation[index], frames.observation[index + 1])
        for index in np.flatnonzero(frames.step_type[:-1] != StepType.LAST)
    ]
    assert all(pairs)
    assert len(pairs) == 20 + 30 - 1  # every step of the run but the last, which has no successor
    jumps = np.diff(frames.observation[:, 0]) * 1024
    assert (~np.isin(jumps, [0, 1])).sum() == 1  # the break, with another seed


def test_ppo_learns_from_no_transition_across_a_break(tmp_path, monkeypatch, capsys):
    resumed = tmp_path / "resumed"
    interrupted(monkeypatch, resumed, 3)  # one iteration before the end
    train("ppo", tmp_path / "run", "Forgetful", allow_inexact_resume=True)
    loops = noted(monkeypatch, on_policy_loop.Loop)
    train("ppo", resumed, "Forgetful", allow_inexact_resume=True)
    assert_resumed(resumed, capsys)
    observations = loops[0].experience.observation.numpy()[:, 0]
    assert (observations[:, 1] * 1024).tolist() == [*range(6), *range(6), *range(6), 0, 1]
    assert len(set(observations[:6, 0])) == 1
