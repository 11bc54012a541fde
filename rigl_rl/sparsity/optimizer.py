"""The sparse optimizer: a Keras optimizer that keeps a network's kernels masked.

A step changes the masks if an update is due, takes the wrapped optimizer's step, and multiplies the
kernels by their masks. Code that calls `apply_gradients` (a TF-Agents agent, `Model.fit`, a
training loop) trains a sparse network without any change.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import tensorflow as tf

from rigl_rl.adapters import keras_optimizers
from rigl_rl.sparsity import replicas
from rigl_rl.sparsity.execution import Execution, layers
from rigl_rl.sparsity.execution.gradients import active_gradients
from rigl_rl.sparsity.mask_updaters import MaskUpdater, Static
from rigl_rl.sparsity.masks import MaskedKernel, check_trained, unique_names
from rigl_rl.sparsity.saving import SavedKernels, check_masks_are_there


class SparseOptimizer:
    """Wraps a Keras optimizer, new or legacy, and is an optimizer of the same Keras class.

    `keras_optimizers.py` has the rest of Keras' optimizer interface.

    `apply_gradients` takes dense gradients of a loss that is a function of the masked kernels. RigL
    grows by the gradients of inactive connections. The wrapped optimizer also updates their
    moments, but their values stay zero. In a train step that runs sparsely (`execution`), it does
    not touch gradients and moments of inactive connections.

    Args:
      optimizer: the Keras optimizer that takes the steps.
      kernels: the masked kernels among the variables it trains; they may belong to several
        networks.
      updater: how and when their masks change; None: never.
      execution: which layers' train steps run sparsely; by default none.

    Raises:
      ValueError: a kernel is given twice, or the optimizer scales losses.
    """

    # The two classes, by whether they are legacy.
    _generations: ClassVar[dict[bool, type[SparseOptimizer]]] = {}
    # Of Keras' classes.
    name: str
    _track_trackable: Callable[..., Any]

    def __new__(cls, optimizer=None, *args, **kwargs):
        """Makes an instance of Keras' new or legacy class, like `optimizer`."""
        del args, kwargs
        if cls is SparseOptimizer:
            cls = cls._generations[keras_optimizers.is_legacy(optimizer)]
        return super().__new__(cls)

    def __init_subclass__(cls, legacy: bool | None = None, **kwargs):
        super().__init_subclass__(**kwargs)
        if legacy is not None:
            SparseOptimizer._generations[legacy] = cls

    @keras_optimizers.untracked
    def __init__(
        self,
        optimizer: tf.keras.optimizers.Optimizer,
        kernels: Sequence[MaskedKernel],
        updater: MaskUpdater | None = None,
        execution: Execution | None = None,
    ):
        if keras_optimizers.scales_losses(optimizer):
            raise ValueError(
                "wrap the optimizer within the LossScaleOptimizer, and put one around (as sparsify)"
            )
        super().__init__(  # type: ignore[call-arg]  # of Keras' class
            name=f"sparse_{keras_optimizers.name_of(optimizer)}"
        )
        self._optimizer = optimizer
        self.kernels: list[MaskedKernel] = []
        self.updater = updater or Static()
        self.execution = execution or Execution(
            "dense", {}, kernels, self.updater, optimizer.iterations
        )
        # Names of the trained variables by reference, once they are known.
        self._names: dict[Any, str] = {}
        self._saved: SavedKernels | None = None
        self._taken: tf.Variable | None = None  # under a loss scale, see `keras_optimizers`
        self._largest_rate: tf.Variable | None = None
        # Checkpoints know both classes' parts by these names.
        self._track_trackable(optimizer, "optimizer")
        if self.updater.follows_learning_rate:
            rate = float(keras_optimizers.learning_rate_of(optimizer))
            self._largest_rate = tf.Variable(rate, trainable=False, name="largest_learning_rate")
            self._track_trackable(self._largest_rate, "largest_learning_rate")
        self._add(kernels)

    def _add(self, kernels: Sequence[MaskedKernel]) -> None:
        known = {kernel.kernel.ref() for kernel in self.kernels}
        for kernel in kernels:
            if kernel.kernel.ref() in known:
                raise ValueError(f"the kernel {kernel.label!r} is given twice, with two masks")
            known.add(kernel.kernel.ref())
            self._track_trackable(kernel, f"kernel_{len(self.kernels)}")
            self.kernels.append(kernel)

    @property
    def iterations(self):
        """The wrapped optimizer's count of train steps."""
        return self._optimizer.iterations

    @iterations.setter
    def iterations(self, variable):
        self._optimizer.iterations = variable

    @property
    def steps(self):
        """Train steps taken: `iterations` without skipped steps. Masks change by this count.

        A LossScaleOptimizer skips the steps whose gradients are not finite.
        """
        return self.iterations if self._taken is None else self._taken

    @property
    def inner(self) -> tf.keras.optimizers.Optimizer:
        """The wrapped optimizer."""
        return self._optimizer

    @keras_optimizers.untracked
    def build(self, var_list):
        """Creates the wrapped optimizer's slot variables.

        Raises:
          ValueError: the first time, if a masked kernel is not in `var_list`.
        """
        var_list = list(var_list)
        if not self._names:
            named = unique_names(var_list)
            if self._saved and not self.kernels:
                self._add(self._saved.found_in(named))
                self.iterations.assign(self._saved.step)
            check_trained(self.kernels, var_list, self.updater.method)
            self._names = {variable.ref(): name for name, variable in named.items()}
        keras_optimizers.build(self._optimizer, var_list)

    # -- the step -----------------------------------------------------------------------------

    @tf.autograph.experimental.do_not_convert  # conversion would take seconds and have no effect
    def apply_gradients(self, grads_and_vars, name=None, **kwargs):
        """Updates masks if due, takes the wrapped step, applies masks. Returns the iterations."""
        grads_and_vars = list(grads_and_vars)
        with tf.init_scope():
            self.build([variable for _, variable in grads_and_vars])
            if self._saved:
                check_masks_are_there(self.kernels, self.updater)
                self._saved = None
        if replicas.in_use():
            return replicas.apply_gradients(self, grads_and_vars, name, **kwargs)
        step = tf.identity(self.steps)
        # Gradients of the kernels that this step trains sparsely: none in a dense step.
        active = active_gradients(grads_and_vars, self.execution)
        values = self.before_step(step, grads_and_vars, active)
        left = self._step_sparsely(grads_and_vars, dict(zip(active, values)))
        if left:
            result = self._optimizer.apply_gradients(left, name=name, **kwargs)
        else:
            result = self.iterations.assign_add(1)
        self.after_step(step, {variable.ref() for _, variable in left})
        return result

    def before_step(self, step, grads_and_vars, active):
        """Updates the masks if due and the method replaces connections.

        Returns the gradients of the active weights of the kernels in `active`.
        """
        if self._largest_rate is not None:
            self._largest_rate.assign(tf.maximum(self._largest_rate, self._rate()))
        values = [gradient.values for gradient in active.values()]
        if not self.updater.replaces:
            return values
        gradients = self._kernel_gradients(grads_and_vars, active)
        return self._update_masks_if_due(step, gradients, values, active)

    def after_step(self, step, stepped) -> None:
        """Updates the masks of other methods, if due; masks the kernels in `stepped`."""
        if not self.updater.replaces:
            # After the step, so that a pruned weight that moved far enough returns.
            self._update_masks_if_due(step, [None] * len(self.kernels))
        for kernel in self.kernels:
            if kernel.kernel.ref() in stepped:
                kernel.apply_mask()
                for average in keras_optimizers.averages_of(self._optimizer, kernel.kernel):
                    average.assign(average * kernel.mask)
        if layers.running() and layers.cached():
            self.execution.refresh(stepped)
        if self._taken is not None:
            self._taken.assign_add(1)

    def _step_sparsely(self, grads_and_vars, values):
        """Steps the kernels in `values`, {reference: gradient of active weights}.

        Returns the pairs left for the wrapped optimizer. Unless that is plain Adam, these are all
        pairs, with dense gradients.
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
        return self.updater.drop_fraction(self.steps, self._learning_rate_ratio())

    def _update_masks_if_due(self, step, gradients, values=(), active=()):
        """Changes masks at an update step.

        Args:
          step: train steps taken.
          gradients: for each kernel, a function that computes its dense gradient, or None.
          values: gradients of active weights, of the kernels in `active` (by reference).

        Returns:
          `values`; at an update step, the gradients of the new active weights.
        """
        if self.updater.times.never:
            return values

        def update():
            dense = [make and make() for make in gradients]
            self._update_masks(step, dense)
            renewed = {}
            for kernel, gradient in zip(self.kernels, dense):
                if self.execution.runs_sparsely(kernel.kernel):
                    connections = self.execution.connections_of(kernel.kernel)
                    connections.renew()
                    if kernel.kernel.ref() in active:
                        renewed[kernel.kernel.ref()] = connections.active(gradient)
            return [*(renewed[reference] for reference in active), tf.constant(True)]

        *values, _ = tf.cond(self.updater.due(step), update, lambda: [*values, tf.constant(False)])
        return values

    def _update_masks(self, step, gradients) -> None:
        ratio = self._learning_rate_ratio()
        for index, (kernel, gradient) in enumerate(zip(self.kernels, gradients)):
            old = kernel.mask.read_value()
            # Methods see float32 for every type of kernel.
            mask, weights = tf.cast(old, tf.float32), tf.cast(kernel.kernel, tf.float32)
            if gradient is not None:
                gradient = tf.cast(gradient, tf.float32)
            new = self.updater.new_mask(
                mask, weights, gradient, kernel.sparsity, step, ratio, index
            )
            new = tf.cast(new, old.dtype)
            kernel.mask.assign(new)
            if self.updater.replaces:
                # Grown connections start at weight 0, where their mask has kept them, and with
                # fresh moments. Dropped ones become 0 here, before the step can move them.
                kernel.apply_mask()
                not_grown = tf.logical_or(old > 0, new == 0)
                for slot in keras_optimizers.slots_of(self._optimizer, kernel.kernel):
                    fresh = keras_optimizers.initial_of(self._optimizer, slot)
                    slot.assign(tf.where(not_grown, slot, tf.cast(fresh, slot.dtype)))

    def _kernel_gradients(self, grads_and_vars, active) -> list[Callable[[], tf.Tensor]]:
        """For each kernel, a function that computes its dense gradient."""
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

    def _rate(self):
        return tf.cast(keras_optimizers.learning_rate_of(self._optimizer), tf.float32)

    def _learning_rate_ratio(self):
        if self._largest_rate is None:
            return 1.0
        rate = self._rate()
        return tf.math.divide_no_nan(rate, tf.maximum(self._largest_rate, rate))
