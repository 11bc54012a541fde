"""The residual Q-network of Espeholt et al. (2018), without its LSTM: "ResNet" in Table 7."""

from __future__ import annotations

import gin
import tensorflow as tf

from rigl_rl.networks.q_values import QValues, normalized
from rigl_rl.networks.width import WIDTH, scaled_units
from rigl_rl.parameters import Allowed, declares

STACKS = (32, 64, 64)  # filters, all 3 x 3 with stride 1 (Table 7)
BLOCKS = 2  # residual blocks of two convolutions in each stack
DENSE_UNITS = 512  # Table 7


class Stack(tf.keras.layers.Layer):
    """A convolution, max pooling that halves the image, and residual blocks."""

    def __init__(self, filters: int, use_batch_norm: bool, name: str):
        super().__init__(name=name)
        self._enter = self._convolution(filters, use_batch_norm, "conv")
        self._pool = tf.keras.layers.MaxPool2D(3, strides=2, padding="same")
        self._blocks = [
            [
                self._convolution(filters, use_batch_norm, f"block_{block}_conv_{number}")
                for number in (1, 2)
            ]
            for block in range(1, BLOCKS + 1)
        ]

    def _convolution(self, filters, use_batch_norm, name):
        """A convolution, with batch normalization if requested."""
        convolution = tf.keras.layers.Conv2D(filters, 3, padding="same", name=name)
        norm = tf.keras.layers.BatchNormalization(name=f"{name}_norm") if use_batch_norm else None
        return convolution, norm

    def call(self, x, training: bool = False):
        """(B, height, width, channels) to (B, height / 2, width / 2, filters)."""
        convolution, norm = self._enter
        x = self._pool(convolution(x))
        x = x if norm is None else norm(x, training=training)
        for block in self._blocks:
            residual = x
            for convolution, norm in block:
                residual = convolution(tf.nn.relu(residual))
                residual = residual if norm is None else norm(residual, training=training)
            x += residual
        return x


# Registered under the module name in the authors' configs.
@gin.configurable(module="dqn_agents")
@declares(width=WIDTH, dense_units=Allowed(low=1, high=2**16))
class ImpalaNetwork(tf.keras.Model):
    """Three residual stacks, a hidden dense layer, one value per action.

    Weights start Glorot uniform, biases at 0.

    Args:
      num_actions: size of the output.
      width: multiplier of filters and hidden units.
      use_batch_norm: whether every convolution is batch-normalized; off in Table 7.
      dense_units: units of the hidden dense layer, before `width`; the original builds 256.
      prune_allow_key: only kernels with this in their names are pruned, such as 'dense' or
        'stack_1'; their final sparsities stay the same.
      name: the network's name, the first part of its variables' names.
    """

    label = "resnet"

    def __init__(
        self,
        num_actions: int,
        width: float = 1.0,
        use_batch_norm: bool = False,
        dense_units: int = DENSE_UNITS,
        prune_allow_key: str = "",
        name: str | None = None,
    ):
        super().__init__(name=name)
        self.width = width
        self.prune_allow_key = prune_allow_key
        self._stacks = [
            Stack(filters, use_batch_norm, f"stack_{number}")
            for number, filters in enumerate(scaled_units(STACKS, width), 1)
        ]
        (units,) = scaled_units([dense_units], width)
        self._to_features = tf.keras.layers.Flatten()
        self._dense = tf.keras.layers.Dense(units, activation="relu", name="dense")
        self._values = tf.keras.layers.Dense(num_actions, name="output")

    def call(self, state, training: bool = False) -> QValues:
        """Maps pixels (B, 84, 84, 4) within 0 to 255 to q_values (B, actions)."""
        x = normalized(state)
        for stack in self._stacks:
            x = stack(x, training=training)
        return QValues(self._values(self._dense(self._to_features(tf.nn.relu(x)))))
