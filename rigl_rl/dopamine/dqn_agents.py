"""DQN with Dopamine's agent interface, in TensorFlow 2, dense and sparse.

The agent acts, stores and learns exactly as Dopamine's TF1 agent (`dopamine.agents.dqn`), from the
same random numbers: exploration draws from Python's `random`, the replay buffer from NumPy's global
generator.
"""

import numbers
import os
import random
from typing import Any

import numpy as np
import tensorflow as tf

from rigl_rl.dopamine.gin_config import adam, prune_only, sparse_settings
from rigl_rl.dopamine.hyperparameters import AgentHyperparameters, SparseHyperparameters
from rigl_rl.dopamine.replay import replay_buffer
from rigl_rl.environments.frames import STATE_SHAPE
from rigl_rl.errors import ConfigError
from rigl_rl.networks import (
    impala,  # noqa: F401, registers its gin name
    q_values,
)
from rigl_rl.parameters import record
from rigl_rl.sparsity import DENSE, kernels_of, sparsify_with
from rigl_rl.sparsity.execution import first_sparse_step, train_steps
from rigl_rl.sparsity.mask_updaters import Prune


class DQNAgent:
    """Dense DQN.

    Args:
      num_actions: the game's number of actions.
      given: hyperparameters; by default gin's bindings.

    Attributes:
      training_steps: agent steps in training so far.
      eval_mode: whether the agent only acts.
    """

    summary_writer = None  # Dopamine's runner reads it; the run directory has the summaries here

    def __init__(self, num_actions: int, given: AgentHyperparameters | None = None):
        self.given = given = given or AgentHyperparameters()
        self.num_actions = num_actions
        self.online_network = q_values.build(given.network(num_actions, name="q"), STATE_SHAPE)
        self.target_network = q_values.build(
            given.network(num_actions, name="target_q"), STATE_SHAPE
        )
        self.optimizer = sparsify_with(DENSE, {"q": self.online_network}, given.optimizer or adam())
        self.replay = replay_buffer(given.gamma, given.update_horizon)
        self.training_steps = 0
        self.eval_mode = False
        self._state = np.zeros((1, *STATE_SHAPE), np.uint8)
        self._action = 0
        self._mean_loss = tf.keras.metrics.Mean()
        # The target starts as a copy, so it is as sparse as the online network.
        self.sync_target()

    # -- called by Dopamine's runner ------------------------------------------------------------

    def begin_episode(self, observation: np.ndarray) -> int:
        """Returns an episode's first action, given its first frame (84, 84, 1)."""
        self._state.fill(0)
        self._see(observation)
        if not self.eval_mode:
            self._train_step()
        self._action = self._select_action()
        return self._action

    def step(self, reward: float, observation: np.ndarray) -> int:
        """Returns the next action, given the last action's reward and the frame after it."""
        if not self.eval_mode:
            self._store(reward, terminal=False)
        self._see(observation)
        if not self.eval_mode:
            self._train_step()
        self._action = self._select_action()
        return self._action

    def end_episode(self, reward: float) -> None:
        """Takes the last reward. As in Dopamine, the time limit counts as a terminal state."""
        if not self.eval_mode:
            self._store(reward, terminal=True)

    def bundle_and_checkpoint(self, checkpoint_dir: str, iteration_number: int) -> dict[str, Any]:
        """Saves networks, optimizer, masks and replay to files; returns the rest of the state."""
        self._variables().write(self._variables_path(checkpoint_dir, iteration_number))
        self.replay.save(checkpoint_dir, iteration_number)
        return {"training_steps": self.training_steps}

    def unbundle(
        self, checkpoint_dir: str, iteration_number: int, bundle_dictionary: dict[str, Any]
    ) -> bool:
        """Restores the state that `bundle_and_checkpoint` saved. Returns True.

        Raises:
          ConfigError: an agent with another network saved it.
        """
        path = self._variables_path(checkpoint_dir, iteration_number)
        try:
            self._variables().read(path).assert_consumed()
        except (ValueError, AssertionError) as error:
            raise ConfigError(
                f"the checkpoint {path!r} is of another network, width or method: "
                f"{' '.join(str(error).split())[:200]}"
            ) from error
        self.replay.load(checkpoint_dir, iteration_number)
        self.training_steps = bundle_dictionary["training_steps"]
        return True

    # -- acting and learning --------------------------------------------------------------------

    @property
    def gradient_steps(self) -> int:
        """Gradient steps taken."""
        return int(self.optimizer.iterations)

    def epsilon(self) -> float:
        """Probability of a random action now."""
        if self.eval_mode:
            return self.given.epsilon_eval
        return self.given.epsilon_fn(
            self.given.epsilon_decay_period,
            self.training_steps,
            self.given.min_replay_history,
            self.given.epsilon_train,
        )

    def mean_loss(self) -> float:
        """Mean loss of the train steps since the last call; 0 if there were none."""
        loss = float(self._mean_loss.result())
        self._mean_loss.reset_state()
        return loss

    def greedy_action(self, states):
        """Index of the largest value: pixels (B, 84, 84, 4) to (B,) int64."""
        return self._greedy_action(self._runs_sparsely(), states)

    @tf.function
    def _greedy_action(self, sparsely, states):
        with self._products(sparsely):
            return tf.argmax(self.online_network(states).q_values, axis=1)

    def loss(self, states, actions, rewards, next_states, terminals) -> tf.Tensor:
        """Huber loss of the TD errors (equation 2), averaged over a batch of transitions.

        Args:
          states, next_states: pixels (B, 84, 84, 4).
          actions: (B,) int32.
          rewards: (B,) float32, discounted sums over the update horizon.
          terminals: (B,), 1 where the episode ended before the next state.
        """
        next_values = tf.reduce_max(self.target_network(next_states).q_values, axis=1)
        discount = self.given.gamma**self.given.update_horizon
        targets = rewards + discount * next_values * (1.0 - tf.cast(terminals, tf.float32))
        values = self.online_network(states, training=True).q_values
        chosen = tf.gather(values, actions, batch_dims=1)
        return tf.keras.losses.huber(tf.stop_gradient(targets), chosen) + self.penalty()

    def penalty(self) -> tf.Tensor:
        """Weight penalty added to the loss: 0 here."""
        return tf.constant(0.0)

    def learn(self, *batch) -> tf.Tensor:
        """Takes one gradient step on a batch as for `loss`. Returns the loss."""
        return self._learn(self._runs_sparsely(), *batch)

    @tf.function
    def _learn(self, sparsely, *batch):
        variables = self.online_network.trainable_variables
        with self._products(sparsely):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(variables)
                loss = self.loss(*batch)
            self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        self._mean_loss.update_state(loss)
        return loss

    def _runs_sparsely(self) -> bool:
        """Whether networks use sparse products at this train step, in acting and learning."""
        first = first_sparse_step([self.optimizer.execution])
        return first == 0 or self.gradient_steps >= first

    def _products(self, sparsely):
        # Cached: reading all kernels is slow, and only train steps and copies change them.
        return train_steps([self.optimizer.execution] if sparsely else [], cached=True)

    def sync_target(self) -> None:
        """Copies the online network to the target network."""
        for target, online in zip(self.target_network.variables, self.online_network.variables):
            target.assign(online)
        # Not in a graph: a graph traced before `follow` would miss the targets.
        self.optimizer.execution.renew_targets()

    def _train_step(self) -> None:
        """Takes a gradient step and copies the target network when each is due."""
        if self.replay.add_count > self.given.min_replay_history:
            if self.training_steps % self.given.update_period == 0:
                state, action, reward, next_state, _, _, terminal, *_ = (
                    self.replay.sample_transition_batch()
                )
                self.learn(*map(tf.constant, (state, action, reward, next_state, terminal)))
            if self.training_steps % self.given.target_update_period == 0:
                self.sync_target()
        self.training_steps += 1

    def _select_action(self) -> int:
        if random.random() <= self.epsilon():
            return random.randint(0, self.num_actions - 1)
        return int(self.greedy_action(tf.constant(self._state)).numpy()[0])

    def _see(self, observation: np.ndarray) -> None:
        """Appends a frame to the state, the newest last."""
        self._state[..., :-1] = self._state[..., 1:]
        self._state[0, ..., -1] = observation[..., 0]

    def _store(self, reward: float, terminal: bool) -> None:
        """Stores the last frame with its action, reward and whether the episode ended."""
        self.replay.add(self._state[0, ..., -1], self._action, reward, terminal)

    def _variables(self) -> tf.train.Checkpoint:
        # The slots must exist before they can be read.
        self.optimizer.build(self.online_network.trainable_variables)
        return tf.train.Checkpoint(
            online=self.online_network, target=self.target_network, optimizer=self.optimizer
        )

    @staticmethod
    def _variables_path(directory: str, iteration: int) -> str:
        return os.path.join(directory, f"tf_ckpt-{iteration}")


class SparseDQNAgent(DQNAgent):
    """DQN with a sparse training method.

    Args:
      num_actions: the game's number of actions.
      total_training_steps: agent steps of the whole run; mask updates end after 80% of its gradient
        steps.
      seed: for the masks and, with sparsity-aware initialization, the weights.
      sparse: the method; by default gin's bindings.
      given: other hyperparameters; by default gin's bindings.
    """

    def __init__(
        self,
        num_actions: int,
        total_training_steps: int,
        seed: int = 0,
        sparse: SparseHyperparameters | None = None,
        given: AgentHyperparameters | None = None,
    ):
        super().__init__(num_actions, given)
        self.sparse = sparse = sparse or SparseHyperparameters()
        self.sparse_settings = settings = sparse_settings(sparse.mode)
        allowed = getattr(self.online_network, "prune_allow_key", "")
        if settings.updater_class is Prune and allowed:
            settings = prune_only(settings, kernels_of(self.online_network), allowed)
        self.optimizer = sparsify_with(
            settings,
            {"q": self.online_network},
            self.optimizer.inner,
            total_steps=total_training_steps // self.given.update_period,
            seed=seed,
        )
        self.optimizer.execution.follow(
            self.online_network, self.target_network, self.given.target_update_period
        )
        self.sync_target()

    def hyperparameters(self) -> dict[str, Any]:
        """The agent's entries of result.json: hyperparameters and settings in effect."""
        adam = self.optimizer.inner.get_config()
        names = ("learning_rate", "beta_1", "beta_2", "epsilon")
        return {
            **self.sparse_settings.in_effect(self.optimizer.updater),
            **record(self.given),
            **record(self.sparse),
            "weight_decay_of": "sum(w^2) / 2",
            "optimizer": adam["name"],
            **{name: _as_bound(adam[name]) for name in names if name in adam},
            "replay_capacity": self.replay.capacity,
            "batch_size": self.replay.batch_size,
        }

    def penalty(self) -> tf.Tensor:
        """Weight decay."""
        if not self.sparse.weight_decay:
            return tf.constant(0.0)
        weights = map(self.optimizer.execution.weights_of, kernels_of(self.online_network).values())
        return self.sparse.weight_decay * tf.add_n([tf.nn.l2_loss(each) for each in weights])


def _as_bound(value: Any) -> Any:
    """The shortest decimal that is the same in float32; a schedule's configuration as it is."""
    return float(str(np.float32(value))) if isinstance(value, numbers.Real) else value
