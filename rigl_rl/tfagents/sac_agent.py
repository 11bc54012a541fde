"""TF-Agents' SAC agent around a dense or sparse actor and two dense or sparse critics."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Optional

import gin
import tensorflow as tf
from tf_agents.agents.sac import sac_agent
from tf_agents.environments import tf_environment
from tf_agents.networks import network
from tf_agents.trajectories import time_step as ts

from rigl_rl.networks import sac
from rigl_rl.networks.width import scaled_units
from rigl_rl.sparsity import SparseOptimizer, SparseSettings, sparsify_with

CRITICS = ("critic_1", "critic_2")


@gin.configurable("SparseSacAgent")  # the name of the original's agent
class SacAgent(sac_agent.SacAgent):
    """TF-Agents' own, whose parts can be seen and whose losses can be had one per sample."""

    @property
    def actor_network(self) -> network.Network:
        """The actor."""
        return self._actor_network

    @property
    def critic_networks(self) -> dict[str, network.Network]:
        """{'critic_1': ..., 'critic_2': ...}."""
        return dict(zip(CRITICS, (self._critic_network_1, self._critic_network_2)))

    @property
    def target_critic_networks(self) -> dict[str, network.Network]:
        """The critics' targets, under the critics' names."""
        targets = (self._target_critic_network_1, self._target_critic_network_2)
        return dict(zip(CRITICS, targets))

    @property
    def critics_and_targets(self) -> dict[str, tuple[network.Network, network.Network]]:
        """Both critics, each with its target."""
        targets = self.target_critic_networks
        return {name: (critic, targets[name]) for name, critic in self.critic_networks.items()}

    @property
    def actor_optimizer(self) -> SparseOptimizer:
        """The sparse optimizer of the actor."""
        return self._actor_optimizer

    @property
    def critic_optimizer(self) -> SparseOptimizer:
        """The sparse optimizer of both critics."""
        return self._critic_optimizer

    def td_targets(self, next_time_steps: ts.TimeStep) -> tf.Tensor:
        """What both critics learn to predict, with next actions sampled: shape (B,)."""
        actions, log_pi = self._actions_and_log_probs(next_time_steps)
        q_1, q_2 = self._values(self.target_critic_networks, next_time_steps.observation, actions)
        values = tf.minimum(q_1, q_2) - tf.exp(self._log_alpha) * log_pi
        reward = self._reward_scale_factor * next_time_steps.reward
        return tf.stop_gradient(reward + self._gamma * next_time_steps.discount * values)

    def critic_losses(self, observation, action, td_targets) -> tf.Tensor:
        """Squared errors of both critics, one number per sample: shape (B,).

        Without weight decay, which is the same for all samples.
        """
        predictions = self._values(self.critic_networks, observation, action)
        errors = [tf.math.squared_difference(td_targets, each) for each in predictions]
        return self._critic_loss_weight * tf.add_n(errors)

    def actor_losses(self, observation, noise) -> tf.Tensor:
        """Entropy-weighted values of the actor's actions, one number per sample: shape (B,).

        Args:
          observation: shape (B, observation).
          noise: standard normal numbers that make an action of a distribution, shape (B, action).
        """
        distribution, _ = self._actor_network(observation)
        gaussian = distribution.input_distribution
        raw = gaussian.loc + gaussian.stddev() * noise
        action = distribution.action_means + distribution.action_magnitudes * tf.tanh(raw)
        log_density = -0.5 * (noise**2 + math.log(2 * math.pi)) - tf.math.log(gaussian.stddev())
        # d action / d raw = magnitude (1 - tanh^2), in a form that does not round to 0.
        slope = tf.math.log(4 * distribution.action_magnitudes) - 2 * (
            raw + tf.nn.softplus(-2 * raw)
        )
        log_pi = tf.reduce_sum(log_density - slope, axis=-1)
        q_1, q_2 = self._values(self.critic_networks, observation, action)
        return tf.exp(self._log_alpha) * log_pi - tf.minimum(q_1, q_2)

    def _values(self, critics, observation, action) -> list[tf.Tensor]:
        return [critic((observation, action))[0] for critic in critics.values()]


def make_agent(
    env: tf_environment.TFEnvironment,
    train_step: tf.Variable,
    sparse_actor: SparseSettings,
    sparse_critic: SparseSettings,
    *,
    total_steps: int,
    seed: int,
    actor_fc_layers: Sequence[int] = (256, 256),
    critic_obs_fc_layers: Optional[Sequence[int]] = None,
    critic_action_fc_layers: Optional[Sequence[int]] = None,
    critic_joint_fc_layers: Sequence[int] = (256, 256),
    actor_width: float = 1.0,
    critic_width: float = 1.0,
    sparse_output_layer: bool = True,
    weight_decay: float = 1e-4,
    actor_learning_rate: float = 3e-4,
    critic_learning_rate: float = 3e-4,
    alpha_learning_rate: float = 3e-4,
    target_update_tau: float = 0.005,
    target_update_period: int = 1,
    gamma: float = 0.99,
    reward_scale_factor: float = 0.1,
) -> SacAgent:
    """Builds actor, critics and targets, makes them sparse, and wraps them in an initialized agent.

    Each of the two critics has masks of its own, and each of the two targets starts as a copy of
    its critic after that has been made sparse.

    Args:
      env: with bounded float actions.
      train_step: int64 variable that the agent counts train steps in.
      sparse_actor, sparse_critic: method, sparsity and so on.
      total_steps: train steps of the whole run.
      seed: of masks and, with sparsity-aware initialization, weights.
      actor_fc_layers, critic_obs_fc_layers, critic_action_fc_layers, critic_joint_fc_layers: hidden
        units before the widths, see `networks.sac`.
      actor_width, critic_width: multipliers of the hidden layers.
      sparse_output_layer: whether the output layers are sparse too.
      weight_decay: coefficient of sum(w^2) over kernels, within the actor's and the critics' loss.
      actor_learning_rate, critic_learning_rate, alpha_learning_rate: of Adam.
      target_update_tau, target_update_period: share of the online weights in a target update, and
        train steps between two.
      gamma, reward_scale_factor: discount, and factor of rewards in the loss.

    Raises:
      ValueError: a value is outside of what is allowed.
    """
    observation_spec, action_spec = env.observation_spec(), env.action_spec()
    actor = sac.actor_network(action_spec, scaled_units(actor_fc_layers, actor_width), weight_decay)
    actor.create_variables(observation_spec)

    def critic(name):
        made = sac.critic_network(
            scaled_units(critic_obs_fc_layers or (), critic_width),
            scaled_units(critic_action_fc_layers or (), critic_width),
            scaled_units(critic_joint_fc_layers, critic_width),
            weight_decay,
            name=name,
        )
        made.create_variables((observation_spec, action_spec))
        return made

    critics = {name: critic(name) for name in CRITICS}
    targets = {name: critic(f"target_{name}") for name in CRITICS}

    def optimizer(networks, settings, learning_rate, number):
        by_hand = settings.custom_sparsity_map or {}
        own = {k: v for k, v in by_hand.items() if k.startswith("actor/") == ("actor" in networks)}
        return sparsify_with(
            dataclasses.replace(
                settings, custom_sparsity_map=own, sparse_output_layer=sparse_output_layer
            ),
            networks,
            # The legacy class steps in one fused operation, the new one in a dozen.
            tf.keras.optimizers.legacy.Adam(learning_rate),
            total_steps=total_steps,
            seed=seed + number,
        )

    agent = SacAgent(
        env.time_step_spec(),
        action_spec,
        critic_network=critics["critic_1"],
        critic_network_2=critics["critic_2"],
        target_critic_network=targets["critic_1"],
        target_critic_network_2=targets["critic_2"],
        actor_network=actor,
        actor_optimizer=optimizer({"actor": actor}, sparse_actor, actor_learning_rate, 0),
        critic_optimizer=optimizer(critics, sparse_critic, critic_learning_rate, 1),
        alpha_optimizer=tf.keras.optimizers.legacy.Adam(alpha_learning_rate),
        target_update_tau=target_update_tau,
        target_update_period=target_update_period,
        gamma=gamma,
        reward_scale_factor=reward_scale_factor,
        train_step_counter=train_step,
    )
    agent.initialize()
    for online, target in agent.critics_and_targets.values():
        agent.critic_optimizer.execution.follow(online, target, target_update_period)
    return agent
