"""The optimizer of all TF-Agents agents."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf


def adam(
    learning_rate: float | Callable[[], tf.Tensor], epsilon: float = 1e-7
) -> tf.keras.optimizers.legacy.Adam:
    """Keras' legacy Adam: it takes a step in one fused operation, the new class in a dozen.

    Args:
      learning_rate: a constant, or called in each step.
      epsilon: added to the root of the second moment.
    """
    return tf.keras.optimizers.legacy.Adam(learning_rate, epsilon=epsilon)
