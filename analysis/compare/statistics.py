"""Rliable's statistics of groups (Agarwal et al., 2021): aggregates, profiles, efficiency, pairs.

The intervals are rliable's 95% stratified bootstrap over seeds within tasks, or also over tasks.
With few seeds, they are too narrow (docs/statistics.md); the probabilities of improvement have the
t intervals of the claims.
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
from rliable import library, metrics

from analysis.claims.pairs import PROBABILITY, Pairs
from analysis.compare.groups import POINTS, Groups
from analysis.intervals import FEWEST_FOR_INTERVAL, TRIMMED, reach

REPETITIONS = 2000
SEED = 0


def iqms(scores: np.ndarray) -> np.ndarray:
    """Interquartile means of `scores` [seeds, tasks, points] over seeds and tasks: [points].

    Equal to rliable's `aggregate_iqm` at each point, without the checks of SciPy's trimmed mean,
    which take most of a bootstrap's time.
    """
    flat = np.ascontiguousarray(scores.reshape(-1, scores.shape[-1]).T)
    count = flat.shape[1]
    cut = int(TRIMMED * count)
    return np.partition(flat, (cut, count - cut - 1), axis=1)[:, cut : count - cut].mean(axis=1)


def _iqm(scores: np.ndarray) -> float:
    return float(iqms(scores[..., None])[0])


AGGREGATES: dict[str, Callable[[np.ndarray], float]] = {
    "mean": metrics.aggregate_mean,
    "median": metrics.aggregate_median,
    "iqm": _iqm,
    "optimality_gap": metrics.aggregate_optimality_gap,
}
"""Of scores [seeds, tasks]. The optimality gap is the mean shortfall of scores from 1."""


def aggregates(groups: Groups, task_bootstrap: bool = False) -> pd.DataFrame:
    """A row per group and aggregate: group, statistic, value, low, high, seeds, tasks."""

    def all_of_them(scores: np.ndarray) -> np.ndarray:
        return np.array([aggregate(scores) for aggregate in AGGREGATES.values()])

    with _seeded():
        values, ends = library.get_interval_estimates(
            groups.scores, all_of_them, task_bootstrap=task_bootstrap, reps=REPETITIONS
        )
    rows = [
        (group, name, values[group][i], *_ends(scores, ends[group][:, i]), *scores.shape)
        for group, scores in groups.scores.items()
        for i, name in enumerate(AGGREGATES)
    ]
    columns = ["group", "statistic", "value", "low", "high", "seeds", "tasks"]
    return pd.DataFrame(rows, columns=columns)


def profiles(groups: Groups, task_bootstrap: bool = False) -> pd.DataFrame:
    """Performance profiles: the share of each group's runs that score above tau.

    Columns: group, tau, value, low, high.
    """
    all_scores = np.concatenate([scores.ravel() for scores in groups.scores.values()])
    taus = np.linspace(min(0.0, all_scores.min()), all_scores.max(), 81)

    def above(scores: np.ndarray) -> np.ndarray:
        return (scores[..., None] > taus).mean(axis=(0, 1))

    with _seeded():
        shares, ends = library.get_interval_estimates(
            groups.scores, above, task_bootstrap=task_bootstrap, reps=REPETITIONS // 4
        )
    return _lines(groups, "tau", taus, shares, ends)


def efficiency(groups: Groups, task_bootstrap: bool = False) -> pd.DataFrame:
    """Sample efficiency: the IQM after each of `POINTS` of training.

    Columns: group, share, value, low, high; groups without evaluations have no rows.
    """
    curves = {name: c for name, c in groups.curves.items() if np.isfinite(c).all()}
    if not curves:
        return pd.DataFrame(columns=["group", "share", "value", "low", "high"])

    with _seeded():
        values, ends = library.get_interval_estimates(
            curves, iqms, task_bootstrap=task_bootstrap, reps=REPETITIONS // 4
        )
    return _lines(groups, "share", POINTS, values, ends)


def improvements(groups: Groups) -> pd.DataFrame:
    """For each pair of groups, the probability that a run of the first scores higher on a task.

    Columns: first, second, value, low, high (`analysis.claims.pairs`).
    """
    rows = []
    for first, second in itertools.permutations(groups.scores, 2):
        x, y = groups.scores[first], groups.scores[second]
        one, other = (_side(name, groups.scores[name], groups.tasks) for name in (first, second))
        pairs = Pairs(one, other, ("env",))
        found = pairs.estimate(x.T.ravel(), y.T.ravel(), PROBABILITY)
        half = float(reach(found.error, found.freedom))
        value = float(found.value)
        few = min(len(x), len(y)) < FEWEST_FOR_INTERVAL
        low, high = (np.nan, np.nan) if few else (max(0.0, value - half), min(1.0, value + half))
        rows.append((first, second, value, low, high))
    return pd.DataFrame(rows, columns=["first", "second", "value", "low", "high"])


def _side(name: str, scores: np.ndarray, tasks: tuple[str, ...]) -> pd.DataFrame:
    rows = [(task, name, f"{name}/{task}/{i}") for task in tasks for i in range(len(scores))]
    return pd.DataFrame(rows, columns=["env", "method", "path"])


def _ends(scores: np.ndarray, ends: np.ndarray) -> tuple[float, float]:
    return (
        (float(ends[0]), float(ends[1])) if len(scores) >= FEWEST_FOR_INTERVAL else (np.nan, np.nan)
    )


def _lines(groups: Groups, x: str, places: np.ndarray, values: Any, ends: Any) -> pd.DataFrame:
    parts = []
    for group in values:
        few = len(groups.scores[group]) < FEWEST_FOR_INTERVAL
        low, high = np.full((2, len(places)), np.nan) if few else ends[group]
        parts.append(pd.DataFrame({"group": group, x: places, "value": values[group], "low": low}))
        parts[-1]["high"] = high
    return pd.concat(parts, ignore_index=True)


@contextmanager
def _seeded() -> Iterator[None]:
    """Seeds NumPy's global generator, which rliable uses, and restores its state afterwards."""
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(SEED)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
