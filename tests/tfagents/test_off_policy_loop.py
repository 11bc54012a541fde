"""The loop: the order of its calls in the graph, and the state after them."""

from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.policies import random_tf_policy
from tf_agents.replay_buffers import tf_uniform_replay_buffer

from rigl_rl.adapters.in_graph_environment import InGraphEnvironment
from rigl_rl.environments.gymnasium_environment import GymnasiumEnvironment
from rigl_rl.runs import random_state
from rigl_rl.sparsity import SparseSettings, kernels_of
from rigl_rl.tfagents import dqn_agent, off_policy_loop
from rigl_rl.tfagents.hyperparameters import DqnHyperparameters
from rigl_rl.tfagents.targets import target_masker


class Counted(GymnasiumEnvironment):
    """CartPole that records its real steps, without resets."""

    def __init__(self, events):
        super().__init__("CartPole-v0", seed=0)
        self._events = events
        self.reset()

    def _step(self, action):
        self._events.append("step")
        return super()._step(action)


class Loss(NamedTuple):
    loss: tf.Tensor


class Recorder:
    """Replaces an agent: acts at random, and records when it is trained."""

    def __init__(self, env, events):
        self.collect_policy = random_tf_policy.RandomTFPolicy(
            env.time_step_spec(), env.action_spec(), emit_log_probability=False
        )
        self.collect_data_spec = self.collect_policy.trajectory_spec
        self.transitions = []
        self._events = events

    def train(self, transition):
        def note(observation, following):
            self._events.append("train")
            self.transitions.append((observation, following))
            return np.float32(len(self.transitions))

        arguments = (transition.time_step.observation, transition.next_time_step.observation)
        return Loss(tf.ensure_shape(tf.numpy_function(note, arguments, tf.float32), ()))


def replay_of(agent, steps=1_000):
    return tf_uniform_replay_buffer.TFUniformReplayBuffer(
        agent.collect_data_spec, batch_size=1, max_length=steps
    )


@pytest.fixture(scope="module")
def recorded():
    """150 random steps, then 90 turns of the loop: the agent, the events, two mean losses."""
    events: list[str] = []
    env = InGraphEnvironment(Counted(events))
    agent = Recorder(env, events)
    replay = replay_of(agent)
    random = random_state.generator(0)
    off_policy_loop.collect_at_random(env, replay, 150, random)
    initially = len(events)

    def after_train():
        tf.numpy_function(lambda: events.append("after"), [], [])

    train = off_policy_loop.make_train_loop(env, agent, replay, 16, random, after_train)
    losses = [train(60), train(30)]
    return agent, initially, events[initially:], losses


def test_initial_collection_takes_as_many_real_steps_as_asked_for(recorded):
    _, initially, _, _ = recorded
    assert initially == 150


def test_a_turn_is_a_step_then_training_then_what_comes_after_it(recorded):
    _, _, events, _ = recorded
    assert events == ["step", "train", "after"] * 90


def test_the_loss_is_the_mean_over_the_turns_of_a_call(recorded):
    *_, losses = recorded
    assert losses == pytest.approx([(1 + 60) / 2, (61 + 90) / 2])


def test_each_turn_trains_on_a_batch_of_its_own(recorded):
    agent, *_ = recorded
    observations = np.stack([observation for observation, _ in agent.transitions])
    assert observations.shape == (90, 16, 4)
    assert len({batch.tobytes() for batch in observations}) == 90
    assert len(np.unique(observations.reshape(-1, 4), axis=0)) > 100


def test_autograph_converts_no_agent_policy_or_optimizer(assert_converted):
    env = InGraphEnvironment(Counted([]))
    given = DqnHyperparameters(num_iterations=10, fc_layer_params=(4,))
    sparse = SparseSettings(method="rigl", sparsity=0.5)
    agent = dqn_agent.make_agent(env, tf.Variable(0, dtype=tf.int64), given, sparse, seed=0)
    replay, random = replay_of(agent), random_state.generator(0)
    off_policy_loop.collect_at_random(env, replay, 10, random)
    off_policy_loop.make_train_loop(env, agent, replay, 4, random)
    assert_converted(off_policy_loop)


def test_soft_targets_of_the_loop_vanish_where_the_masks_do():
    """Loop, agent, optimizer and masker, combined as in the mains."""
    env = InGraphEnvironment(Counted([]))
    step = tf.Variable(0, dtype=tf.int64)
    agent = dqn_agent.make_agent(
        env,
        step,
        DqnHyperparameters(
            num_iterations=1_000,
            fc_layer_params=(16, 16),
            target_update_tau=0.5,
            target_update_period=1,
        ),
        SparseSettings(method="set", sparsity=0.8, update_freq=1, drop_fraction=0.5),
        seed=0,
    )
    replay, random = replay_of(agent), random_state.generator(0)
    off_policy_loop.collect_at_random(env, replay, 50, random)
    networks = {"q": (agent.q_network, agent.target_q_network)}
    train = off_policy_loop.make_train_loop(
        env,
        agent,
        replay,
        16,
        random,
        target_masker(agent.optimizer, networks, step, tau=0.5, period=1),
    )
    before = [kernel.mask.numpy() for kernel in agent.optimizer.kernels]
    train(6)
    assert int(step) == 6
    targets = list(kernels_of(agent.target_q_network).values())
    for kernel, target, old in zip(agent.optimizer.kernels, targets, before):
        mask = kernel.mask.numpy()
        assert (mask != old).any()  # so there are weights that have been dropped
        assert not target.numpy()[mask == 0].any()
        assert target.numpy()[mask == 1].any()
