"""The convolutional Q-network of Mnih et al. (2015): "CNN" in Table 7."""

from __future__ import annotations

import gin
import tensorflow as tf

from rigl_rl.networks.q_values import QValues, normalized
from rigl_rl.networks.width import WIDTH, scaled_units
from rigl_rl.parameters import declares

# Filters, kernel size, stride of each convolution (Table 7), and units of the hidden dense layer.
CONVOLUTIONS = ((32, 8, 4), (64, 4, 2), (64, 3, 1))
DENSE_UNITS = 512


# Registered under the module name in the authors' configs.
@gin.configurable(module="dqn_agents")
@declares(width=WIDTH)
class NatureDQNNetwork(tf.keras.Model):
    """Three convolutions, a hidden dense layer, one value per action.

    Padding is 'same', as in Dopamine, so that the dense layer reads 11 x 11 x 64 = 7,744 features.
    Weights also start as in Dopamine: Glorot uniform, biases 0.

    Args:
      num_actions: size of the output.
      width: multiplier of filters and hidden units.
      name: the network's name, the first part of its variables' names.
    """

    label = "cnn"

    def __init__(self, num_actions: int, width: float = 1.0, name: str | None = None):
        super().__init__(name=name)
        self.width = width
        filters = scaled_units([convolution[0] for convolution in CONVOLUTIONS], width)
        self._convolutions = [
            tf.keras.layers.Conv2D(
                number, size, stride, padding="same", activation="relu", name=f"conv_{index}"
            )
            for index, (number, (_, size, stride)) in enumerate(zip(filters, CONVOLUTIONS), 1)
        ]
        (units,) = scaled_units([DENSE_UNITS], width)
        self._to_features = tf.keras.layers.Flatten()
        self._dense = tf.keras.layers.Dense(units, activation="relu", name="dense")
        self._values = tf.keras.layers.Dense(num_actions, name="output")

    def call(self, state, training: bool = False) -> QValues:
        """Maps pixels (B, 84, 84, 4) within 0 to 255 to q_values (B, actions)."""
        del training  # nothing here depends on it
        x = normalized(state)
        for convolution in self._convolutions:
            x = convolution(x)
        return QValues(self._values(self._dense(self._to_features(x))))
