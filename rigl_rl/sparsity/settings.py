"""How a network is to be made sparse: every setting, its meaning and its default, in one place."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from rigl_rl.sparsity.distributions import check_sparsity
from rigl_rl.sparsity.execution import MODES
from rigl_rl.sparsity.mask_updaters import METHODS, MaskUpdater


@dataclasses.dataclass(frozen=True)
class SparseSettings:
    """The settings of sparse training. `sparsify` takes them as keywords.

    Steps are train steps: optimizer steps already taken.

    Attributes:
      method: a name in `METHODS`: 'prune', 'static', 'set', 'rigl', 'rigl_inverted', one that you
        registered, or 'dense' for no masks at all. 'dense' ignores all other settings.
      sparsity: share of zeros among the kernels' weights, within [0, 1), or {network: share}.
        Biases stay dense.
      distribution: of the sparsity over the kernels: 'erdos_renyi_kernel', 'erdos_renyi' or
        'uniform', see `distributions.layer_sparsities`.
      erk_power_scale: exponent of the Erdos-Renyi-Kernel densities.
      custom_sparsity_map: {kernel name: sparsity} of layers set by hand; the names are those of
        `masks.kernels_of`, of any network.
      sparsity_aware_init: whether kernels are drawn anew for their masks (Evci et al. 2022).
      sparse_output_layer: whether the last kernel of each network is sparse, too.
      update_freq: steps between mask updates.
      begin_step: first update; None: the method's default, 0 or a share of training.
      last_update_step: last update; None: 80% of training; negative: never stop; 0: never update.
      drop_fraction: share of the active connections that the first update replaces, within [0, 1).
      drop_fraction_schedule: 'cosine', 'constant', 'exponential_K' or 'lr', see
        `schedules.DropFraction`.
      drop_noise: standard deviation of noise on the magnitudes that decide what is dropped.
      initial_sparsity: at which pruning starts, within [0, 1).
      sparse_execution: how train steps multiply by Dense kernels: 'auto' by active weights alone
        where that is faster and the operation for it was built, 'sparse' in all masked Dense
        layers, 'dense' in none. `Model.fit` follows; a training loop traces its train steps within
        `optimizer.execution.train_steps()`. Changes how a run is computed, not what is trained.

    Raises:
      ValueError: a value is outside of what is allowed. Those of the method and the distribution
        are checked when the network is made sparse.
    """

    method: str = "rigl"
    sparsity: float | Mapping[str, float] = 0.9
    distribution: str = "erdos_renyi_kernel"
    erk_power_scale: float = 1.0
    custom_sparsity_map: Mapping[str, float] | None = None
    sparsity_aware_init: bool = True
    sparse_output_layer: bool = True
    update_freq: int = 1000
    begin_step: int | None = None
    last_update_step: int | None = None
    drop_fraction: float = 0.5
    drop_fraction_schedule: str = "cosine"
    drop_noise: float = 0.0
    initial_sparsity: float = 0.0
    sparse_execution: str = "auto"

    def __post_init__(self):
        if self.method not in METHODS:
            raise ValueError(f"unknown method {self.method!r}; choose one of {', '.join(METHODS)}")
        if self.sparse_execution not in MODES:
            raise ValueError(
                f"unknown sparse_execution {self.sparse_execution!r}; "
                f"choose one of {', '.join(MODES)}"
            )
        if self.dense:
            return
        shares = self.sparsity.values() if isinstance(self.sparsity, Mapping) else [self.sparsity]
        for share in shares:
            check_sparsity("sparsity", share)

    @property
    def dense(self) -> bool:
        """Whether there are no masks at all."""
        return self.method == "dense"

    @property
    def updater_class(self) -> type[MaskUpdater]:
        """The method."""
        return METHODS[self.method]

    def sparsity_in(self, network: str) -> float:
        """Share of zeros in the network of that name."""
        return self.sparsity[network] if isinstance(self.sparsity, Mapping) else self.sparsity

    def in_effect(self, updater: MaskUpdater) -> dict[str, Any]:
        """The settings that matter to the method, for records; {} of a dense network.

        Args:
          updater: made of these settings.
        """
        if self.dense:
            return {}
        names = ["sparsity", "distribution", "erk_power_scale", "custom_sparsity_map"]
        if not updater.starts_dense:
            names.append("sparsity_aware_init")
        return {**{name: getattr(self, name) for name in names}, **updater.in_effect()}

    def labels(self) -> dict[str, Any]:
        """What result.json says of the method: its name, distribution and target sparsity."""
        return {
            "method": self.method,
            "distribution": None if self.dense else self.distribution,
            "target_sparsity": self.sparsity,
        }


DENSE = SparseSettings(method="dense", sparsity=0.0)
