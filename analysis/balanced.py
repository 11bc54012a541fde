"""Chooses tasks and seeds so that every group has as many runs on every task."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd


def rectangular(runs: pd.DataFrame, tasks: Sequence[str]) -> tuple[np.ndarray, str]:
    """The column `score` of runs as [seeds, tasks], for rliable: as many seeds for each task as the
    rarest one has, and a text that says so if others have more. No rows if a task has no score.
    """
    by_task = [runs.loc[runs["env"] == task, "score"].dropna().to_numpy() for task in tasks]
    counts = [len(scores) for scores in by_task] or [0]
    fewest, most = min(counts), max(counts)
    text = ""
    if 0 < fewest < most:
        rarest = tasks[counts.index(fewest)]
        text = f"{fewest} of up to {most} seeds of each task, as {rarest} has"
    scores = [scores[:fewest] for scores in by_task]
    return (np.stack(scores, 1) if scores else np.zeros((0, 0))), text


def widest(seeds_of: Mapping[str, Mapping[str, int]], least: int = 1) -> list[str]:
    """The tasks on which most runs can be compared: of groups that have all of these tasks, each
    with as many seeds as it has of its rarest task. On a tie, more tasks, then the first by name.

    seeds_of: {name of a group: {task: number of seeds}}. least: how many groups must have the
        tasks; without such tasks, the result is empty.
    """
    shared: set[frozenset[str]] = set()
    for own in map(frozenset, seeds_of.values()):
        shared |= {own, *(own & other for other in shared)}

    def worth(tasks: list[str]) -> tuple[int, int]:
        having = [own for own in seeds_of.values() if own.keys() >= set(tasks)]
        seeds = sum(min((own[task] for task in tasks), default=0) for own in having)
        return seeds * len(tasks) if len(having) >= least else 0, len(tasks)

    found = max(sorted(map(sorted, shared)), key=worth, default=[])
    return found if worth(found)[0] else []
