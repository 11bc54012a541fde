"""TF-Agents' DQN agent around a dense or sparse Q-network."""

import dataclasses

import gin
import tensorflow as tf
from tf_agents.agents.dqn import dqn_agent
from tf_agents.environments import tf_environment
from tf_agents.utils import common

from rigl_rl.networks import mlp
from rigl_rl.networks.width import scaled_units
from rigl_rl.sparsity import DENSE, SparseOptimizer, SparseSettings, snr, sparsify_with
from rigl_rl.tfagents.clipping import unless_clipped
from rigl_rl.tfagents.hyperparameters import DqnHyperparameters
from rigl_rl.tfagents.optimizers import adam


@gin.configurable("SparseDqnAgent")  # the name of the original's agent
class DqnAgent(dqn_agent.DqnAgent):
    """TF-Agents' DQN agent, with one target forward pass per step instead of two.

    TF-Agents evaluates the target network twice: once for the values, and once in its greedy policy
    to find the argmax. Without action constraints, which we do not use, the result is the maximum
    of the first evaluation (equation 2 of the paper).
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

    def gradient_snr(self, transitions) -> dict[str, tf.Tensor]:
        """Signal-to-noise ratio of the TD errors' gradients over a batch of transitions."""
        variables = self.q_network.trainable_variables
        return {"q": snr.batch_snr(self.td_losses, variables, transitions, chunk_size=32)}


def make_agent(
    env: tf_environment.TFEnvironment,
    train_step: tf.Variable,
    hyperparameters: DqnHyperparameters,
    sparse: SparseSettings = DENSE,
    *,
    seed: int,
) -> DqnAgent:
    """Builds the Q-network, makes it sparse, and wraps it in an initialized agent.

    Args:
      env: an environment with discrete scalar actions.
      train_step: int64 variable in which the agent counts train steps.
      hyperparameters: the agent's hyperparameters.
      sparse: method, sparsity and so on.
      seed: for the masks and, with sparsity-aware initialization, the weights.

    Raises:
      ValueError: a value is not allowed.
    """
    given = hyperparameters.resolved()
    action_spec = env.action_spec()
    q_network = mlp.q_network(
        scaled_units(given.fc_layer_params, given.width),
        num_actions=int(action_spec.maximum - action_spec.minimum + 1),
        weight_decay=given.weight_decay,
        decay_output_layer=given.decay_output_layer,
    )
    q_network.create_variables(env.observation_spec())
    optimizer = sparsify_with(
        dataclasses.replace(
            unless_clipped(sparse, DqnAgent), sparse_output_layer=given.sparse_output_layer
        ),
        {"q": q_network},
        adam(given.learning_rate),
        total_steps=given.train_steps,
        seed=seed,
    )
    first, last = given.initial_epsilon_greedy, given.epsilon_greedy
    assert first is not None

    def epsilon():
        progress = tf.minimum(tf.cast(train_step, tf.float32) / given.epsilon_decay_period, 1.0)
        return first + (last - first) * progress

    agent = DqnAgent(
        env.time_step_spec(),
        action_spec,
        q_network=q_network,
        optimizer=optimizer,
        epsilon_greedy=epsilon,
        td_errors_loss_fn=common.element_wise_squared_loss,
        **given.of_td_learning,
        train_step_counter=train_step,
    )
    agent.initialize()
    optimizer.execution.follow(agent.q_network, agent.target_q_network, given.target_update_period)
    return agent
