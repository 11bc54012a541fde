"""The sparse optimizer: a Keras optimizer that keeps a network's kernels on their masks.

One step of it is: change the masks if this is an update step, take the wrapped optimizer's step,
multiply the kernels by their masks. Whatever calls `apply_gradients` (a TF-Agents agent,
`Model.fit`, a loop of one's own) trains a sparse network without knowing.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Callable

import tensorflow as tf

from rigl_rl.adapters import keras_optimizers
from rigl_rl.sparsity.execution import Execution, layers
from rigl_rl.sparsity.execution.gradients import active_gradients
from rigl_rl.sparsity.mask_updaters import MaskUpdater, Static
from rigl_rl.sparsity.masks import MaskedKernel


class SparseOptimizer(tf.keras.optimizers.legacy.Optimizer):
    """Wraps a Keras optimizer, new or legacy.

    The gradients handed to `apply_gradients` have to be dense, as they are when the loss is a
    function of the masked kernels: inactive connections get the gradient that RigL grows by, and
    the wrapped optimizer's moments of them move. Only their values stay zero. In a train step that
    runs sparsely (`execution`), gradients and moments of inactive connections are left alone.

    Args:
      optimizer: the Keras optimizer that does the steps.
      kernels: the masked kernels among the variables it trains; they may belong to several
        networks.
      updater: how and when their masks change; none means never.
      execution: which layers' train steps run sparsely; none of them by default.
    """

    def __init__(
        self,
        optimizer: tf.keras.optimizers.Optimizer,
        kernels: Sequence[MaskedKernel],
        updater: MaskUpdater | None = None,
        execution: Execution | None = None,
    ):
        super().__init__(name=f"sparse_{getattr(optimizer, '_name', None) or optimizer.name}")
        self._optimizer = optimizer
        self.kernels = list(kernels)
        self.updater = updater or Static()
        self.execution = execution or Execution(
            "dense", {}, kernels, self.updater, optimizer.iterations
        )
        self._initial_learning_rate = float(keras_optimizers.learning_rate_of(optimizer))
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
        keras_optimizers.build(self._optimizer, var_list)

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
        # Of the kernels whose train steps run sparsely; none in a dense step.
        active = active_gradients(grads_and_vars, self.execution)
        values = [gradient.values for gradient in active.values()]
        if self.updater.replaces:
            gradients = self._kernel_gradients(grads_and_vars, active)
            values = self._update_masks_if_due(step, gradients, values, active)
        left = self._step_sparsely(grads_and_vars, dict(zip(active, values)))
        if left:
            result = self._optimizer.apply_gradients(left, name=name, **kwargs)
        else:
            result = self.iterations.assign_add(1)
        if not self.updater.replaces:
            # After the step: a pruned weight that moved far enough in it returns.
            self._update_masks_if_due(step, [None] * len(self.kernels))
        stepped = {variable.ref() for _, variable in left}
        for kernel in self.kernels:
            if kernel.kernel.ref() in stepped:
                kernel.apply_mask()
        if layers.running() and layers.cached():
            self.execution.refresh(stepped)
        return result

    def _step_sparsely(self, grads_and_vars, values):
        """Steps the kernels in `values`, {reference: gradient of active weights}.

        Returns what is left for the wrapped optimizer: all of it, with dense gradients, unless it
        is plain Adam.
        """
        adam = keras_optimizers.adam_of(self._optimizer) if values else None
        left = []
        for gradient, variable in grads_and_vars:
            gradient_of_active = values.get(variable.ref())
            if gradient_of_active is None:
                left.append((gradient, variable))
                continue
            connections = self.execution.connections_of(variable)
            if adam is None:
                left.append((connections.scatter(gradient_of_active), variable))
            else:
                m, v = keras_optimizers.slots_of(self._optimizer, variable)
                connections.adam(m, v, adam, gradient_of_active, layers.cached())
        return left

    def drop_fraction(self):
        """Share of active connections that an update would replace now: float32 scalar."""
        return self.updater.drop_fraction(self.iterations, self._learning_rate_ratio())

    def _update_masks_if_due(self, step, gradients, values=(), active=()):
        """Changes masks at an update step.

        Args:
          step: train steps taken.
          gradients: for each kernel what makes its dense gradient, or None.
          values: gradients of active weights, of the kernels in `active` (by reference).

        Returns:
          `values`, at an update step those of the new active weights.
        """
        if self.updater.times.never:
            return values

        def update():
            dense = [make and make() for make in gradients]
            self._update_masks(step, dense)
            renewed = {}
            for kernel, gradient in zip(self.kernels, dense):
                if kernel.kernel.ref() in active:
                    connections = self.execution.connections_of(kernel.kernel)
                    connections.renew()
                    renewed[kernel.kernel.ref()] = connections.active(gradient)
            return [*(renewed[reference] for reference in active), tf.constant(True)]

        *values, _ = tf.cond(self.updater.due(step), update, lambda: [*values, tf.constant(False)])
        return values

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
                for slot in keras_optimizers.slots_of(self._optimizer, kernel.kernel):
                    slot.assign(slot * tf.cast(not_grown, slot.dtype))

    def _kernel_gradients(self, grads_and_vars, active) -> list[Callable[[], tf.Tensor]]:
        """For each kernel, what makes its dense gradient."""
        gradient_of = {variable.ref(): gradient for gradient, variable in grads_and_vars}
        makers: list[Callable[[], tf.Tensor]] = []
        for kernel in self.kernels:
            reference = kernel.kernel.ref()
            gradient = gradient_of.get(reference)
            if gradient is None:
                raise ValueError(
                    f"no gradient for the sparse kernel {kernel.label!r} in apply_gradients; "
                    f"{self.updater.method} needs one for every kernel it was given"
                )
            if reference in active:
                makers.append(active[reference].dense)
            else:
                makers.append(functools.partial(tf.convert_to_tensor, gradient))
        return makers

    def _learning_rate_ratio(self):
        return (
            tf.cast(keras_optimizers.learning_rate_of(self._optimizer), tf.float32)
            / self._initial_learning_rate
        )
