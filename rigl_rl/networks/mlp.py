"""Multi-layer perceptrons of the classic control and MuJoCo agents."""

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
    regularizer = decay(weight_decay)
    hidden = dense_layers(
        hidden_units, "relu", kernel_initializer="he_normal", kernel_regularizer=regularizer
    )
    # As in the original: values start near -0.2 for every action and state.
    output = tf.keras.layers.Dense(
        num_actions,
        kernel_initializer=tf.keras.initializers.RandomUniform(-0.03, 0.03),
        bias_initializer=tf.keras.initializers.Constant(-0.2),
        kernel_regularizer=regularizer if decay_output_layer else None,
        name="output",
    )
    return sequential.Sequential(hidden + [output], name="q")


def dense_layers(units: Sequence[int], activation: str, name: str = "hidden", **options) -> list:
    """Dense layers, each with its own initializer if `options` name one; named by number."""
    return [
        tf.keras.layers.Dense(size, activation=activation, name=f"{name}_{number}", **options)
        for number, size in enumerate(units)
    ]


def decay(weight_decay: float) -> tf.keras.regularizers.Regularizer | None:
    """A regularizer that adds `weight_decay * sum(w^2)` to the loss."""
    return tf.keras.regularizers.L2(weight_decay) if weight_decay else None
