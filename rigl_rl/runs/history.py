"""What a run measured so far: rows of evals.csv and snr.csv."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

EVAL_COLUMNS = ("env_step", "train_step", "avg_return", "std_return", "episodes", "wall_s")
SNR_COLUMNS = ("env_step", "train_step", "network", "snr")


class History:
    """Evaluations and signal-to-noise ratios of one run, in order of time."""

    def __init__(self):
        self.evals: list[dict[str, Any]] = []
        self.snr: list[dict[str, Any]] = []

    def add_evaluation(self, env_step: int, train_step: int, returns, wall_s: float) -> None:
        """Appends the returns of one evaluation's episodes, shape (episodes,)."""
        row = (
            env_step,
            train_step,
            float(np.mean(returns)),
            float(np.std(returns)),
            len(returns),
            round(wall_s, 2),
        )
        self.evals.append(dict(zip(EVAL_COLUMNS, row)))

    def add_snr(self, env_step: int, train_step: int, network: str, snr: float) -> None:
        """Appends one network's mean signal-to-noise ratio."""
        self.snr.append(dict(zip(SNR_COLUMNS, (env_step, train_step, network, snr))))

    def state(self) -> dict[str, Any]:
        """A JSON-able copy."""
        return {"evals": list(self.evals), "snr": list(self.snr)}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes back to a `state`."""
        self.evals, self.snr = list(state["evals"]), list(state["snr"])


def final_score(returns: Sequence[float], last_fraction: float = 0.1) -> float:
    """Mean of the last int(last_fraction * n) evaluations, at least one (section 3)."""
    last = max(1, int(last_fraction * len(returns)))
    return float(np.mean(returns[-last:]))


def as_csv(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    """CSV with a header; floats in full precision, so that equal text means equal bits."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
