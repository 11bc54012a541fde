"""Widths of the dense networks that have as many parameters as a sparse one.

Section 3 of the paper compares sparse networks with "parameter-equivalent" dense baselines,
obtained by scaling the widths of the hidden layers down. The network here is the Q-network of
classic control (Table 6): two equal hidden layers, inputs -> units -> units -> outputs, with
biases. Plain integers, so that a study expands without loading TensorFlow.
"""

from __future__ import annotations

import math

UNITS = 512
"""Units of each hidden layer at width 1 (Table 6)."""


def kernel_parameters(inputs: int, units: int, outputs: int) -> int:
    """Number of weights in the three kernels."""
    return inputs * units + units * units + units * outputs


def bias_parameters(units: int, outputs: int) -> int:
    """Number of biases; they are never sparse."""
    return 2 * units + outputs


def dense_parameters(inputs: int, units: int, outputs: int) -> int:
    """All parameters of the dense network."""
    return kernel_parameters(inputs, units, outputs) + bias_parameters(units, outputs)


def sparse_parameters(inputs: int, outputs: int, sparsity: float) -> int:
    """Active parameters of the full-width network at `sparsity`: (1 - sparsity) of the kernels'
    weights and all biases.

    How the distribution spreads the sparsity over the layers changes the count by less than one
    weight per layer, so one dense network matches both the ERK and the uniform one.
    """
    kernels = kernel_parameters(inputs, UNITS, outputs)
    return kernels - math.floor(sparsity * kernels) + bias_parameters(UNITS, outputs)


def matched_units(inputs: int, outputs: int, sparsity: float) -> int:
    """Hidden units whose dense parameter count is nearest to the sparse one's (a tie: fewer)."""
    target = sparse_parameters(inputs, outputs, sparsity)
    return min(
        range(1, UNITS + 1),
        key=lambda units: abs(dense_parameters(inputs, units, outputs) - target),
    )
