"""Batched evaluation against the same episodes run one after the other by gymnasium alone."""

import gymnasium
import numpy as np
import pytest

from rigl_rl.environments import evaluation
from rigl_rl.environments.evaluation import Evaluator
from rigl_rl.errors import RiglRlError

# Policies for one observation; `batched` turns them into policies for a batch.
POLICIES = {
    "CartPole-v0": lambda o: int(o[2] > 0),
    "Acrobot-v1": lambda o: 2 if o[5] > 0 else 0,
    "MountainCar-v0": lambda o: 2 if o[1] > 0.004 * np.cos(30 * o[0]) else 0,
}


def batched(policy):
    return lambda observations: np.array([policy(each) for each in observations])


def one_after_the_other(task, policy, episodes, seed) -> list:
    returns = []
    for episode in range(episodes):
        env = gymnasium.make(task)
        observation, _ = env.reset(seed=seed + episode)
        total, over = 0.0, False
        while not over:
            action = policy(observation.astype(np.float32))
            observation, reward, terminated, truncated, _ = env.step(action)
            total += reward
            over = terminated or truncated
        returns.append(total)
    return returns


@pytest.mark.parametrize("task", POLICIES)
def test_every_return_is_that_of_its_own_episode(task):
    policy = POLICIES[task]
    expected = one_after_the_other(task, policy, episodes=7, seed=42)
    assert len(set(expected)) > 2  # episodes of different lengths: some continue while others wait
    assert Evaluator(task, 7).run(batched(policy), seed=42).tolist() == expected


def test_the_seed_determines_the_returns_whatever_ran_before():
    evaluator = Evaluator("CartPole-v0", 5)
    policy = batched(POLICIES["CartPole-v0"])
    first = evaluator.run(policy, seed=3)
    other = evaluator.run(policy, seed=4)
    assert first.tolist() == evaluator.run(policy, seed=3).tolist()
    assert first.tolist() != other.tolist()


def test_a_car_that_never_arrives_returns_minus_200():
    returns = Evaluator("MountainCar-v0", 3).run(lambda o: np.ones(3, int), seed=0)
    assert returns.tolist() == [-200.0] * 3


def test_policies_see_float32_of_all_episodes():
    seen = []

    def policy(observations):
        seen.append((observations.shape, observations.dtype))
        return np.zeros(4, int)

    Evaluator("Acrobot-v1", 4).run(policy, seed=0)
    assert set(seen) == {((4, 6), np.dtype(np.float32))}
    assert len(seen) == 500  # Acrobot's time limit


def test_episodes_that_are_over_are_not_stepped_on():
    seen = []

    def policy(observations):
        seen.append(observations.copy())
        return np.ones(3, int)  # the pole falls after about ten steps

    returns = Evaluator("CartPole-v0", 3).run(policy, seed=0).astype(int)
    assert len(seen) == returns.max() > returns.min()
    shortest = returns.argmin()
    after = np.array(seen)[returns.min() :, shortest]
    assert (after == after[0]).all()


def test_episodes_that_never_end_are_cut_off_and_that_is_said(monkeypatch, capsys):
    monkeypatch.setattr(evaluation, "CUT_OFF", 50)
    calls = []

    def policy(observations):
        calls.append(observations.copy())
        return np.zeros(2, int)

    returns = Evaluator("my_environments:Endless-v0", 2).run(policy, seed=0)
    assert returns.tolist() == [50.0, 50.0]
    assert len(calls) == 50
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: environment 'my_environments:Endless-v0' has no step limit")
    assert "2 of 2 evaluation episodes were cut off after 50 steps" in line


def test_episodes_that_end_by_themselves_need_no_limit(capsys):
    returns = Evaluator("my_environments:Walk-v0", 3).run(lambda o: np.zeros(3, int), seed=0)
    assert returns.tolist() == [6.0] * 3
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", ["Numbered", "ArrayReward", "FromMinusOne", "PythonInt"])
def test_environments_of_other_kinds(name):
    evaluator = Evaluator(f"my_environments:{name}-v0", 2)
    assert evaluator.run(lambda o: np.zeros(2, int), seed=0).tolist() == [6.0, 6.0]


def test_an_environment_that_fails_is_one_line(monkeypatch):
    evaluator = Evaluator("CartPole-v1", 2)

    def step(action):
        raise ZeroDivisionError("the wheel\ncame off")

    monkeypatch.setattr(evaluator._envs[1], "step", step)
    with pytest.raises(RiglRlError) as caught:
        evaluator.run(lambda observations: np.zeros(2, int), 0)
    line = "evaluation in environment 'CartPole-v1' failed: ZeroDivisionError: the wheel came off"
    assert str(caught.value) == line
