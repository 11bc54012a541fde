"""The uncertainty of scores: mean and 95% interval over seeds.

The paper (section 3) reports 95% confidence intervals; the intervals here are rliable's stratified
bootstrap (Agarwal et al., 2021). With few seeds a percentile bootstrap is too narrow, which is why
every figure names its seeds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Callable, NamedTuple

import numpy as np
import pandas as pd
from rliable import library as rliable
from rliable import metrics

REPETITIONS = 2000
SEED = 0


class Estimate(NamedTuple):
    """A statistic and the ends of its 95 % interval (NaN for a single seed), shape [points]."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def mean_interval(scores: np.ndarray, repetitions: int = REPETITIONS, seed: int = SEED) -> Estimate:
    """Mean and 95 % stratified-bootstrap interval over the rows of `scores` [seeds, points].

    Each point is a stratum: seeds are drawn anew for each, so an interval is about that point only.
    The result depends on `scores` and `seed` alone.
    """
    scores = np.asarray(scores, dtype=float)
    if len(scores) == 1:
        unknown = np.full(scores.shape[1], np.nan)
        return Estimate(scores[0], unknown, unknown)
    return _bootstrap(scores, lambda x: np.mean(x, axis=0), repetitions, seed)


def iqm_interval(scores: np.ndarray, repetitions: int = REPETITIONS, seed: int = SEED) -> Estimate:
    """Interquartile mean of all of `scores` [seeds, tasks] and its 95 % interval: shape [1].

    Seeds are drawn anew within each task (Agarwal et al., 2021); one seed has no interval.
    """
    scores = np.asarray(scores, dtype=float)
    if len(scores) == 1:
        unknown = np.full(1, np.nan)
        return Estimate(np.array([metrics.aggregate_iqm(scores)]), unknown, unknown)
    return _bootstrap(scores, lambda x: np.array([metrics.aggregate_iqm(x)]), repetitions, seed)


def paired_interval(
    first: np.ndarray,
    second: np.ndarray,
    statistic: Callable[[np.ndarray, np.ndarray], float],
    repetitions: int = REPETITIONS,
    seed: int = SEED,
) -> tuple[float, float, float]:
    """A statistic of two groups of scores [seeds, tasks], and its 95 % interval.

    Seeds are drawn anew within each task of each group; a single seed has no interval.
    """
    if min(len(first), len(second)) == 1:
        return float(statistic(first, second)), np.nan, np.nan
    pair = (np.asarray(first, dtype=float), np.asarray(second, dtype=float))
    value, low, high = _bootstrap(pair, lambda x, y: np.array([statistic(x, y)]), repetitions, seed)
    return float(value[0]), float(low[0]), float(high[0])


def _bootstrap(scores: Any, statistic, repetitions: int, seed: int) -> Estimate:
    # rliable 1.2 takes a random_state but draws from NumPy's global generator all the same, so
    # that one is seeded for the call and then put back as it was.
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    try:
        values, intervals = rliable.get_interval_estimates(
            {"scores": scores}, statistic, reps=repetitions
        )
    finally:
        np.random.set_state(state)  # noqa: NPY002
    low, high = intervals["scores"]
    return Estimate(values["scores"], low, high)


def over_seeds(table: pd.DataFrame, by: Sequence[str], value: str) -> pd.DataFrame:
    """One row per group of `by` with mean, low, high of `value` and n_seeds (rows in the group)."""
    rows = []
    for key, group in table.groupby(list(by), dropna=False, sort=True):
        scores = mean_interval(group[[value]].to_numpy())
        rows.append((*key, *(float(x[0]) for x in scores), len(group)))
    return pd.DataFrame(rows, columns=[*by, "mean", "low", "high", "n_seeds"])


def curves_over_seeds(table: pd.DataFrame, by: Sequence[str], x: str, value: str) -> pd.DataFrame:
    """Like `over_seeds`, at every `x` of every curve; `path` tells the curves of a group apart.

    n_seeds counts the curves with a finite value at that `x`.
    """
    parts = []
    for key, group in table.groupby(list(by), dropna=False, sort=True):
        matrix = group.pivot(index="path", columns=x, values=value)
        # Points that the same runs reached are bootstrapped in one call: 50 times faster.
        reached = defaultdict(list)
        for step in matrix.columns:
            reached[tuple(matrix[step].notna())].append(step)
        for present, steps in reached.items():
            if not any(present):
                continue
            scores = mean_interval(matrix.loc[list(present), steps].to_numpy())
            part = pd.DataFrame(dict(zip(by, key)), index=range(len(steps)))
            parts.append(
                part.assign(
                    **{x: steps},
                    mean=scores.mean,
                    low=scores.low,
                    high=scores.high,
                    n_seeds=sum(present),
                )
            )
    columns = [*by, x, "mean", "low", "high", "n_seeds"]
    if not parts:
        return pd.DataFrame(columns=columns)
    return pd.concat(parts, ignore_index=True)[columns].sort_values([*by, x], ignore_index=True)
