"""One environment as TF-Agents sees it: how episodes end, and how its state is restored."""

import gymnasium
import numpy as np
import pytest
from tf_agents.trajectories import StepType

from rigl_rl.environments.gymnasium_environment import GymnasiumEnvironment

TASKS = ["CartPole-v0", "Acrobot-v1", "MountainCar-v0"]


def balance(observation) -> int:
    """Keeps CartPole's pole up forever: pushes in the direction of the fall and the cart."""
    position, velocity, angle, angular_velocity = observation
    return int(0.1 * position + 0.3 * velocity + 5 * angle + angular_velocity > 0)


def episode(env, policy):
    """Time steps of one episode after its first."""
    time_step = env.reset()
    assert time_step.step_type[0] == StepType.FIRST
    steps = []
    while not time_step.is_last()[0]:
        time_step = env.step(np.array([policy(time_step.observation[0])]))
        steps.append(time_step)
    return steps


def numbers(time_step) -> tuple:
    return tuple(np.asarray(part).tobytes() for part in time_step)


def follow(env, actions) -> list:
    return [numbers(env.step(np.array([action]))) for action in actions]


def test_falling_over_ends_an_episode_with_discount_0():
    steps = episode(GymnasiumEnvironment("CartPole-v0", seed=0), lambda observation: 1)
    assert 5 < len(steps) < 15  # always to the right: the pole falls at once
    assert [float(step.discount[0]) for step in steps] == [1.0] * (len(steps) - 1) + [0.0]
    assert steps[-1].step_type[0] == StepType.LAST
    assert all(step.step_type[0] == StepType.MID for step in steps[:-1])
    assert all(step.reward[0] == 1.0 for step in steps)


def test_the_time_limit_ends_an_episode_with_discount_1():
    # CartPole-v0, unlike v1, ends after 200 steps.
    steps = episode(GymnasiumEnvironment("CartPole-v0", seed=0), balance)
    assert len(steps) == 200
    assert steps[-1].step_type[0] == StepType.LAST
    assert all(step.discount[0] == 1.0 for step in steps)


def test_on_request_the_time_limit_is_terminal_as_in_the_original():
    env = GymnasiumEnvironment("CartPole-v0", seed=0, bootstrap_at_time_limit=False)
    steps = episode(env, balance)
    assert [float(step.discount[0]) for step in steps] == [1.0] * 199 + [0.0]


def test_mountain_car_that_stands_still_runs_into_the_time_limit():
    steps = episode(GymnasiumEnvironment("MountainCar-v0", seed=0), lambda observation: 1)
    assert sum(float(step.reward[0]) for step in steps) == -200.0
    assert steps[-1].discount[0] == 1.0


def test_mountain_car_at_the_goal_is_terminal():
    # Pushes in the direction of motion, so the car swings itself up.
    steps = episode(GymnasiumEnvironment("MountainCar-v0", seed=0), lambda o: 2 if o[1] > 0 else 0)
    assert len(steps) < 200
    assert steps[-1].discount[0] == 0.0


class Fuse(gymnasium.Env):
    """Terminates at its third step, whatever the action."""

    observation_space = gymnasium.spaces.Box(-1.0, 1.0, (1,))
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.taken = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.taken += 1
        return np.zeros(1, np.float32), 1.0, self.taken == 3, False, {}


@pytest.mark.parametrize("bootstrap", [True, False])
@pytest.mark.parametrize(
    ("limit", "steps", "how"),
    [(2, 2, (False, True)), (3, 3, (True, True)), (4, 3, (True, False))],
    ids=["at the limit", "terminal at the limit", "terminal before it"],
)
def test_a_terminal_state_has_no_value_even_if_the_time_is_up_too(limit, steps, how, bootstrap):
    gymnasium.register("Fuse-v0", entry_point=Fuse, max_episode_steps=limit)
    try:
        env = GymnasiumEnvironment("Fuse-v0", 0, bootstrap_at_time_limit=bootstrap)
        reference = gymnasium.make("Fuse-v0")
    finally:
        gymnasium.registry.pop("Fuse-v0")
    reference.reset()
    ends = [reference.step(0)[2:4] for _ in range(steps)]
    assert ends[-1] == how  # terminated, truncated: the case is what it is said to be
    found = episode(env, lambda observation: 0)
    assert [float(step.discount[0]) for step in found[:-1]] == [1.0] * (steps - 1)
    terminated, _ = how
    assert found[-1].discount[0] == (1.0 if bootstrap and not terminated else 0.0)


def test_the_step_after_the_last_begins_a_new_episode():
    env = GymnasiumEnvironment("CartPole-v0", seed=0)
    steps = episode(env, lambda observation: 0)
    first = env.step(np.array([0]))
    assert first.step_type[0] == StepType.FIRST
    assert first.reward[0] == 0.0
    assert np.abs(first.observation).max() <= 0.05  # where CartPole starts
    assert np.abs(steps[-1].observation).max() > 0.05


def test_time_steps_fit_their_specs_with_a_batch_of_one():
    env = GymnasiumEnvironment("Acrobot-v1", seed=0)
    time_step = env.reset()
    assert env.batch_size == 1
    assert time_step.observation.shape == (1, 6)
    assert time_step.observation.dtype == env.observation_spec().dtype == np.float32
    assert (env.action_spec().minimum, env.action_spec().maximum) == (0, 2)
    np.testing.assert_array_equal(
        env.observation_spec().maximum,
        np.array([1, 1, 1, 1, 4 * np.pi, 9 * np.pi], np.float32),
    )


@pytest.mark.parametrize("task", TASKS)
def test_it_goes_through_what_gymnasium_goes_through(task):
    env = GymnasiumEnvironment(task, seed=11)
    reference = gymnasium.make(task)
    observation, _ = reference.reset(seed=11)
    np.testing.assert_array_equal(env.reset().observation[0], observation.astype(np.float32))
    for action in np.random.default_rng(0).integers(reference.action_space.n, size=700):
        time_step = env.step(np.array([action]))
        if time_step.is_first()[0]:
            observation, _ = reference.reset()
        else:
            observation, reward, terminated, truncated, _ = reference.step(int(action))
            assert time_step.reward[0] == reward
            assert time_step.discount[0] == (0.0 if terminated else 1.0)
            assert time_step.is_last()[0] == (terminated or truncated)
        np.testing.assert_array_equal(time_step.observation[0], observation.astype(np.float32))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("before", [0, 7, 199, 200, 201], ids="after {} steps".format)
def test_a_restored_state_continues_exactly_through_later_episodes(task, before):
    env = GymnasiumEnvironment(task, seed=1)
    actions = np.random.default_rng(2).integers(env.action_spec().maximum + 1, size=before + 800)
    env.reset()
    follow(env, actions[:before])
    state, now = env.get_state(), numbers(env.current_time_step())
    expected = follow(env, actions[before:])
    firsts = [step for step in expected if step[0] == np.int32(StepType.FIRST).tobytes()]
    assert firsts  # episodes ended on the way

    other = GymnasiumEnvironment(task, seed=99)
    other.reset()
    other.set_state(state)
    assert numbers(other.current_time_step()) == now
    assert follow(other, actions[before:]) == expected
    env.set_state(state)
    assert follow(env, actions[before:]) == expected


def test_a_state_from_before_the_first_episode():
    env = GymnasiumEnvironment("CartPole-v0", seed=5)
    state = env.get_state()
    expected = numbers(env.reset())
    other = GymnasiumEnvironment("CartPole-v0", seed=6)
    other.set_state(state)
    assert numbers(other.reset()) == expected


def test_seeds_determine_the_episodes():
    def starts(seed):
        env = GymnasiumEnvironment("CartPole-v0", seed)
        return [env.reset().observation.tolist() for _ in range(5)]

    assert starts(0) == starts(0)
    assert starts(0) != starts(1)
    assert len(set(map(str, starts(0)))) == 5
