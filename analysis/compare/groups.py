"""Groups of runs to compare: normalized scores and learning curves of each."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis import learning_curves
from analysis.balanced import widest
from analysis.collect import load
from analysis.normalization import HUMAN_SCORES, atari_scores, has_learned, worst_return
from analysis.notes import left_out
from analysis.run_tables import Tables
from analysis.select import (
    EQUALLY_LONG,
    MATCHES_WITHIN,
    TASK,
    about,
    configs_of,
    env_steps,
    standard_dense,
)
from analysis.style import percent
from rigl_rl.errors import ConfigError, NoRunsError

NAME = "compare"
POINTS = np.linspace(0.05, 1.0, 20)
"""Points at which learning curves are compared: shares of a run's environment steps."""


class Groups(NamedTuple):
    """Groups by name.

    scores: final scores [seeds, tasks] of each. curves: scores [seeds, tasks, points] at `POINTS`
    (NaN where a run has no evaluations). tasks: their names. unit: says what a score of 1 is.
    """

    scores: dict[str, np.ndarray]
    curves: dict[str, np.ndarray]
    tasks: tuple[str, ...]
    unit: str


def comparisons(
    sources: Sequence[Path], score: str, wanted: Sequence[str] = (), steps: int | None = None
) -> dict[str, Groups]:
    """The runs of every directory or table, by the names of the files to write: one comparison of
    all agents that share tasks.

    A group is a method, sparsity, distribution and width; dense networks that match the size of a
    sparse one are a group on all tasks. Groups' names include the source, if there are several, and
    the folder of edited gin files (`launch run --configs`). If any groups are `wanted`, those are
    compared, on the tasks that all of them have; otherwise the groups and tasks of `_widest`.

    Raises NoRunsError without two groups that share a task, ConfigError for two equal sources or
    unknown groups.
    """
    runs, evals = _runs(sources, score, steps)
    runs = _normalized(runs)  # by a dense network, whether or not it is wanted
    if wanted:
        known = dict.fromkeys(runs["label"])
        if unknown := [name for name in wanted if name not in known]:
            raise ConfigError(
                f"argument --groups: no group {unknown[0]!r} (choose from "
                f"{', '.join(map(repr, known))})"
            )
        runs = runs[runs["label"].isin(wanted)]
    parts = _sharing_tasks(runs)
    found, problems = {}, []
    for agents, own in parts.items():
        try:
            own = own if wanted else _widest(own)
            found[NAME if len(parts) == 1 else f"{NAME}_{agents}"] = _groups(own, evals)
        except NoRunsError as error:
            problems.append(str(error))
    if not found:
        raise NoRunsError("; ".join(problems))
    for problem in problems:
        left_out(NAME, problem)
    return found


def _widest(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs of the groups that are compared if none are selected: those that have all of the
    tasks of `balanced.widest`; reports the others. All runs if no two groups share a task.
    """
    seeds_of = {
        str(name): own["env"].value_counts().to_dict()
        for name, own in runs.groupby("label", sort=False)
    }
    tasks = set(widest(seeds_of, least=2))
    lacking = [name for name, own in seeds_of.items() if not tasks <= own.keys()]
    if lacking:
        left_out(
            NAME,
            f"left out {len(lacking)} of {len(seeds_of)} groups, which lack one of "
            f"{', '.join(sorted(tasks))}, the tasks compared: {'; '.join(lacking)} "
            f"(--groups selects groups)",
        )
    return runs[~runs["label"].isin(lacking)]


def _groups(runs: pd.DataFrame, evals: pd.DataFrame) -> Groups:
    """Compares only tasks that all groups have, each with as many seeds as the group has for its
    rarest task; both are reported.
    """
    names = runs["label"].unique()
    tasks = sorted(set.intersection(*(set(own["env"]) for _, own in runs.groupby("label"))))
    if len(names) < 2 or not tasks:
        why = "they share no task" if len(names) > 1 else "it takes two groups"
        raise NoRunsError(f"nothing to compare of {', '.join(names)}: {why}")
    for task in sorted(set(runs["env"]) - set(tasks)):
        have = runs.loc[runs["env"] == task, "label"].unique()
        lacking = [name for name in names if name not in have]
        without = ", ".join(lacking)
        left_out(NAME, f"left out {task}: no runs of {without} (--groups selects groups)")
    runs = runs[runs["env"].isin(tasks)]
    _report_lengths(runs)
    curves = _curves(runs, evals)
    scores, of_time = {}, {}
    for name in names:
        own = runs[runs["label"] == name]
        count = own["env"].value_counts().reindex(tasks)
        seeds = int(count.min())
        if len(own) > seeds * len(tasks):
            left_out(NAME, f"{name}: {seeds} seed(s) of each task, as {count.idxmin()} has")
        chosen = [own[own["env"] == task].sort_values("seed").head(seeds) for task in tasks]
        scores[name] = np.stack([part["score"].to_numpy() for part in chosen], axis=1)
        of_time[name] = np.stack(
            [np.stack([curves[path] for path in part["path"]]) for part in chosen], axis=1
        )
    return Groups(scores, of_time, tuple(tasks), _unit(runs))


def _report_lengths(runs: pd.DataFrame) -> None:
    """Reports tasks on which groups were trained unequally long."""
    tasks: dict[str, list[str]] = {}
    for task, own in runs.groupby("env"):
        steps = env_steps(own).groupby(own["label"], sort=False).median().sort_values(kind="stable")
        if steps.max() > EQUALLY_LONG * steps.min():
            of_length = steps.groupby(steps.map(about), sort=False)
            each = (f"{length} ({', '.join(own.index)})" for length, own in of_length)
            tasks.setdefault(", ".join(each), []).append(task)
    for groups, where in tasks.items():
        left_out(
            NAME, f"{', '.join(where)}: trained unequally long, for environment steps of {groups}"
        )


def _runs(
    sources: Sequence[Path], score: str, steps: int | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Runs, with `source`, `label` (their group) and `agents`; and their evaluations."""
    runs, evals = [], []
    for name, prefix, tables in _parts(sources, score, steps):
        own = learning_curves.labeled(tables)
        runs.append(own.assign(path=prefix + own["path"], source=name, prefix=prefix))
        evals.append(tables.evals.assign(path=prefix + tables.evals["path"]))
    found = pd.concat(runs, ignore_index=True)
    sparsity = found["target_sparsity"].map(lambda share: f" {percent(share)}" if share else "")
    like = _matched(found).map(lambda share: f"Dense (size of {percent(share)})", "ignore")
    found["label"] = found["prefix"] + like.fillna(found["name"] + sparsity)
    found["agents"] = found["agent"] + " " + found["suite"]
    if found["agents"].nunique() > 1:
        found["label"] = found["agents"] + ", " + found["label"]
    return found, pd.concat(evals, ignore_index=True)


def _parts(
    sources: Sequence[Path], score: str, steps: int | None
) -> Iterator[tuple[str, str, Tables]]:
    """Name, prefix of labels, and tables: of the standard runs of each source, then of those of
    each folder of edited gin files.
    """
    for source, name in zip(sources, short_names(sources)):
        tables = load(source, score, steps)
        given = [name] if len(sources) > 1 else []
        by_folder = dict(list(tables.runs.groupby(configs_of(tables.runs))))
        for folder, runs in (by_folder or {"": tables.runs}).items():
            names = ", ".join([*given, folder] if folder else given)
            evals = tables.evals[tables.evals["path"].isin(runs["path"])]
            yield names or name, names and f"{names}: ", tables._replace(runs=runs, evals=evals)


def short_names(sources: Sequence[Path]) -> list[str]:
    """The shortest end of each path that no other one has; ConfigError for equal paths."""
    parts = [Path(os.path.abspath(source)).parts for source in sources]
    names = []
    for own, source in zip(parts, sources):
        if sum(source.resolve() == other.resolve() for other in sources) > 1:
            raise ConfigError(f"--runs names {source} twice; give each directory or table once")
        lengths = range(1, len(own) + 1)
        unique = (n for n in lengths if sum(own[-n:] == other[-n:] for other in parts) == 1)
        names.append(str(Path(*own[-next(unique) :])))
    return names


def _matched(runs: pd.DataFrame) -> pd.Series:
    """The sparsity whose number of parameters each dense network of another width has; NaN if it
    matches none, or less closely than another width. Such widths differ between tasks.
    """
    sparse = runs[(runs["method"] != "dense") & (runs["width"] == 1.0)]
    of = ["source", *TASK, "target_sparsity"]
    sizes = sparse.groupby(of)["active_params"].mean().rename("size").reset_index()
    narrow = runs.loc[(runs["method"] == "dense") & (runs["width"] != 1.0)]
    narrow = narrow[["source", *TASK, "width", "active_params"]].reset_index()
    pairs = narrow.merge(sizes.drop(columns="source"), on=TASK)
    pairs["away"] = (pairs["active_params"] / pairs["size"] - 1).abs()
    pairs = pairs[pairs["away"] < MATCHES_WITHIN].sort_values("away").drop_duplicates("index")
    nearest = pairs.groupby(of)["width"].transform("first")
    pairs = pairs[pairs["width"] == nearest]
    return pairs.set_index("index")["target_sparsity"].reindex(runs.index)


def _sharing_tasks(runs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The runs by sets of agents that share tasks, directly or by another agent's."""
    sets: list[tuple[set[str], set[str]]] = []
    for agents, own in runs.groupby("agents"):
        its = ({str(agents)}, set(own["env"]))
        for other in [other for other in sets if other[1] & its[1]]:
            sets.remove(other)
            its = (other[0] | its[0], other[1] | its[1])
        sets.append(its)
    return {
        "_".join(sorted(agents)).replace(" ", "_"): runs[runs["agents"].isin(agents)]
        for agents, _ in sets
    }


def _normalized(runs: pd.DataFrame) -> pd.DataFrame:
    """With `zero` and `unit`, the return of score 0 and how much higher that of 1 is, `score`, and
    `one`, which says what has a score of 1.

    Games: random and human play. Other tasks: a policy that has learned nothing, and the agent's
    standard dense network in the first source that has one; the agent's best group if there is no
    such network or it has not learned.
    """
    task = [runs[column] for column in TASK]
    zero = worst_return(runs)
    dense = runs["final_return"].where(standard_dense(runs))
    first = runs["source"].where(dense.notna()).groupby(task).transform("first")
    dense = dense.where(runs["source"] == first).groupby(task).transform("mean")
    best = runs.groupby([*task, "label"])["final_return"].transform("mean")
    best = best.groupby(task).transform("max")
    learned = has_learned(dense - zero, zero)
    human = runs["env"].map(atari_scores()[f"human_{HUMAN_SCORES[0]}"])
    one = human.fillna(dense.where(learned, best))
    several = runs["source"].nunique() > 1
    kind = "the standard dense network" + (" of " + first if several else pd.Series("", runs.index))
    kind = kind.where(learned, "the best group").where(human.isna(), "a human")
    unit = (one - zero).where(one > zero, 1.0)
    score = (runs["final_return"] - zero) / unit
    return runs.assign(zero=zero, unit=unit, score=score, one=kind)


def _unit(runs: pd.DataFrame) -> str:
    """Says what a score of 1 is, for each agent."""
    texts = {}
    for agent, own in runs.groupby("agents"):
        kinds = own.groupby("one")["env"].unique()
        on = [f"{kind} on {', '.join(sorted(tasks))}" for kind, tasks in kinds.items()]
        texts[agent] = " and ".join(on if len(kinds) > 1 else kinds.index)
    if len(set(texts.values())) == 1:
        each = ", each agent in its own unit" if len(texts) > 1 else ""
        return f"A score of 1 is the mean of {min(texts.values())}{each}."
    each = "; ".join(f"{text} ({agent})" for agent, text in texts.items())
    return f"A score of 1 is the mean of {each}."


def _curves(runs: pd.DataFrame, evals: pd.DataFrame) -> dict[str, np.ndarray]:
    """Each run's normalized score at `POINTS`, interpolated linearly between evaluations."""
    found = {path: np.full(len(POINTS), np.nan) for path in runs["path"]}
    by_run = runs.set_index("path")
    for path, own in evals[evals["path"].isin(found)].groupby("path"):
        steps = own["env_step"].to_numpy(float)
        scores = (own["avg_return"] - by_run.loc[path, "zero"]) / by_run.loc[path, "unit"]
        found[path] = np.interp(POINTS * steps.max(), steps, scores)
    return found
