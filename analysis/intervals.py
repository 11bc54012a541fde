"""The uncertainty of scores: mean or interquartile mean and 95% interval over seeds.

The paper (section 3) reports 95% confidence intervals from a bootstrap. A bootstrap over few seeds
is too narrow: for normal scores it covers the mean in 51, 71, 83 and 90% of cases with 2, 3, 5 and
10 seeds. The intervals here are t intervals, whose coverage is close to 95% (docs/statistics.md
has the simulation):

- for a mean: Student's;
- for an interquartile mean: Tukey and McLaughlin's, which uses the variance of the winsorized
  scores (1963, Sankhya A 25), here within each task, with Welch and Satterthwaite's degrees of
  freedom over tasks.

With fewer than three seeds, there is no interval.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from rliable import metrics
from scipy import stats

FEWEST_FOR_INTERVAL = 3
"""Minimum number of seeds for an interval."""
CONFIDENCE = 0.95
TRIMMED = 0.25
"""Share of the scores that an interquartile mean cuts off at each end, rounded down to whole
scores."""


class Estimate(NamedTuple):
    """A statistic and the ends of its 95% interval (NaN below three seeds), shape [points]."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def reach(error: Any, freedom: Any, level: float = CONFIDENCE) -> np.ndarray:
    """Half the width of a t interval with this standard error and degrees of freedom."""
    return stats.t.ppf((1 + level) / 2, np.maximum(freedom, 1e-9)) * np.asarray(error)


def mean_interval(scores: np.ndarray) -> Estimate:
    """Mean and 95% t interval over the rows of `scores` [seeds, points]."""
    scores = np.asarray(scores, dtype=float)
    n = len(scores)
    mean = scores.mean(axis=0)
    if n < FEWEST_FOR_INTERVAL:
        return Estimate(mean, *np.full((2, *mean.shape), np.nan))
    half = reach(scores.std(axis=0, ddof=1) / np.sqrt(n), n - 1)
    return Estimate(mean, mean - half, mean + half)


def iqm_interval(scores: np.ndarray) -> Estimate:
    """Interquartile mean of all of `scores` [seeds, tasks] (rliable's) and its 95% interval: [1].

    Tasks are strata: only the spread between the seeds of a task counts as noise.
    """
    scores = np.asarray(scores, dtype=float)
    value = np.array([metrics.aggregate_iqm(scores)])
    if len(scores) < FEWEST_FOR_INTERVAL:
        return Estimate(value, *np.full((2, 1), np.nan))
    error, freedom = iqm_error(scores)
    half = reach(error, freedom)
    return Estimate(value, value - half, value + half)


def iqm_error(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Standard error of the interquartile mean of `scores` [..., seeds, tasks], and its degrees of
    freedom, both [...].
    """
    seeds, tasks = scores.shape[-2:]
    count = seeds * tasks
    cut = int(TRIMMED * count)
    ordered = np.sort(scores.reshape(*scores.shape[:-2], count), axis=-1)
    low, high = ordered[..., cut], ordered[..., count - cut - 1]
    share = np.clip(scores, low[..., None, None], high[..., None, None]) / (count - 2 * cut)
    spread = share.var(axis=-2, ddof=1) * seeds
    total = spread.sum(-1)
    with np.errstate(invalid="ignore"):
        freedom = total**2 * (seeds - 1) / (spread**2).sum(-1)
    return np.sqrt(total), np.where(total > 0, freedom, seeds - 1)


def over_seeds(table: pd.DataFrame, by: Sequence[str], value: str) -> pd.DataFrame:
    """One row per group of `by` with mean, low, high of `value` and n_seeds (rows in the group).

    All groups at once; each has the interval of `mean_interval`.
    """
    groups = table.groupby(list(by), dropna=False, sort=True)[value]
    found = groups.agg(["mean", "std", "count"]).reset_index()
    n = found.pop("count")
    half = reach(found.pop("std") / np.sqrt(n), n - 1)
    half = np.where(n < FEWEST_FOR_INTERVAL, np.nan, half)
    return found.assign(low=found["mean"] - half, high=found["mean"] + half, n_seeds=n)


def curves_over_seeds(table: pd.DataFrame, by: Sequence[str], x: str, value: str) -> pd.DataFrame:
    """Like `over_seeds`, at every `x` of every curve.

    n_seeds counts the curves with a finite value at that `x`.
    """
    points = over_seeds(table[np.isfinite(table[value].astype(float))], [*by, x], value)
    return points.sort_values([*by, x], ignore_index=True)
