"""Agents' training data: environment, driver, buffer and sampler together, on short episodes."""

import collections
import os
import types

import gymnasium
import numpy as np
import pytest
import tensorflow as tf
from tf_agents.replay_buffers import tf_uniform_replay_buffer

from rigl_rl.adapters.in_graph_environment import InGraphEnvironment
from rigl_rl.environments.gymnasium_environment import GymnasiumEnvironment
from rigl_rl.errors import ConfigError
from rigl_rl.runs import random_state
from rigl_rl.tfagents import dqn_agent, off_policy_loop, parts, sac_agent
from rigl_rl.tfagents.hyperparameters import DqnHyperparameters, SacHyperparameters
from rigl_rl.tfagents.replay import sample_transitions

Step = collections.namedtuple("Step", "action reward discount then")


class Diary(gymnasium.Env):
    """Episodes of 1 to 5 steps that record what happened.

    An observation is the number of resets and steps before it, in units of 1 / 1024, so no two are
    equal. Every third episode ends at a time limit; the others end in a terminal state.
    """

    observation_space = gymnasium.spaces.Box(0, np.inf, (1,), np.float32)

    def __init__(self, discrete: bool):
        box = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
        self.action_space = gymnasium.spaces.Discrete(3) if discrete else box
        self.happened: dict[float, Step] = {}
        self._now = -1
        self._episode = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._left = int(self.np_random.integers(1, 6))
        self._episode += 1
        return self._observe(), {}

    def step(self, action):
        self._left -= 1
        before, reward = self._now / 1024, float(self.np_random.normal())
        observation = self._observe()
        over = self._left == 0
        truncated = over and self._episode % 3 == 0
        terminated = over and not truncated
        discount = 0.0 if terminated else 1.0
        self.happened[before] = Step(np.copy(action), reward, discount, float(observation[0]))
        return observation, reward, terminated, truncated, {}

    def _observe(self):
        self._now += 1
        return np.array([self._now / 1024], np.float32)


gymnasium.register("DiscreteDiary-v0", Diary, kwargs={"discrete": True})
gymnasium.register("Diary-v0", Diary, kwargs={"discrete": False})


def trained(agent_name: str, capacity: int):
    """The environment, and the buffer that it filled: 200 random steps, then 40 train steps."""
    discrete = agent_name == "dqn"
    py_env = GymnasiumEnvironment("DiscreteDiary-v0" if discrete else "Diary-v0", seed=0)
    env = InGraphEnvironment(py_env)
    step = tf.Variable(0, dtype=tf.int64)
    small = dict(num_iterations=40)
    if discrete:
        agent = dqn_agent.make_agent(
            env, step, DqnHyperparameters(fc_layer_params=(4,), **small), seed=0
        )
    else:
        layers = dict(actor_fc_layers=(4,), critic_joint_fc_layers=(4,))
        agent = sac_agent.make_agent(env, step, SacHyperparameters(**layers, **small), seed=0)
    replay = tf_uniform_replay_buffer.TFUniformReplayBuffer(
        agent.collect_data_spec, batch_size=1, max_length=capacity
    )
    random = random_state.generator(0)
    py_env.reset()
    off_policy_loop.collect_at_random(env, replay, 200, random)
    off_policy_loop.make_train_loop(env, agent, replay, 8, random)(40)
    return py_env._gym.unwrapped, replay


@pytest.mark.parametrize("agent", ["dqn", "sac"])
@pytest.mark.parametrize("capacity", [1_000, 100])  # not filled; overwritten three times
def test_each_transition_happened_and_each_is_as_likely(agent, capacity):
    env, replay = trained(agent, capacity)
    now, action, after = tf.function(sample_transitions, autograph=False)(replay, 20_000)
    assert not now.is_last().numpy().any()
    columns = (now.observation[:, 0], action.action, after.reward, after.discount)
    drawn = collections.Counter()
    for before, act, reward, discount, then, last in zip(
        *(column.numpy() for column in columns),
        after.observation[:, 0].numpy(),
        after.is_last().numpy(),
    ):
        drawn[before] += 1
        step = env.happened[before]
        np.testing.assert_array_equal(act, step.action)
        assert (reward, discount, then) == (np.float32(step.reward), step.discount, step.then)
        assert last == (then not in env.happened and then != env._now / 1024)
    assert len(env.happened) == 240
    # Everything in the buffer but the newest frame, whose next state comes with the next frame.
    frames = replay.gather_all().observation[0, :, 0].numpy()
    held = [frame for frame in frames if frame in env.happened and frame != max(frames)]
    assert sorted(drawn) == sorted(held)
    counts = np.array(list(drawn.values()))
    expected = 20_000 / len(held)
    # Chi-squared has mean k - 1 and variance 2 (k - 1).
    statistic = np.sum((counts - expected) ** 2) / expected
    assert abs(statistic - (len(held) - 1)) < 5 * np.sqrt(2 * (len(held) - 1))


def test_a_buffer_of_the_least_capacity_always_holds_a_transition():
    _, replay = trained("dqn", 3)
    now, _, _ = sample_transitions(replay, 100)
    assert not now.is_last().numpy().any()


def test_a_buffer_without_a_transition_is_an_error():
    _, replay = trained("dqn", 100)
    step_types = replay._data_table.slots.step_type
    rows = tf.range(100, dtype=tf.int64)
    replay._data_table.write(rows, tf.fill([100], 2), slots=step_types)
    with pytest.raises(tf.errors.InvalidArgumentError, match="holds no transition"):
        sample_transitions(replay, 8)


class Countdown(gymnasium.Env):
    """Ten steps with reward 1 each, whatever the action; the observation is the elapsed time."""

    observation_space = gymnasium.spaces.Box(0, 1, (1,), np.float32)
    action_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._time = 0
        return np.array([0.0], np.float32), {}

    def step(self, action):
        self._time += 1
        over = self._time == 10
        return np.array([self._time / 10], np.float32), 1.0, over, False, {}


gymnasium.register("Countdown-v0", Countdown)


def test_values_of_terminal_states_are_what_the_rewards_say():
    py_env = GymnasiumEnvironment("Countdown-v0", seed=0)
    env = InGraphEnvironment(py_env)
    tf.keras.utils.set_random_seed(0)
    agent = sac_agent.make_agent(
        env,
        tf.Variable(0, dtype=tf.int64),
        SacHyperparameters(
            num_iterations=600,
            actor_fc_layers=(32,),
            critic_joint_fc_layers=(64,),
            critic_learning_rate=1e-2,
            alpha_learning_rate=1e-1,  # soon without the entropy's bonus
            target_update_tau=0.1,
            reward_scale_factor=1.0,
        ),
        seed=0,
    )
    replay = tf_uniform_replay_buffer.TFUniformReplayBuffer(
        agent.collect_data_spec, batch_size=1, max_length=1_000
    )
    random = random_state.generator(0)
    py_env.reset()
    off_policy_loop.collect_at_random(env, replay, 400, random)
    off_policy_loop.make_train_loop(env, agent, replay, 64, random)(600)

    def value(time):
        actions = np.linspace(-1, 1, 9, dtype=np.float32)[:, np.newaxis]
        critics = agent.critic_networks.values()
        inputs = (np.full_like(actions, time), actions)
        return float(np.mean([critic(inputs)[0].numpy().mean() for critic in critics]))

    # Rewards of 1, discounted by 0.99: 1 before the last step, 9.6 at the start. After the end
    # there are no more rewards, not even those of the next episode.
    assert value(0.9) == pytest.approx(1.0, abs=0.7)
    assert value(0.0) == pytest.approx(9.6, abs=1.5)
    assert -1.5 < value(1.0) < 1.5


@pytest.mark.parametrize(
    ("values", "line"),
    [
        (
            {"replay_capacity": 1001},
            "replay_capacity is 1001, but must be at most 1000: each",
        ),
        ({"batch_size": 501}, "batch_size is 501, but must be at most 500: each takes 16 bytes"),
        ({"replay_capacity": 1000, "batch_size": 500}, None),
    ],
)
def test_what_does_not_fit_into_memory_is_refused(monkeypatch, values, line):
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 80, "SC_PHYS_PAGES": 100}.get)
    spec = (tf.TensorSpec([], tf.int32), tf.TensorSpec([1], tf.float32))  # 4 bytes each
    agent = types.SimpleNamespace(collect_data_spec=spec)
    given = DqnHyperparameters(**{"replay_capacity": 3, "batch_size": 1, **values})
    if line is None:
        assert parts.replay_buffer(agent, given).capacity == 1000
        return
    with pytest.raises(ConfigError) as caught:
        parts.replay_buffer(agent, given)
    assert str(caught.value).startswith(line)
