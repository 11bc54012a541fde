"""Reads result.json, a run's record, checks its keys, and names the columns of a run's tables.

All readers of runs use it: training and the launcher to see whether a run is finished, the
analysis and `rigl_rl.robustness` to see what was run.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rigl_rl.errors import ConfigError
from rigl_rl.parameters import ANY, Allowed, check

RESULT = "result.json"
FROM_CONFIGS = "-from_"
"""In a launched run's directory: its gin file is a user's, from the folder named next."""

EVAL_COLUMNS = ("env_step", "train_step", "avg_return", "std_return", "episodes", "wall_s")
"""Columns of evals.csv."""
GREEDY_COLUMN = "greedy_return"
"""Column of evals.csv if evaluation explores: the mean return without exploration."""
SNR_COLUMNS = ("env_step", "train_step", "network", "snr")
"""Columns of snr.csv."""
ROBUSTNESS_COLUMNS = ("train_step", "sigma", "avg_return", "std_return", "episodes")
"""Columns of robustness.csv, after those that name the run."""
NOISE_SETTINGS = ("epsilon", "noise_seed")
"""The last columns of robustness.csv, which older tables lack."""

TEXT = ("agent", "suite", "env", "method")
COUNTS = ("seed", "env_steps", "train_steps", "active_params")
_SHARE = ("float", Allowed(low=0, below=1))
_OBJECT = ("object", Allowed(test=(lambda value: isinstance(value, dict), "an object")))
REQUIRED = {
    **dict.fromkeys(TEXT, ("str", ANY)),
    "distribution": ("str | None", ANY),
    "target_sparsity": _SHARE,
    "width": ("float", Allowed(above=0)),
    "final_return": ("float", ANY),
    **dict.fromkeys(COUNTS, ("long", Allowed(low=0))),
    "total_params": ("long", Allowed(low=1)),
}
"""Keys of every record."""
OPTIONAL = {
    "final_return_greedy": ("float | None", ANY),
    "sparsity": ("float", Allowed(low=0, high=1)),
    "last_fraction": ("float", Allowed(low=0, high=1)),
    "wall_s": ("float", Allowed(low=0)),
    **dict.fromkeys(("hyperparameters", "env_options", "versions"), _OBJECT),
}
"""Keys of some records."""
TO_FINISH = ("final_return",)
"""Keys without which a run is not finished."""


def read(directory: Path, required: Iterable[str] = REQUIRED) -> dict[str, Any]:
    """The record of a finished run.

    Args:
      directory: the run directory.
      required: keys that it must have.

    Raises:
      ConfigError: there is no record, or a key is missing or has an invalid value.
    """
    result = _parsed(directory)
    check_values(result, required)
    return result


def check_values(result: Mapping[str, Any], required: Iterable[str] = TO_FINISH) -> None:
    """Checks the contents of a record.

    Args:
      result: the contents; they may be incomplete.
      required: keys that it must have.

    Raises:
      ConfigError: a key is missing or has an invalid value.
    """
    if missing := [key for key in required if key not in result]:
        raise ConfigError(f"{RESULT} lacks {', '.join(missing)}")
    for key, declared in {**REQUIRED, **OPTIONAL}.items():
        if key in result:
            check(f"{RESULT}: {key}", result[key], *declared)


def finished(directory: Path) -> bool:
    """Whether a run has a readable result, which it writes last."""
    return (directory / RESULT).exists() and damage(directory) is None


def damage(directory: Path) -> str | None:
    """Describes what is wrong with a run's result; None if it can be read."""
    try:
        read(directory, TO_FINISH)
    except ConfigError as error:
        return str(error)
    return None


def _parsed(directory: Path) -> dict[str, Any]:
    try:
        result = json.loads((directory / RESULT).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"no {RESULT} to read ({error.strerror}); give the directory of a finished run"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{RESULT} is broken ({error})") from error
    if not isinstance(result, dict):
        raise ConfigError(f"{RESULT} holds no object")
    return result
