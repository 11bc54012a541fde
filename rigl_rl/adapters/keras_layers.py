"""Regularization losses of a Keras layer, exchanged."""

from __future__ import annotations

import functools
from typing import Any, Callable

import tensorflow as tf

READ_IN = {"keras": "2.15.0"}


def replace_losses(
    layer: tf.keras.layers.Layer,
    variable: tf.Variable,
    replacement: Callable[[Callable[[], tf.Tensor]], Callable[[], tf.Tensor]],
) -> None:
    """Puts `replacement(loss)` in the place of each loss that regularizes `variable`.

    Keras keeps a layer's losses as partial functions: the tagging of a loss, applied to a function
    without arguments. That of a regularizer is a partial function, too, applied to the variable.
    Saving a layer takes the inner function from the outer one, so that order stays.
    """
    layer._callable_losses = [
        functools.partial(tag.func, replacement(*tag.args))
        if _variable_of(tag) is variable
        else tag
        for tag in layer._callable_losses
    ]


def _variable_of(tag) -> tf.Variable | None:
    bound: Any = tag
    for _ in range(2):  # of the tag its loss, of that its variable
        arguments = [*getattr(bound, "args", [])]
        bound = arguments[0] if len(arguments) == 1 else None
    return bound
