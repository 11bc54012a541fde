"""The settings of sparse training, each with its meaning and default, in one place."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from rigl_rl.errors import ConfigError
from rigl_rl.parameters import Checked, parameter
from rigl_rl.sparsity.distributions import DISTRIBUTIONS
from rigl_rl.sparsity.execution import MODES
from rigl_rl.sparsity.mask_updaters import METHODS, MaskUpdater
from rigl_rl.sparsity.schedules import DROP_FRACTION_SCHEDULES, is_schedule


@dataclasses.dataclass(frozen=True)
class SparseSettings(Checked):
    """The settings of sparse training. `sparsify` takes them as keywords.

    Steps are train steps: optimizer steps already taken.

    Raises:
      ConfigError, a ValueError: a value is not allowed.
    """

    method: str = parameter(
        "rigl",
        "'prune', 'static', 'set', 'rigl', 'rigl_inverted', one that you registered, or 'dense' "
        "for no masks at all; 'dense' ignores all other settings",
        choices=METHODS.keys,
    )
    sparsity: float | Mapping[str, float] = parameter(
        0.9,
        "share of zeros among the kernels' weights, or {network: share}; biases stay dense",
        low=0,
        below=1,
    )
    distribution: str = parameter(
        "erdos_renyi_kernel",
        "distribution of sparsity over the kernels, see `distributions.layer_sparsities`",
        choices=DISTRIBUTIONS,
    )
    erk_power_scale: float = parameter(1.0, "exponent of the Erdos-Renyi-Kernel densities", low=0)
    custom_sparsity_map: Mapping[str, float] | None = parameter(
        None,
        "{kernel name: sparsity} of layers set by hand; the names are those of `masks.kernels_of`, "
        "of any network",
        low=0,
        below=1,
    )
    sparsity_aware_init: bool = parameter(
        True, "whether the initial weights are fitted to the masks (Evci et al. 2022)"
    )
    sparse_initializer: str = parameter(
        "glorot",
        "how: 'glorot' redraws them, as in the original (`initializers.sparsity_aware`); 'rescale' "
        "scales the network's own (`initializers.rescaled`)",
        choices=("glorot", "rescale"),
    )
    sparse_output_layer: bool = parameter(
        True, "whether the last kernel of each network is sparse, too"
    )
    update_freq: int = parameter(1000, "steps between mask updates", low=1)
    begin_step: int | None = parameter(
        None, "first update; None: the method's default, 0 or a share of training", low=0
    )
    last_update_step: int | None = parameter(
        None, "last update; None: 80% of training; negative: never stop; 0: never update"
    )
    drop_fraction: float = parameter(
        0.5, "share of the active connections that the first update replaces", low=0, below=1
    )
    drop_fraction_schedule: str = parameter(
        "cosine",
        "how that share changes, see `schedules.DropFraction`",
        test=(is_schedule, f"one of {', '.join(map(repr, DROP_FRACTION_SCHEDULES))}"),
    )
    drop_noise: float = parameter(
        0.0, "standard deviation of noise on the magnitudes that decide what is dropped", low=0
    )
    initial_sparsity: float = parameter(
        0.0, "sparsity at which pruning starts, at most the final one", low=0, below=1
    )
    sparse_execution: str = parameter(
        "auto",
        "how train steps multiply by Dense kernels: 'auto' only by active weights where that is "
        "faster and the operation for it was built, 'sparse' in all masked Dense layers, 'dense' "
        "in none. `Model.fit` follows; a training loop traces its train steps within "
        "`optimizer.execution.train_steps()`. Changes how a run is computed, not what is trained",
        choices=MODES,
    )

    def __post_init__(self):
        super().__post_init__()
        if self.dense or not self.updater_class.starts_dense:
            return
        shares = self.sparsity.values() if isinstance(self.sparsity, Mapping) else [self.sparsity]
        if self.initial_sparsity > min(shares):
            raise ConfigError(
                f"initial_sparsity is {self.initial_sparsity}, but must be at most the final "
                f"sparsity, {min(shares)}"
            )

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
        """The settings that the method uses, for records; {} for a dense network.

        Args:
          updater: made from these settings.
        """
        if self.dense:
            return {}
        names = ["sparsity", "distribution", "erk_power_scale", "custom_sparsity_map"]
        if not updater.starts_dense:
            names.append("sparsity_aware_init")
            if self.sparsity_aware_init:
                names.append("sparse_initializer")
        return {**{name: getattr(self, name) for name in names}, **updater.in_effect()}

    def labels(self) -> dict[str, Any]:
        """The entries of result.json about the method: name, distribution and target sparsity."""
        return {
            "method": self.method,
            "distribution": None if self.dense else self.distribution,
            "target_sparsity": self.sparsity,
        }


DENSE = SparseSettings(method="dense", sparsity=0.0)
