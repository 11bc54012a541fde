"""From a built network to a sparse one and its optimizer, in one call."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from rigl_rl.adapters.keras_optimizers import (
    loss_scale_like,
    scales_losses,
    steps_weights_apart,
)
from rigl_rl.parameters import check
from rigl_rl.sparsity import replicas
from rigl_rl.sparsity.execution import Execution
from rigl_rl.sparsity.masks import (
    Kernels,
    MaskedKernel,
    kernels_of,
    mask_kernels,
    sparsity_of,
)
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
    sparse_initializer: str = SparseSettings.sparse_initializer,
    update_freq: int = SparseSettings.update_freq,
    begin_step: int | None = SparseSettings.begin_step,
    last_update_step: int | None = SparseSettings.last_update_step,
    drop_fraction: float = SparseSettings.drop_fraction,
    drop_fraction_schedule: str = SparseSettings.drop_fraction_schedule,
    drop_noise: float = SparseSettings.drop_noise,
    initial_sparsity: float = SparseSettings.initial_sparsity,
    sparse_output_layer: bool = SparseSettings.sparse_output_layer,
    sparse_execution: str = SparseSettings.sparse_execution,
    keep_zeros: bool = False,
    seed: int = 0,
) -> SparseOptimizer:
    """Makes networks sparse, at once or over training, and returns the optimizer to train with.

    The networks' kernels are set here (masks, sparsity-aware initialization); their masks change
    when the returned optimizer's `apply_gradients` is called.

    Args:
      network_or_kernels: a built network, its kernels, or {name: network} for several that one
        optimizer trains. `sparsity` is distributed within each network. A kernel that several
        networks share belongs to the first of them.
      optimizer: the Keras optimizer (new or legacy) to wrap, or its name. For a
        LossScaleOptimizer, its inner optimizer is wrapped; the result is a LossScaleOptimizer
        around it, with the sparse optimizer's `kernels` and `updater`.
      total_steps: train steps of the whole run, which determine begin and end of the mask updates
        as in the paper. Needed by methods that change masks, unless `last_update_step` is given.
      keep_zeros: whether the networks are already sparse, such as loaded ones: their zeros become
        the masks, and their weights stay.
      seed: determines masks, weights, random growth and noise. Two calls with one seed draw alike,
        so give the networks of one agent different seeds.
      method, sparsity, distribution, erk_power_scale, custom_sparsity_map, sparsity_aware_init,
        sparse_initializer, update_freq, begin_step, last_update_step, drop_fraction,
        drop_fraction_schedule, drop_noise, initial_sparsity, sparse_output_layer,
        sparse_execution: see `SparseSettings`.

    Raises:
      ValueError: an argument is not allowed; the message names it and what is allowed.
    """
    settings = SparseSettings(
        method=method,
        sparsity=sparsity,
        distribution=distribution,
        erk_power_scale=erk_power_scale,
        custom_sparsity_map=custom_sparsity_map,
        sparsity_aware_init=sparsity_aware_init,
        sparse_initializer=sparse_initializer,
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
        settings,
        network_or_kernels,
        optimizer,
        total_steps=total_steps,
        keep_zeros=keep_zeros,
        seed=seed,
    )


def sparsify_with(
    settings: SparseSettings,
    network_or_kernels: Kernels | dict[str, Kernels],
    optimizer: str | tf.keras.optimizers.Optimizer,
    *,
    total_steps: int | None = None,
    keep_zeros: bool = False,
    seed: int = 0,
) -> SparseOptimizer:
    """Like `sparsify`, with the settings as one object."""
    check("seed", seed, "int", low=0)
    optimizer = tf.keras.optimizers.get(optimizer)
    if scales_losses(optimizer):
        sparse = sparsify_with(
            settings,
            network_or_kernels,
            optimizer.inner_optimizer,
            total_steps=total_steps,
            keep_zeros=keep_zeros,
            seed=seed,
        )
        return _scaled(sparse, optimizer)
    networks = (
        network_or_kernels
        if isinstance(network_or_kernels, dict)
        else {getattr(network_or_kernels, "name", "network"): network_or_kernels}
    )
    updater = settings.updater_class.from_settings(settings, total_steps, seed)
    if settings.dense:
        return SparseOptimizer(optimizer, [], updater)
    mode = settings.sparse_execution
    hindrance = ""
    if not steps_weights_apart(optimizer):
        hindrance = (
            "the optimizer's step of a weight depends on the gradients of others, inactive ones "
            "included"
        )
    elif replicas.in_use():
        hindrance = "this is a distribution strategy's scope"
    if hindrance and mode == "sparse":
        raise ValueError(f"sparse_execution is 'sparse', but {hindrance}; choose 'dense'")
    mode = "dense" if hindrance else mode
    masked = _masked(networks, settings, keep_zeros, seed)
    execution = Execution(mode, networks, masked, updater, optimizer.iterations)
    if isinstance(network_or_kernels, tf.keras.Model):
        execution.fit(network_or_kernels)
    return SparseOptimizer(optimizer, masked, updater, execution)


def _scaled(sparse: SparseOptimizer, like) -> Any:
    """The sparse optimizer wrapped in a LossScaleOptimizer like the given one."""
    scaled = loss_scale_like(like, sparse)
    for name in ("kernels", "updater", "execution", "apply_masks", "drop_fraction"):
        # Not as attributes that Keras tracks: they belong to the inner optimizer.
        object.__setattr__(scaled, name, getattr(sparse, name))
    return scaled


def _masked(
    networks: Mapping[str, Kernels], settings: SparseSettings, keep_zeros: bool, seed: int
) -> list[MaskedKernel]:
    """The kernels of all networks with their first masks."""
    found = {name: kernels_of(network) for name, network in networks.items()}
    if not settings.sparse_output_layer:
        found = {name: dict([*kernels.items()][:-1]) for name, kernels in found.items()}
    if isinstance(settings.sparsity, Mapping) and settings.sparsity.keys() != found.keys():
        raise ValueError(
            f"sparsity is given for {', '.join(map(repr, settings.sparsity))}, but the networks "
            f"are {', '.join(map(repr, found))}"
        )
    custom = dict(settings.custom_sparsity_map or {})
    names = [kernel for kernels in found.values() for kernel in kernels]
    for name in custom.keys() - set(names):
        raise ValueError(f"custom_sparsity_map names {name!r}, the kernels are {names}")
    taken: set[Any] = set()
    masked = []
    for number, (name, kernels) in enumerate(found.items()):
        kernels = {label: each for label, each in kernels.items() if each.ref() not in taken}
        taken |= {each.ref() for each in kernels.values()}
        if not kernels:
            continue
        masked += mask_kernels(
            kernels,
            settings.sparsity_in(name),
            network=name,
            distribution=settings.distribution,
            erk_power_scale=settings.erk_power_scale,
            custom_sparsity_map={kernel: custom[kernel] for kernel in kernels if kernel in custom},
            start_dense=settings.updater_class.starts_dense,
            sparsity_aware_init=settings.sparsity_aware_init,
            sparse_initializer=settings.sparse_initializer,
            keep_zeros=keep_zeros,
            seed=(seed, number),
        )
    if keep_zeros and not any(kernel.sparsity for kernel in masked):
        raise ValueError("keep_zeros is given, but the networks have no zeros to keep")
    if keep_zeros and settings.updater_class.starts_dense:
        zeros = max(sparsity_of([kernel]) for kernel in masked)
        if zeros > settings.initial_sparsity + 0.01:
            raise ValueError(
                f"{settings.method} begins at initial_sparsity {settings.initial_sparsity}, where "
                f"zeros would return: up to {zeros:.2f} of a kernel; raise initial_sparsity, or "
                "keep them with 'static'"
            )
    return masked
