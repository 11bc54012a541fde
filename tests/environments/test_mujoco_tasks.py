"""MuJoCo's tasks against gymnasium's own, to the bit."""

from __future__ import annotations

import sys

import gymnasium
import numpy as np
import pytest
import tensorflow as tf
from tf_agents.environments import tf_py_environment
from tf_agents.trajectories import StepType

from launch.agents import PPO, SAC
from rigl_rl.environments.evaluation import Evaluator
from rigl_rl.environments.gymnasium_environment import GymnasiumEnvironment, make
from rigl_rl.environments.mujoco_tasks import SimulationError
from rigl_rl.errors import ConfigError

# Observation, action and its bound, as in the MuJoCo -v2 tasks that the paper trains on.
TASKS = {
    "HalfCheetah": (17, 6, 1.0),
    "Hopper": (11, 3, 1.0),
    "Walker2d": (17, 6, 1.0),
    "Ant": (111, 8, 1.0),
    "Humanoid": (376, 17, 0.4),
}


def random_actions(env, number, seed=0) -> np.ndarray:
    spec = env.action_spec()
    rng = np.random.default_rng(seed)
    return rng.uniform(spec.minimum, spec.maximum, (number, *spec.shape)).astype(np.float32)


def follow(env, actions) -> list:
    steps = [env.step(action[np.newaxis]) for action in actions]
    return [tuple(np.asarray(part).tobytes() for part in step) for step in steps]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("version", ["v2", "v4"])
def test_sizes_are_those_of_the_papers_tasks(task, version):
    env = GymnasiumEnvironment(f"{task}-{version}", seed=0)
    observations, actions, bound = TASKS[task]
    assert env.observation_spec().shape == (observations,)
    assert env.action_spec().shape == (actions,)
    assert env.observation_spec().dtype == env.action_spec().dtype == np.float32
    np.testing.assert_array_equal(env.action_spec().maximum, np.full(actions, bound, np.float32))
    np.testing.assert_array_equal(env.action_spec().minimum, np.full(actions, -bound, np.float32))
    assert env.reset().observation.dtype == np.float32


def test_launching_counts_parameters_with_these_sizes():
    sizes = {f"{task}-v2": numbers[:2] for task, numbers in TASKS.items()}
    assert SAC.tasks == PPO.tasks == sizes


@pytest.mark.parametrize("task", TASKS)
def test_it_goes_through_what_gymnasium_goes_through(task):
    env = GymnasiumEnvironment(f"{task}-v2", seed=3)
    options = {"use_contact_forces": True} if task == "Ant" else {}
    reference = gymnasium.make(f"{task}-v4", **options)
    observation, _ = reference.reset(seed=3)
    np.testing.assert_array_equal(env.reset().observation[0], observation.astype(np.float32))
    for action in random_actions(env, 150):
        step = env.step(action[np.newaxis])
        if step.is_first()[0]:
            observation, _ = reference.reset()
        else:
            observation, reward, terminated, truncated, _ = reference.step(action)
            assert step.reward[0] == np.float32(reward)
            assert step.discount[0] == (0.0 if terminated else 1.0)
            assert step.is_last()[0] == (terminated or truncated)
        np.testing.assert_array_equal(step.observation[0], observation.astype(np.float32))


@pytest.mark.parametrize("before", [0, 1, 33], ids="after {} steps".format)
@pytest.mark.parametrize("task", TASKS)
def test_a_restored_state_goes_on_to_the_bit_through_episodes_to_come(task, before):
    env = GymnasiumEnvironment(f"{task}-v4", seed=1)
    actions = random_actions(env, before + 200)
    env.reset()
    follow(env, actions[:before])
    state = env.get_state()
    expected = follow(env, actions[before:])
    other = GymnasiumEnvironment(f"{task}-v4", seed=99)
    other.reset()
    other.set_state(state)
    assert follow(other, actions[before:]) == expected
    if task in ("Hopper", "Walker2d", "Ant", "Humanoid"):
        firsts = [step for step in expected if step[0] == np.int32(StepType.FIRST).tobytes()]
        assert firsts  # it fell, and new episodes began


def test_the_time_limit_truncates_and_is_carried_on():
    env = GymnasiumEnvironment("HalfCheetah-v2", seed=0)
    env.reset()
    actions = random_actions(env, 1000)
    follow(env, actions[:990])
    other = GymnasiumEnvironment("HalfCheetah-v2", seed=0)
    other.set_state(env.get_state())
    steps = [other.step(action[np.newaxis]) for action in actions[990:]]
    assert [bool(step.is_last()[0]) for step in steps] == [False] * 9 + [True]
    assert steps[-1].discount[0] == 1.0


def diverging(env: GymnasiumEnvironment) -> None:
    env._gym.unwrapped.data.qvel[0] = np.nan


def test_a_simulation_that_diverges_is_one_line(capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    env = GymnasiumEnvironment("Walker2d-v2", seed=0)
    env.reset()
    diverging(env)
    with pytest.raises(SimulationError, match=r"^the simulation of Walker2d-v4 diverged \(.*\)$"):
        env.step(np.zeros((1, 6), np.float32))
    assert isinstance(env.failure, SimulationError)
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []  # MuJoCo's own log


def test_what_it_was_is_known_after_tensorflow_stepped_it():
    env = GymnasiumEnvironment("Hopper-v2", seed=0)
    tf_env = tf_py_environment.TFPyEnvironment(env, check_dims=False)
    tf_env.reset()
    diverging(env)
    with pytest.raises(tf.errors.OpError):
        tf.function(tf_env.step)(tf.zeros((1, 3)))
    assert "Hopper-v4 diverged" in str(env.failure)


def test_actions_that_are_no_numbers_are_a_divergence_too():
    with pytest.raises(SimulationError, match="diverged"):
        Evaluator("Hopper-v2", 2).run(lambda o: np.full((2, 3), np.nan, np.float32), seed=0)


def test_without_the_mujoco_package_it_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "mujoco", None)
    with pytest.raises(ConfigError) as caught:
        make("HalfCheetah-v2")
    assert "'HalfCheetah-v2'" in str(caught.value)
    assert "gymnasium[mujoco]" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_versions_that_are_gone_are_one_line_with_the_name():
    with pytest.raises(ConfigError, match="'HalfCheetah-v3'"):
        make("HalfCheetah-v3")
