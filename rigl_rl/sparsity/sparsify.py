"""From a built network to a sparse one and its optimizer, in one call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional, Union

import tensorflow as tf

from rigl_rl.adapters.keras_optimizers import steps_weights_apart
from rigl_rl.sparsity.execution import Execution
from rigl_rl.sparsity.mask_updaters import METHODS, DropAndGrow, MaskUpdater, Prune
from rigl_rl.sparsity.masks import Kernels, kernels_of, mask_kernels
from rigl_rl.sparsity.optimizer import SparseOptimizer
from rigl_rl.sparsity.schedules import DropFraction, UpdateTimes

# Section A.3: pruning runs from 20 % to 80 % of training, mask updates stop at 80 %.
PRUNING_BEGINS = 0.2
UPDATES_END = 0.8


def sparsify(
    network_or_kernels: Union[Kernels, dict[str, Kernels]],
    method: str = "rigl",
    sparsity: Union[float, Mapping[str, float]] = 0.9,
    optimizer: Union[str, tf.keras.optimizers.Optimizer] = "adam",
    *,
    total_steps: Optional[int] = None,
    distribution: str = "erdos_renyi_kernel",
    erk_power_scale: float = 1.0,
    custom_sparsity_map: Optional[dict[str, float]] = None,
    sparsity_aware_init: bool = True,
    update_freq: int = 1000,
    begin_step: Optional[int] = None,
    last_update_step: Optional[int] = None,
    drop_fraction: float = 0.5,
    drop_fraction_schedule: str = "cosine",
    drop_noise: float = 0.0,
    initial_sparsity: float = 0.0,
    sparse_output_layer: bool = True,
    sparse_execution: str = "auto",
    seed: int = 0,
) -> SparseOptimizer:
    """Makes networks sparse, at once or over training, and returns the optimizer to train with.

    The networks' kernels are set here (masks, sparsity-aware initialization); their masks change
    when the returned optimizer's `apply_gradients` is called.

    Args:
      network_or_kernels: a built network, its kernels, or {name: network} for several that one
        optimizer trains. `sparsity` is distributed within each network.
      method: 'prune', 'static', 'set', 'rigl', 'rigl_inverted', or 'dense' for no masks at all.
      sparsity: share of zeros among the kernels' weights, within [0, 1), or {name: share} of
        several networks. Biases stay dense.
      optimizer: the Keras optimizer (new or legacy) to wrap, or its name.
      total_steps: train steps of the whole run, from which begin and end of the mask updates
        follow as in the paper. Needed by all but 'dense' and 'static', unless `last_update_step`
        is given.
      distribution, erk_power_scale, custom_sparsity_map: see `distributions.layer_sparsities`;
        names in the map are the kernels' (`masks.kernels_of`), of whichever network.
      sparsity_aware_init: redraw kernels for their masks (Evci et al. 2022).
      update_freq: train steps between mask updates.
      begin_step: first update; default 0, pruning 20 % of `total_steps`.
      last_update_step: last update, default 80 % of `total_steps`; negative: never stop; 0: never.
      drop_fraction, drop_fraction_schedule: of SET and RigL, see `schedules.DropFraction`.
      drop_noise: of SET and RigL, see `mask_updaters.DropAndGrow`.
      initial_sparsity: at which pruning starts.
      sparse_output_layer: whether the last kernel of each network is sparse too.
      sparse_execution: how train steps multiply by Dense kernels: 'auto' by active weights alone,
        where that is faster and the operation for it was built; 'sparse' in all masked Dense
        layers; 'dense' in none. `Model.fit` follows; a training loop traces its train steps within
        `optimizer.execution.train_steps()`.
      seed: determines masks, weights, SET's growth and the noise.

    Raises:
      ValueError: an argument is outside of what is allowed; the message says which and what is.
    """
    if method not in METHODS:
        raise ValueError(f"unknown method {method!r}; choose one of {', '.join(METHODS)}")
    optimizer = tf.keras.optimizers.get(optimizer)
    networks = (
        network_or_kernels
        if isinstance(network_or_kernels, dict)
        else {getattr(network_or_kernels, "name", "network"): network_or_kernels}
    )
    if method == "dense":
        return SparseOptimizer(optimizer, [], MaskUpdater("dense"))

    updater = MaskUpdater()
    if method != "static":
        if last_update_step is None:
            if total_steps is None:
                raise ValueError(
                    f"{method} needs total_steps, the train steps of the whole run, to know when "
                    "mask updates end (or last_update_step)"
                )
            last_update_step = int(UPDATES_END * total_steps)
            if method == "prune" and not last_update_step:
                raise ValueError(
                    f"total_steps is {total_steps}, but pruning needs at least 2 train steps"
                )
        if begin_step is None:
            begin_step = int(PRUNING_BEGINS * (total_steps or 0)) if method == "prune" else 0
        times = UpdateTimes(update_freq, end=last_update_step, begin=begin_step)
        if method == "prune":
            updater = Prune(times=times, initial_sparsity=initial_sparsity)
        else:
            schedule = drop_fraction_schedule if last_update_step > 0 else "constant"
            fraction = DropFraction(drop_fraction, schedule, last_update_step)
            updater = DropAndGrow(method, times, fraction, seed, drop_noise)

    found = {name: kernels_of(network) for name, network in networks.items()}
    if not sparse_output_layer:
        found = {name: dict([*kernels.items()][:-1]) for name, kernels in found.items()}
    custom = dict(custom_sparsity_map or {})
    names = [kernel for kernels in found.values() for kernel in kernels]
    for name in custom.keys() - set(names):
        raise ValueError(f"custom_sparsity_map names {name!r}, the kernels are {names}")
    masked = []
    for number, (name, kernels) in enumerate(found.items()):
        masked += mask_kernels(
            kernels,
            sparsity[name] if isinstance(sparsity, Mapping) else sparsity,
            network=name,
            distribution=distribution,
            erk_power_scale=erk_power_scale,
            custom_sparsity_map={kernel: custom[kernel] for kernel in kernels if kernel in custom},
            start_dense=method == "prune",
            sparsity_aware_init=sparsity_aware_init,
            seed=(seed, number),
        )
    if sparse_execution != "dense" and not steps_weights_apart(optimizer):
        if sparse_execution == "sparse":
            raise ValueError(
                "sparse_execution is 'sparse', but the optimizer's step of a weight depends on the "
                "gradients of others, inactive ones included; choose 'dense'"
            )
        sparse_execution = "dense"
    execution = Execution(sparse_execution, networks, masked, updater, optimizer.iterations)
    if isinstance(network_or_kernels, tf.keras.Model):
        execution.fit(network_or_kernels)
    return SparseOptimizer(optimizer, masked, updater, execution)
