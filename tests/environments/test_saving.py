"""Checks of whether an environment can be saved exactly, their messages and their effects."""

import random

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.drivers import dynamic_step_driver
from tf_agents.policies import random_tf_policy
from tf_agents.replay_buffers import tf_uniform_replay_buffer
from tf_agents.trajectories import StepType

from rigl_rl.adapters.in_graph_environment import InGraphEnvironment
from rigl_rl.environments import saving
from rigl_rl.environments.evaluation import CUT_OFF
from rigl_rl.environments.gymnasium_environment import GymnasiumEnvironment
from rigl_rl.environments.tasks import Task
from rigl_rl.errors import ConfigError, RiglRlError
from rigl_rl.tfagents import on_policy_loop

PAPERS = ["CartPole-v0", "Acrobot-v1", "MountainCar-v0"]
PAPERS += [f"{task}-v2" for task in ("HalfCheetah", "Hopper", "Walker2d", "Ant", "Humanoid")]


def own(name: str, **options) -> Task:
    return Task(f"my_environments:{name}-v0", **options)


def environment(task) -> GymnasiumEnvironment:
    return GymnasiumEnvironment(task, seed=5)


@pytest.mark.parametrize("name", [*PAPERS, "Humanoid-v4", "Pendulum-v1", "FrozenLake-v1"])
def test_these_are_exact(name):
    assert saving.why_inexact(Task(name)) is None


def test_those_of_users_that_are_exact():
    for name in (
        "Walk",
        "Continuous",
        "FromMinusOne",
        "MatrixAction",
        "Named",
        "Endless",
        "Modeled",
        "BadClose",
    ):
        assert saving.why_inexact(own(name)) is None
    assert saving.why_inexact(Task("my_simulation:Hopping-v0")) is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Forgetful", "restored, it takes other steps"),
        ("Fragile", "restored, it fails with AttributeError"),
        ("Locked", "TypeError: cannot pickle '_thread.lock' object"),
        ("Shared", "restored, it takes other steps"),
        ("GlobalRandom", "restored, it takes other steps"),
        ("Saving", "restored, it takes other steps"),
        ("Curriculum", "an episode depends on earlier ones"),
    ],
)
def test_these_are_not(name, reason):
    assert saving.why_inexact(own(name)).startswith(reason)


def test_global_random_numbers_are_as_before():
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    expected = random.random(), np.random.random()  # noqa: NPY002
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    saving.why_inexact(own("GlobalRandom"))
    assert (random.random(), np.random.random()) == expected  # noqa: NPY002


@pytest.mark.parametrize("name", ["CartPole-v0", "Hopper-v2"])
def test_trying_leaves_the_environment_as_it_is(name, capsys):
    env, other = environment(name), environment(name)
    saving.prepare(env, allow_inexact_resume=False)
    assert capsys.readouterr() == ("", "")
    assert env.exact
    assert env.reset().observation.tolist() == other.reset().observation.tolist()


def test_one_that_is_not_exact_is_refused_in_one_line(refused):
    env = environment(own("Locked"))
    with refused("'my_environments:Locked-v0'", "_thread.lock", "allow_inexact_resume = True"):
        saving.prepare(env, allow_inexact_resume=False)


def test_or_said_in_one_line(capsys):
    env = environment(own("Forgetful"))
    saving.prepare(env, allow_inexact_resume=True)
    assert not env.exact
    (line,) = capsys.readouterr().out.splitlines()
    assert "'my_environments:Forgetful-v0' cannot be saved exactly" in line
    assert "a resumed run starts a new episode" in line


def test_no_step_limit_is_said_in_one_line(capsys):
    saving.prepare(environment(own("Endless")), allow_inexact_resume=False)
    (line,) = capsys.readouterr().out.splitlines()
    assert "has no step limit" in line
    assert f"{CUT_OFF} steps" in line
    assert "train_eval.max_episode_steps" in line
    saving.prepare(environment(own("Endless", max_episode_steps=5)), allow_inexact_resume=False)
    assert capsys.readouterr().out == ""


def test_observations_that_are_not_what_the_space_says():
    with pytest.raises(ConfigError, match=r"observes shape \(1,\), .* space says \(2,\)"):
        saving.why_inexact(own("WrongShape"))


def test_rewards_that_are_not_one_number():
    with pytest.raises(ConfigError, match="must be one number"):
        saving.why_inexact(own("TwoRewards"))


def test_what_can_no_longer_be_saved_is_one_line():
    env = environment(own("Locked"))
    env.reset()
    with pytest.raises(RiglRlError, match="'my_environments:Locked-v0' cannot be saved: TypeError"):
        env.get_state()


# From here on: an environment that was not saved starts a new episode, and no transition joins
# the two. Observations are (episode, step) / 1024; see my_environments.


def follows(before, after) -> bool:
    return after[0] == before[0] and after[1] == before[1] + 1 / 1024


def resumed(env: GymnasiumEnvironment) -> GymnasiumEnvironment:
    other = environment(env.task)
    other.exact = False
    other.set_state(env.get_state())
    return other


def inexact(name="Forgetful") -> GymnasiumEnvironment:
    env = environment(own(name))
    env.exact = False
    env.reset()
    return env


@pytest.mark.parametrize("steps", [0, 3, 6, 7], ids="after {} steps".format)
def test_the_replay_buffer_pairs_nothing_across_the_break(steps):
    env = InGraphEnvironment(inexact())
    policy = random_tf_policy.RandomTFPolicy(env.time_step_spec(), env.action_spec())
    replay = tf_uniform_replay_buffer.TFUniformReplayBuffer(
        policy.trajectory_spec, batch_size=1, max_length=100
    )

    def collect(env, number):
        # As in the training loop: starts at the Python environment's current step.
        now = tf.nest.map_structure(tf.constant, env.pyenv.current_time_step())
        driver = dynamic_step_driver.DynamicStepDriver(
            env, policy, observers=[replay.add_batch], num_steps=number
        )
        driver.run(now)

    if steps:
        collect(env, steps)
    collect(InGraphEnvironment(resumed(env.pyenv)), 8)
    frames = tf.nest.map_structure(lambda x: x.numpy()[0], replay.gather_all())
    ends = frames.step_type == StepType.LAST
    transitions = 0
    for index in range(len(ends) - 1):
        if not ends[index]:
            assert follows(frames.observation[index], frames.observation[index + 1])
            transitions += 1
    assert transitions == steps + 8 - 1  # the last frame has no successor yet


def test_an_iteration_of_ppo_starts_with_a_new_episode():
    env = inexact()
    env.step(np.array([0]))
    env.step(np.array([1]))
    graph = InGraphEnvironment(resumed(env))
    policy = random_tf_policy.RandomTFPolicy(graph.time_step_spec(), graph.action_spec())
    collected = tf.function(lambda: on_policy_loop.collect(graph, policy, 9))()
    observations = collected.observation.numpy()[:, 0]
    assert observations[0].tolist()[1] == 0
    assert observations[0].tolist()[0] != env.current_time_step().observation[0, 0]
    for before, after in zip(observations, collected.next_observation.numpy()[:, 0]):
        assert follows(before, after)


def test_values_are_bootstrapped_where_the_episode_was_cut_off():
    env = inexact()
    env.step(np.array([0]))
    last = resumed(env).current_time_step()
    assert (last.step_type[0], last.discount[0]) == (StepType.LAST, 1.0)
    assert last.observation.tolist() == env.current_time_step().observation.tolist()


def test_episodes_after_a_break_are_those_of_its_number_and_the_seed():
    def firsts(env):
        return [env.reset().observation.tolist() for _ in range(3)]

    env = inexact("Walk")
    once, again = resumed(env), resumed(env)
    twice = resumed(once)
    assert (env.breaks, once.breaks, twice.breaks) == (0, 1, 2)
    all_firsts = [firsts(each) for each in (environment(own("Walk")), once, again, twice)]
    assert all_firsts[1] == all_firsts[2]
    assert len({str(each) for each in all_firsts}) == 3


def test_a_resumed_run_is_warned(capsys):
    env = inexact()
    saving.warn_of_break(env, 70)
    assert capsys.readouterr().err == ""
    saving.warn_of_break(resumed(env), 70)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: environment 'my_environments:Forgetful-v0'")
    assert "step 70" in line
