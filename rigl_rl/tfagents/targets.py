"""Keeps target networks under the masks of the networks that they copy."""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from rigl_rl.sparsity import SparseOptimizer, kernels_of


def target_masker(
    optimizer: SparseOptimizer,
    networks: Mapping[str, tuple[Any, Any]],
    step: tf.Variable,
    tau: float,
    period: int,
) -> Callable[[], None]:
    """Returns a function that masks the target networks; call it after each train step.

    A hard copy (tau = 1) of masked kernels is masked already; a soft copy keeps traces of dropped
    weights. Masks are copied together with weights, every `period` train steps. Before the first
    step, the targets are copies.

    Args:
      optimizer: the online networks' optimizer.
      networks: {name: (online network, its target)} for all networks that the optimizer trains.
      step: train steps taken.
      tau, period: of the target updates.
    """
    target_of = {
        (name, label): target
        for name, (online, copy) in networks.items()
        for label, target in zip(kernels_of(online), kernels_of(copy).values())
    }

    def mask():
        for kernel in optimizer.kernels:
            target = target_of[kernel.network, kernel.label]
            target.assign(target * kernel.mask)
        return tf.no_op()

    def follow():
        if tau < 1.0:
            mask()
        optimizer.execution.renew_targets()
        return tf.no_op()

    def after_train():
        times = optimizer.updater.times
        if times.never:
            return
        if period == 1:
            # Both are masked already, unless the masks changed in this train step.
            tf.cond(optimizer.updater.due(step - 1), follow, tf.no_op)
        else:
            tf.cond(step % period == 0, follow, tf.no_op)

    return after_train
