import gin
import tensorflow as tf

from rigl_rl.networks.q_values import QValues, normalized
from rigl_rl.networks.width import scaled_units


@gin.configurable
class DuelingNetwork(tf.keras.Model):
    """State value and advantages from two hidden layers (Wang et al., 2016)."""

    label = "dueling"  # `suite` in result.json is atari_dueling

    def __init__(self, num_actions: int, width: float = 1.0, name: str | None = None):
        super().__init__(name=name)
        self.width = width
        filters = scaled_units([32, 64, 64], width)
        (units,) = scaled_units([256], width)
        self._torso = tf.keras.Sequential(
            [
                tf.keras.layers.Conv2D(number, size, stride, activation="relu")
                for number, size, stride in zip(filters, (8, 4, 3), (4, 2, 1))
            ]
            + [tf.keras.layers.Flatten()],
            name="torso",
        )
        self._value, self._advantage = (
            tf.keras.Sequential(
                [
                    tf.keras.layers.Dense(units, activation="relu", name="hidden"),
                    tf.keras.layers.Dense(outputs, name="output"),
                ],
                name=branch,
            )
            for branch, outputs in (("value", 1), ("advantage", num_actions))
        )

    def call(self, state, training: bool = False) -> QValues:
        features = self._torso(normalized(state))
        advantage = self._advantage(features)
        mean = tf.reduce_mean(advantage, axis=1, keepdims=True)
        return QValues(self._value(features) + advantage - mean)
