"""TF-Agents' SAC agent around a dense or sparse actor and two dense or sparse critics."""

import dataclasses
import math

import gin
import tensorflow as tf
from tf_agents.agents.sac import sac_agent
from tf_agents.environments import tf_environment
from tf_agents.networks import network
from tf_agents.trajectories import time_step as ts

from rigl_rl.networks import sac
from rigl_rl.networks.width import scaled_units
from rigl_rl.sparsity import DENSE, SparseOptimizer, SparseSettings, snr, sparsify_with
from rigl_rl.tfagents.clipping import unless_clipped
from rigl_rl.tfagents.hyperparameters import SacHyperparameters
from rigl_rl.tfagents.optimizers import adam

CRITICS = ("critic_1", "critic_2")


@gin.configurable("SparseSacAgent")  # the name of the original's agent
class SacAgent(sac_agent.SacAgent):
    """TF-Agents' SAC agent with public networks and optimizers, and losses per sample."""

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
        """{'critic_1': its target, 'critic_2': its target}."""
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
        """The targets of both critics, with sampled next actions: shape (B,)."""
        actions, log_pi = self._actions_and_log_probs(next_time_steps)
        q_1, q_2 = self._values(self.target_critic_networks, next_time_steps.observation, actions)
        values = tf.minimum(q_1, q_2) - tf.exp(self._log_alpha) * log_pi
        reward = self._reward_scale_factor * next_time_steps.reward
        return tf.stop_gradient(reward + self._gamma * next_time_steps.discount * values)

    def critic_losses(self, observation, action, td_targets) -> tf.Tensor:
        """Squared errors of both critics, one number per sample: shape (B,).

        They leave out weight decay, which is the same for all samples.
        """
        predictions = self._values(self.critic_networks, observation, action)
        errors = [tf.math.squared_difference(td_targets, each) for each in predictions]
        return self._critic_loss_weight * tf.add_n(errors)

    def actor_losses(self, observation, noise) -> tf.Tensor:
        """Entropy-weighted values of the actor's actions, one number per sample: shape (B,).

        Args:
          observation: shape (B, observation).
          noise: standard normal numbers that pick the sampled actions, shape (B, action).
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

    def gradient_snr(self, transitions) -> dict[str, tf.Tensor]:
        """Signal-to-noise ratios of actor and critics over a batch of transitions (Figure 5)."""
        now, action_step, after = transitions
        td_targets = self.td_targets(after)
        noise = tf.random.normal(tf.shape(action_step.action))
        actor = snr.batch_snr(
            lambda sample: self.actor_losses(*sample),
            self.actor_network.trainable_variables,
            (now.observation, noise),
            chunk_size=32,
        )
        critic = snr.batch_snr(
            lambda sample: self.critic_losses(*sample),
            [v for each in self.critic_networks.values() for v in each.trainable_variables],
            (now.observation, action_step.action, td_targets),
            chunk_size=32,
        )
        return {"actor": actor, "critic": critic}

    def _values(self, critics, observation, action) -> list[tf.Tensor]:
        return [critic((observation, action))[0] for critic in critics.values()]


def make_agent(
    env: tf_environment.TFEnvironment,
    train_step: tf.Variable,
    hyperparameters: SacHyperparameters,
    sparse_actor: SparseSettings = DENSE,
    sparse_critic: SparseSettings = DENSE,
    *,
    seed: int,
) -> SacAgent:
    """Builds actor, critics and targets, makes them sparse, and wraps them in an initialized agent.

    Each critic has its own masks, and each target starts as a copy of its sparse critic.

    Args:
      env: an environment with bounded float actions.
      train_step: int64 variable in which the agent counts train steps.
      hyperparameters: the agent's hyperparameters.
      sparse_actor, sparse_critic: method, sparsity and so on.
      seed: for the masks and, with sparsity-aware initialization, the weights.

    Raises:
      ValueError: a value is not allowed.
    """
    given = hyperparameters
    observation_spec, action_spec = env.observation_spec(), env.action_spec()
    actor_units = scaled_units(given.actor_fc_layers, given.widths[0])
    actor = sac.actor_network(action_spec, actor_units, given.weight_decay)
    actor.create_variables(observation_spec)
    critics = {name: _critic(env, given, name) for name in CRITICS}
    targets = {name: _critic(env, given, f"target_{name}") for name in CRITICS}
    actor_optimizer, critic_optimizer = (
        _optimizer(networks, settings, given, learning_rate, seed + number)
        for number, (networks, settings, learning_rate) in enumerate(
            (
                ({"actor": actor}, sparse_actor, given.actor_learning_rate),
                (critics, sparse_critic, given.critic_learning_rate),
            )
        )
    )
    agent = SacAgent(
        env.time_step_spec(),
        action_spec,
        critic_network=critics["critic_1"],
        critic_network_2=critics["critic_2"],
        target_critic_network=targets["critic_1"],
        target_critic_network_2=targets["critic_2"],
        actor_network=actor,
        actor_optimizer=actor_optimizer,
        critic_optimizer=critic_optimizer,
        alpha_optimizer=adam(given.alpha_learning_rate),
        **given.of_td_learning,
        train_step_counter=train_step,
    )
    agent.initialize()
    for online, target in agent.critics_and_targets.values():
        critic_optimizer.execution.follow(online, target, given.target_update_period)
    return agent


def _critic(
    env: tf_environment.TFEnvironment, given: SacHyperparameters, name: str
) -> network.Network:
    width = given.widths[1]
    made = sac.critic_network(
        scaled_units(given.critic_obs_fc_layers or (), width),
        scaled_units(given.critic_action_fc_layers or (), width),
        scaled_units(given.critic_joint_fc_layers, width),
        given.weight_decay,
        name=name,
    )
    made.create_variables((env.observation_spec(), env.action_spec()))
    return made


def _optimizer(
    networks: dict[str, network.Network],
    settings: SparseSettings,
    given: SacHyperparameters,
    learning_rate: float,
    seed: int,
) -> SparseOptimizer:
    by_hand = settings.custom_sparsity_map or {}
    own = {k: v for k, v in by_hand.items() if k.startswith("actor/") == ("actor" in networks)}
    return sparsify_with(
        dataclasses.replace(
            unless_clipped(settings, SacAgent),
            custom_sparsity_map=own,
            sparse_output_layer=given.sparse_output_layer,
        ),
        networks,
        adam(learning_rate),
        total_steps=given.train_steps,
        seed=seed,
    )
