"""The sparse optimizer's interface to Keras, as a new or a legacy optimizer.

Keras treats the two classes differently in `fit`, under a loss scale, and when it saves and loads.
The step itself is in `SparseOptimizer`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from rigl_rl.adapters import keras_optimizers as keras
from rigl_rl.sparsity.masks import warn_of_astray
from rigl_rl.sparsity.optimizer import SparseOptimizer
from rigl_rl.sparsity.saving import RESUME, SavedKernels, updater_config, updater_of

_registered = tf.keras.saving.register_keras_serializable(package="rigl_rl")


class _KerasOptimizer(SparseOptimizer):
    """What Keras and TF-Agents need from an optimizer of either class, besides its step."""

    @property
    def learning_rate(self):
        """The wrapped optimizer's learning rate."""
        return self._optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        self._optimizer.learning_rate = value

    lr = learning_rate  # the name that Keras' callbacks use

    def own_variables(self) -> dict[str, tf.Variable]:
        """The masks and other state that are not in the wrapped optimizer, by name."""
        own = {f"mask_{number}": kernel.mask for number, kernel in enumerate(self.kernels)}
        rest = {"steps_taken": self._taken, "largest_learning_rate": self._largest_rate}
        return {**own, **{name: each for name, each in rest.items() if each is not None}}

    def all_variables(self) -> list[tf.Variable]:
        """The wrapped optimizer's variables and its own."""
        return [*keras.variables_of(self._optimizer), *self.own_variables().values()]

    def get_weights(self) -> list[Any]:
        """Values of `variables`: the wrapped optimizer's state, then masks and other state."""
        return [variable.numpy() for variable in self.all_variables()]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Sets `variables`. Build the optimizer first.

        Raises:
          ValueError: their number or a shape differs.
        """
        variables = self.all_variables()
        if [tuple(v.shape) for v in variables] != [tuple(w.shape) for w in weights]:
            raise ValueError(
                f"{len(weights)} weights do not fit the {len(variables)} variables of {self.name}; "
                "build the optimizer with the variables that it trains first"
            )
        for variable, weight in zip(variables, weights):
            variable.assign(np.asarray(weight))

    def apply_masks(self) -> None:
        """Multiplies kernels by their masks. Call it after you set or load weights."""
        for kernel in self.kernels:
            kernel.apply_mask()

    @keras.untracked
    def _count_taken_steps(self, wrapped: bool) -> None:
        """Counts steps itself: a LossScaleOptimizer also advances `iterations` in skipped steps."""
        if wrapped and self._taken is None:
            taken = tf.Variable(self.iterations, trainable=False, name="steps_taken")
            self._taken = self._track_trackable(taken, "steps_taken")

    def get_config(self):
        """The wrapped optimizer, the method, and which kernels are masked; masks are state."""
        return {
            "name": self.name,
            "is_legacy_optimizer": keras.is_legacy(self),
            "optimizer": tf.keras.optimizers.serialize(self._optimizer),
            "updater": updater_config(self.updater),
            "step": int(self.steps.numpy()),
            "kernels": [
                {
                    "name": self._names.get(kernel.kernel.ref(), kernel.label),
                    "label": kernel.label,
                    "network": kernel.network,
                    "shape": kernel.kernel.shape.as_list(),
                    "sparsity": kernel.sparsity,
                }
                for kernel in self.kernels
            ],
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The kernels are found when the optimizer is built with the variables that it trains."""
        with tf.keras.utils.custom_object_scope(custom_objects or {}):
            inner = tf.keras.optimizers.get(config["optimizer"])
        optimizer = cls(inner, [], updater_of(config["updater"]))
        optimizer._saved = SavedKernels(config["kernels"], config["step"])
        return optimizer


# A LossScaleOptimizer sets this attribute of the optimizer that it wraps.
setattr(
    _KerasOptimizer,
    keras.LOSS_SCALE_MARK,
    property(lambda self: self._taken is not None, _KerasOptimizer._count_taken_steps),
)


@_registered
class NewSparseOptimizer(_KerasOptimizer, tf.keras.optimizers.Optimizer, legacy=False):
    """Wraps a new Keras optimizer."""

    def __init__(self, optimizer, *args, **kwargs):
        super().__init__(optimizer, *args, **kwargs)
        for name, child in keras.children_of_saved(optimizer).items():
            self._track_trackable(child, name)

    @property
    def variables(self):
        """The wrapped optimizer's variables and the masks; callable if Keras' property is."""
        return type(self._optimizer.variables)(self.all_variables())

    def save_own_variables(self, store):
        """Saves masks to a `.keras` file; the wrapped optimizer saves its own variables."""
        for name, variable in self.own_variables().items():
            store[name] = variable.numpy()

    def load_own_variables(self, store):
        """Loads masks from a `.keras` file.

        Raises:
          ValueError: the file has no masks.
        """
        for name, variable in self.own_variables().items():
            if name in store:
                variable.assign(store[name])
            elif name.startswith("mask"):
                raise ValueError(f"the file does not hold the optimizer's masks; {RESUME}")

    def exclude_from_weight_decay(self, *args, **kwargs):
        """As of the wrapped optimizer; call it before the first step."""
        self._optimizer.exclude_from_weight_decay(*args, **kwargs)

    def finalize_variable_values(self, var_list):
        """Ends `fit`: with `use_ema`, copies averages into their variables.

        Warns if a kernel does not obey its mask: `EarlyStopping` may have restored older weights.
        """
        self._optimizer.finalize_variable_values(var_list)
        warn_of_astray(self.kernels)


@_registered
class LegacySparseOptimizer(_KerasOptimizer, tf.keras.optimizers.legacy.Optimizer, legacy=True):
    """Wraps a legacy Keras optimizer."""

    @property
    def name(self):
        """The name, a property as in new optimizers."""
        return self._name

    def variables(self):
        """The wrapped optimizer's variables and the masks."""
        return self.all_variables()

    @property
    def weights(self):
        """The same as `variables`."""
        return self.all_variables()

    def _create_all_weights(self, var_list):
        self.build(var_list)
