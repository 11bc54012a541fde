"""The original's gin names for sparse training, on top of `SparseSettings`.

Three configurables collect bindings (`init_masks`, `wrap_all_layers`, `mask_updater`: the names in
the authors' configs), `sparse_execution` is this project's own, and `sparse_settings` makes
settings of them. What a setting means, `SparseSettings` says. The rest of the package knows nothing
of gin.
"""

from __future__ import annotations

from typing import Any

import gin

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


@gin.configurable
def init_masks(
    mask_init_method: str = "erdos_renyi_kernel",
    sparsity: float = 0.0,
    erk_power_scale: float = 1.0,
    custom_sparsity_map: dict[str, float] | None = None,
    fixed_sparse_init: bool = False,
) -> dict[str, Any]:
    """Masks at the start of Static, SET and RigL, and the initialization of every method.

    Args:
      mask_init_method: 'erdos_renyi_kernel', 'erdos_renyi' or 'uniform' (also 'random').
      sparsity: within [0, 1); 0 leaves the network dense.
      erk_power_scale: exponent of the Erdos-Renyi densities.
      custom_sparsity_map: {kernel name: sparsity} for layers set by hand.
      fixed_sparse_init: sparsity-aware initialization.
    """
    return dict(
        distribution=distribution(mask_init_method),
        sparsity=sparsity,
        erk_power_scale=erk_power_scale,
        custom_sparsity_map=custom_sparsity_map,
        sparsity_aware_init=fixed_sparse_init,
    )


@gin.configurable
def wrap_all_layers(
    mode: str = "constant",
    mask_init_method: str = "erdos_renyi_kernel",
    initial_sparsity: float = 0.0,
    final_sparsity: float = 0.0,
    begin_step: int | None = None,
    end_step: int | None = None,
    frequency: int = 1000,
) -> dict[str, Any]:
    """Whether the network starts dense or sparse.

    Args:
      mode: 'constant' for sparse from the start, see `mask_updater`, or the name of a method that
        starts dense: 'prune', or your own. The other arguments are that method's.
      mask_init_method, initial_sparsity, final_sparsity, frequency: see `SparseSettings`.
      begin_step, end_step: default to 20% and 80% of training when pruning (section A.3).
    """
    modes = ["constant", *sparse_methods(starts_dense=True)]
    if mode not in modes:
        raise ValueError(f"unknown wrap_all_layers.mode {mode!r}; choose one of {', '.join(modes)}")
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
def mask_updater(
    update_alg: str = "",
    schedule_alg: str = "cosine",
    update_freq: int = 1000,
    init_drop_fraction: float = 0.5,
    last_update_step: int | None = None,
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
    algorithms = ["", *sparse_methods(starts_dense=False)]
    if update_alg not in algorithms:
        raise ValueError(
            f"unknown mask_updater.update_alg {update_alg!r}; "
            f"choose one of {', '.join(map(repr, algorithms))}"
        )
    return dict(
        method=update_alg or "static",
        drop_fraction_schedule=schedule_alg,
        update_freq=update_freq,
        drop_fraction=init_drop_fraction,
        last_update_step=last_update_step,
    )


@gin.configurable
def sparse_execution(mode: str = "auto") -> dict[str, Any]:
    """How the train steps of sparse networks are computed: see `SparseSettings`. PPO's are dense.

    Not a part of what is trained: a run that is resumed may change it.
    """
    return dict(sparse_execution=mode)


def distribution(mask_init_method: str) -> str:
    """One name in results for uniform, which the original calls 'random'."""
    return "uniform" if mask_init_method in UNIFORM_NAMES else mask_init_method


def sparse_settings(train_mode: str) -> SparseSettings:
    """The settings that the gin bindings ask for.

    Args:
      train_mode: 'dense', or 'sparse' for what the configurables above describe.

    Raises:
      ValueError: a value is outside of what is allowed.
    """
    if train_mode not in TRAIN_MODES:
        raise ValueError(
            f"unknown train_mode {train_mode!r}; choose one of {', '.join(TRAIN_MODES)}"
        )
    if train_mode == "dense":
        return DENSE
    method = wrap_all_layers()
    masks = init_masks()
    if method["method"] == "constant":
        method = mask_updater()
    return SparseSettings(**{**masks, **method, **sparse_execution()})
