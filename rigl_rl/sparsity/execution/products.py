"""The operation's functions with their gradients, for one kernel and its active connections."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from rigl_rl.sparsity.execution.library import operation


class Connections:
    """The active connections of one Dense kernel, as lists that the operation reads.

    Not part of checkpoints: lists follow from the mask.

    Args:
      kernel: variable (in, out), float32.
      mask: variable of the same shape, not 0 where a connection is active; by default the kernel.
      lists: lists shared with other `Connections`, which rebuild them.

    Attributes:
      kernel: as given.
      lists: variable of the lists, int32.
      cache: variable (count,), the kernel's active weights by input when last read.
    """

    def __init__(
        self,
        kernel: tf.Variable,
        mask: tf.Variable | None = None,
        lists: tf.Variable | None = None,
    ):
        self.kernel = kernel
        self._mask = kernel if mask is None else mask
        self._shared = lists is not None
        if lists is None:
            # The number of connections may change with the mask.
            lists = tf.Variable(
                operation().rigl_connections(self._mask),
                trainable=False,
                shape=[None],
                name="connections",
            )
        self.lists = lists
        self.cache = tf.Variable(
            self.active(kernel), trainable=False, shape=[None], name="active_weights"
        )

    def __deepcopy__(self, memo) -> Connections:
        """Returns itself: a copy of its layer has another kernel and needs other connections."""
        return self

    def renew(self) -> None:
        """Call it after a change of the mask."""
        if not self._shared:
            self.lists.assign(operation().rigl_connections(self._mask))
        self.refresh()

    def refresh(self) -> None:
        """Call it after a change of the kernel."""
        self.cache.assign(self.active(self.kernel))

    def active(self, dense) -> tf.Tensor:
        """Entries of a tensor or variable (in, out) at active connections: (count,), by input."""
        return operation().rigl_active(dense, self.lists)

    def weights(self, cached: bool = False) -> tf.Tensor:
        """The kernel's active weights, (count,). Gradients reach the kernel in both cases."""
        if cached:
            return operation().rigl_cached(self.kernel, self.cache, self.lists)
        return self.active(self.kernel)

    def scatter(self, values) -> tf.Tensor:
        """(count,) to (in, out), zeros elsewhere."""
        return operation().rigl_scatter(values, self.lists, shape=self.kernel.shape.as_list())

    def product(self, inputs, weights, bias=None, relu: bool = False) -> tf.Tensor:
        """Inputs (B, in) times the kernel, plus bias (out,), then perhaps a ReLU: (B, out)."""
        if bias is None:
            bias = tf.zeros([self.kernel.shape[1]])
        return operation().rigl_dense(inputs, weights, bias, self.lists, relu=relu)

    def adam(
        self,
        m: tf.Variable,
        v: tf.Variable,
        numbers: Sequence[tf.Tensor],
        gradient: tf.Tensor,
        cached: bool = False,
    ) -> tf.Operation:
        """Takes an Adam step in place, only at active connections.

        Args:
          m, v: the moments, (in, out).
          numbers: learning rate with both bias corrections, beta_1, beta_2 and epsilon, scalars.
          gradient: (count,).
          cached: whether to update the cache, too.
        """
        variables = [self.kernel.handle, m.handle, v.handle]
        caches = [self.cache.handle] if cached else []
        return operation().rigl_adam(*variables, *numbers, gradient, self.lists, caches)


@tf.RegisterGradient("RiglActive")
def _active_gradient(op, gradient):
    shape = op.inputs[0].shape.as_list()
    return operation().rigl_scatter(gradient, op.inputs[1], shape=shape), None


@tf.RegisterGradient("RiglCached")
def _cached_gradient(op, gradient):
    shape = op.inputs[0].shape.as_list()
    return operation().rigl_scatter(gradient, op.inputs[2], shape=shape), None, None


@tf.RegisterGradient("RiglDense")
def _dense_gradient(op, gradient):
    # The operation computes only the used ones of these three.
    x, values, _, lists = op.inputs
    dx, dvalues, dbias = operation().rigl_dense_gradient(
        x, op.outputs[0], gradient, values, lists, relu=op.get_attr("relu")
    )
    return dx, dvalues, dbias, None


@tf.RegisterGradient("RiglDenseGradient")
def _second_gradient(op, *gradients):
    raise NotImplementedError("second derivatives need sparse_execution='dense'")
