"""Regularization losses of a Keras layer, exchanged."""

from __future__ import annotations

import functools
from typing import Callable

import tensorflow as tf

READ_IN = {"keras": "2.15.0"}


def replace_losses(
    layer: tf.keras.layers.Layer,
    variable: tf.Variable,
    replacement: Callable[[Callable[[], tf.Tensor]], Callable[[], tf.Tensor]],
) -> None:
    """Puts `replacement(loss)` in the place of each loss that regularizes `variable`.

    Keras keeps a layer's losses as functions without arguments. That of a regularizer is a partial
    function whose only bound argument is another one, which in turn binds the variable alone.
    """
    layer._callable_losses = [
        replacement(loss) if _variable_of(loss) is variable else loss
        for loss in layer._callable_losses
    ]


def _variable_of(loss) -> tf.Variable | None:
    while isinstance(loss, functools.partial) and len(loss.args) == 1:
        (loss,) = loss.args
    return loss if isinstance(loss, tf.Variable) else None
