"""Keras layers that run sparsely in a train step, and as they are everywhere else."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Iterator

import tensorflow as tf

from rigl_rl.sparsity.execution.products import Connections

_tracing = threading.local()
# Regularizers that weights of 0 add nothing to.
_SUMS_OVER_WEIGHTS = (
    tf.keras.regularizers.L1,
    tf.keras.regularizers.L2,
    tf.keras.regularizers.L1L2,
)


@contextlib.contextmanager
def sparse_products(cached: bool = False) -> Iterator[None]:
    """What is traced within it multiplies by active weights only, where layers can.

    For the trace of a train step inside of a `tf.function`: losses, gradients and optimizer.

    Args:
      cached: active weights are those that were last taken from the kernels.
    """
    before = getattr(_tracing, "state", (False, False))
    _tracing.state = (True, cached)
    try:
        yield
    finally:
        _tracing.state = before


def running() -> bool:
    """Whether a train step that runs sparsely is being traced."""
    return getattr(_tracing, "state", (False, False))[0] and not tf.executing_eagerly()


def cached() -> bool:
    """Whether it takes active weights from their cache."""
    return getattr(_tracing, "state", (False, False))[1]


def can_run_sparsely(layer: tf.keras.layers.Layer) -> bool:
    """Whether it is a Dense layer, computed as Keras computes one."""
    return (
        type(layer).call is tf.keras.layers.Dense.call
        and layer.compute_dtype == layer.variable_dtype == "float32"
        and layer.kernel_constraint is None
    )


def run_sparsely(layer: tf.keras.layers.Dense, connections: Connections) -> None:
    """Lets a Dense layer use its active connections within `sparse_products()`."""
    dense_call = layer.call
    relu = layer.activation is tf.keras.activations.relu

    @tf.autograph.experimental.do_not_convert
    def call(inputs):
        if not running() or inputs.shape.rank != 2:
            return dense_call(inputs)
        weights = connections.weights(cached())
        bias = layer.bias if layer.use_bias else None
        outputs = connections.product(inputs, weights, bias, relu)
        return outputs if relu or layer.activation is None else layer.activation(outputs)

    layer.call = call
    if type(layer.kernel_regularizer) in _SUMS_OVER_WEIGHTS:
        _regularize_sparsely(layer, connections)


def _regularize_sparsely(layer, connections):
    """The regularizer, too, sees active weights only."""

    def loss(dense_loss):
        if running():
            return layer.kernel_regularizer(connections.weights(cached()))
        return dense_loss()

    layer._callable_losses = [
        functools.partial(loss, each) if _variable_of(each) is layer.kernel else each
        for each in layer._callable_losses
    ]


def _variable_of(loss):
    """What a layer's `loss()` regularizes: Keras binds it as the only argument."""
    arguments = [*getattr(loss, "args", ())]
    return arguments[0] if len(arguments) == 1 else None
