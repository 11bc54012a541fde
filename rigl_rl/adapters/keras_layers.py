"""Replaces the regularization losses of a Keras layer."""

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

READ_IN = {"keras": "2.15.0"}


def replace_losses(
    layer: tf.keras.layers.Layer,
    variable: tf.Variable,
    replacement: Callable[[Callable[[], tf.Tensor]], Callable[[], tf.Tensor]],
) -> None:
    """Replaces each loss that regularizes `variable` with `replacement(loss)`.

    Keras keeps a layer's losses as nested partial functions: the outer one tags a loss, and the
    inner one, for a regularizer, applies it to the variable. When Keras saves a layer, it takes
    the inner function from the outer one, so this order must stay.
    """
    layer._callable_losses = [
        functools.partial(tag.func, replacement(*tag.args))
        if _variable_of(tag) is variable
        else tag
        for tag in layer._callable_losses
    ]


def _variable_of(tag) -> tf.Variable | None:
    bound: Any = tag
    for _ in range(2):  # from the tag to its loss, then to the loss's variable
        arguments = [*getattr(bound, "args", [])]
        bound = arguments[0] if len(arguments) == 1 else None
    return bound
