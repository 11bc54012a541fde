"""Actor and critic of SAC (Table 8), as Keras layers in TF-Agents networks."""

from collections.abc import Sequence

import tensorflow as tf
from tf_agents.agents.sac import tanh_normal_projection_network
from tf_agents.networks import nest_map, sequential
from tf_agents.specs import tensor_spec

from rigl_rl.networks.mlp import decay, dense_layers


def actor_network(
    action_spec: tensor_spec.BoundedTensorSpec,
    hidden_units: Sequence[int],
    weight_decay: float = 0.0,
) -> sequential.Sequential:
    """ReLU layers, then mean and log standard deviation of a Gaussian squashed into the bounds.

    The standard deviation depends on the state and is not clipped, as in the original.

    Args:
      action_spec: float actions with bounds.
      hidden_units: units of each hidden layer (Table 8: 256, 256).
      weight_decay: adds `weight_decay * sum(w^2)` to the loss for every kernel (Table 2).
    """
    hidden = dense_layers(hidden_units, "relu", kernel_regularizer=decay(weight_decay))
    return sequential.Sequential(
        [*hidden, _SquashedGaussian(action_spec, weight_decay)], name="actor"
    )


def critic_network(
    observation_units: Sequence[int] | None,
    action_units: Sequence[int] | None,
    joint_units: Sequence[int],
    weight_decay: float = 0.0,
    name: str = "critic",
) -> sequential.Sequential:
    """Value of an (observation, action) pair: ReLU layers and one linear output, shape (B,).

    Args:
      observation_units, action_units: layers on each input alone; none in the paper.
      joint_units: hidden layers on both inputs joined (Table 8: 256, 256).
      weight_decay: adds `weight_decay * sum(w^2)` to the loss for every kernel (Table 2).
      name: the network's name; its kernels' names start with it.
    """
    inputs = tuple(
        sequential.Sequential(
            [
                tf.keras.layers.Lambda(tf.identity),
                *dense_layers(units or (), "relu", kernel_regularizer=decay(weight_decay)),
            ],
            name=own,
        )
        for own, units in (("observation", observation_units), ("action", action_units))
    )
    return sequential.Sequential(
        [
            nest_map.NestMap(inputs, name="inputs"),
            tf.keras.layers.Lambda(lambda both: tf.concat(both, axis=-1)),
            *dense_layers(joint_units, "relu", "joint", kernel_regularizer=decay(weight_decay)),
            tf.keras.layers.Dense(1, kernel_regularizer=decay(weight_decay), name="value"),
            tf.keras.layers.Lambda(lambda values: tf.squeeze(values, axis=-1)),
        ],
        name=name,
    )


class _SquashedGaussian(tanh_normal_projection_network.TanhNormalProjectionNetwork):
    """TF-Agents' output layer with weight decay, for use in a Sequential network."""

    def __init__(self, action_spec, weight_decay):
        super().__init__(action_spec, name="output")
        self._projection_layer.kernel_regularizer = decay(weight_decay)

    def call(self, inputs, step_type=(), network_state=(), training=False):
        del step_type, network_state
        return super().call(inputs, outer_rank=1, training=training)
