"""Agents whose train steps run sparsely: training stays the same, is recorded, and resumes."""

import json
import math

import gin
import numpy as np
import pytest
import tensorflow as tf
from tf_agents.replay_buffers import tf_uniform_replay_buffer

from rigl_rl.adapters.in_graph_environment import InGraphEnvironment
from rigl_rl.environments.gymnasium_environment import GymnasiumEnvironment
from rigl_rl.runs import random_state
from rigl_rl.sparsity import SparseSettings
from rigl_rl.sparsity.execution import first_sparse_step, library, train_steps
from rigl_rl.tfagents import dqn_agent, off_policy_loop, sac_agent, targets
from rigl_rl.tfagents.clipping import unless_clipped
from rigl_rl.tfagents.hyperparameters import DqnHyperparameters, SacHyperparameters
from rigl_rl.tfagents.replay import sample_transitions

BATCH = 64


@pytest.fixture(autouse=True)
def operation():
    try:
        library.operation()
    except library.Missing as missing:
        pytest.skip(str(missing))


class Training:
    """An agent, its optimizers, its networks and a full replay buffer."""

    def __init__(self, name, mode, method="rigl", period=1, **settings):
        env = GymnasiumEnvironment({"dqn": "CartPole-v0", "sac": "HalfCheetah-v2"}[name], seed=0)
        env.reset()
        self.env = InGraphEnvironment(env)
        self.step = tf.Variable(0, dtype=tf.int64)
        tf.keras.utils.set_random_seed(1)
        sparse = SparseSettings(method, **{"sparsity": 0.8, **settings}, sparse_execution=mode)
        make = {"dqn": self._dqn, "sac": self._sac}[name]
        self.agent, self.optimizers, pairs, tau = make(sparse, period)
        self.networks = [network for pair in pairs.values() for network in pair]
        if name == "sac":
            self.networks.append(self.agent.actor_network)
        self.executions = [optimizer.execution for optimizer in self.optimizers]
        self.follow = targets.target_masker(self.optimizers[-1], pairs, self.step, tau, period)
        self.replay = tf_uniform_replay_buffer.TFUniformReplayBuffer(
            self.agent.collect_data_spec, batch_size=1, max_length=1000
        )
        self.random = random_state.generator(0)
        off_policy_loop.collect_at_random(self.env, self.replay, 500, self.random)

    def _dqn(self, sparse, period):
        agent = dqn_agent.make_agent(
            self.env,
            self.step,
            DqnHyperparameters(
                num_iterations=400, fc_layer_params=(64, 64), target_update_period=period
            ),
            sparse,
            seed=0,
        )
        return agent, [agent.optimizer], {"q": (agent.q_network, agent.target_q_network)}, 1.0

    def _sac(self, sparse, period):
        units = dict(actor_fc_layers=(64, 64), critic_joint_fc_layers=(64, 64))
        agent = sac_agent.make_agent(
            self.env,
            self.step,
            SacHyperparameters(
                num_iterations=400,
                target_update_period=period,
                target_update_tau=0.1,
                **units,
            ),
            sparse,
            sparse,
            seed=0,
        )
        optimizers = [agent.actor_optimizer, agent.critic_optimizer]
        return agent, optimizers, agent.critics_and_targets, 0.1

    def learn(self, steps):
        """Takes train steps on random experience, the same for every agent."""

        @tf.function
        def loop():
            with random_state.draws_from(self.random), train_steps(self.executions):
                for _ in tf.range(steps):
                    batch = sample_transitions(self.replay, BATCH)
                    self.agent.train(batch)
                    self.follow()

        loop()

    def loop(self):
        """The train loop of the mains."""
        return off_policy_loop.make_train_loop(
            self.env, self.agent, self.replay, BATCH, self.random, self.follow, self.executions
        )


@pytest.mark.parametrize(
    ("name", "period"),
    # The period of 7 lets target networks keep connections that the online ones have dropped.
    [("dqn", 7), ("dqn", 1), ("sac", 1), ("sac", 7)],
)
def test_300_train_steps_are_those_of_dense_execution(name, period):
    updates = {"update_freq": 50, "last_update_step": 280, "period": period}
    dense, sparse = (Training(name, mode, **updates) for mode in ("dense", "sparse"))
    before = [kernel.mask.numpy() for each in sparse.optimizers for kernel in each.kernels]
    for training in (dense, sparse):
        training.learn(300)
    assert not any(each.names for each in dense.executions)
    assert all(each.names for each in sparse.executions)
    kernels = [kernel for each in sparse.optimizers for kernel in each.kernels]
    expected = [kernel for each in dense.optimizers for kernel in each.kernels]
    assert any(np.any(kernel.mask != mask) for kernel, mask in zip(kernels, before))
    for ours, theirs in zip(kernels, expected):
        np.testing.assert_array_equal(ours.mask, theirs.mask)
        np.testing.assert_array_equal(ours.kernel, ours.kernel * ours.mask)
    for ours, theirs in zip(sparse.networks, dense.networks):
        for one, other in zip(ours.variables, theirs.variables):
            np.testing.assert_allclose(one, other, atol=1e-3)


def test_pruning_is_dense_up_to_its_last_update_and_sparse_after_it():
    training = Training(
        "dqn", "sparse", "prune", update_freq=5, begin_step=0, last_update_step=20, period=7
    )
    assert first_sparse_step(training.executions) == 21
    train = training.loop()
    renewed = training.executions[0]._true_at
    for steps, expected in ((15, -1), (5, -1), (15, 35), (5, 40)):
        assert math.isfinite(train(steps))
        assert int(renewed) == expected


@pytest.mark.parametrize(
    ("name", "method", "tolerances"),
    # Pruning is bitwise the same up to its last update.
    [("dqn", "prune", (0, 0, 1e-5)), ("dqn", "rigl", (1e-5,) * 3), ("sac", "rigl", (1e-4,) * 3)],
)
def test_the_loop_takes_the_steps_of_dense_execution(name, method, tolerances):
    """This includes acting."""
    settings = {"update_freq": 5, "begin_step": 0, "last_update_step": 20, "period": 7}
    both = [Training(name, mode, method, **settings) for mode in ("dense", "sparse")]
    loops = [training.loop() for training in both]
    for steps, tolerance in zip((15, 6, 15), tolerances):
        losses = [train(steps) for train in loops]
        assert losses[0] == pytest.approx(losses[1], rel=10 * tolerance)
        for one, other in zip(*(training.networks for training in both)):
            for a, b in zip(one.variables, other.variables):
                np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", ["dqn", "sac"])
def test_outside_of_train_steps_every_network_is_dense_with_its_own_weights(name):
    """This includes targets, some of which TF-Agents copies from networks that run sparsely."""
    training = Training(name, "sparse")
    random = np.random.default_rng(0)
    observations = random.normal(size=(5, *training.env.observation_spec().shape))
    actions = random.normal(size=(5, *training.env.action_spec().shape))
    for network in training.networks:
        for variable in network.variables:
            variable.assign(random.normal(size=variable.shape))
        kernels, biases = network.variables[::2], network.variables[1::2]
        critic = name == "sac" and network is not training.agent.actor_network
        x = np.concatenate([observations, actions], axis=1) if critic else observations
        inputs = (observations, actions) if critic else observations
        inputs = tf.nest.map_structure(lambda each: tf.constant(each, tf.float32), inputs)
        for kernel, bias in zip(kernels[:-1], biases[:-1]):
            x = np.maximum(x @ kernel.numpy() + bias.numpy(), 0)
        expected = x @ kernels[-1].numpy() + biases[-1].numpy()
        output, _ = tf.function(network)(inputs)
        if name == "sac" and not critic:
            output, expected = output.input_distribution.loc, expected[:, : actions.shape[1]]
        np.testing.assert_allclose(
            tf.reshape(output, expected.shape), expected, rtol=1e-3, atol=1e-2
        )


def test_a_dense_agent_has_nothing_to_run_sparsely():
    training = Training("dqn", "sparse", "dense", sparsity=0.0)
    assert first_sparse_step(training.executions) == math.inf


def test_a_run_says_what_ran_sparsely_and_may_change_it_when_resumed(train, rigl_flags, tmp_path):
    root_dir = tmp_path / "run"
    flags = [*rigl_flags, f"--root_dir={root_dir}", "--gin_bindings=train_eval.eval_interval=200"]
    sparse = train(*flags, "--gin_bindings=sparse_execution.mode='sparse'")
    assert sparse.returncode == 0, sparse.stderr
    (line,) = (line for line in sparse.stdout.splitlines() if line.startswith("sparse execution"))
    assert "q/hidden_1/kernel" in line
    recorded = json.loads((root_dir / "result.json").read_text())["sparse_execution"]
    assert recorded["mode"] == "sparse"
    assert "q/q/hidden_1/kernel" in recorded["sparse"]
    # With another way of execution it is the same run, and it is finished already.
    again = train(*flags, "--gin_bindings=sparse_execution.mode='dense'")
    assert again.returncode == 0, again.stderr
    assert "nothing to do" in again.stdout


@pytest.mark.parametrize(
    ("agent", "mode", "chosen"),
    [
        (dqn_agent.DqnAgent, "auto", "dense"),
        (sac_agent.SacAgent, "auto", "dense"),
        (dqn_agent.DqnAgent, "sparse", "sparse"),  # asked for: an error says what is wrong
    ],
)
def test_an_agent_that_clips_gradients_takes_dense_steps(agent, mode, chosen):
    settings = SparseSettings("rigl", sparse_execution=mode)
    assert unless_clipped(settings, agent) is settings
    gin.parse_config(f"Sparse{agent.__name__}.gradient_clipping = 10.0")
    assert unless_clipped(settings, agent).sparse_execution == chosen


@pytest.mark.parametrize("agent", [dqn_agent.DqnAgent, sac_agent.SacAgent])
def test_so_does_one_whose_clipping_is_bound_under_tf_agents_name(agent):
    settings = SparseSettings("rigl")
    gin.parse_config(f"{agent.__name__}.gradient_clipping = None")
    assert unless_clipped(settings, agent) is settings
    gin.parse_config(f"{agent.__name__}.gradient_clipping = 10.0")
    assert unless_clipped(settings, agent).sparse_execution == "dense"


@pytest.mark.parametrize("name", ["dqn", "sac"])
def test_clipped_gradients_train(name):
    agent = {"dqn": "SparseDqnAgent", "sac": "SparseSacAgent"}[name]
    gin.parse_config(f"{agent}.gradient_clipping = 10.0")
    training = Training(name, "auto", sparsity=0.99)
    training.learn(2)
    assert int(training.step) == 2
    assert not any(execution.names for execution in training.executions)
