"""The greedy policy of an Atari Q-network, saved for use without its agent."""

import tensorflow as tf

from rigl_rl.environments.frames import STATE_SHAPE


def save_policy(network: tf.keras.Model, path: str) -> None:
    """Writes a SavedModel whose `q_values` maps pixels (B, 84, 84, 4) uint8 to (B, actions)."""
    # Keras would also save a model's training code and losses, so only its variables are saved.
    policy = tf.Module()
    policy.weights = network.variables
    policy.q_values = tf.function(
        lambda states: network(states).q_values,
        input_signature=[tf.TensorSpec((None, *STATE_SHAPE), tf.uint8)],
    )
    tf.saved_model.save(policy, path)
