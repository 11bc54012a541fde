"""The greedy policy of an Atari Q-network, saved for use without its agent."""

from __future__ import annotations

import tensorflow as tf

from rigl_rl.networks.atari import STATE_SHAPE


class AtariPolicy(tf.Module):
    """What a saved Atari policy can do.

    Args:
      network: a built Atari Q-network.
    """

    def __init__(self, network: tf.keras.Model):
        super().__init__()
        self._network = network

    @tf.function(input_signature=[tf.TensorSpec((None, *STATE_SHAPE), tf.uint8)])
    def q_values(self, states):
        """Values (B, actions) of stacked pixels (B, 84, 84, 4)."""
        return self._network(states).q_values


def save_policy(network: tf.keras.Model, path: str) -> None:
    """Writes a SavedModel with the function `q_values`."""
    tf.saved_model.save(AtariPolicy(network), path)
