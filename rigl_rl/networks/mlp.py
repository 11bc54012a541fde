"""Multi-layer perceptrons of the classic control and MuJoCo agents."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf
from tf_agents.networks import sequential


def q_network(
    hidden_units: Sequence[int],
    num_actions: int,
    weight_decay: float = 0.0,
    decay_output_layer: bool = True,
) -> sequential.Sequential:
    """Q-network of classic DQN: ReLU layers and a linear output, one value per action.

    Args:
      hidden_units: units of each hidden layer (Table 6: 512, 512).
      num_actions: size of the output.
      weight_decay: adds `weight_decay * sum(w^2)` to the loss for every kernel (Table 1).
      decay_output_layer: False leaves out the output layer's kernel, as the original does.
    """
    decay = tf.keras.regularizers.L2(weight_decay) if weight_decay else None
    hidden = [
        tf.keras.layers.Dense(
            units,
            activation="relu",
            kernel_initializer=tf.keras.initializers.VarianceScaling(
                scale=2.0, mode="fan_in", distribution="truncated_normal"
            ),
            kernel_regularizer=decay,
            name=f"hidden_{number}",
        )
        for number, units in enumerate(hidden_units)
    ]
    # As in the original: values start near -0.2 for every action and state.
    output = tf.keras.layers.Dense(
        num_actions,
        kernel_initializer=tf.keras.initializers.RandomUniform(-0.03, 0.03),
        bias_initializer=tf.keras.initializers.Constant(-0.2),
        kernel_regularizer=decay if decay_output_layer else None,
        name="output",
    )
    return sequential.Sequential(hidden + [output], name="q")
