"""The sparse optimizer: a Keras optimizer that keeps a network's kernels on their masks.

One step of it is: change the masks if this is an update step, take the wrapped optimizer's step,
multiply the kernels by their masks. Whatever calls `apply_gradients` (a TF-Agents agent,
`Model.fit`, a loop of one's own) trains a sparse network without knowing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import tensorflow as tf

from rigl_rl.sparsity.mask_updaters import MaskUpdater
from rigl_rl.sparsity.masks import MaskedKernel


class SparseOptimizer(tf.keras.optimizers.legacy.Optimizer):
    """Wraps a Keras optimizer, new or legacy.

    The gradients handed to `apply_gradients` have to be dense, as they are when the loss is a
    function of the masked kernels: inactive connections get the gradient that RigL grows by, and
    the wrapped optimizer's moments of them move. Only their values stay zero.

    Args:
      optimizer: the Keras optimizer that does the steps.
      kernels: the masked kernels among the variables it trains; they may belong to several
        networks.
      updater: how and when their masks change; none means never.
    """

    def __init__(
        self,
        optimizer: tf.keras.optimizers.Optimizer,
        kernels: Sequence[MaskedKernel],
        updater: Optional[MaskUpdater] = None,
    ):
        super().__init__(name=f"sparse_{getattr(optimizer, '_name', None) or optimizer.name}")
        self._optimizer = optimizer
        self.kernels = list(kernels)
        self.updater = updater or MaskUpdater()
        self._initial_learning_rate = float(self._current_learning_rate_value())
        # Legacy optimizers do not find their attributes for checkpoints by themselves.
        self._track_trackable(optimizer, "optimizer")
        for index, kernel in enumerate(self.kernels):
            self._track_trackable(kernel, f"kernel_{index}")

    # -- what Keras and TF-Agents ask of an optimizer -----------------------------------------

    @property
    def iterations(self):
        """Train steps taken: the wrapped optimizer's count."""
        return self._optimizer.iterations

    @property
    def inner(self) -> tf.keras.optimizers.Optimizer:
        """The wrapped optimizer."""
        return self._optimizer

    @property
    def learning_rate(self):
        """The wrapped optimizer's learning rate."""
        return self._optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        self._optimizer.learning_rate = value

    lr = learning_rate  # the name that Keras' callbacks use

    def variables(self):
        """The wrapped optimizer's variables and the masks."""
        inner = self._optimizer.variables
        return [*(inner() if callable(inner) else inner), *(k.mask for k in self.kernels)]

    def build(self, var_list):
        """Creates the wrapped optimizer's slot variables."""
        if _is_legacy(self._optimizer):
            self._optimizer._create_all_weights(var_list)
        else:
            self._optimizer.build(var_list)

    def get_config(self):
        """The wrapped optimizer's configuration. Masks are state: they are in checkpoints."""
        return {"optimizer": tf.keras.optimizers.serialize(self._optimizer)}

    # -- the step -----------------------------------------------------------------------------

    def apply_gradients(self, grads_and_vars, name=None, **kwargs):
        """Mask update if due, the wrapped optimizer's step, masks on. Returns the iterations."""
        grads_and_vars = list(grads_and_vars)
        with tf.init_scope():
            self.build([variable for _, variable in grads_and_vars])
        step = tf.identity(self.iterations)
        if self.updater.replaces:
            gradients = self._kernel_gradients(grads_and_vars)
            self._update_masks_if_due(step, gradients)
        result = self._optimizer.apply_gradients(grads_and_vars, name=name, **kwargs)
        if not self.updater.replaces:
            # After the step: a pruned weight that moved far enough in it returns.
            self._update_masks_if_due(step, [None] * len(self.kernels))
        for kernel in self.kernels:
            kernel.apply_mask()
        return result

    def drop_fraction(self):
        """Share of active connections that an update would replace now: float32 scalar."""
        return self.updater.drop_fraction(self.iterations, self._learning_rate_ratio())

    def _update_masks_if_due(self, step, gradients) -> None:
        if self.updater.times.never:
            return

        def update():
            self._update_masks(step, gradients)
            return tf.constant(True)

        tf.cond(self.updater.due(step), update, lambda: tf.constant(False))

    def _update_masks(self, step, gradients) -> None:
        ratio = self._learning_rate_ratio()
        for index, (kernel, gradient) in enumerate(zip(self.kernels, gradients)):
            old = kernel.mask.read_value()
            new = self.updater.new_mask(
                old, kernel.kernel, gradient, kernel.sparsity, step, ratio, index
            )
            kernel.mask.assign(new)
            if self.updater.replaces:
                # What was inactive starts from nothing: weight 0 (its mask has kept it there) and
                # no moments. What was dropped becomes 0 here, before the step can move it.
                kernel.apply_mask()
                not_grown = tf.cast(tf.logical_or(old > 0, new == 0), tf.float32)
                for slot in slots_of(self._optimizer, kernel.kernel):
                    slot.assign(slot * tf.cast(not_grown, slot.dtype))

    def _kernel_gradients(self, grads_and_vars) -> list[tf.Tensor]:
        gradient_of = {variable.ref(): gradient for gradient, variable in grads_and_vars}
        gradients = []
        for kernel in self.kernels:
            gradient = gradient_of.get(kernel.kernel.ref())
            if gradient is None:
                raise ValueError(
                    f"no gradient for the sparse kernel {kernel.label!r} in apply_gradients; "
                    f"{self.updater.method} needs one for every kernel it was given"
                )
            gradients.append(tf.convert_to_tensor(gradient))
        return gradients

    def _current_learning_rate_value(self):
        # New optimizers hold their schedule here; `learning_rate` is its value one step ago.
        rate = getattr(self._optimizer, "_learning_rate", self._optimizer.learning_rate)
        if isinstance(rate, tf.keras.optimizers.schedules.LearningRateSchedule):
            return rate(self._optimizer.iterations)
        return rate() if callable(rate) else rate

    def _learning_rate_ratio(self):
        return (
            tf.cast(self._current_learning_rate_value(), tf.float32) / self._initial_learning_rate
        )


def slots_of(optimizer: tf.keras.optimizers.Optimizer, variable: tf.Variable) -> list[tf.Variable]:
    """The optimizer's variables that hold one number per weight of `variable` (Adam: m and v)."""
    if _is_legacy(optimizer):
        slots = [optimizer.get_slot(variable, name) for name in optimizer.get_slot_names()]
    else:
        # Keras keeps one list per kind of slot, in the order of the variables it was built with.
        index = optimizer._index_dict[optimizer._var_key(variable)]
        slots = [
            attribute[index]
            for name, attribute in vars(optimizer).items()
            if isinstance(attribute, list)
            and name != "_variables"
            and len(attribute) == len(optimizer._index_dict)
        ]
    return [
        slot for slot in slots if isinstance(slot, tf.Variable) and slot.shape == variable.shape
    ]


def _is_legacy(optimizer) -> bool:
    return isinstance(optimizer, tf.keras.optimizers.legacy.Optimizer)
