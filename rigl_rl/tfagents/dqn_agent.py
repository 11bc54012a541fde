"""TF-Agents' DQN agent around a dense or sparse Q-network."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Optional

import gin
import tensorflow as tf
from tf_agents.agents.dqn import dqn_agent
from tf_agents.environments import tf_environment
from tf_agents.utils import common

from rigl_rl.networks import mlp
from rigl_rl.networks.width import scaled_units
from rigl_rl.sparsity import SparseOptimizer, SparseSettings, sparsify_with


@gin.configurable("SparseDqnAgent")  # the name of the original's agent
class DqnAgent(dqn_agent.DqnAgent):
    """The same numbers as TF-Agents' own, with one target forward pass per step instead of two.

    TF-Agents evaluates the target network, then its greedy policy evaluates it again to find the
    argmax, and the value there is gathered: the maximum of the first evaluation (equation 2 of the
    paper). Without action constraints, which we do not use, nothing else is needed.
    """

    def _compute_next_q_values(self, next_time_steps, info):
        del info
        q_values, _ = self._target_q_network(
            next_time_steps.observation, step_type=next_time_steps.step_type
        )
        return tf.reduce_max(q_values, axis=-1)

    @property
    def optimizer(self) -> SparseOptimizer:
        """The sparse optimizer of the Q-network."""
        return self._optimizer

    @property
    def q_network(self):
        """The online network."""
        return self._q_network

    @property
    def target_q_network(self):
        """The target network."""
        return self._target_q_network

    def td_losses(self, transition) -> tf.Tensor:
        """Squared TD errors of a batch of transitions, one per transition: shape (B,)."""
        loss_info = self._loss(
            transition,
            gamma=self._gamma,
            reward_scale_factor=self._reward_scale_factor,
            training=True,
        )
        return loss_info.extra.td_loss


def make_agent(
    env: tf_environment.TFEnvironment,
    train_step: tf.Variable,
    sparse: SparseSettings,
    *,
    total_steps: int,
    seed: int,
    fc_layer_params: Sequence[int] = (512, 512),
    width: float = 1.0,
    sparse_output_layer: bool = True,
    weight_decay: float = 1e-6,
    decay_output_layer: bool = True,
    learning_rate: float = 1e-3,
    target_update_tau: float = 1.0,
    target_update_period: int = 100,
    gamma: float = 0.99,
    reward_scale_factor: float = 1.0,
    initial_epsilon_greedy: Optional[float] = None,
    epsilon_greedy: float = 0.1,
    epsilon_decay_period: int = 25_000,
) -> DqnAgent:
    """Builds the Q-network, makes it sparse, and wraps it in an initialized agent.

    Args:
      env: with discrete scalar actions.
      train_step: int64 variable that the agent counts train steps in.
      sparse: method, sparsity and so on.
      total_steps: train steps of the whole run.
      seed: of masks and, with sparsity-aware initialization, weights.
      fc_layer_params, width, weight_decay, decay_output_layer: see `networks.mlp`.
      sparse_output_layer: whether the output layer is sparse too.
      learning_rate: of Adam.
      target_update_tau, target_update_period: share of the online weights in a target update, and
        train steps between two.
      gamma, reward_scale_factor: discount, and factor of rewards in the loss.
      initial_epsilon_greedy, epsilon_greedy, epsilon_decay_period: epsilon of the collect policy
        at the start (None: the same as in the end), in the end, and the train steps over which it
        goes linearly from one to the other.

    Raises:
      ValueError: a value is outside of what is allowed.
    """
    action_spec = env.action_spec()
    num_actions = int(action_spec.maximum - action_spec.minimum + 1)
    q_network = mlp.q_network(
        scaled_units(fc_layer_params, width), num_actions, weight_decay, decay_output_layer
    )
    q_network.create_variables(env.observation_spec())
    optimizer = sparsify_with(
        dataclasses.replace(sparse, sparse_output_layer=sparse_output_layer),
        {"q": q_network},
        # The legacy class steps in one fused operation, the new one in a dozen.
        tf.keras.optimizers.legacy.Adam(learning_rate),
        total_steps=total_steps,
        seed=seed,
    )

    if initial_epsilon_greedy is None:
        initial_epsilon_greedy = epsilon_greedy

    def epsilon():
        progress = tf.minimum(tf.cast(train_step, tf.float32) / epsilon_decay_period, 1.0)
        return initial_epsilon_greedy + (epsilon_greedy - initial_epsilon_greedy) * progress

    agent = DqnAgent(
        env.time_step_spec(),
        action_spec,
        q_network=q_network,
        optimizer=optimizer,
        epsilon_greedy=epsilon,
        target_update_tau=target_update_tau,
        target_update_period=target_update_period,
        td_errors_loss_fn=common.element_wise_squared_loss,
        gamma=gamma,
        reward_scale_factor=reward_scale_factor,
        train_step_counter=train_step,
    )
    agent.initialize()
    optimizer.execution.follow(agent.q_network, agent.target_q_network, target_update_period)
    return agent
