"""What the two Atari Q-networks share: their input and the form of their output."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

FRAME_SHAPE = (84, 84)
STACK_SIZE = 4  # frames in a state
STATE_SHAPE = (*FRAME_SHAPE, STACK_SIZE)


class QValues(NamedTuple):
    """What Dopamine's DQN networks return."""

    q_values: tf.Tensor


def normalized(state) -> tf.Tensor:
    """Pixels 0 to 255 of any type to float32 within [0, 1]."""
    return tf.cast(state, tf.float32) / 255.0


def build(network: tf.keras.Model) -> tf.keras.Model:
    """Creates the network's variables and returns it."""
    network(tf.zeros((1, *STATE_SHAPE), tf.uint8))
    return network
