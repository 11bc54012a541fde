"""Groups of runs to compare: normalized scores and learning curves of each."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis import learning_curves
from analysis.claims.runs import LEARNT, worst_return
from analysis.collect import load
from analysis.normalization import HUMAN_SCORES, atari_scores
from analysis.notes import left_out
from analysis.select import SETTING, standard_dense
from rigl_rl.errors import NoRunsError

POINTS = np.linspace(0.05, 1.0, 20)
"""Points at which learning curves are compared: shares of a run's environment steps."""


class Groups(NamedTuple):
    """Groups by name.

    scores: final scores [seeds, tasks] of each. curves: scores [seeds, tasks, points] at `POINTS`
    (NaN where a run has no evaluations). tasks: their names.
    """

    scores: dict[str, np.ndarray]
    curves: dict[str, np.ndarray]
    tasks: tuple[str, ...]


def groups_of(sources: Sequence[Path], score: str) -> Groups:
    """The runs of every directory or table, a group per method, sparsity, distribution and width.

    Compares only tasks that all groups have, each with as many seeds as the group has for its
    rarest task; both are reported. With several sources, names of groups include the source.

    Raises NoRunsError without two groups that share a task.
    """
    runs, evals = _runs(sources, score)
    names = runs["label"].unique()
    tasks = sorted(set.intersection(*(set(own["env"]) for _, own in runs.groupby("label"))))
    if len(names) < 2 or not tasks:
        why = "they share no task" if len(names) > 1 else "it takes two groups"
        raise NoRunsError(f"nothing to compare of {', '.join(names)}: {why}")
    for task in sorted(set(runs["env"]) - set(tasks)):
        left_out("compare", f"left out {task}, which not all groups have")
    runs = runs[runs["env"].isin(tasks)]
    runs = _normalized(runs)
    curves = _curves(runs, evals)
    scores, of_time = {}, {}
    for name in names:
        own = runs[runs["label"] == name]
        seeds = int(own["env"].value_counts().min())
        if len(own) > seeds * len(tasks):
            left_out("compare", f"{name}: {seeds} seed(s) of each task, as many as of the rarest")
        chosen = [own[own["env"] == task].sort_values("seed").head(seeds) for task in tasks]
        scores[name] = np.stack([part["score"].to_numpy() for part in chosen], axis=1)
        of_time[name] = np.stack(
            [np.stack([curves[path] for path in part["path"]]) for part in chosen], axis=1
        )
    return Groups(scores, of_time, tuple(tasks))


def _runs(sources: Sequence[Path], score: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    runs, evals = [], []
    for source in sources:
        tables = load(source, score)
        own = learning_curves.labelled(tables)
        labels = own["name"] + [
            f" {100 * sparsity:.4g}%" if sparsity else "" for sparsity in own["target_sparsity"]
        ]
        prefix = f"{source.stem}: " if len(sources) > 1 else ""
        runs.append(own.assign(path=prefix + own["path"], label=prefix + labels))
        evals.append(tables.evals.assign(path=prefix + tables.evals["path"]))
    found = pd.concat(runs, ignore_index=True)
    agents = found["agent"] + " " + found["suite"]
    if agents.nunique() > 1:
        found["label"] = agents + ", " + found["label"]
    again = found.duplicated([*SETTING, "seed", "label"])
    return found[~again], pd.concat(evals, ignore_index=True)


def _normalized(runs: pd.DataFrame) -> pd.DataFrame:
    """With `zero` and `one`, the returns of scores 0 and 1, and `score`.

    Games: random and human play. Other tasks: a policy that has learned nothing, and the standard
    dense network, or the best group if that network is missing or has not learned.
    """
    zero = worst_return(runs)
    dense = runs[standard_dense(runs)].groupby("env")["final_return"].mean()
    best = runs.groupby(["env", "label"])["final_return"].mean().groupby("env").max()
    one = runs["env"].map(dense).fillna(runs["env"].map(best))
    one = one.where(one - zero > LEARNT * zero.abs(), runs["env"].map(best))
    human = atari_scores()[f"human_{HUMAN_SCORES[0]}"]
    one = runs["env"].map(human).fillna(one)
    unit = (one - zero).where(one > zero, 1.0)
    return runs.assign(zero=zero, unit=unit, score=(runs["final_return"] - zero) / unit)


def _curves(runs: pd.DataFrame, evals: pd.DataFrame) -> dict[str, np.ndarray]:
    """Each run's normalized score at `POINTS`, interpolated linearly between evaluations."""
    found = {path: np.full(len(POINTS), np.nan) for path in runs["path"]}
    by_run = runs.set_index("path")
    for path, own in evals[evals["path"].isin(found)].groupby("path"):
        steps = own["env_step"].to_numpy(float)
        scores = (own["avg_return"] - by_run.loc[path, "zero"]) / by_run.loc[path, "unit"]
        found[path] = np.interp(POINTS * steps.max(), steps, scores)
    return found
