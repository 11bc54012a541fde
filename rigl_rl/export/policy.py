"""The greedy policy of a run as one function from observations to actions."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability  # noqa: F401, registers types that TF-Agents' policies are saved with
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import time_step as ts

from rigl_rl.runs import saved_policies
from rigl_rl.sparsity.masks import unique_names


class GreedyPolicy(tf.Module):
    """A saved policy of any agent, including the normalization of observations.

    Args:
      path: a directory below a run's policies/.

    Raises:
      ConfigError: the policy samples actions, as with `SparsePPOAgent.greedy_eval = False`.

    Attributes:
      observation: spec of a batch of observations, (None, ...).
      action: tf.function from such a batch to actions, (B, ...).
      weights: the variables that the actions depend on, in the order of the network.
      bounds: arrays of the smallest and the largest action; None for discrete actions.
    """

    def __init__(self, path: pathlib.Path):
        super().__init__(name="policy")
        saved: Any = tf.saved_model.load(str(path))
        self.bounds: tuple[np.ndarray, np.ndarray] | None = None
        if hasattr(saved, "q_values"):
            (self.observation,) = saved.q_values.input_signature
            variables = saved.weights

            def act(observation):
                return tf.argmax(saved.q_values(observation), axis=-1)

        else:
            signature, _ = saved.action.concrete_functions[0].structured_input_signature
            self.observation = tf.TensorSpec.from_spec(signature[0].observation, "observation")
            variables = saved.model_variables
            spec = tensor_spec.from_pbtxt_file(str(path / "policy_specs.pbtxt"))
            action = spec["collect_data_spec"].action
            if not tensor_spec.is_discrete(action):
                self.bounds = action.minimum, action.maximum

            def act(observation):
                return saved.action(ts.restart(observation, tf.shape(observation)[:1])).action

        self.action = tf.function(act, input_signature=[self.observation])
        traced = self.action.get_concrete_function()
        saved_policies.refuse_sampling(traced)
        # PPO's saved policy also holds the value network.
        read = {variable.ref() for variable in traced.variables}
        self.weights = [variable for variable in variables if variable.ref() in read]

    @property
    def named(self) -> dict[str, tf.Variable]:
        """The weights by name, such as `actor/hidden_0/kernel`; equal names get a number."""
        return unique_names(self.weights)

    @property
    def kernels(self) -> dict[str, tf.Variable]:
        """The kernels by name."""
        return {name: each for name, each in self.named.items() if each.shape.rank > 1}

    def fill(self, seed: int = 0) -> GreedyPolicy:
        """Gives every absent connection a random weight, and returns itself."""
        random = np.random.default_rng(seed)
        for kernel in self.kernels.values():
            values = kernel.numpy()
            absent = values == 0
            values[absent] = random.normal(0, values.std() or 1, absent.sum())
            kernel.assign(values)
        return self

    def observations(self, number: int, seed: int = 0) -> np.ndarray:
        """Random observations (number, 1, ...): normal numbers, or pixels."""
        random = np.random.default_rng(seed)
        shape = (number, 1, *self.observation.shape[1:])
        if self.observation.dtype.is_integer:
            return random.integers(0, 256, shape).astype(self.observation.dtype.as_numpy_dtype)
        return random.standard_normal(shape).astype(self.observation.dtype.as_numpy_dtype)
