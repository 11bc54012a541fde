"""The step of the sparse optimizer on replicas (`tf.distribute.MirroredStrategy`).

Every replica holds a copy of kernels, masks and moments. Masks change once for all replicas and
outside them, by the sum of their gradients; the wrapped optimizer steps inside them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tensorflow as tf

from rigl_rl.adapters.keras_optimizers import unaggregated

if TYPE_CHECKING:
    from rigl_rl.sparsity.optimizer import SparseOptimizer


def in_use() -> bool:
    """Whether this is the scope, or a replica, of a distribution strategy."""
    return tf.distribute.has_strategy()


def apply_gradients(
    optimizer: SparseOptimizer,
    grads_and_vars: list[tuple[Any, tf.Variable]],
    name: str | None,
    skip_gradients_aggregation: bool = False,
    experimental_aggregate_gradients: bool = True,
):
    """`SparseOptimizer.apply_gradients` in a replica.

    Args:
      grads_and_vars: this replica's gradients.
      name: of the operations.
      skip_gradients_aggregation: whether gradients are already summed over replicas.
      experimental_aggregate_gradients: the legacy name for the opposite: whether to sum them.

    Raises:
      ValueError: this is not a replica.
    """
    replica = tf.distribute.get_replica_context()
    if replica is None:
        raise ValueError("apply_gradients works within the strategy's replicas: use strategy.run")
    pairs = [(gradient, variable) for gradient, variable in grads_and_vars if gradient is not None]
    variables = [variable for _, variable in pairs]
    gradients = [tf.convert_to_tensor(gradient) for gradient, _ in pairs]
    if experimental_aggregate_gradients and not skip_gradients_aggregation:
        gradients = replica.all_reduce(tf.distribute.ReduceOp.SUM, gradients)

    def before(strategy, *copies):
        step = tf.identity(optimizer.steps)
        optimizer.before_step(step, list(zip(_one_of(strategy, copies), variables)), {})
        return step

    def after(strategy, step):
        (step,) = _one_of(strategy, [step])
        optimizer.after_step(step, {variable.ref() for variable in variables})

    step = replica.merge_call(before, args=gradients)
    arguments = unaggregated(optimizer.inner)
    result = optimizer.inner.apply_gradients(list(zip(gradients, variables)), name, **arguments)
    replica.merge_call(after, args=[step])
    return result


def _one_of(strategy, copies) -> list[tf.Tensor]:
    """The first replica's values; they are equal in all."""
    return [strategy.experimental_local_results(each)[0] for each in copies]
