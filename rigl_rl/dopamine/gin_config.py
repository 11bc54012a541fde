"""The gin names of the authors' Atari configs, mapped to `SparseSettings` and Dopamine.

Bindings of a method that is not chosen are ignored, as in the original: its files bind several
methods. Those that seem to set the chosen method, but under another's name, are refused. All steps
are gradient steps. `SparseSettings` documents each setting.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import gin
import tensorflow as tf

from rigl_rl.environments.atari import AtariEnvironment
from rigl_rl.errors import ConfigError
from rigl_rl.parameters import Allowed, declares
from rigl_rl.sparsity import DENSE, METHODS, SparseSettings
from rigl_rl.sparsity.distributions import layer_sparsities
from rigl_rl.sparsity.gin_config import (
    distribution,
    init_masks,
    mask_updater,
    of_settings,
    sparse_execution,
)
from rigl_rl.sparsity.mask_updaters import SET, Prune, RigL


@gin.configurable
@of_settings(
    *("erk_power_scale", "custom_sparsity_map"),
    target_sparsity="sparsity",
    mask_init_method="distribution",
)
def get_pruning_sparsities(
    target_sparsity: float = 0.9,
    mask_init_method: str = SparseSettings.distribution,
    erk_power_scale: float = SparseSettings.erk_power_scale,
    custom_sparsity_map: dict[str, float] | None = None,
) -> dict[str, Any]:
    """The final sparsities of pruning.

    Args:
      target_sparsity: sparsity over all kernels, within [0, 1).
      mask_init_method: 'erdos_renyi_kernel', 'erdos_renyi' or 'uniform' (also 'random').
      erk_power_scale: exponent of the Erdos-Renyi densities.
      custom_sparsity_map: {kernel name: sparsity} for layers set by hand.
    """
    return dict(
        sparsity=target_sparsity,
        distribution=distribution(mask_init_method),
        erk_power_scale=erk_power_scale,
        custom_sparsity_map=custom_sparsity_map,
    )


@gin.configurable
@of_settings(
    *("initial_sparsity", "begin_step"),
    final_sparsity="sparsity",
    end_step="last_update_step",
    frequency="update_freq",
)
def pruning(
    initial_sparsity: float = SparseSettings.initial_sparsity,
    final_sparsity: float | None = None,
    begin_step: int | None = SparseSettings.begin_step,
    end_step: int | None = SparseSettings.last_update_step,
    frequency: int = 5000,
) -> dict[str, Any]:
    """The schedule of gradual magnitude pruning.

    Args:
      initial_sparsity: sparsity of every layer when pruning begins.
      final_sparsity: ignored; `get_pruning_sparsities` decides, as in the original. The authors'
        configs switch pruning off with it in other modes.
      begin_step, end_step: first and last mask update; 20% and 80% of training (section A.3).
      frequency: steps between two updates.
    """
    del final_sparsity
    return dict(
        initial_sparsity=initial_sparsity,
        begin_step=begin_step,
        last_update_step=end_step,
        update_freq=frequency,
    )


@of_settings(
    *("begin_step", "drop_fraction", "drop_noise"),
    end_step="last_update_step",
    frequency="update_freq",
    drop_fraction_anneal="drop_fraction_schedule",
)
def _drop_and_grow(
    begin_step: int = 0,
    end_step: int | None = SparseSettings.last_update_step,
    frequency: int = 5000,
    drop_fraction: float = 0.3,
    drop_fraction_anneal: str = SparseSettings.drop_fraction_schedule,
    drop_noise: float = SparseSettings.drop_noise,
) -> dict[str, Any]:
    """The schedule and size of mask updates.

    Args:
      begin_step, end_step: first and last mask update; the last defaults to 80% of training.
      frequency: steps between two updates.
      drop_fraction: share of the active connections that the first update replaces.
      drop_fraction_anneal: 'cosine', 'constant' or 'exponential_K'.
      drop_noise: standard deviation of noise on the magnitudes by which connections are dropped;
        the original has 1e-5, which is not in the paper.
    """
    return dict(
        begin_step=begin_step,
        last_update_step=end_step,
        update_freq=frequency,
        drop_fraction=drop_fraction,
        drop_fraction_schedule=drop_fraction_anneal,
        drop_noise=drop_noise,
    )


# The original's names; each is a separate configurable with its own bindings.
_ORIGINALS = {f"Updated{updater.__name__}Optimizer": updater.method for updater in (RigL, SET)}
_MASK_UPDATES = {
    "mask_updater": mask_updater,
    **{
        name: gin.external_configurable(_drop_and_grow, name, module="sparse_utils")
        for name in _ORIGINALS
    },
}
"""Gin names that bind mask updates: the original's for its methods, `mask_updater` for others."""

INSTEAD = {
    "PixelNoise.sigma": "bind SparseTrainRunner.observation_noise",
    "log_snr": "DQN, SAC and PPO on other tasks measure the SNR; leave it out",
    "mask_updater.update_alg": "bind SparseDQNAgent.mode",
    "wrap_all_layers": "bind SparseDQNAgent.mode, get_pruning_sparsities and pruning",
}
"""Gin names that Atari does not read, and what to do instead; see `refuse_unused_bindings`."""


def sparse_settings(mode: str) -> SparseSettings:
    """The settings from the gin bindings.

    Args:
      mode: name of a method.

    Raises:
      ConfigError: a value is not allowed, or mask updates are bound under a name that `mode` does
        not read.
    """
    if mode == DENSE.method:
        return DENSE
    if mode == Prune.method:
        updates = {**get_pruning_sparsities(), **pruning()}
    else:
        updates = {**init_masks(), **_mask_updates(mode)}
    return SparseSettings(**{**updates, **sparse_execution(), "method": mode})


def _mask_updates(mode: str) -> dict[str, Any]:
    """The bound schedule and size of mask updates."""
    if METHODS[mode].fixed:
        return {}
    read = next((name for name, method in _ORIGINALS.items() if method == mode), "mask_updater")
    without_effect = ["mask_updater"] if read in _ORIGINALS else [*_ORIGINALS]
    for name in without_effect:
        if gin.get_bindings(name, resolve_references=False):
            raise ConfigError(
                f"{name} is bound, but the mask updates of SparseDQNAgent.mode = {mode!r} are "
                f"bound by {read} instead"
            )
    return _MASK_UPDATES[read]()


def prune_only(
    settings: SparseSettings, kernels: dict[str, tf.Variable], key: str
) -> SparseSettings:
    """Restricts pruning to kernels with `key` in their names.

    Args:
      settings: as `sparse_settings` returns for 'prune'.
      kernels: all kernels of the network, by name.
      key: '' allows all.

    Raises:
      ConfigError: the key allows none of the kernels that would be pruned.
    """
    shapes = {name: tuple(kernel.shape) for name, kernel in kernels.items()}
    sparsities = layer_sparsities(
        shapes,
        settings.sparsity_in("q"),
        settings.distribution,
        settings.erk_power_scale,
        settings.custom_sparsity_map,
    )
    pruned = [name for name, value in sparsities.items() if value]
    if pruned and not any(key in name for name in pruned):
        raise ConfigError(
            f"prune_allow_key is {key!r}, but no kernel to prune has that in its name; "
            f"their names are like {', '.join(pruned[-2:])}"
        )
    by_hand = {name: value if key in name else 0.0 for name, value in sparsities.items()}
    return dataclasses.replace(settings, custom_sparsity_map=by_hand)


@gin.configurable("AdamOptimizer", module="tf.train")
@declares(
    learning_rate=Allowed(low=0),
    beta1=Allowed(low=0, below=1),
    beta2=Allowed(low=0, below=1),
    epsilon=Allowed(low=0),
)
def adam(
    learning_rate: float = 2.5e-4, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8
) -> tf.keras.optimizers.legacy.Optimizer:
    """TF1's Adam, which adds epsilon before the bias correction (Table 7).

    Keras' legacy class computes the same, in one fused operation per variable.
    """
    return tf.keras.optimizers.legacy.Adam(learning_rate, beta1, beta2, epsilon)


@gin.configurable(module="atari_lib")
def create_atari_environment(
    game_name: str = "Pong", sticky_actions: bool = True
) -> AtariEnvironment:
    """Makes a game by its name, such as 'MsPacman'; see `environments.atari`."""
    return AtariEnvironment(game_name, sticky_actions)
