"""Parameters and floating-point operations of Dense and Conv2D networks at a sparsity.

Conventions throughout the project:

- One multiply-add is two FLOPs. Bias adds, activations and pooling are not counted (below 1% of
  the networks of the paper), so FLOPs are exactly proportional to active weights.
- A weight is used once per output position of its layer (appendix A.2): once per example in a
  Dense layer, height x width of the output times in a convolution. Kernel positions on padding
  count, as they do in a GEMM.
- Biases are parameters and always active; sparsity refers to kernels only.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from rigl_rl.sparsity.distributions import active_count
from rigl_rl.sparsity.masks import kernels_of

_COUNTED = (
    tf.keras.layers.Dense,
    tf.keras.layers.Conv1D,
    tf.keras.layers.Conv2D,
    tf.keras.layers.Conv3D,
)
# Keras derives these from the layers above.
_NOT_COUNTED = (
    tf.keras.layers.Conv1DTranspose,
    tf.keras.layers.Conv2DTranspose,
    tf.keras.layers.Conv3DTranspose,
)


@dataclasses.dataclass(frozen=True)
class Layer:
    """The facts about one layer with a kernel that counting needs.

    Attributes:
      name: the kernel's name, the key under which sparsities are given.
      kernel_shape: (in, out) for Dense, (height, width, in, out) for Conv2D.
      output_positions: output height x width of a convolution; 1 for Dense and the default there.
      bias: whether the layer has one bias per output unit.
    """

    name: str
    kernel_shape: tuple[int, ...]
    output_positions: int | None = None
    bias: bool = True

    def __post_init__(self):
        if len(self.kernel_shape) < 2:
            raise ValueError(f"kernel {self.name!r} {self.kernel_shape}: expected (..., in, out)")
        if self.output_positions is None and len(self.kernel_shape) > 2:
            raise ValueError(
                f"convolution {self.name!r} {self.kernel_shape} needs output_positions, the "
                "height x width of its output: a kernel shape alone does not tell its FLOPs"
            )

    @property
    def size(self) -> int:
        """Weights in the kernel, active or not."""
        return math.prod(self.kernel_shape)

    @property
    def biases(self) -> int:
        """Number of bias parameters."""
        return self.kernel_shape[-1] if self.bias else 0

    def flops(self, active_weights: int) -> int:
        """FLOPs of one forward pass of one example through this many weights."""
        positions = 1 if self.output_positions is None else self.output_positions
        return 2 * active_weights * positions


@dataclasses.dataclass(frozen=True)
class Count:
    """Parameters and FLOPs of one network.

    Attributes:
      active_params: active weights and all biases.
      total_params: all weights and all biases.
      flops: FLOPs of one forward pass of one example through the active weights.
      dense_flops: the same with all weights active.
      active: active weights of each kernel, by layer name.
      sparsity: fraction of the kernels' weights that is inactive.
    """

    active_params: int
    total_params: int
    flops: int
    dense_flops: int
    active: dict[str, int]
    sparsity: float


LayersOrShapes = Iterable[Layer] | Mapping[str, Sequence[int]]


def count(
    layers_or_shapes: LayersOrShapes,
    sparsities: Mapping[str, float] | None = None,
    active: Mapping[str, int] | None = None,
) -> Count:
    """Counts the parameters and forward FLOPs of a network.

        shapes = {"d1": (4, 512), "d2": (512, 512), "q": (512, 2)}
        count(shapes, layer_sparsities(shapes, 0.9)).active_params  # 27549: 26523 + 1026 biases

    Args:
      layers_or_shapes: `Layer`s (see `from_keras`), or the kernel shapes of Dense layers by name,
        each with a bias.
      sparsities: name -> sparsity; the layer keeps size - floor(sparsity x size) weights. Layers
        that are not named are dense.
      active: name -> number of active weights, instead of sparsities, if there are masks.

    Returns:
      A `Count`.

    Raises:
      ValueError: a name without a layer, two layers of one name, a sparsity outside [0, 1], an
        active number outside [0, size], or a convolution without its output positions.
    """
    layers = _as_layers(layers_or_shapes)
    kept = {layer.name: layer.size for layer in layers}
    for name in {**(sparsities or {}), **(active or {})}:
        if name not in kept:
            raise ValueError(f"no layer {name!r} to count, the layers are {list(kept)}")
    for name, sparsity in (sparsities or {}).items():
        if not 0 <= sparsity <= 1:
            raise ValueError(f"sparsity {sparsity!r} of layer {name!r} is outside [0, 1]")
        kept[name] = active_count(kept[name], sparsity)
    for layer in layers:
        if active and layer.name in active:
            kept[layer.name] = int(active[layer.name])
        if not 0 <= kept[layer.name] <= layer.size:
            raise ValueError(
                f"{kept[layer.name]} active weights in layer {layer.name!r} of {layer.size}"
            )

    biases = sum(layer.biases for layer in layers)
    size = sum(layer.size for layer in layers)
    return Count(
        active_params=sum(kept.values()) + biases,
        total_params=size + biases,
        flops=sum(layer.flops(kept[layer.name]) for layer in layers),
        dense_flops=sum(layer.flops(layer.size) for layer in layers),
        active=kept,
        sparsity=1 - sum(kept.values()) / size,
    )


def train_step_flops(
    layers_or_shapes: LayersOrShapes, batch_size: int, forward_passes: int = 2
) -> int:
    """FLOPs of one dense train step on a batch; masks do not reduce the work of dense products.

    The backward pass computes every kernel's gradient and, except for the first layer, whose input
    is data, the gradient of the layer's input: each costs as much as the layer's forward pass.

    Args:
      layers_or_shapes: as for `count`, from input to output.
      batch_size: examples in the batch.
      forward_passes: 2 for DQN, with the online network on the state and the target network on the
        next state; 1 for supervised learning.
    """
    layers = _as_layers(layers_or_shapes)
    forward = sum(layer.flops(layer.size) for layer in layers)
    backward = 2 * forward - layers[0].flops(layers[0].size)
    return batch_size * (forward_passes * forward + backward)


def from_keras(network: Any) -> list[Layer]:
    """The Dense and convolutional layers of a built network, for `count`.

    A layer that the network applies several times counts once.

    Args:
      network: a built Keras model or layer, or a TF-Agents network. Convolutions must have been
        built with their real height and width, as in models with an input shape.

    Returns:
      Layers named like the network's masks, see `masks.kernels_of`.

    Raises:
      ValueError: a kernel belongs to another kind of layer, or sizes are unknown.
    """
    owners = {
        id(module.kernel): module
        for module in (network, *network.submodules)
        if getattr(module, "kernel", None) is not None
    }
    layers = []
    for name, kernel in kernels_of(network).items():
        layer = owners.get(id(kernel))
        if not isinstance(layer, _COUNTED) or isinstance(layer, _NOT_COUNTED):
            raise ValueError(
                f"cannot count the FLOPs of kernel {name!r}: it belongs to "
                f"{type(layer).__name__}, not to Dense, Conv1D, Conv2D or Conv3D"
            )
        input_shape = layer.get_build_config()["input_shape"]
        _, *output_dims = layer.compute_output_shape(input_shape)
        if None in output_dims:
            raise ValueError(f"layer {name!r} was built with unknown sizes: input {input_shape}")
        shape = tuple(kernel.shape)
        # All dimensions except channels are positions, whether channels come first or last.
        positions = math.prod(output_dims) // shape[-1]
        layers.append(Layer(name, shape, positions, layer.bias is not None))
    return layers


def _as_layers(layers_or_shapes: LayersOrShapes) -> list[Layer]:
    if isinstance(layers_or_shapes, Mapping):
        layers = [Layer(name, tuple(shape)) for name, shape in layers_or_shapes.items()]
    else:
        layers = list(layers_or_shapes)
    if not layers:
        raise ValueError("nothing to count: no layers and no kernel shapes were given")
    names = [layer.name for layer in layers]
    if len(set(names)) < len(names):
        raise ValueError(f"two layers of one name in {names}")
    return layers
