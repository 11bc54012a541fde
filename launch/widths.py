"""Widths of the dense networks that have as many parameters as a sparse agent.

Section 3 of the paper compares sparse networks with "parameter-equivalent" dense baselines,
obtained by scaling the widths of the hidden layers down. All networks here are multi-layer
perceptrons with two equal hidden layers, inputs -> units -> units -> outputs, with biases; an agent
has one (DQN) or several (actor and critics), all of one width. Plain integers, so that a study
expands without loading TensorFlow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple


class Net(NamedTuple):
    """A network with two equal hidden layers."""

    inputs: int
    outputs: int
    free: int = 0
    """Parameters that depend on no width, such as a Gaussian policy's standard deviations."""

    def kernel_parameters(self, units: int) -> int:
        """Number of weights in the three kernels."""
        return self.inputs * units + units * units + units * self.outputs

    def other_parameters(self, units: int) -> int:
        """Biases and free parameters; they are never sparse."""
        return 2 * units + self.outputs + self.free

    def parameters(self, units: int) -> int:
        """All parameters of the dense network."""
        return self.kernel_parameters(units) + self.other_parameters(units)


def sparse_parameters(nets: Sequence[Net], units: int, sparsity: float) -> int:
    """Active parameters of `nets` at full width and `sparsity`: (1 - sparsity) of each network's
    kernels and everything else.

    How the distribution spreads the sparsity over the layers changes the count by less than one
    weight per layer, so one dense network matches both the ERK and the uniform one.
    """
    total = 0
    for net in nets:
        kernels = net.kernel_parameters(units)
        total += kernels - math.floor(sparsity * kernels) + net.other_parameters(units)
    return total


def matched_units(nets: Sequence[Net], units: int, sparsity: float) -> int:
    """Hidden units whose dense parameter count is nearest to the sparse one's (a tie: fewer).

    Args:
        nets: the agent's networks.
        units: of their hidden layers at width 1.
        sparsity: of the networks to match.
    """
    target = sparse_parameters(nets, units, sparsity)
    return min(
        range(1, units + 1),
        key=lambda fewer: abs(sum(net.parameters(fewer) for net in nets) - target),
    )
