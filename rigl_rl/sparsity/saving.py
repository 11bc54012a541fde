"""A sparse optimizer in a saved Keras model: its configuration, and how it finds its kernels.

Masks are state, like moments. If a format loses the optimizer's state (SavedModel; `.keras` with a
legacy optimizer), the zeros of the loaded kernels become the masks.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from rigl_rl.sparsity.distributions import active_count
from rigl_rl.sparsity.mask_updaters import METHODS, MaskUpdater
from rigl_rl.sparsity.masks import MaskedKernel
from rigl_rl.sparsity.schedules import DropFraction, UpdateTimes

RESUME = "load the model with compile=False, then compile it with sparsify(..., keep_zeros=True)"
# Fields of updaters that are dataclasses themselves.
_PARTS = {"times": UpdateTimes, "fraction": DropFraction}


def updater_config(updater: MaskUpdater) -> dict[str, Any]:
    """The method's name and fields, in plain types."""
    return {"method": updater.method, **dataclasses.asdict(updater)}


def updater_of(config: Mapping[str, Any]) -> MaskUpdater:
    """The updater with that configuration.

    Raises:
      ValueError: the method is not registered.
    """
    fields = dict(config)
    method = fields.pop("method")
    if method not in METHODS:
        raise ValueError(
            f"the model was trained with the method {method!r}, which is not registered; "
            "import the module that registers it"
        )
    for name, part in _PARTS.items():
        if name in fields:
            fields[name] = part(**fields[name])
    return METHODS[method](**fields)


@dataclasses.dataclass(frozen=True)
class SavedKernels:
    """Which of a model's variables were masked when it was saved, and at which train step.

    Attributes:
      kernels: for each, its 'name' among all trained variables, 'label', 'network', 'shape' and
        the target 'sparsity'.
      step: train steps taken.
    """

    kernels: list[dict[str, Any]]
    step: int

    def found_in(self, named: Mapping[str, tf.Variable]) -> list[MaskedKernel]:
        """The kernels among trained variables, see `masks.unique_names`; their zeros become masks.

        Raises:
          ValueError: one is missing, or has another shape.
        """
        found = []
        for saved in self.kernels:
            variable = named.get(saved["name"])
            if variable is None or variable.shape.as_list() != list(saved["shape"]):
                raise ValueError(
                    f"the saved model's sparse kernel {saved['name']!r} {tuple(saved['shape'])} is "
                    f"not among the variables that are trained; {RESUME}"
                )
            mask = variable.numpy() != 0
            found.append(
                MaskedKernel(saved["label"], saved["network"], variable, mask, saved["sparsity"])
            )
        return found


def check_masks_are_there(kernels: list[MaskedKernel], updater: MaskUpdater) -> None:
    """Raises a ValueError if kernels that should be sparse were loaded with full masks."""
    for kernel in kernels:
        size = kernel.mask.shape.num_elements()
        full = int(tf.math.count_nonzero(kernel.mask)) == size
        if full and active_count(size, kernel.sparsity) < size and not updater.starts_dense:
            raise ValueError(
                f"the mask of {kernel.label!r} was not loaded with the optimizer, and the kernel "
                f"has no zeros; {RESUME}"
            )
