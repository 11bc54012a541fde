"""Finds the saved policies of a run."""

from __future__ import annotations

import json
import pathlib
from typing import Any

from rigl_rl.errors import ConfigError

_LABELS = ("agent", "suite", "env", "method", "sparsity", "seed")


def result_of(run: pathlib.Path) -> dict[str, Any]:
    """The contents of a finished run's result.json.

    Raises:
      ConfigError: there is none, or it is not a run's.
    """
    try:
        result = json.loads((run / "result.json").read_text())
    except (OSError, ValueError) as error:
        raise ConfigError("no result.json to read; give the directory of a finished run") from error
    missing = [name for name in _LABELS if name not in result]
    if missing:
        raise ConfigError(f"result.json lacks {', '.join(missing)}")
    return result


def policy_of(run: pathlib.Path, step: int | None = None) -> pathlib.Path:
    """The directory of the policy saved at a train step, by default the last one.

    Raises:
      ConfigError: the run has no (such) policy.
    """
    saved = {int(path.name): path for path in run.glob("policies/*") if path.name.isdigit()}
    if not saved:
        raise ConfigError("no saved policy in policies/")
    if step is None:
        step = max(saved)
    if step not in saved:
        steps = ", ".join(map(str, sorted(saved)))
        raise ConfigError(f"no policy of step {step}; saved steps: {steps}")
    return saved[step]
