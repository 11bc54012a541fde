"""Initial weights for a kernel that is sparse from the start."""

from __future__ import annotations

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
    mask = np.asarray(mask, dtype=np.float32)
    if mask.ndim < 2:
        raise ValueError(f"mask of shape {mask.shape}: expected (..., in, out)")
    axes = range(mask.ndim)
    # Counted as integers: a float32 sum stops being exact at 2**24 connections.
    fan_in = np.count_nonzero(mask, axis=tuple(axes[:-1])).astype(np.float32)
    fan_out = np.count_nonzero(mask, axis=(*axes[:-2], axes[-1])).astype(np.float32)
    fan = np.maximum(1, (fan_in[np.newaxis, :] + fan_out[:, np.newaxis]) / 2)

    uniform = np.random.default_rng(seed).random(mask.shape, dtype=np.float32)  # [0, 1)
    return (2 * uniform - 1) * np.sqrt(3 / fan) * mask
