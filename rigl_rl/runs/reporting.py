"""Parameters, sparsities and FLOPs of a run's networks, for result.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from rigl_rl.sparsity import MaskedKernel, counting


def describe(
    networks: Mapping[str, tf.keras.layers.Layer], kernels: Sequence[MaskedKernel]
) -> dict[str, Any]:
    """Counts over all networks.

    Args:
      networks: {name: built network}.
      kernels: their masked kernels; a kernel that is not among them is dense.

    Returns:
      active_params and total_params with biases, the active ones of each network, sparsity over the
      masked kernels (0 if none), the kernels one by one, and each network's forward FLOPs for one
      example.
    """
    masked = {(kernel.network, kernel.label): int(kernel.active()) for kernel in kernels}
    active_params = total_params = masked_active = masked_size = 0
    layers, network_params, forward_flops = [], {}, {}
    for network, module in networks.items():
        found = counting.from_keras(module)
        active = {name: number for (owner, name), number in masked.items() if owner == network}
        count = counting.count(found, active=active)
        network_params[network] = count.active_params
        active_params += count.active_params
        total_params += count.total_params
        forward_flops[network] = count.flops
        for layer in found:
            layers.append(
                {
                    "network": network,
                    "name": layer.name,
                    "shape": list(layer.kernel_shape),
                    "active": count.active[layer.name],
                }
            )
            if layer.name in active:
                masked_active += active[layer.name]
                masked_size += layer.size
    return {
        "active_params": active_params,
        "total_params": total_params,
        "network_params": network_params,
        "sparsity": 1.0 - masked_active / masked_size if masked_size else 0.0,
        "layers": layers,
        "forward_flops": forward_flops,
    }
