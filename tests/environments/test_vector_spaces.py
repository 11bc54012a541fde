"""Conversion of spaces that networks do not support."""

import gymnasium
import numpy as np
import pytest

from rigl_rl.environments.gymnasium_environment import GymnasiumEnvironment
from rigl_rl.environments.tasks import Task
from rigl_rl.environments.vector_spaces import scalar
from rigl_rl.errors import ConfigError


def own(name: str) -> Task:
    return Task(f"my_environments:{name}-v0")


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("Numbered", [1, 0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0, 0]),
        ("Table", [0, 1, 2, 3], [1, 2, 3, 4]),
        ("Named", [0, 0], [1, 1]),
    ],
)
def test_observations_become_vectors(name, first, second):
    env = GymnasiumEnvironment(own(name), seed=0)
    spec = env.observation_spec()
    assert (spec.shape, spec.dtype) == ((len(first),), np.float32)
    for time_step, expected in ((env.reset(), first), (env.step(np.array([0])), second)):
        assert time_step.observation.dtype == np.float32
        assert time_step.observation.tolist() == [expected]


def test_actions_that_do_not_start_at_0_are_counted_from_0():
    env = GymnasiumEnvironment(own("FromMinusOne"), seed=0)
    spec = env.action_spec()
    assert (int(spec.minimum), int(spec.maximum)) == (0, 2)
    env.reset()
    for action in (0, 1, 2):
        env.step(np.array([action]))
    assert env._gym.unwrapped.taken == [-1, 0, 1]


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("ScalarAction", [-2], [2]), ("MatrixAction", [-1, -1, -1, -1], [1, 2, 3, 4])],
)
def test_actions_of_any_shape_are_taken_as_vectors(name, low, high):
    env = GymnasiumEnvironment(own(name), seed=0)
    spec = env.action_spec()
    assert (spec.shape, spec.dtype) == ((len(low),), np.float32)
    np.testing.assert_array_equal(spec.minimum, low)
    np.testing.assert_array_equal(spec.maximum, high)
    env.reset()
    action = np.arange(len(low), dtype=np.float32)
    env.step(action[np.newaxis])
    (taken,) = env._gym.unwrapped.taken
    assert taken.dtype == np.float64
    np.testing.assert_array_equal(np.ravel(taken), action)  # row by row


def test_the_bounds_of_actions_lie_within_the_space():
    env = GymnasiumEnvironment(own("Tenths"), seed=0)
    spec, space = env.action_spec(), env._gym.action_space
    assert spec.minimum.dtype == spec.maximum.dtype == np.float32
    for bound, exact in ((spec.minimum, space.low), (spec.maximum, space.high)):
        assert space.contains(bound)
        np.testing.assert_allclose(bound, exact, rtol=1e-7)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("Unbounded", "finite bounds"),
        ("VeryFar", "finite range"),
        ("OneValue", "action 1 has the single value 0.5; leave it out"),
        ("WholeNumbers", "real numbers"),
        ("Several", "Discrete and Box are supported"),
        ("Words", "flattened into a vector"),
    ],
)
def test_what_cannot_be_is_one_line(refused, name, part):
    with refused(f"environment 'my_environments:{name}-v0' has the ", part):
        own(name).make()


@pytest.mark.parametrize("name", ["CartPole-v0", "Acrobot-v1", "MountainCar-v0", "Hopper-v4"])
def test_the_papers_tasks_are_left_as_they_are(name):
    ours, theirs = Task(name).make(), gymnasium.make(name)
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
    layers = str(ours).replace("StopOnDivergence<", "").rstrip(">")
    assert layers == str(theirs).replace("PassiveEnvChecker<", "").rstrip(">")


def test_rewards():
    values = (1, True, 2.5, np.float32(0.5), np.float64(0.25), np.array(3), np.array([[4.0]]), [5])
    assert [scalar(value, "it") for value in values] == [1, 1, 2.5, 0.5, 0.25, 3, 4, 5]
    for value in (np.zeros(2), None, "much", np.zeros(0)):
        with pytest.raises(ConfigError, match="environment 'it' returned the reward"):
            scalar(value, "it")


def test_an_array_of_one_number_as_reward():
    env = GymnasiumEnvironment(own("ArrayReward"), seed=0)
    env.reset()
    reward = env.step(np.array([0])).reward
    assert (reward.shape, reward.dtype, reward[0]) == ((1,), np.float32, 1.0)


def test_what_a_reward_was_is_known_after_tensorflow_stepped_it():
    env = GymnasiumEnvironment(own("TwoRewards"), seed=0)
    env.reset()
    with pytest.raises(ConfigError):
        env.step(np.array([0]))
    assert "must be one number" in str(env.failure)
