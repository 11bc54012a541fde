"""A run's hyperparameters, from its record, and how many differ from the paper's best."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from rigl_rl import paper

# Column: names in the record of a run.
_NAMES = {
    "weight_decay": ("weight_decay",),
    "batch_size": ("batch_size", "minibatch_size"),  # the second is PPO's
    "learning_rate": ("learning_rate",),
    "drop_fraction": ("drop_fraction",),
    "sparsity_aware_init": ("sparsity_aware_init",),
    "sparse_initializer": ("sparse_initializer",),
    "sparse_output_layer": ("sparse_output_layer",),
    "sparsities": ("actor_critic_sparsities_str",),
    "widths": ("actor_critic_widths_str",),
    "update_freq": ("update_freq",),
}
COLUMNS = tuple(_NAMES)
KINDS = {
    **dict.fromkeys(COLUMNS, "float | None"),
    **dict.fromkeys(("sparsity_aware_init", "sparse_output_layer"), "bool | None"),
    **dict.fromkeys(("sparse_initializer", "sparsities", "widths"), "str | None"),
}
"""Types, as for `rigl_rl.parameters.check`."""
LATER = ("sparse_initializer",)
"""Columns that tables of older versions lack."""
_OF_SPARSE_NETWORKS = ("sparse_output_layer", "sparsities")


def of_run(result: Mapping[str, Any]) -> dict[str, Any]:
    """The value of each of `COLUMNS`, None if the run's method does not use it.

    result: the run's result.json, with `hyperparameters`. Weight decay follows the agent's
        convention: the coefficient of sum(w^2), on Atari of sum(w^2) / 2.
    """
    recorded = result["hyperparameters"]
    known = {name: value for name, value in recorded.items() if value not in (None, "")}
    found = {
        column: next((known[name] for name in names if name in known), None)
        for column, names in _NAMES.items()
    }
    if not on_atari(result):  # swept there only
        found["learning_rate"] = None
    if result["method"] == "dense":
        found.update(dict.fromkeys(_OF_SPARSE_NETWORKS))
    return found


def planned_steps(result: Mapping[str, Any]) -> int | None:
    """Minimum of agent steps planned for a run on Atari, None elsewhere; result: as above."""
    recorded = result["hyperparameters"]
    return recorded["num_iterations"] * recorded["training_steps"] if on_atari(result) else None


def on_atari(result: Mapping[str, Any]) -> bool:
    """Whether a run was trained by Dopamine's main."""
    return str(result["suite"]).startswith("atari")


def changes(run: Any) -> int:
    """How many hyperparameters of a run, a row with `COLUMNS`, are not the paper's best.

    A method that is not in the paper is compared with RigL's row. 0 for an agent without a table
    in the paper; unknown values do not count.
    """
    agent = f"{run['agent']}_{run['suite']}"
    if agent not in paper.BEST:
        return 0
    best = paper.best(agent, run["method"])
    known = (name for name in COLUMNS if not pd.isna(run[name]))
    return sum(run[name] != best.get(name) for name in known)
