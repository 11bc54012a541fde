"""Distributes a network's sparsity over its layers: uniform, Erdos-Renyi, ERK.

Plain arithmetic on kernel shapes. Biases are not included: they stay dense.
"""

import math
import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Shape = tuple[int, ...]

UNIFORM_NAMES = ("uniform", "random")  # 'random' is the original's name for uniform
DISTRIBUTIONS = ("erdos_renyi_kernel", "erdos_renyi") + UNIFORM_NAMES


def active_count(size: int, sparsity: float) -> int:
    """Number of weights left in a kernel of `size` weights: size - floor(sparsity x size).

    The product is rounded to a millionth of a weight before the floor, because 0.29 x 100 is
    28.999999999999996 in floating point and must still remove 29 weights, not 28.
    """
    return size - math.floor(round(sparsity * size, 6))


def layer_sparsities(
    shapes: Mapping[str, Sequence[int]],
    sparsity: float,
    method: str = "erdos_renyi_kernel",
    erk_power_scale: float = 1.0,
    custom_sparsity_map: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """Sparsity of every kernel of one network (actor, one critic, Q-network, ...).

    Args:
      shapes: name -> kernel shape, (in, out) for dense and (height, width, in, out) for conv.
      sparsity: fraction of all kernel weights to remove, in [0, 1).
      method: 'uniform' (or 'random') gives every kernel `sparsity`; 'erdos_renyi_kernel' makes a
        kernel's density proportional to (sum of its dims / product of its dims) **
        `erk_power_scale` (Evci et al., 2020); 'erdos_renyi' to (in + out) / (in x out), without
        the spatial size.
      erk_power_scale: >= 0; below 1 brings ERK closer to uniform, 0 is uniform. As in the
        original, it affects only 'erdos_renyi_kernel'.
      custom_sparsity_map: name -> sparsity in [0, 1). Such a kernel gets exactly this sparsity
        and is outside the budget: `sparsity` applies to the other kernels, so the network as a
        whole can end above or below `sparsity`.

    Returns:
      name -> sparsity in [0, 1), in the order of `shapes`. 0.0 marks a dense kernel.

    Raises:
      ValueError: unknown method, number out of its range, custom name without a kernel, or no
        kernels at all.
    """
    kernels = {name: _checked_shape(name, shape) for name, shape in shapes.items()}
    custom = dict(custom_sparsity_map or {})
    if not kernels:
        raise ValueError("no kernels to make sparse: shapes is empty, expected {name: shape}")
    if method not in DISTRIBUTIONS:
        raise ValueError(f"unknown sparsity distribution {method!r}: use one of {DISTRIBUTIONS}")
    if not _in_half_open(erk_power_scale, 0, math.inf):
        raise ValueError(f"erk_power_scale {erk_power_scale!r} must be a finite number >= 0")
    check_sparsity("sparsity", sparsity)
    for name, value in custom.items():
        if name not in kernels:
            raise ValueError(f"custom_sparsity_map names {name!r}, the kernels are {list(kernels)}")
        check_sparsity(f"custom sparsity of {name!r}", value)

    budgeted = {name: shape for name, shape in kernels.items() if name not in custom}
    if method in UNIFORM_NAMES:
        shared = {name: float(sparsity) for name in budgeted}
    elif method == "erdos_renyi":
        shared = _proportional(budgeted, sparsity, lambda shape: _sum_over_product(shape[-2:]))
    else:
        shared = _proportional(
            budgeted, sparsity, lambda shape: _sum_over_product(shape) ** erk_power_scale
        )
    return {name: float(custom[name]) if name in custom else shared[name] for name in kernels}


def _proportional(
    shapes: Mapping[str, Shape], sparsity: float, relative_density: Callable[[Shape], float]
) -> dict[str, float]:
    """Densities scale x relative_density(shape), capped at 1, that meet the weight budget.

    The budget is the number of weights that uniform sparsity would leave: size - floor(sparsity x
    size) of each kernel. A density cannot exceed 1, so while the largest does, its kernels become
    dense, their weights leave the budget, and the scale is solved again for the rest.
    """
    sizes = {name: math.prod(shape) for name, shape in shapes.items()}
    relative = {name: relative_density(shape) for name, shape in shapes.items()}
    sparsities = dict.fromkeys(shapes, 0.0)
    budget = sum(active_count(size, sparsity) for size in sizes.values())
    free = set(shapes)
    while free:
        # Sums run in the order of `shapes`: the order of a set would vary between processes, and
        # with it the last bit of the result.
        total = sum(relative[name] * sizes[name] for name in shapes if name in free)
        if total == 0:
            raise ValueError("erk_power_scale is so large that the densities of kernels vanish")
        scale = budget / total
        largest = max(relative[name] for name in free)
        if scale * largest < 1 - 1e-12:
            sparsities.update({name: 1 - scale * relative[name] for name in free})
            break
        newly_dense = {name for name in free if relative[name] == largest}
        budget -= sum(sizes[name] for name in newly_dense)
        free -= newly_dense
    return sparsities


def _sum_over_product(dims: Shape) -> float:
    return sum(dims) / math.prod(dims)


def _checked_shape(name: str, shape: Sequence[int]) -> Shape:
    dims = tuple(int(dim) for dim in shape)
    if len(dims) < 2 or min(dims) < 1:
        raise ValueError(
            f"kernel {name!r} has shape {dims}: expected (..., in, out), every size at least 1"
        )
    return dims


def check_sparsity(label: str, value: Any) -> None:
    """Raises a ValueError unless `value` is a number within [0, 1)."""
    if not _in_half_open(value, 0, 1):
        raise ValueError(f"{label} {value!r} is outside [0, 1), e.g. 0.9 removes 90%")


def _in_half_open(value: Any, low: float, high: float) -> bool:
    """Whether value is a number in [low, high); text, None and NaN are not."""
    return isinstance(value, numbers.Real) and low <= float(value) < high
