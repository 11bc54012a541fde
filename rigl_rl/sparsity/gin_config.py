"""The original's gin names for sparse training, on top of `SparseSettings`.

Three configurables collect bindings under the names in the authors' configs (`init_masks`,
`wrap_all_layers`, `mask_updater`), `sparse_execution` is this project's addition, and
`sparse_settings` makes settings from them. `SparseSettings` documents each setting.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gin

from rigl_rl.parameters import Allowed, Function, declared, declares
from rigl_rl.sparsity.distributions import UNIFORM_NAMES
from rigl_rl.sparsity.mask_updaters import METHODS
from rigl_rl.sparsity.settings import DENSE, SparseSettings

TRAIN_MODES = ("dense", "sparse")


def sparse_methods(starts_dense: bool) -> list[str]:
    """Names of the registered methods whose networks start dense, or else sparse."""
    return [
        name
        for name, updater in METHODS.items()
        if name != DENSE.method and updater.starts_dense == starts_dense
    ]


def of_settings(*names: str, **settings: str) -> Callable[[Function], Function]:
    """Decorator: a function's parameters have the allowed values of the settings.

    Args:
      *names: parameters named like their settings.
      **settings: names of the settings, by the names of the other parameters.
    """
    fields = declared(SparseSettings)
    settings = {**{name: name for name in names}, **settings}
    return declares(**{name: fields[setting][1] for name, setting in settings.items()})


@gin.configurable
@of_settings(
    *("sparsity", "erk_power_scale", "custom_sparsity_map", "sparse_initializer"),
    mask_init_method="distribution",
)
def init_masks(
    mask_init_method: str = SparseSettings.distribution,
    sparsity: float = 0.9,
    erk_power_scale: float = SparseSettings.erk_power_scale,
    custom_sparsity_map: dict[str, float] | None = None,
    fixed_sparse_init: bool = False,
    sparse_initializer: str = SparseSettings.sparse_initializer,
) -> dict[str, Any]:
    """Masks at the start of Static, SET and RigL, and the initialization of every method.

    Args:
      mask_init_method: 'erdos_renyi_kernel', 'erdos_renyi' or 'uniform' (also 'random').
      sparsity: within [0, 1); 0 leaves the network dense.
      erk_power_scale: exponent of the Erdos-Renyi densities.
      custom_sparsity_map: {kernel name: sparsity} for layers set by hand.
      fixed_sparse_init: sparsity-aware initialization.
      sparse_initializer: which: 'glorot' or 'rescale', see `SparseSettings`. Not in the original.
    """
    return dict(
        distribution=distribution(mask_init_method),
        sparsity=sparsity,
        erk_power_scale=erk_power_scale,
        custom_sparsity_map=custom_sparsity_map,
        sparsity_aware_init=fixed_sparse_init,
        sparse_initializer=sparse_initializer,
    )


def _modes() -> list[str]:
    return ["constant", *sparse_methods(starts_dense=True)]


def _algorithms() -> list[str]:
    return ["", *sparse_methods(starts_dense=False)]


@gin.configurable
@declares(mode=Allowed(choices=_modes))
@of_settings(
    *("initial_sparsity", "begin_step"),
    mask_init_method="distribution",
    final_sparsity="sparsity",
    end_step="last_update_step",
    frequency="update_freq",
)
def wrap_all_layers(
    mode: str = "constant",
    mask_init_method: str = SparseSettings.distribution,
    initial_sparsity: float = SparseSettings.initial_sparsity,
    final_sparsity: float = 0.9,
    begin_step: int | None = SparseSettings.begin_step,
    end_step: int | None = SparseSettings.last_update_step,
    frequency: int = SparseSettings.update_freq,
) -> dict[str, Any]:
    """Whether the network starts dense or sparse.

    Args:
      mode: 'constant' for sparse from the start, see `mask_updater`, or the name of a method that
        starts dense: 'prune', or your own. The other arguments apply to that method.
      mask_init_method, initial_sparsity, final_sparsity, frequency: see `SparseSettings`.
      begin_step, end_step: default to 20% and 80% of training when pruning (section A.3).
    """
    return dict(
        method=mode,
        distribution=distribution(mask_init_method),
        initial_sparsity=initial_sparsity,
        sparsity=final_sparsity,
        begin_step=begin_step,
        last_update_step=end_step,
        update_freq=frequency,
    )


@gin.configurable
@declares(update_alg=Allowed(choices=_algorithms))
@of_settings(
    *("update_freq", "last_update_step"),
    schedule_alg="drop_fraction_schedule",
    init_drop_fraction="drop_fraction",
)
def mask_updater(
    update_alg: str = "",
    schedule_alg: str = SparseSettings.drop_fraction_schedule,
    update_freq: int = SparseSettings.update_freq,
    init_drop_fraction: float = SparseSettings.drop_fraction,
    last_update_step: int | None = SparseSettings.last_update_step,
    use_stateless: bool = True,
) -> dict[str, Any]:
    """How masks change in 'constant' mode.

    Args:
      update_alg: the name of a method that starts sparse: 'set', 'rigl', 'rigl_inverted', or your
        own; '' or 'static' for Static.
      schedule_alg, update_freq, init_drop_fraction: see `SparseSettings`.
      last_update_step: defaults to 80% of training (section A.3).
      use_stateless: accepted for the authors' configs: random growth is always stateless here.
    """
    del use_stateless
    return dict(
        method=update_alg or "static",
        drop_fraction_schedule=schedule_alg,
        update_freq=update_freq,
        drop_fraction=init_drop_fraction,
        last_update_step=last_update_step,
    )


@gin.configurable
@of_settings(mode="sparse_execution")
def sparse_execution(mode: str = SparseSettings.sparse_execution) -> dict[str, Any]:
    """How the train steps of sparse networks are computed: see `SparseSettings`. PPO's are dense.

    Not part of what is trained: a resumed run may change it.
    """
    return dict(sparse_execution=mode)


def distribution(mask_init_method: str) -> str:
    """The name of a distribution in results: 'uniform' for 'random', the original's name."""
    return "uniform" if mask_init_method in UNIFORM_NAMES else mask_init_method


def method_settings() -> dict[str, Any]:
    """The bound method, when and how much masks change: `SparseSettings` by name."""
    settings = wrap_all_layers()
    return mask_updater() if settings["method"] == "constant" else settings


def sparse_settings(train_mode: str) -> SparseSettings:
    """The settings from the gin bindings.

    Args:
      train_mode: 'dense', or 'sparse' for the settings of the configurables above.

    Raises:
      ConfigError: a value is not allowed.
    """
    if train_mode == "dense":
        return DENSE
    return SparseSettings(**{**init_masks(), **method_settings(), **sparse_execution()})
