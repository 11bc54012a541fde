"""Regularization losses of a Keras layer; the first step of a call of `Model.fit`."""

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


def begins_fit(model: tf.keras.Model) -> tf.Tensor:
    """Whether a train step is the first of a call of `model.fit`: bool scalar.

    `fit` sets this counter to 0 before callbacks run, and each step increases it.
    """
    return tf.equal(model._train_counter, 0)


def _variable_of(tag) -> tf.Variable | None:
    bound: Any = tag
    for _ in range(2):  # from the tag to its loss, then to the loss's variable
        arguments = [*getattr(bound, "args", [])]
        bound = arguments[0] if len(arguments) == 1 else None
    return bound
