"""Widths of the dense networks that have as many parameters as a sparse agent.

Section 3 of the paper compares sparse networks with "parameter-equivalent" dense baselines,
obtained by scaling layer widths down. An agent has one network (DQN) or several (actor and
critics), all of the same width, given as the units of their hidden dense layers. Counting uses
plain integers, so that a study expands without loading TensorFlow.
"""

import functools
import math
from typing import NamedTuple, Protocol

from rigl_rl.networks.width import scaled_units


class Network(Protocol):
    """A network whose layers scale with the units of its hidden dense layers."""

    def kernel_parameters(self, units: int) -> int:
        """Number of weights in the kernels."""

    def other_parameters(self, units: int) -> int:
        """Biases; they are never sparse."""


class Net(NamedTuple):
    """A perceptron with two equal hidden layers: inputs -> units -> units -> outputs."""

    inputs: int
    outputs: int

    def kernel_parameters(self, units: int) -> int:
        """Number of weights in the three kernels."""
        return self.inputs * units + units * units + units * self.outputs

    def other_parameters(self, units: int) -> int:
        """Biases."""
        return 2 * units + self.outputs

    def parameters(self, units: int) -> int:
        """All parameters of the dense network."""
        return self.kernel_parameters(units) + self.other_parameters(units)


class ConvNet(NamedTuple):
    """A chain of convolutions, a hidden dense layer and a linear one (the networks of Table 7).

    A residual block adds its input to its output, which takes no parameters.
    """

    channels: int
    """Channels of the input: the frames in a state."""
    convolutions: tuple[tuple[int, int], ...]
    """Kernel size and, at width 1, filters of each convolution."""
    positions: int
    """Height x width of the last convolution's output."""
    full_units: int
    """Units of the hidden dense layer at width 1."""
    outputs: int

    def layers(self, units: int) -> list[tuple[int, int]]:
        """Inputs and outputs of each layer at one position."""
        filters = scaled_units([number for _, number in self.convolutions], units / self.full_units)
        inputs = (self.channels, *filters)
        sizes = [size for size, _ in self.convolutions]
        layers = [
            (size * size * before, after) for size, before, after in zip(sizes, inputs, filters)
        ]
        return [*layers, (self.positions * filters[-1], units), (units, self.outputs)]

    def kernel_parameters(self, units: int) -> int:
        """Number of weights in the kernels."""
        return sum(before * after for before, after in self.layers(units))

    def other_parameters(self, units: int) -> int:
        """Biases."""
        return sum(after for _, after in self.layers(units))


def sparse_parameters(nets: tuple[Network, ...], units: int, sparsity: float) -> int:
    """Active parameters of `nets` at full width and `sparsity`: (1 - sparsity) of each network's
    kernels, plus everything else.

    The distribution of sparsity over the layers changes the count by less than two weights per
    layer, so one dense network matches both the ERK and the uniform one.
    """
    total = 0
    for net in nets:
        kernels = net.kernel_parameters(units)
        total += kernels - math.floor(sparsity * kernels) + net.other_parameters(units)
    return total


@functools.cache  # called again for every seed and figure
def matched_units(nets: tuple[Network, ...], units: int, sparsity: float) -> int:
    """Hidden units whose dense parameter count is closest to the sparse one's (fewer on a tie).

    Args:
      nets: the agent's networks.
      units: units of their hidden layers at width 1.
      sparsity: sparsity of the networks to match.
    """
    target = sparse_parameters(nets, units, sparsity)
    return min(
        range(1, units + 1),
        key=lambda fewer: abs(sparse_parameters(nets, fewer, 0.0) - target),
    )
