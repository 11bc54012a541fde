"""A run's hyperparameters, from its record, and how many differ from the paper's best."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from rigl_rl import paper
from rigl_rl.final_score import LAST_FRACTION

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
OF_SETTINGS = ("width", "widths", "distribution", "sparsity", "sparsities", "custom_sparsity_map")
"""Recorded hyperparameters by which a study's settings of one method differ."""
_OF_SPARSE_NETWORKS = ("sparse_output_layer", "sparsities")
_WITHOUT_EFFECT = {
    *("num_iterations", "training_steps"),  # `planned_steps` and `train_steps` have the length
    *("eval_interval", "checkpoint_interval", "policy_save_interval", "allow_inexact_resume"),
}
_OPTION = "env_options."


def of_run(result: Mapping[str, Any]) -> dict[str, Any]:
    """The value of each of `COLUMNS`, None if the run's method does not use it.

    result: the run's result.json, with `hyperparameters`. Weight decay follows the agent's
        convention: the coefficient of sum(w^2), on Atari of sum(w^2) / 2.
    """
    own = result["hyperparameters"]
    known = {name: value for name, value in own.items() if value not in (None, "")}
    found = {
        column: next((known[name] for name in names if name in known), None)
        for column, names in _NAMES.items()
    }
    # Swept on Atari only; a schedule is no number.
    if not on_atari(result) or isinstance(found["learning_rate"], Mapping):
        found["learning_rate"] = None
    if result["method"] == "dense":
        found.update(dict.fromkeys(_OF_SPARSE_NETWORKS))
    return found


def recorded(runs: pd.DataFrame, but: Sequence[str] = ()) -> pd.DataFrame:
    """All that runs record and that can change their scores: a column per hyperparameter or option
    of the environment, as text. NaN where it is unknown, as in older runs.

    but: columns of `COLUMNS` to leave out.
    """
    column = {name: column for column, names in _NAMES.items() for name in names}
    rows = []
    for run in runs.to_dict("records"):
        known = {name: run[name] for name in COLUMNS}
        known |= {name.removeprefix(_OPTION): run[name] for name in run if name.startswith(_OPTION)}
        known["last_fraction"] = run.get("last_fraction")
        known = {name: value for name, value in known.items() if not pd.isna(value)}
        if isinstance(own := run.get("hyperparameters"), str):
            known |= {column.get(name, name): value for name, value in json.loads(own).items()}
        unused = {
            *but,
            *_WITHOUT_EFFECT,
            *(_OF_SPARSE_NETWORKS if run["method"] == "dense" else ()),
        }
        known = {"last_fraction": LAST_FRACTION, **known}  # older runs do not record it
        rows.append({name: _text(known[name]) for name in known if name not in unused})
    # The networks' size is known of older runs, too.
    return pd.DataFrame(rows, runs.index).assign(total_params=runs["total_params"].map(_text))


def _text(value: Any) -> str:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return f"{value:.15g}" if number else str(value)


def planned_steps(result: Mapping[str, Any]) -> int | None:
    """Minimum of agent steps planned for a run on Atari, None elsewhere; result: as above."""
    own = result["hyperparameters"]
    return own["num_iterations"] * own["training_steps"] if on_atari(result) else None


def on_atari(result: Mapping[str, Any]) -> bool:
    """Whether a run was trained by Dopamine's main."""
    return str(result["suite"]).startswith("atari")


def known_or_best(run: Any) -> tuple[str, ...]:
    """The values of `COLUMNS` of a run, a row with these, as text: the paper's best ones where they
    are unknown, as in older runs.
    """
    agent = f"{run['agent']}_{run['suite']}"
    best = paper.best(agent, run["method"]) if agent in paper.BEST else {}
    return tuple(_text(best.get(c) if pd.isna(run[c]) else run[c]) for c in COLUMNS)


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
