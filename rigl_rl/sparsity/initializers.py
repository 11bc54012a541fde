"""Initial weights for a kernel that is sparse from the start: two ways to fit them to its mask."""

import numpy as np


def sparsity_aware(mask, seed: int | np.random.Generator | None = None) -> np.ndarray:
    """Draws the weights of a kernel, scaled to the active connections of each unit.

    Glorot's uniform initializer with fans counted per unit on the mask (Evci et al., 2022): the
    weight from input unit i to output unit j comes from U(-L, L), where
    L = sqrt(3 / max(1, (fan_in + fan_out) / 2)), fan_in is the number of active weights into j and
    fan_out the number out of i. In a convolution, every kernel position is a separate connection.
    Inactive weights are 0.

    Args:
      mask: zeros and ones, (in, out) or (height, width, in, out); array, tensor or variable.
      seed: determines the draw. Equal seeds give kernels of one shape equal draws; pass one NumPy
        Generator for all kernels of a network, or a different seed for each.

    Returns:
      float32 array of the mask's shape.

    Raises:
      ValueError: the mask has fewer than two dimensions.
    """
    mask, fan_in = _with_fan_in(mask)
    # Counted as integers: a float32 sum stops being exact at 2**24 connections.
    others = (*range(mask.ndim - 2), mask.ndim - 1)
    fan_out = np.count_nonzero(mask, axis=others).astype(np.float32)
    fan = np.maximum(1, (fan_in[np.newaxis, :] + fan_out[:, np.newaxis]) / 2)

    uniform = np.random.default_rng(seed).random(mask.shape, dtype=np.float32)  # [0, 1)
    return (2 * uniform - 1) * np.sqrt(3 / fan) * mask


def rescaled(weights, mask) -> np.ndarray:
    """Scales a kernel's own initial weights to the active inputs of each unit.

    The reading of section 6 of the paper that keeps the network's initializer: where a share d of
    the weights into a unit is active, they are multiplied by 1 / sqrt(d), so that the unit's input
    keeps its variance. A kernel that stays dense keeps its weights.

    Args:
      weights: the initial weights, (in, out) or (height, width, in, out).
      mask: zeros and ones, as in `sparsity_aware`.

    Returns:
      float32 array of the mask's shape; inactive weights are 0.

    Raises:
      ValueError: the mask has fewer than two dimensions.
    """
    mask, fan_in = _with_fan_in(mask)
    inputs = mask.size / mask.shape[-1]
    scale = np.sqrt(inputs / np.maximum(1, fan_in), dtype=np.float32)
    return np.asarray(weights, np.float32) * mask * scale


def _with_fan_in(mask) -> tuple[np.ndarray, np.ndarray]:
    """The mask in float32, and the number of active weights into each output unit."""
    mask = np.asarray(mask, dtype=np.float32)
    if mask.ndim < 2:
        raise ValueError(f"mask of shape {mask.shape}: expected (..., in, out)")
    return mask, np.count_nonzero(mask, axis=tuple(range(mask.ndim - 1))).astype(np.float32)
