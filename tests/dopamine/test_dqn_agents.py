"""The sparse agent: masks always hold, the loss includes weight decay, and state is saved.

`test_parity.py` compares the dense agent with Dopamine's.
"""

import json
import random

import gin
import numpy as np
import pytest
import tensorflow as tf

from analysis import hyperparameters
from rigl_rl.dopamine.dqn_agents import SparseDQNAgent
from rigl_rl.dopamine.hyperparameters import AgentHyperparameters, SparseHyperparameters
from rigl_rl.errors import ConfigError
from rigl_rl.runs import config
from rigl_rl.sparsity import kernels_of, sparsity_of

SMALL = """
NatureDQNNetwork.width = 0.1
WrappedReplayBuffer.replay_capacity = 300
WrappedReplayBuffer.batch_size = 4
DQNAgent.min_replay_history = 20
DQNAgent.target_update_period = 16
DQNAgent.epsilon_decay_period = 50
init_masks.sparsity = 0.8
init_masks.fixed_sparse_init = True
get_pruning_sparsities.target_sparsity = 0.8
pruning.frequency = 2
UpdatedRigLOptimizer.frequency = 2
UpdatedSETOptimizer.frequency = 3
"""


@pytest.fixture(autouse=True)
def small():
    gin.clear_config()
    gin.parse_config(SMALL)
    yield
    gin.clear_config()


def new_agent(mode="rigl", total=200, seed=0, **options):
    tf.keras.utils.set_random_seed(seed)
    return SparseDQNAgent(4, total, seed, SparseHyperparameters(mode=mode, **options))


def play(agent, steps, seed=0, after=lambda: None):
    """Steps on noise as observations, in episodes of 25 frames."""
    rng = np.random.default_rng(seed)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002, the replay buffer draws from it
    frames = rng.integers(0, 256, (steps, 84, 84, 1), np.uint8)
    for number, frame in enumerate(frames):
        if number % 25 == 0:
            if number:
                agent.end_episode(1.0)
            agent.begin_episode(frame)
        else:
            agent.step(rng.normal(), frame)
        after()


def weights(network):
    return [variable.numpy() for variable in network.variables]


@pytest.mark.parametrize("mode", ["prune", "static", "set", "rigl"])
def test_masks_hold_after_every_step(mode):
    agent = new_agent(mode)
    kernels = agent.optimizer.kernels
    targets = list(kernels_of(agent.target_network).values())
    at_first = [kernel.mask.numpy() for kernel in kernels]
    assert len(kernels) == len(targets) == 5
    copied = [mask.copy() for mask in at_first]

    def check():
        for index, kernel in enumerate(kernels):
            mask = kernel.mask.numpy()
            assert not kernel.kernel.numpy()[mask == 0].any()
            if agent.training_steps % 16 == 1:  # a copy may have been made in the step before
                copied[index] = mask
            assert not targets[index].numpy()[copied[index] == 0].any()
        if mode != "prune":
            assert sparsity_of(kernels) == pytest.approx(0.8, abs=1e-3)

    check()
    play(agent, 200, after=check)
    assert agent.gradient_steps > 40
    changed = [(kernel.mask.numpy() != first).any() for kernel, first in zip(kernels, at_first)]
    assert any(changed) == (mode != "static")
    assert sparsity_of(kernels) == pytest.approx(0.8, abs=1e-3)


def test_learning_begins_with_more_in_the_replay_than_its_minimum():
    # Dopamine's `add_count > min_replay_history`; the first frames of an episode are padding.
    gin.parse_config("DQNAgent.update_period = 1")
    agent = new_agent("dense")
    stored = []
    play(
        agent, 20, after=lambda: stored.append((int(agent.replay.add_count), agent.gradient_steps))
    )
    assert stored[0] == (0, 0)
    assert (20, 0) in stored
    assert (21, 1) in stored
    assert (22, 2) in stored


def test_mask_updates_count_gradient_steps():
    # 200 agent steps have 50 gradient steps, one in four. Pruning runs from 20% to 80% of them.
    times = new_agent("prune").optimizer.updater.times
    assert (times.begin, times.end, times.frequency) == (10, 40, 2)
    times = new_agent("set").optimizer.updater.times
    assert (times.begin, times.end, times.frequency) == (0, 40, 3)


def test_prune_allow_key_leaves_the_other_layers_dense():
    gin.parse_config(
        [
            "DQNAgent.network = @dqn_agents.ImpalaNetwork",
            "ImpalaNetwork.width = 0.1",
            "get_pruning_sparsities.mask_init_method = 'uniform'",
        ]
    )
    everywhere = {kernel.label: kernel.sparsity for kernel in new_agent("prune").optimizer.kernels}
    gin.parse_config("ImpalaNetwork.prune_allow_key = 'stack_3'")
    found = {kernel.label: kernel.sparsity for kernel in new_agent("prune").optimizer.kernels}
    expected = {name: s if "stack_3" in name else 0.0 for name, s in everywhere.items()}
    assert found == pytest.approx(expected)
    assert sum(value > 0 for value in found.values()) == 5


@pytest.mark.parametrize("key", ["_dense1", "output"])  # ERK leaves the output layer dense
def test_a_prune_allow_key_that_prunes_nothing_is_refused(refused, key):
    gin.parse_config(
        [
            "DQNAgent.network = @dqn_agents.ImpalaNetwork",
            "ImpalaNetwork.width = 0.1",
            f"ImpalaNetwork.prune_allow_key = {key!r}",
        ]
    )
    with refused(f"prune_allow_key is {key!r}", "block_2_conv_2/kernel, q/dense/kernel"):
        new_agent("prune")


def test_weight_decay_adds_half_the_squares_of_kernels():
    agent = new_agent("dense", weight_decay=0.02)
    rng = np.random.default_rng(0)
    batch = (
        rng.integers(0, 256, (4, 84, 84, 4), np.uint8),
        np.array([0, 1, 2, 3], np.int32),
        np.array([1.0, -3.0, 0.2, 0.0], np.float32),
        rng.integers(0, 256, (4, 84, 84, 4), np.uint8),
        np.array([0, 0, 1, 0], np.uint8),
    )
    states, actions, rewards, next_states, terminals = batch
    chosen = agent.online_network(states).q_values.numpy()[np.arange(4), actions]
    following = agent.target_network(next_states).q_values.numpy().max(axis=1)
    error = np.abs(rewards + 0.99 * following * (1 - terminals) - chosen)
    huber = np.where(error <= 1, error**2 / 2, error - 0.5).mean()
    kernels = [kernel.numpy() for kernel in kernels_of(agent.online_network).values()]
    assert len(kernels) == 5
    decay = 0.02 / 2 * sum((kernel**2).sum() for kernel in kernels)
    loss = agent.loss(*map(tf.constant, batch))
    assert float(loss) == pytest.approx(huber + decay, rel=1e-5)


def test_a_state_is_the_last_four_frames_after_zeros():
    agent = new_agent("dense")
    frames = [np.full((84, 84, 1), value, np.uint8) for value in (1, 2, 3, 4, 5)]
    agent.begin_episode(frames[0])
    assert agent._state[0, 0, 0].tolist() == [0, 0, 0, 1]
    for frame in frames[1:]:
        agent.step(0.0, frame)
    assert agent._state[0, 0, 0].tolist() == [2, 3, 4, 5]
    agent.end_episode(0.0)
    agent.begin_episode(frames[2])
    assert agent._state[0, 0, 0].tolist() == [0, 0, 0, 3]


@pytest.mark.parametrize("keras", [tf.keras.optimizers, tf.keras.optimizers.legacy])
def test_a_schedule_is_recorded_by_its_configuration(keras):
    schedule = tf.keras.optimizers.schedules.ExponentialDecay(1e-3, 100, 0.9)
    given = AgentHyperparameters(optimizer=keras.Adam(schedule, beta_1=0.8))
    recorded = json.loads(json.dumps(SparseDQNAgent(4, 200, given=given).hyperparameters()))
    rate = recorded["learning_rate"]
    assert (rate["class_name"], rate["config"]["decay_steps"]) == ("ExponentialDecay", 100)
    assert recorded["beta_1"] == 0.8
    result = {"suite": "atari_cnn", "method": "dense", "hyperparameters": recorded}
    assert hyperparameters.of_run(result)["learning_rate"] is None  # the column has numbers


def test_evaluation_changes_nothing():
    agent = new_agent()
    play(agent, 60)
    before = weights(agent.online_network)
    steps, stored = agent.training_steps, int(agent.replay.add_count)
    agent.eval_mode = True
    play(agent, 30, seed=1)
    assert (agent.training_steps, agent.replay.add_count) == (steps, stored)
    np.testing.assert_equal(weights(agent.online_network), before)


def test_a_restored_agent_continues_exactly(tmp_path):
    agent = new_agent()
    play(agent, 75)
    agent.end_episode(0.0)
    data = agent.bundle_and_checkpoint(str(tmp_path), 3)
    other = new_agent(seed=5)
    assert other.unbundle(str(tmp_path), 3, data)
    for one in (agent, other):
        play(one, 100, seed=7)
    assert agent.gradient_steps == other.gradient_steps > 20
    assert len(agent.optimizer.kernels) == len(other.optimizer.kernels) == 5
    for one, same in zip(agent.optimizer.kernels, other.optimizer.kernels):
        np.testing.assert_array_equal(one.mask, same.mask)
    for network in ("online_network", "target_network"):
        found = weights(getattr(other, network))
        np.testing.assert_equal(found, weights(getattr(agent, network)))


@pytest.mark.parametrize(
    "binding", ["NatureDQNNetwork.width = 0.2", "DQNAgent.network = @dqn_agents.ImpalaNetwork"]
)
def test_a_checkpoint_of_another_network_is_one_line(tmp_path, binding):
    agent = new_agent()
    play(agent, 30)
    data = agent.bundle_and_checkpoint(str(tmp_path), 0)
    gin.parse_config([binding, "ImpalaNetwork.width = 0.1"])
    with pytest.raises(ConfigError, match="is of another network, width or method") as caught:
        new_agent().unbundle(str(tmp_path), 0, data)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("binding", "message"),
    [
        (
            "SparseDQNAgent.mode = 'magic'",
            "SparseDQNAgent.mode is 'magic', but must be one of 'dense', 'prune', 'static'",
        ),
        ("SparseDQNAgent.weight_decay = -1.0", "weight_decay is -1.0"),
        ("DQNAgent.gamma = 1.5", "gamma is 1.5"),
        ("DQNAgent.update_period = 0", "update_period is 0"),
        ("WrappedReplayBuffer.batch_size = 2.5", "batch_size is 2.5"),
        ("NatureDQNNetwork.width = 0", "width is 0"),
        ("tf.train.AdamOptimizer.learning_rate = -1", "AdamOptimizer.learning_rate is -1"),
        ("tf.train.AdamOptimizer.beta1 = 1.0", "AdamOptimizer.beta1 is 1.0"),
        ("DQNAgent.optimizer = 'adam'", "DQNAgent.optimizer is 'adam', but must be a Keras opti"),
        ("SparseTrainRunner.atari_100k_eval = 'no'", "atari_100k_eval is 'no', but must be True"),
        ("ImpalaNetwork.dense_units = 0", "ImpalaNetwork.dense_units is 0"),
        ("UpdatedSETOptimizer.frequency = 'x'", "UpdatedSETOptimizer.frequency is 'x'"),
    ],
)
def test_values_out_of_range_are_refused(binding, message):
    with pytest.raises(ConfigError, match=message):
        config.parse([], [binding])
