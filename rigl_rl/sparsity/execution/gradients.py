"""The gradient of active weights only, taken from a graph in which Keras sees dense gradients.

A sparse layer's kernel gradient is the gradient of its active weights, scattered into zeros, which
any optimizer can use. The sparse optimizer goes one operation back and takes the values before the
scatter; TensorFlow then removes the unused scatter from the graph. At mask updates, RigL and SET
also need the gradient of inactive connections: one dense product of the backward operation's
inputs.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from rigl_rl.sparsity.execution import layers
from rigl_rl.sparsity.execution.execution import Execution
from rigl_rl.sparsity.execution.products import Connections

_SUMS = ("AddN", "AddV2")
_OUT_OF_SIGHT = (
    *("PartitionedCall", "StatefulPartitionedCall", "Placeholder", "ReadVariableOp"),
    *("While", "StatelessWhile", "If", "StatelessIf"),
)


@dataclasses.dataclass(frozen=True)
class ActiveGradient:
    """The gradient of a kernel in a train step that runs sparsely.

    Attributes:
      values: gradient of the active weights, (count,).
      dense: computes the gradient of all connections, (in, out), in the graph where it is called.
    """

    values: tf.Tensor
    dense: Callable[[], tf.Tensor]


def active_gradients(
    grads_and_vars: Sequence[tuple[Any, tf.Variable]], execution: Execution
) -> dict[Any, ActiveGradient]:
    """Gradients of the kernels whose train step runs sparsely, by reference to the kernel.

    Raises:
      ValueError: see `active_gradient`.
    """
    found = {}
    for gradient, variable in grads_and_vars:
        if execution.runs_sparsely(variable):
            active = active_gradient(gradient, execution.connections_of(variable))
            if active is not None:
                found[variable.ref()] = active
    return found


def active_gradient(gradient, connections: Connections) -> ActiveGradient | None:
    """The values before the scatter of a sparse layer's gradient; None for dense layers.

    Raises:
      ValueError: there is an operation between layer and optimizer, such as clipping, or the
        gradient comes from where layers cannot be seen, such as an inner `tf.function`.
    """
    if tf.executing_eagerly() or not isinstance(gradient, tf.Tensor):
        return None
    op = gradient.op
    if op.type == "RiglScatter":
        return ActiveGradient(op.inputs[0], _dense(op))
    if layers.running() and op.type in _OUT_OF_SIGHT:
        raise ValueError(
            f"the gradient of {connections.kernel.name} comes from another graph or a variable "
            f"({op.type}), but sparse execution must see where it is computed: set "
            "sparse_execution to 'dense'"
        )
    if not _reaches_scatter(op):
        return None
    if op.type not in _SUMS:
        raise ValueError(
            f"the gradient of {connections.kernel.name} passes through {op.type} before the "
            "optimizer; sparse execution needs it unchanged: set sparse_execution to 'dense'"
        )
    parts = [
        active_gradient(part, connections) or _of_dense(part, connections) for part in op.inputs
    ]
    return ActiveGradient(
        tf.add_n([part.values for part in parts]),
        lambda: tf.add_n([part.dense() for part in parts]),
    )


def _of_dense(gradient, connections):
    return ActiveGradient(connections.active(gradient), lambda: gradient)


def _dense(scatter: tf.Operation) -> Callable[[], tf.Tensor]:
    backward = scatter.inputs[0].op
    if backward.type != "RiglDenseGradient":  # a regularizer's: 0 at weights that are 0
        return lambda: scatter.outputs[0]

    def product():
        x, y, dy = backward.inputs[:3]
        if backward.get_attr("relu"):
            dy = tf.raw_ops.ReluGrad(gradients=dy, features=y)
        return tf.matmul(x, dy, transpose_a=True)

    return product


def _reaches_scatter(op: tf.Operation) -> bool:
    """Whether `op` depends on a scattered gradient."""
    seen, left = set(), [op]
    while left:
        op = left.pop()
        if op.type == "RiglScatter":
            return True
        if op.type in ("RiglDenseGradient", "ReadVariableOp") or op in seen:
            continue
        seen.add(op)
        left += [each.op for each in op.inputs]
    return False
