"""A run's measurements so far: rows of evals.csv and snr.csv, and its time."""

import csv
import io
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from rigl_rl.errors import RiglRlError
from rigl_rl.final_score import final_score, last_of
from rigl_rl.record import EVAL_COLUMNS, GREEDY_COLUMN, SNR_COLUMNS


class Clock:
    """Counts the seconds of a run, including earlier sessions up to their last checkpoint."""

    def __init__(self):
        self._before = 0.0
        self._started = time.monotonic()

    def restore(self, seconds: float) -> None:
        """Starts anew with the seconds of the earlier sessions; what came before does not count."""
        self._before = seconds
        self._started = time.monotonic()

    def seconds(self) -> float:
        """Seconds so far."""
        return self._before + time.monotonic() - self._started


class History:
    """Evaluations and signal-to-noise ratios of one run, in chronological order."""

    def __init__(self):
        self.evals: list[dict[str, Any]] = []
        self.snr: list[dict[str, Any]] = []

    def add_evaluation(
        self, env_step: int, train_step: int, returns, wall_s: float, greedy_returns=None
    ) -> None:
        """Appends the returns of one evaluation's episodes, shape (episodes,).

        Args:
          env_step, train_step: steps taken before the evaluation.
          returns: returns of the run's evaluation policy.
          wall_s: seconds of the run so far.
          greedy_returns: returns of the greedy policy, if it is a different one.

        Raises:
          RiglRlError: a return is infinite or NaN.
        """
        for each in (returns, greedy_returns):
            if each is not None and not np.isfinite(each).all():
                raise RiglRlError(
                    "a return became infinite or NaN in the evaluation at train step "
                    f"{train_step}; the last checkpoint is intact"
                )
        row = (
            env_step,
            train_step,
            float(np.mean(returns)),
            float(np.std(returns)),
            len(returns),
            round(wall_s, 2),
        )
        self.evals.append(dict(zip(EVAL_COLUMNS, row)))
        if greedy_returns is not None:
            self.evals[-1][GREEDY_COLUMN] = float(np.mean(greedy_returns))

    def add_snr(self, env_step: int, train_step: int, network: str, snr: float) -> None:
        """Appends one network's mean signal-to-noise ratio."""
        self.snr.append(dict(zip(SNR_COLUMNS, (env_step, train_step, network, snr))))

    @property
    def eval_columns(self) -> tuple[str, ...]:
        """Columns of evals.csv."""
        greedy = any(GREEDY_COLUMN in row for row in self.evals)
        return (*EVAL_COLUMNS, GREEDY_COLUMN) if greedy else EVAL_COLUMNS

    def final_scores(self, last_fraction: float) -> dict[str, float]:
        """`final_return`, and `final_return_greedy` if greedy returns were measured.

        Args:
          last_fraction: as in `final_score`.
        """
        scores = {"final_return": [row["avg_return"] for row in self.evals]}
        greedy = [row.get(GREEDY_COLUMN) for row in self.evals]
        # A run started by an older version has no greedy returns in its first evaluations.
        if None not in last_of(greedy, last_fraction):
            scores["final_return_greedy"] = greedy
        return {name: final_score(returns, last_fraction) for name, returns in scores.items()}

    def state(self) -> dict[str, Any]:
        """A copy that JSON can hold."""
        return {"evals": list(self.evals), "snr": list(self.snr)}

    def restore(self, state: dict[str, Any]) -> None:
        """Restores a `state`."""
        self.evals, self.snr = list(state["evals"]), list(state["snr"])


def as_csv(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    """CSV with a header and floats in full precision, so equal text means equal bits."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
