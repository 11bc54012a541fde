"""Shared by the two Atari Q-networks: their input and the form of their output."""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf


class QValues(NamedTuple):
    """The output type of Dopamine's DQN networks."""

    q_values: tf.Tensor


def normalized(state) -> tf.Tensor:
    """Converts pixels 0 to 255 of any type to float32 within [0, 1]."""
    return tf.cast(state, tf.float32) / 255.0


def build(network: tf.keras.Model, state_shape: Sequence[int]) -> tf.keras.Model:
    """Creates the network's variables for states of this shape (H, W, frames) and returns it."""
    network(tf.zeros((1, *state_shape), tf.uint8))
    return network
