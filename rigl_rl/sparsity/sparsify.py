"""From a built network to a sparse one and its optimizer, in one call."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from rigl_rl.adapters.keras_optimizers import steps_weights_apart
from rigl_rl.sparsity.execution import Execution
from rigl_rl.sparsity.masks import Kernels, MaskedKernel, kernels_of, mask_kernels
from rigl_rl.sparsity.optimizer import SparseOptimizer
from rigl_rl.sparsity.settings import SparseSettings


def sparsify(
    network_or_kernels: Kernels | dict[str, Kernels],
    method: str = SparseSettings.method,
    sparsity: float | Mapping[str, float] = SparseSettings.sparsity,
    optimizer: str | tf.keras.optimizers.Optimizer = "adam",
    *,
    total_steps: int | None = None,
    distribution: str = SparseSettings.distribution,
    erk_power_scale: float = SparseSettings.erk_power_scale,
    custom_sparsity_map: Mapping[str, float] | None = SparseSettings.custom_sparsity_map,
    sparsity_aware_init: bool = SparseSettings.sparsity_aware_init,
    update_freq: int = SparseSettings.update_freq,
    begin_step: int | None = SparseSettings.begin_step,
    last_update_step: int | None = SparseSettings.last_update_step,
    drop_fraction: float = SparseSettings.drop_fraction,
    drop_fraction_schedule: str = SparseSettings.drop_fraction_schedule,
    drop_noise: float = SparseSettings.drop_noise,
    initial_sparsity: float = SparseSettings.initial_sparsity,
    sparse_output_layer: bool = SparseSettings.sparse_output_layer,
    sparse_execution: str = SparseSettings.sparse_execution,
    seed: int = 0,
) -> SparseOptimizer:
    """Makes networks sparse, at once or over training, and returns the optimizer to train with.

    The networks' kernels are set here (masks, sparsity-aware initialization); their masks change
    when the returned optimizer's `apply_gradients` is called.

    Args:
      network_or_kernels: a built network, its kernels, or {name: network} for several that one
        optimizer trains. `sparsity` is distributed within each network.
      optimizer: the Keras optimizer (new or legacy) to wrap, or its name.
      total_steps: train steps of the whole run, from which begin and end of the mask updates
        follow as in the paper. Needed by methods that change masks, unless `last_update_step` is
        given.
      seed: determines masks, weights, random growth and noise.
      method, sparsity, distribution, erk_power_scale, custom_sparsity_map, sparsity_aware_init,
        update_freq, begin_step, last_update_step, drop_fraction, drop_fraction_schedule,
        drop_noise, initial_sparsity, sparse_output_layer, sparse_execution: see `SparseSettings`.

    Raises:
      ValueError: an argument is outside of what is allowed; the message says which and what is.
    """
    settings = SparseSettings(
        method=method,
        sparsity=sparsity,
        distribution=distribution,
        erk_power_scale=erk_power_scale,
        custom_sparsity_map=custom_sparsity_map,
        sparsity_aware_init=sparsity_aware_init,
        update_freq=update_freq,
        begin_step=begin_step,
        last_update_step=last_update_step,
        drop_fraction=drop_fraction,
        drop_fraction_schedule=drop_fraction_schedule,
        drop_noise=drop_noise,
        initial_sparsity=initial_sparsity,
        sparse_output_layer=sparse_output_layer,
        sparse_execution=sparse_execution,
    )
    return sparsify_with(
        settings, network_or_kernels, optimizer, total_steps=total_steps, seed=seed
    )


def sparsify_with(
    settings: SparseSettings,
    network_or_kernels: Kernels | dict[str, Kernels],
    optimizer: str | tf.keras.optimizers.Optimizer,
    *,
    total_steps: int | None = None,
    seed: int = 0,
) -> SparseOptimizer:
    """Like `sparsify`, with the settings as one object."""
    optimizer = tf.keras.optimizers.get(optimizer)
    networks = (
        network_or_kernels
        if isinstance(network_or_kernels, dict)
        else {getattr(network_or_kernels, "name", "network"): network_or_kernels}
    )
    updater = settings.updater_class.from_settings(settings, total_steps, seed)
    if settings.dense:
        return SparseOptimizer(optimizer, [], updater)
    masked = _masked(networks, settings, seed)
    mode = settings.sparse_execution
    if mode != "dense" and not steps_weights_apart(optimizer):
        if mode == "sparse":
            raise ValueError(
                "sparse_execution is 'sparse', but the optimizer's step of a weight depends on the "
                "gradients of others, inactive ones included; choose 'dense'"
            )
        mode = "dense"
    execution = Execution(mode, networks, masked, updater, optimizer.iterations)
    if isinstance(network_or_kernels, tf.keras.Model):
        execution.fit(network_or_kernels)
    return SparseOptimizer(optimizer, masked, updater, execution)


def _masked(
    networks: Mapping[str, Kernels], settings: SparseSettings, seed: int
) -> list[MaskedKernel]:
    """The kernels of all networks with their first masks."""
    found = {name: kernels_of(network) for name, network in networks.items()}
    if not settings.sparse_output_layer:
        found = {name: dict([*kernels.items()][:-1]) for name, kernels in found.items()}
    custom = dict(settings.custom_sparsity_map or {})
    names = [kernel for kernels in found.values() for kernel in kernels]
    for name in custom.keys() - set(names):
        raise ValueError(f"custom_sparsity_map names {name!r}, the kernels are {names}")
    masked = []
    for number, (name, kernels) in enumerate(found.items()):
        masked += mask_kernels(
            kernels,
            settings.sparsity_in(name),
            network=name,
            distribution=settings.distribution,
            erk_power_scale=settings.erk_power_scale,
            custom_sparsity_map={kernel: custom[kernel] for kernel in kernels if kernel in custom},
            start_dense=settings.updater_class.starts_dense,
            sparsity_aware_init=settings.sparsity_aware_init,
            seed=(seed, number),
        )
    return masked
