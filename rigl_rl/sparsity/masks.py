"""The masked kernels of a network: which variables are sparse, and their masks.

The one invariant of the package, kept by the sparse optimizer: kernel == kernel * mask, exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from rigl_rl.sparsity import distributions
from rigl_rl.sparsity.initializers import sparsity_aware

# A built tf.keras.Model, tf.keras.layers.Layer or TF-Agents network, or a list of its kernels.
Kernels = Any


class MaskedKernel(tf.Module):
    """One kernel and the mask that it obeys.

    Attributes:
      label: the kernel's name, see `kernels_of`.
      network: name of the network it belongs to ('q', 'actor', 'critic_1', ...).
      kernel: the network's variable.
      mask: non-trainable float32 variable of the same shape, of zeros and ones.
      sparsity: the share of zeros that the method aims at, in [0, 1).
    """

    def __init__(self, name: str, network: str, kernel: tf.Variable, mask, sparsity: float):
        super().__init__(name=None)
        self.label = name
        self.network = network
        self.kernel = kernel
        self.mask = tf.Variable(mask, trainable=False, dtype=tf.float32, name="mask")
        self.sparsity = float(sparsity)

    def apply_mask(self) -> None:
        """Kernel <- kernel * mask."""
        self.kernel.assign(self.kernel * self.mask)

    def active(self):
        """Number of ones in the mask: int64 scalar tensor."""
        return tf.math.count_nonzero(self.mask)


def kernels_of(network_or_kernels: Kernels) -> dict[str, tf.Variable]:
    """The Dense and Conv kernels of a built network, by name, from input to output.

    Args:
      network_or_kernels: a built Keras model, layer or TF-Agents network, or the kernels.

    Returns:
      {name: variable}; names are the variables' own, made unique by a number where needed.

    Raises:
      ValueError: the network has no variables yet, or none of them is a kernel.
    """
    found: list[tf.Variable]
    if isinstance(network_or_kernels, (list, tuple)):
        found = list(network_or_kernels)
    else:
        if not getattr(network_or_kernels, "built", True):
            raise ValueError(
                "the network has no variables yet; build it first (call it once, give its first "
                "layer an input_shape, or use create_variables() in TF-Agents)"
            )
        found = [
            variable
            for variable in network_or_kernels.trainable_variables
            if len(variable.shape) >= 2 and variable.name.split(":")[0].endswith("kernel")
        ]
    if not found:
        raise ValueError(f"no Dense or Conv kernel to make sparse in {network_or_kernels!r}")
    named: dict[str, tf.Variable] = {}
    for variable in found:
        name = base = variable.name.split(":")[0]
        number = 1
        while name in named:
            number += 1
            name = f"{base}_{number}"
        named[name] = variable
    return named


def random_mask(shape: Sequence[int], sparsity: float, rng: np.random.Generator) -> np.ndarray:
    """float32 mask with exactly size - floor(sparsity * size) ones at random places."""
    size = int(np.prod(shape))
    mask = np.zeros(size, np.float32)
    mask[rng.permutation(size)[: distributions.active_count(size, sparsity)]] = 1.0
    return mask.reshape(shape)


def mask_kernels(
    kernels: dict[str, tf.Variable],
    sparsity: float,
    *,
    network: str = "network",
    distribution: str = "erdos_renyi_kernel",
    erk_power_scale: float = 1.0,
    custom_sparsity_map: dict[str, float] | None = None,
    start_dense: bool = False,
    sparsity_aware_init: bool = True,
    seed: int | Sequence[int] = 0,
) -> list[MaskedKernel]:
    """Attaches masks to the kernels of one network and sets the kernels accordingly.

    Args:
      kernels: {name: variable} as `kernels_of` returns.
      sparsity: of all kernels together, within [0, 1).
      network: the network's name, for logs and results.
      distribution, erk_power_scale, custom_sparsity_map: how `sparsity` is spread over the
        kernels, see `distributions.layer_sparsities`.
      start_dense: full masks; the sparsities are then what pruning ends at.
      sparsity_aware_init: redraw every kernel for its mask (Evci et al. 2022). A network that
        starts dense keeps its own initializer.
      seed: determines masks and weights; several numbers make one seed.
    """
    shapes = {name: tuple(variable.shape.as_list()) for name, variable in kernels.items()}
    sparsities = distributions.layer_sparsities(
        shapes, sparsity, distribution, erk_power_scale, custom_sparsity_map
    )
    dense = start_dense or not any(sparsities.values())
    masked = []
    for (name, variable), rng in zip(kernels.items(), _generators(seed, len(kernels))):
        shape = shapes[name]
        mask = np.ones(shape, np.float32) if dense else random_mask(shape, sparsities[name], rng)
        kernel = MaskedKernel(name, network, variable, mask, sparsities[name])
        if not dense:
            if sparsity_aware_init:
                variable.assign(sparsity_aware(mask, seed=int(rng.integers(2**31))))
            else:
                kernel.apply_mask()
        masked.append(kernel)
    return masked


def _generators(seed: int | Sequence[int], count: int) -> list[np.random.Generator]:
    return [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(count)]


def sparsity_of(kernels: Sequence[MaskedKernel]) -> float:
    """Share of zeros over all the given masks together."""
    size = sum(int(kernel.mask.shape.num_elements()) for kernel in kernels)
    return 1.0 - sum(int(kernel.active()) for kernel in kernels) / size
