"""The environment behind a name, and its options in training and evaluation."""

import dataclasses
import json
import subprocess
import sys

import gymnasium
import numpy as np
import pytest

from rigl_rl.environments.evaluation import Evaluator
from rigl_rl.environments.gymnasium_environment import GymnasiumEnvironment
from rigl_rl.environments.tasks import Task, suite
from rigl_rl.errors import ConfigError


def recorded(task: Task) -> Task:
    """The task made from a run's result.json."""
    task = GymnasiumEnvironment(task, seed=0).task
    result = {"env": task.name, "env_options": task.options(), "seed": 3}
    return Task.of_run(json.loads(json.dumps(result)))


@pytest.mark.parametrize("name", ["CartPole-v77", "NoSuchTask-v0", "no such name", ""])
def test_an_unknown_environment_is_one_line_with_its_name(refused, name):
    with refused(repr(name)):
        Task(name).make()


def test_a_name_with_its_module():
    env = Task("my_environments:Walk-v0").make()
    assert type(env.unwrapped).__name__ == "Walk"


def test_a_module_that_cannot_be_found_is_one_line_without_advice_on_mujoco():
    with pytest.raises(ConfigError, match="No module named 'no_such_module'") as caught:
        Task("no_such_module:Walk-v0").make()
    assert "mujoco" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_papers_tasks_are_known_behind_a_module_too():
    assert Task("math:Humanoid-v2").make().spec.id == "Humanoid-v4"


@pytest.mark.filterwarnings("ignore:.*Overriding environment")
@pytest.mark.parametrize("name", ["Hopper-v2", "Humanoid-v4"])
def test_a_users_environment_may_have_the_name_of_a_papers_task(name, tmp_path, monkeypatch):
    monkeypatch.setitem(gymnasium.registry, name, gymnasium.registry[name])  # restored afterwards
    monkeypatch.syspath_prepend(tmp_path)
    module = f"my_{name.replace('-', '_')}"
    entry = f"id={name!r}, entry_point='my_environments:Walk', max_episode_steps=9"
    (tmp_path / f"{module}.py").write_text(f"import gymnasium\ngymnasium.register({entry})")
    for task in (Task(f"{module}:{name}"), Task(name, modules=(module,))):
        assert type(task.make().unwrapped).__name__ == "Walk"
        assert recorded(task) == dataclasses.replace(task, max_episode_steps=9)


def test_so_may_a_variant_of_gymnasiums(monkeypatch):
    spec = gymnasium.envs.registration.EnvSpec(
        "Ant-v2", "gymnasium.envs.mujoco.ant_v4:AntEnv", kwargs={"healthy_reward": 3.0}
    )
    monkeypatch.setitem(gymnasium.registry, "Ant-v2", spec)
    env = Task("Ant-v2").make()
    assert (env.spec.id, env.unwrapped._healthy_reward) == ("Ant-v2", 3.0)
    assert env.observation_space.shape == (27,)  # no contact forces
    assert recorded(Task("Ant-v2")).contact_forces is None


@pytest.mark.parametrize("name", ["a:b:c", 3, None, ""])
def test_what_is_no_name(name):
    with pytest.raises(ConfigError, match=f"env_name is {name!r}"):
        Task(name)


@pytest.mark.parametrize("options", [{"max_episode_steps": 0}, {"contact_forces": "no"}])
def test_options_that_are_not_allowed(options):
    ((name, value),) = options.items()
    with pytest.raises(ConfigError, match=f"{name} is {value!r}"):
        Task("CartPole-v0", **options)


def test_contact_forces_of_what_has_none_are_refused():
    with pytest.raises(ConfigError, match="contact_forces is False, but environment 'CartPole-v0'"):
        Task("CartPole-v0", contact_forces=False).make()


def steps_until_the_end(env) -> int:
    env.reset(seed=0)
    for number in range(1, 100):
        _, _, terminated, truncated, _ = env.step(0)
        if terminated or truncated:
            assert truncated
            return number
    return 0


@pytest.mark.parametrize(
    ("name", "bound", "steps"),
    [("Endless-v0", None, 0), ("Endless-v0", 7, 7), ("Limited-v0", None, 9), ("Limited-v0", 7, 7)],
)
def test_a_step_limit(name, bound, steps):
    task = Task(f"my_environments:{name}", max_episode_steps=bound)
    assert steps_until_the_end(task.make()) == steps
    assert recorded(task).max_episode_steps == (steps or None)
    assert steps_until_the_end(recorded(task).make()) == steps
    if steps:
        returns = Evaluator(recorded(task), 2).run(lambda observations: np.zeros(2, int), seed=0)
        assert returns.tolist() == [steps, steps]


def test_a_record_says_what_was_in_effect():
    assert recorded(Task("CartPole-v0")) == Task("CartPole-v0", max_episode_steps=200)
    assert recorded(Task("Ant-v2")) == Task("Ant-v2", 1000, contact_forces=False)
    assert recorded(Task("Ant-v4")) == Task("Ant-v4", 1000, contact_forces=True)
    assert recorded(Task("Ant-v2", contact_forces=True)) == Task("Ant-v2", 1000, True)
    own = Task("Endless-v0", modules=("my_environments",))
    assert recorded(own) == own


def test_a_record_without_options_is_the_plain_task():
    assert Task.of_run({"env": "CartPole-v0"}) == Task("CartPole-v0")


def test_modules_are_imported_in_a_process_of_its_own():
    """As in `rigl_rl.robustness`, where no gin file is read."""
    task = Task("Limited-v0", modules=("my_environments",))
    record = json.dumps({"env": task.name, "env_options": task.options()})
    program = (
        "import json, sys; sys.path[:0] = json.loads(sys.argv[2])\n"
        "from rigl_rl.environments.tasks import Task\n"
        "print(Task.of_run(json.loads(sys.argv[1])).make().spec.max_episode_steps)"
    )
    completed = subprocess.run(
        [sys.executable, "-c", program, record, json.dumps(sys.path)],
        capture_output=True,
        text=True,
    )
    assert completed.stdout.split() == ["9"], completed.stderr


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("CartPole-v0", "classic"),
        ("Pendulum-v1", "classic"),
        ("Ant-v2", "mujoco"),
        ("FrozenLake-v1", "toy_text"),
        ("my_environments:Limited-v0", "my_environments"),
    ],
)
def test_the_suite_is_the_environments(name, expected):
    assert suite(Task(name).make()) == expected
