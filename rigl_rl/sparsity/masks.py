"""The masked kernels of a network: which variables are sparse, and their masks.

The package's invariant, kept by the sparse optimizer: kernel == kernel * mask, exactly.
"""

import math
import re
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from rigl_rl.errors import ConfigError
from rigl_rl.sparsity import distributions
from rigl_rl.sparsity.initializers import rescaled, sparsity_aware

DistributedValues = tf.distribute.DistributedValues
# A built tf.keras.Model, tf.keras.layers.Layer or TF-Agents network, or a list of its kernels.
Kernels = Any


class MaskedKernel(tf.Module):
    """One kernel and the mask that it obeys.

    Attributes:
      label: the kernel's name, see `kernels_of`.
      network: name of the network it belongs to ('q', 'actor', 'critic_1', ...).
      kernel: the network's variable.
      mask: non-trainable variable of the same shape and type, of zeros and ones.
      sparsity: the method's target share of zeros, in [0, 1).

    Raises:
      ValueError: the kernel has copies on replicas, but this is not their strategy's scope.
    """

    def __init__(self, name: str, network: str, kernel: tf.Variable, mask, sparsity: float):
        super().__init__(name=None)
        self.label = name
        self.network = network
        self.kernel = kernel
        # HDF5 files hold an optimizer's variables by name.
        named = re.sub(r"[^\w./-]", "_", f"{network}/{name}/mask".lstrip("/"))
        self.mask = tf.Variable(tf.cast(mask, kernel.dtype), trainable=False, name=named)
        if isinstance(kernel, DistributedValues) and not isinstance(self.mask, DistributedValues):
            raise ValueError(
                f"{name!r} has copies on the replicas of a distribution strategy, its mask would "
                "not; call sparsify within the strategy's scope, where the model is built"
            )
        self.sparsity = float(sparsity)

    def apply_mask(self) -> None:
        """Kernel <- kernel * mask."""
        self.kernel.assign(self.kernel * self.mask)

    def active(self):
        """Number of active connections: int64 scalar tensor.

        Ones of the mask, plus nonzero weights whose mask is 0.
        """
        return tf.math.count_nonzero(self.mask) + self.astray()

    def astray(self):
        """Number of nonzero weights whose mask is 0: int64 scalar tensor.

        It is 0 after every step of the sparse optimizer, but perhaps not after `set_weights`.
        """
        return tf.math.count_nonzero(tf.where(self.mask > 0, tf.zeros_like(self.mask), self.kernel))


def kernels_of(network_or_kernels: Kernels) -> dict[str, tf.Variable]:
    """The Dense and Conv kernels of a built network, by name, from input to output.

    Args:
      network_or_kernels: a built Keras model, layer or TF-Agents network, or the kernels.

    Returns:
      {name: variable}, each variable once; names are the variables' own, made unique by a number
      where needed.

    Raises:
      ValueError: it is something else, the network or a part of it has no variables yet, or none
        of the variables is a kernel.
    """
    found: list[tf.Variable]
    if isinstance(network_or_kernels, (list, tuple)):
        found = list(network_or_kernels)
        for variable in found:
            if not isinstance(variable, tf.Variable):
                raise ValueError(
                    f"a list to make sparse holds a {type(variable).__name__}, but must hold "
                    "kernels (tf.Variable); give the built model, or the kernel of each layer"
                )
    else:
        _check_built(network_or_kernels)
        found = [
            variable
            for variable in network_or_kernels.trainable_variables
            if len(variable.shape) >= 2 and variable.name.split(":")[0].endswith("kernel")
        ]
    if not found:
        raise ValueError(f"no Dense or Conv kernel to make sparse in {network_or_kernels!r}")
    return unique_names(found)


def unique_names(variables: Iterable[tf.Variable]) -> dict[str, tf.Variable]:
    """Variables by their own names, each variable once, in order; equal names get a number."""
    named: dict[str, tf.Variable] = {}
    for variable in {variable.ref(): variable for variable in variables}.values():
        name = base = variable.name.split(":")[0]
        number = 1
        while name in named:
            number += 1
            name = f"{base}_{number}"
        named[name] = variable
    return named


def _check_built(network: Any) -> None:
    """Raises a ValueError unless all of the network's variables exist."""
    if not hasattr(type(network), "trainable_variables"):
        raise ValueError(
            f"cannot make a {type(network).__name__} sparse; give a built Keras model or layer, a "
            "TF-Agents network, or a list of kernels (tf.Variable)"
        )
    if not getattr(network, "built", True):
        raise ValueError(
            "the network has no variables yet; build it first (call it once, give its first "
            "layer an input_shape, or use create_variables() in TF-Agents)"
        )
    parts = getattr(network, "submodules", ())
    # Bidirectional trains copies of the layer that it wraps.
    wrapped = [each.layer for each in parts if isinstance(each, tf.keras.layers.Wrapper)]
    copied = {id(part) for layer in wrapped for part in (layer, *layer.submodules)}
    unbuilt = [part.name for part in parts if _awaits_kernel(part) and id(part) not in copied]
    if unbuilt:
        raise ValueError(
            f"part of the network has no variables yet: {', '.join(unbuilt)}; build it first: "
            "call the network so that every layer is used"
        )


def _awaits_kernel(module: tf.Module) -> bool:
    """Whether it is a layer that has not been called yet and has no kernels until then."""
    if not isinstance(module, tf.keras.layers.Layer) or module.built:
        return False
    if hasattr(module, "create_variables"):  # a TF-Agents network: its layers tell
        return False
    if hasattr(module, "kernel_initializer"):
        return True
    of_keras = type(module).__module__.partition(".")[0] == "keras"
    return not of_keras and type(module).build is not tf.keras.layers.Layer.build


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
    sparse_initializer: str = "glorot",
    keep_zeros: bool = False,
    seed: int | Sequence[int] = 0,
) -> list[MaskedKernel]:
    """Attaches masks to the kernels of one network and sets the kernels accordingly.

    Args:
      kernels: {name: variable} as `kernels_of` returns.
      sparsity: of all kernels together, within [0, 1).
      network: the network's name, for logs and results.
      distribution, erk_power_scale, custom_sparsity_map: how `sparsity` is distributed over the
        kernels, see `distributions.layer_sparsities`.
      start_dense: full masks; the sparsities are then the targets of pruning.
      sparsity_aware_init: fit every kernel's weights to its mask (Evci et al. 2022). A network
        that starts dense keeps its own initializer.
      sparse_initializer: how: 'glorot' (`initializers.sparsity_aware`) or 'rescale'
        (`initializers.rescaled`).
      keep_zeros: the kernels are already sparse and keep their values: masks are 1 where they are
        not 0, which also sets the target of methods that start sparse.
      seed: determines masks and weights; several numbers make one seed.
    """
    shapes = {name: tuple(variable.shape.as_list()) for name, variable in kernels.items()}
    sparsities = distributions.layer_sparsities(
        shapes, sparsity, distribution, erk_power_scale, custom_sparsity_map
    )
    for name, share in sparsities.items():
        if not distributions.active_count(math.prod(shapes[name]), share):
            raise ConfigError(
                f"sparsity {sparsity} leaves no connection in kernel {name!r} of shape "
                f"{shapes[name]}"
            )
    dense = start_dense or not any(sparsities.values())
    masked = []
    for (name, variable), rng in zip(kernels.items(), _generators(seed, len(kernels))):
        shape = shapes[name]
        if keep_zeros:
            mask = (variable.numpy() != 0).astype(np.float32)
            aim = sparsities[name] if start_dense else float(1 - np.mean(mask, dtype=np.float64))
            masked.append(MaskedKernel(name, network, variable, mask, aim))
            continue
        mask = np.ones(shape, np.float32) if dense else random_mask(shape, sparsities[name], rng)
        kernel = MaskedKernel(name, network, variable, mask, sparsities[name])
        if not dense:
            if not sparsity_aware_init:
                kernel.apply_mask()
            elif sparse_initializer == "rescale":
                variable.assign(rescaled(variable.numpy(), mask))
            else:
                variable.assign(sparsity_aware(mask, seed=int(rng.integers(2**31))))
        masked.append(kernel)
    return masked


def _generators(seed: int | Sequence[int], count: int) -> list[np.random.Generator]:
    return [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(count)]


def sparsity_of(kernels: Sequence[MaskedKernel]) -> float:
    """Share of inactive connections over all the given kernels together.

    Warns if kernels do not obey their masks because something other than the sparse optimizer
    changed them, such as `set_weights`. Nonzero weights count as connections.
    """
    size = sum(int(kernel.mask.shape.num_elements()) for kernel in kernels)
    warn_of_astray(kernels)
    return 1.0 - sum(int(kernel.active()) for kernel in kernels) / size


def warn_of_astray(kernels: Sequence[MaskedKernel]) -> None:
    """Warns if kernels do not obey their masks."""
    numbers = {f"{kernel.network}/{kernel.label}": int(kernel.astray()) for kernel in kernels}
    total = sum(numbers.values())
    if total:
        names = ", ".join(name for name, number in numbers.items() if number)
        warnings.warn(
            f"{total} weights are not 0 where their masks are, in {names}: something other than "
            "the sparse optimizer changed them; its apply_masks() or next step sets them to 0",
            stacklevel=3,
        )


def check_trained(
    kernels: Sequence[MaskedKernel], variables: Iterable[tf.Variable], method: str
) -> None:
    """Raises a ValueError unless the kernels are among the variables of a first train step."""
    given = {variable.ref() for variable in variables}
    for kernel in kernels:
        if kernel.kernel.ref() not in given:
            raise ValueError(
                f"no gradient for the sparse kernel {kernel.label!r}: it is not among the "
                f"variables of the first train step; {method} needs every kernel it was given "
                "(the variables of a clone or a copy are others; freeze layers before sparsify)"
            )
