"""MuJoCo's tasks against gymnasium's own, bit by bit."""

import sys

import gymnasium
import numpy as np
import pytest
import tensorflow as tf
from tf_agents.environments import tf_py_environment
from tf_agents.trajectories import StepType

from launch.agents import PPO, SAC
from rigl_rl.environments.evaluation import Evaluator
from rigl_rl.environments.gymnasium_environment import GymnasiumEnvironment
from rigl_rl.environments.mujoco_tasks import SimulationError
from rigl_rl.environments.tasks import Task
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


def gymnasiums(task) -> gymnasium.Env:
    """The library's own -v4 task, with its contact forces."""
    options = {"use_contact_forces": True} if task == "Ant" else {}
    return gymnasium.make(f"{task}-v4", **options)


def side_by_side(env: GymnasiumEnvironment, reference: gymnasium.Env, steps=150):
    """Yields (observation, reward) of both, through the same actions and episodes."""
    observation, _ = reference.reset(seed=3)
    yield (env.reset().observation[0], 0.0), (observation, 0.0)
    for action in random_actions(env, steps):
        step = env.step(action[np.newaxis])
        if step.is_first()[0]:
            observation, reward = reference.reset()[0], 0.0
        else:
            observation, reward, terminated, truncated, _ = reference.step(action)
            assert step.discount[0] == (0.0 if terminated else 1.0)
            assert step.is_last()[0] == (terminated or truncated)
        yield (step.observation[0], step.reward[0]), (observation, reward)


@pytest.mark.parametrize("name", [f"{task}-v4" for task in TASKS] + ["Hopper-v2", "Walker2d-v2"])
def test_it_goes_through_what_gymnasium_goes_through(name):
    env = GymnasiumEnvironment(name, seed=3)
    for ours, theirs in side_by_side(env, gymnasiums(name.partition("-")[0])):
        np.testing.assert_array_equal(ours[0], theirs[0].astype(np.float32))
        assert ours[1] == np.float32(theirs[1])


CONTACT_COST = {"Ant": 5e-4, "Humanoid": 0.0}  # per squared force; gymnasium's Humanoid-v4 has none


@pytest.mark.parametrize("task", CONTACT_COST)
def test_under_the_papers_names_contact_forces_are_zero_as_in_mujoco_py(task):
    env = GymnasiumEnvironment(f"{task}-v2", seed=3)
    largest = 0.0
    for ours, theirs in side_by_side(env, gymnasiums(task)):
        others, forces = theirs[0][:-84], theirs[0][-84:]
        np.testing.assert_array_equal(ours[0][:-84], others.astype(np.float32))
        np.testing.assert_array_equal(ours[0][-84:], np.zeros(84))
        cost = CONTACT_COST[task] * np.sum(forces**2)  # Ant's are clipped to [-1, 1]
        assert ours[1] == np.float32(theirs[1] + cost)
        largest = max(largest, np.abs(forces).max())
    assert largest >= 1  # it touched the ground: other numbers than 0 could have been seen


def forces_seen_by(task: Task) -> list:
    """Sums of contact forces in evaluation and training, without the world's (-v5 has none)."""
    seen = []

    def policy(observations):
        seen.append(observations[0, -78:].copy())
        return np.zeros((1, 17 if task.name.startswith("Humanoid") else 8))

    Evaluator(task, 1).run(policy, seed=0)
    env = GymnasiumEnvironment(task, seed=0)
    env.reset()
    steps = [env.step(action[np.newaxis]) for action in random_actions(env, 50)]
    trained_on = [step.observation[0, -78:] for step in steps]
    return [np.abs(each).sum() for each in (seen, trained_on)]


@pytest.mark.parametrize("name", ["Ant-v2", "Ant-v4", "Humanoid-v2", "Humanoid-v4", "Humanoid-v5"])
@pytest.mark.parametrize("bound", [True, False])
def test_a_binding_reaches_either_by_any_name_in_training_and_evaluation(name, bound):
    limit = 60  # an Ant that stands still never ends
    in_evaluation, in_training = forces_seen_by(Task(name, limit, contact_forces=bound))
    assert (in_evaluation > 0) == (in_training > 0) == bound


@pytest.mark.parametrize("before", [0, 1, 33], ids="after {} steps".format)
@pytest.mark.parametrize("name", [f"{task}-v4" for task in TASKS] + ["Ant-v2", "Humanoid-v2"])
def test_a_restored_state_continues_exactly_through_later_episodes(name, before):
    env = GymnasiumEnvironment(name, seed=1)
    actions = random_actions(env, before + 200)
    env.reset()
    follow(env, actions[:before])
    state = env.get_state()
    expected = follow(env, actions[before:])
    other = GymnasiumEnvironment(name, seed=99)
    other.reset()
    other.set_state(state)
    assert follow(other, actions[before:]) == expected
    if not name.startswith("HalfCheetah"):
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


@pytest.mark.parametrize("contact_forces", [True, False])
def test_divergence_and_contact_forces_of_a_users_simulation(contact_forces):
    env = GymnasiumEnvironment(Task("my_simulation:Hopping-v0", None, contact_forces), seed=0)
    env.reset()
    for action in random_actions(env, 30):
        env.step(action[np.newaxis])
    env.set_state(env.get_state())
    for action in random_actions(env, 20):
        env.step(action[np.newaxis])
    assert env._gym.unwrapped.data.cfrc_ext.any() == contact_forces
    diverging(env)
    with pytest.raises(SimulationError):
        env.step(np.zeros((1, 3), np.float32))


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


def test_without_the_mujoco_package_it_is_one_line(refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "mujoco", None)
    with refused("'HalfCheetah-v2'", "gymnasium[mujoco]"):
        Task("HalfCheetah-v2").make()


def test_versions_that_are_gone_are_one_line_with_the_name():
    with pytest.raises(ConfigError, match="'HalfCheetah-v3'"):
        Task("HalfCheetah-v3").make()
