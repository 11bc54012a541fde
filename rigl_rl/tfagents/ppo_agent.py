"""TF-Agents' PPO agent around a dense or sparse actor and value network."""

import dataclasses
from typing import Any, NamedTuple

import gin
import tensorflow as tf
import tensorflow_probability as tfp
from tf_agents.agents.ppo import ppo_clip_agent, ppo_utils
from tf_agents.environments import tf_environment
from tf_agents.trajectories import StepType, trajectory
from tf_agents.trajectories import time_step as ts
from tf_agents.utils import common

from rigl_rl.networks import ppo
from rigl_rl.networks.width import scaled_units
from rigl_rl.sparsity import DENSE, SparseOptimizer, SparseSettings, snr, sparsify_with
from rigl_rl.tfagents.hyperparameters import PpoHyperparameters
from rigl_rl.tfagents.optimizers import adam


class Collected(NamedTuple):
    """Consecutive environment steps: tensors (steps, 1, ...).

    Every step lies within one episode. `next_observation` differs from the following step's
    `observation` where an episode ended.
    """

    observation: tf.Tensor
    action: tf.Tensor
    reward: tf.Tensor
    discount: tf.Tensor
    next_step_type: tf.Tensor
    next_observation: tf.Tensor


@gin.configurable("SparsePPOAgent")  # the name of the original's agent
class PpoAgent(ppo_clip_agent.PPOClipAgent):
    """TF-Agents' PPO agent; `train` takes one minibatch, and `prepare` makes the data for it.

    `prepare` replaces TF-Agents' PPOLearner, its preprocessing and its collect policy. It computes
    advantages differently in two places. TF-Agents takes the end of an episode for a terminal state
    even at the time limit; here, the discount decides. And TF-Agents bootstraps the last collected
    step from the value of the state before it; here, from the state after it.
    """

    @property
    def optimizer(self) -> SparseOptimizer:
        """The sparse optimizer of both networks."""
        return self._optimizer

    @property
    def value_net(self):
        """The value network."""
        return self._value_net

    @property
    def acting_policy(self):
        """The acting policy. It records no values or probabilities; `prepare` computes them."""
        # TF-Agents wraps it in a greedy policy, unless `greedy_eval` is False.
        return getattr(self.policy, "wrapped_policy", self.policy)

    def prepare(self, collected: Collected) -> trajectory.Trajectory:
        """Computes an iteration's advantages and returns, and updates the normalizers.

        As in TF-Agents, values and probabilities come from the normalizers used for acting;
        everything later uses the updated ones.

        Returns:
          The training data, to be split into minibatches: tensors (steps, 1, ...).
        """
        middle = tf.fill(tf.shape(collected.reward), StepType.MID)
        time_steps = ts.TimeStep(
            middle, collected.reward, collected.discount, collected.observation
        )
        info = self.collect_policy.distribution(time_steps).info
        values = info["value_prediction"]
        next_values, _ = self.collect_policy.apply_value_network(
            collected.next_observation, collected.next_step_type
        )
        self.update_observation_normalizer(collected.observation)
        self.update_reward_normalizer(collected.reward)
        rewards = collected.reward
        if self._reward_normalizer:
            rewards = self._reward_normalizer.normalize(
                rewards, center_mean=False, clip_value=self._reward_norm_clipping
            )
        steps = (
            rewards,
            self._discount_factor * collected.discount,
            values,
            next_values,
            collected.next_step_type == StepType.LAST,
        )
        advantages = advantage_estimates(*steps, self._lambda)
        returns = values + (
            advantages if self._use_td_lambda_return else advantage_estimates(*steps, 1.0)
        )
        return trajectory.Trajectory(
            step_type=middle,
            observation=collected.observation,
            action=collected.action,
            policy_info={**info, "return": returns, "advantage": advantages},
            # The advantages account for the ends of episodes; `train` treats all steps alike.
            next_step_type=middle,
            reward=collected.reward,
            discount=collected.discount,
        )

    def sample_losses(self, samples: trajectory.Trajectory) -> tf.Tensor:
        """The loss without weight decay, one number per sample: shape (B,).

        Args:
          samples: as `prepare` returns, (B, 1, ...), but with normalized advantages.
        """
        time_steps = ts.TimeStep(
            samples.step_type, samples.reward, samples.discount, samples.observation
        )
        behavior = ppo_utils.distribution_from_spec(
            self._action_distribution_spec,
            samples.policy_info["dist_params"],
            legacy_distribution_network=False,
        )
        old = common.log_probability(behavior, samples.action, self._action_spec)
        now = self.collect_policy.distribution(time_steps)
        ratio = tf.exp(common.log_probability(now.action, samples.action, self._action_spec) - old)
        advantage = samples.policy_info["advantage"]
        objective = ratio * advantage
        if clip := self._importance_ratio_clipping:
            clipped = tf.clip_by_value(ratio, 1.0 - clip, 1.0 + clip)
            objective = tf.minimum(objective, clipped * advantage)
        if self._entropy_regularization:
            entropy = common.entropy(now.action, self._action_spec, outer_rank=2)
            objective += self._entropy_regularization * entropy
        returns, value = samples.policy_info["return"], now.info["value_prediction"]
        value_loss = tf.math.squared_difference(returns, value)
        if self._value_clipping:
            old = samples.policy_info["value_prediction"]
            moved = tf.clip_by_value(value - old, -self._value_clipping, self._value_clipping)
            value_loss = tf.maximum(value_loss, tf.math.squared_difference(returns, old + moved))
        return tf.reduce_mean(self._value_pred_loss_coef * value_loss - objective, axis=1)

    def gradient_snr(self, samples: trajectory.Trajectory) -> dict[str, tf.Tensor]:
        """Signal-to-noise ratios of both networks over a minibatch from `prepare`."""
        info = {
            **samples.policy_info,
            "advantage": normalized(samples.policy_info["advantage"]),
        }
        samples = samples.replace(policy_info=info)
        return {
            name: snr.batch_snr(self.sample_losses, network.trainable_variables, samples)
            for name, network in {"actor": self.actor_net, "value": self.value_net}.items()
        }


def advantage_estimates(rewards, discounts, values, next_values, ends, lambda_value):
    """Generalized advantage estimation (Schulman et al., 2016) over consecutive steps.

    A_t = delta_t + lambda discount_t A_(t+1) within an episode, where
    delta_t = reward_t + discount_t V(s_(t+1)) - V(s_t). At the end of an episode, and after the
    last step, A_t = delta_t.

    Args:
      rewards, discounts, values, next_values: float32 (steps, ...); a discount is 0 where the next
        state has no value.
      ends: bool (steps, ...), True where a step ends its episode.
      lambda_value: within [0, 1].

    Returns:
      float32 (steps, ...).
    """
    deltas = rewards + discounts * next_values - values
    weights = lambda_value * discounts * tf.cast(~ends, tf.float32)

    # Composing linear functions x -> delta + weight x is associative, so 2,048 steps take eleven
    # vectorized operations instead of 2,048 small ones.
    def compose(later, earlier):
        (weight_later, delta_later), (weight_earlier, delta_earlier) = later, earlier
        return weight_later * weight_earlier, delta_earlier + weight_earlier * delta_later

    backwards = (tf.reverse(weights, [0]), tf.reverse(deltas, [0]))
    _, advantages = tfp.math.scan_associative(compose, backwards)
    return tf.reverse(advantages, [0])


def normalized(advantages):
    """Scales to mean 0 and standard deviation 1 over all entries, as `train` does."""
    mean, variance = tf.nn.moments(advantages, axes=list(range(advantages.shape.rank)))
    return (advantages - mean) / tf.sqrt(variance + 1e-8)


def make_agent(
    env: tf_environment.TFEnvironment,
    train_step: tf.Variable,
    hyperparameters: PpoHyperparameters,
    sparse_actor: SparseSettings = DENSE,
    sparse_value: SparseSettings = DENSE,
    *,
    seed: int,
) -> PpoAgent:
    """Builds actor and value network, makes them sparse, and wraps them in an initialized agent.

    Args:
      env: an environment whose action is a vector of real numbers or one integer.
      train_step: int64 variable in which the agent counts train steps.
      hyperparameters: the agent's hyperparameters.
      sparse_actor, sparse_value: method, sparsity and so on. One optimizer trains both networks, so
        they may differ only in sparsity, or in one being dense.
      seed: for the masks and, with sparsity-aware initialization, the weights.

    Raises:
      ValueError: a value is not allowed.
    """
    given = hyperparameters
    actor_width, value_width = given.widths
    networks = {
        "actor": ppo.actor(scaled_units(given.actor_fc_layers, actor_width), env.action_spec()),
        "value": ppo.value(scaled_units(given.value_fc_layers, value_width)),
    }
    for network in networks.values():
        network.create_variables(env.observation_spec())

    def decayed_learning_rate():
        iteration = train_step // given.steps_per_iteration * given.steps_per_iteration
        return given.learning_rate * (1.0 - tf.cast(iteration, tf.float32) / given.train_steps)

    agent = PpoAgent(
        env.time_step_spec(),
        env.action_spec(),
        optimizer=_optimizer(
            adam(decayed_learning_rate, epsilon=1e-5),
            networks,
            {"actor": sparse_actor, "value": sparse_value},
            given,
            seed,
        ),
        actor_net=networks["actor"],
        value_net=networks["value"],
        importance_ratio_clipping=given.importance_ratio_clipping,
        lambda_value=given.lambda_value if given.use_gae else 1.0,
        discount_factor=given.discount_factor,
        entropy_regularization=given.entropy_regularization,
        policy_l2_reg=given.weight_decay,
        value_function_l2_reg=given.weight_decay,
        value_pred_loss_coef=given.value_pred_loss_coef,
        gradient_clipping=given.gradient_clipping,
        use_td_lambda_return=given.use_td_lambda_return,
        value_clipping=given.value_clipping,
        # `train` gets one minibatch with advantages and must not update the normalizers.
        num_epochs=1,
        compute_value_and_advantage_in_train=False,
        update_normalizers_in_train=False,
        train_step_counter=train_step,
    )
    agent.initialize()
    return agent


def _optimizer(
    dense: tf.keras.optimizers.legacy.Adam,
    networks: dict[str, Any],
    settings: dict[str, SparseSettings],
    given: PpoHyperparameters,
    seed: int,
) -> SparseOptimizer:
    """The optimizer of both networks, either of which may be dense."""
    settings = {name: each for name, each in settings.items() if not each.dense}
    sparse = dataclasses.replace(
        next(iter(settings.values()), DENSE),
        sparsity={name: each.sparsity_in(name) for name, each in settings.items()},
        sparse_output_layer=given.sparse_output_layer,
        # Clipping needs the norm of all gradients, including those of inactive connections.
        sparse_execution="dense",
    )
    networks = {name: networks[name] for name in settings}
    return sparsify_with(sparse, networks, dense, total_steps=given.train_steps, seed=seed)
