"""Actor and value network of PPO.

The paper gives their size (Table 9: separate networks, two hidden layers of 64 units) but no
nonlinearity. These are the networks of TF-Agents' PPO example, on which the original is based: a
tanh actor and a ReLU value network, both with orthogonal hidden layers.
"""

import math
from collections.abc import Sequence

import tensorflow as tf
import tensorflow_probability as tfp
from tf_agents.networks import sequential
from tf_agents.specs import tensor_spec

from rigl_rl.networks.mlp import dense_layers

INITIAL_STD = 0.35


class _Gaussian(tf.keras.layers.Layer):
    """Turns raw means (..., actions) into a normal distribution over actions.

    tanh squashes the means into the action's bounds. Standard deviations are the softplus of one
    trained number per action and do not depend on the state. Samples are not bounded.
    """

    def __init__(self, action_spec: tensor_spec.BoundedTensorSpec):
        super().__init__(name="gaussian")
        self._center = (action_spec.maximum + action_spec.minimum) / 2.0
        self._reach = (action_spec.maximum - action_spec.minimum) / 2.0

    def build(self, input_shape):
        self._std_before_softplus = self.add_weight(
            "std",
            shape=input_shape[-1:],
            initializer=tf.keras.initializers.Constant(math.log(math.expm1(INITIAL_STD))),
        )
        super().build(input_shape)

    def call(self, inputs):
        means = self._center + self._reach * tf.tanh(inputs)
        stds = tf.broadcast_to(tf.math.softplus(self._std_before_softplus), tf.shape(means))
        # The same density as MultivariateNormalDiag, with half of its operations.
        return tfp.distributions.Independent(tfp.distributions.Normal(means, stds), 1)


def actor(
    hidden_units: Sequence[int], action_spec: tensor_spec.BoundedTensorSpec
) -> sequential.Sequential:
    """Network from observations to a distribution over actions: tanh layers and a linear one.

    Args:
      hidden_units: units of each hidden layer (Table 9: 64, 64).
      action_spec: a vector of bounded real numbers (Gaussian with a standard deviation that does
        not depend on the state), or one integer that counts from 0 (Categorical).
    """
    if tensor_spec.is_discrete(action_spec):
        outputs = int(action_spec.maximum) + 1
        head = tf.keras.layers.Lambda(
            lambda logits: tfp.distributions.Categorical(logits, dtype=action_spec.dtype)
        )
    else:
        outputs = action_spec.shape.num_elements()
        head = _Gaussian(action_spec)
    # Small weights, so that at first the policy hardly depends on the observation.
    output = tf.keras.layers.Dense(
        outputs,
        kernel_initializer=tf.keras.initializers.VarianceScaling(scale=0.1),
        name="output",
    )
    hidden = dense_layers(hidden_units, "tanh", kernel_initializer="orthogonal")
    return sequential.Sequential([*hidden, output, head], name="actor")


def value(hidden_units: Sequence[int]) -> sequential.Sequential:
    """Network from observations (B, ...) to values (B,): ReLU layers and a linear one.

    Args:
      hidden_units: units of each hidden layer (Table 9: 64, 64).
    """
    output = tf.keras.layers.Dense(
        1, kernel_initializer=tf.keras.initializers.RandomUniform(-0.03, 0.03), name="output"
    )
    scalar = tf.keras.layers.Lambda(lambda values: tf.squeeze(values, axis=-1))
    hidden = dense_layers(hidden_units, "relu", kernel_initializer="orthogonal")
    return sequential.Sequential([*hidden, output, scalar], name="value")
