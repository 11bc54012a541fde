"""Keras layers that run sparsely in a train step, and unchanged everywhere else."""

import contextlib
import functools
import threading
import types
from collections.abc import Iterator

import tensorflow as tf

from rigl_rl.adapters.keras_layers import replace_losses
from rigl_rl.sparsity.execution.products import Connections

_tracing = threading.local()
# Regularizers to which weights of 0 add nothing.
_SUMS_OVER_WEIGHTS = (
    tf.keras.regularizers.L1,
    tf.keras.regularizers.L2,
    tf.keras.regularizers.L1L2,
)


@contextlib.contextmanager
def sparse_products(cached: bool = False) -> Iterator[None]:
    """Code traced within this context multiplies only by active weights, in layers that can.

    Use it while a train step is traced in a `tf.function`: losses, gradients and optimizer.

    Args:
      cached: use the active weights that were last read from the kernels.
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
    """Whether that train step takes active weights from their cache."""
    return getattr(_tracing, "state", (False, False))[1]


def can_run_sparsely(layer: tf.keras.layers.Layer) -> bool:
    """Whether a layer is a Dense layer with Keras' own computation."""
    return (
        type(layer).call is tf.keras.layers.Dense.call
        and layer.compute_dtype == layer.variable_dtype == "float32"
        and layer.kernel_constraint is None
    )


def run_sparsely(layer: tf.keras.layers.Dense, connections: Connections) -> None:
    """Makes a Dense layer use its active connections within `sparse_products()`.

    A copy of the layer (TF-Agents copies Q-networks) is dense until it gets its own connections.
    """
    use(layer, connections)
    layer.call = types.MethodType(_call, layer)  # bound: `copy.deepcopy` binds it to the copy
    if type(layer.kernel_regularizer) in _SUMS_OVER_WEIGHTS:
        replace_losses(
            layer, layer.kernel, lambda loss: functools.partial(_regularizer_loss, layer, loss)
        )


def use(layer: tf.keras.layers.Dense, connections: Connections) -> None:
    """Sets the connections of a layer that runs sparsely; of several executions, one is in use."""
    layer._connections = connections


@tf.autograph.experimental.do_not_convert
def _call(layer, inputs):
    tensor = isinstance(inputs, tf.Tensor)  # not a SparseTensor
    if not _is_sparse_here(layer) or not tensor or inputs.shape.rank != 2:
        return tf.keras.layers.Dense.call(layer, inputs)
    inputs = tf.cast(inputs, layer.compute_dtype)  # as Dense does; of integers, for example
    relu = layer.activation is tf.keras.activations.relu
    weights = layer._connections.weights(cached())
    bias = layer.bias if layer.use_bias else None
    outputs = layer._connections.product(inputs, weights, bias, relu)
    return outputs if relu or layer.activation is None else layer.activation(outputs)


def _regularizer_loss(layer, dense_loss):
    """The regularizer also sees only active weights."""
    if _is_sparse_here(layer):
        return layer.kernel_regularizer(layer._connections.weights(cached()))
    return dense_loss()


def _is_sparse_here(layer) -> bool:
    # A copied layer holds the connections of the original layer.
    return running() and layer._connections.kernel is layer.kernel
