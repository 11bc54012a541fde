"""Selects runs that may share a figure."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis import hyperparameters
from analysis.notes import left_out
from analysis.run_tables import Tables
from rigl_rl.record import FROM_CONFIGS

TASK = ["agent", "suite", "env"]
SETTING = [*TASK, "method", "distribution", "target_sparsity", "width"]
"""The columns that distinguish the settings of a figure; runs equal in all of them are seeds."""
SPLIT = ["widths", "sparsities"]
"""Columns of runs that give each network its own width or sparsity."""
VERSION = "versions.rigl_rl"
_FROM_CONFIGS = rf"(?:^|/)(?:dense|[^/]+-s\d)[^/]*?{FROM_CONFIGS}([^/]+)/seed\d+$"
"""Of launched runs: dense-from_x/seed0, rigl-erk-s0.90-from_x/seed0; not any path with from_."""
MATCHES_WITHIN = 0.09
"""Tolerance for two parameter counts, or a count and a share of another, to count as equal. Widths
are whole numbers: the dense network nearest to one of 99% sparsity is 6% off for PPO, and up to
8.9% for the ResNet, whose convolutions then have three and six filters."""

EQUALLY_LONG = 1.1
"""Ratio of two lengths of training up to which they count as equal. Recorded environment steps
include the initial collection."""


def env_steps(runs: pd.DataFrame) -> pd.Series:
    """The environment steps of each run; on Atari those planned, see `length_of`."""
    return runs["planned_steps"].astype(float).fillna(runs["env_steps"])


def about(steps: float) -> str:
    """A length as text, in two digits: without the initial collection."""
    return f"{float(f'{steps:.2g}'):,.0f}"


def standard_dense(runs: pd.DataFrame) -> pd.Series:
    """Whether each run has a dense network of full width."""
    return (runs["method"] == "dense") & (runs["width"] == 1.0)


def length_of(runs: pd.DataFrame) -> pd.Series:
    """How long each run was to train: train steps; of Atari, agent steps.

    On Atari, a run takes extra steps until the last episode of each iteration ends.
    """
    return runs["planned_steps"].astype(float).fillna(runs["train_steps"])


def is_split(runs: pd.DataFrame) -> pd.Series:
    """Whether each run splits its parameters between actor and critics (Figure 3)."""
    return runs[SPLIT].notna().any(axis=1)


def configs_of(runs: pd.DataFrame) -> pd.Series:
    """The folder of each run's edited gin file (`launch run --configs`); empty: a standard file."""
    return runs["path"].str.extract(_FROM_CONFIGS, expand=False).fillna("")


def comparable(runs: pd.DataFrame, figure: str, varied: Sequence[str] = ()) -> pd.DataFrame:
    """Runs of one length at the standard hyperparameters, each setting and seed once.

    Reports what it leaves out (`notes.left_out`). Runs of different lengths must not be averaged,
    nor runs of a sweep with standard ones, nor runs of one setting that differ in anything else
    that they record. Networks of a split (`is_split`) have neither one width nor one sparsity, so
    they are left out even where no others are there, unless the split is varied. A repeated run
    (with and without SNR logging, for example) is not a second seed; which one counts:
    `_preferred_first`.

    varied: hyperparameters (of `hyperparameters.COLUMNS`) that the figure shows; runs that differ
        in them are different settings.
    """
    setting = [*SETTING, *varied]
    runs = _not_split(runs, figure) if not set(SPLIT) & set(varied) else runs
    runs = _of_one_length(runs, figure).sort_values("path")
    runs = _alike(_standard(runs, figure, setting, varied), figure, setting, varied)
    ordered = _preferred_first(runs)
    again = ordered.duplicated([*setting, "seed"])
    # Runs with and without SNR logging train alike, so only differences are reported.
    differs = again & ~ordered.duplicated([*setting, "seed", "final_return"])
    if differs.any():
        of_run = [ordered[column] for column in [*setting, "seed"]]
        counts = ordered["path"].groupby(of_run, dropna=False).transform("first")
        first = ordered.index[differs][0]
        named = [_versioned(ordered, path) for path in (ordered["path"][first], counts[first])]
        left_out(
            figure,
            f"left out {int(differs.sum())} run(s) that repeat another's setting and seed with "
            f"another score (first: {named[0]}; {named[1]} counts)",
        )
    return runs[~again.reindex(runs.index)]


def _preferred_first(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs in the order in which repeated ones count: by the version that most runs of the task
    have, then the newer version, then the path.
    """
    version = _versions(runs)
    often = version.groupby([*(runs[column] for column in TASK), version]).transform("size")
    by_age = sorted(version.dropna().unique(), key=lambda v: [*map(int, re.findall(r"\d+", v))])
    age = version.map({text: number for number, text in enumerate(by_age)})
    keys = pd.DataFrame({"often": often, "age": age, "path": runs["path"]})
    order = keys.sort_values(["often", "age", "path"], ascending=[False, False, True])
    return runs.loc[order.index]


def _versions(runs: pd.DataFrame) -> pd.Series:
    """The version that trained each run, as text; NaN where it is not recorded."""
    known = runs[VERSION] if VERSION in runs else pd.Series(np.nan, runs.index)
    return known.map(str, na_action="ignore")


def _versioned(runs: pd.DataFrame, path: str) -> str:
    version = _versions(runs)[runs["path"] == path].iloc[0]
    return f"{path} of {'an unknown version' if pd.isna(version) else f'version {version}'}"


def of_last_policies(tables: Tables, figure: str) -> pd.DataFrame:
    """`tables.robustness` of each run's last policy, with the epsilon of most evaluations of the
    agent; reports the others.
    """
    noise = tables.robustness
    runs = tables.runs.set_index("path")
    end = noise["path"].map(runs["train_steps"])
    earlier = noise[noise["train_step"] != end]
    if len(earlier):
        left_out(
            figure,
            f"left out {len(earlier)} evaluation(s) under noise of other policies than the last of "
            f"their run (first: {earlier['path'].iloc[0]})",
        )
    noise = noise.drop(earlier.index)
    agent = noise["path"].map(runs["agent"] + " " + runs["suite"])
    usual = noise["epsilon"].groupby(agent).transform(lambda found: found.mode().min())
    others = noise[noise["epsilon"].notna() & (noise["epsilon"] != usual)]
    if len(others):
        left_out(
            figure,
            f"left out {len(others)} evaluation(s) under noise with another epsilon than most: "
            f"{others['epsilon'].iloc[0]:g} instead of {usual[others.index[0]]:g} "
            f"(first: {others['path'].iloc[0]})",
        )
    return noise.drop(others.index)


def nearest_share(found: float, shares: Sequence[float]) -> float:
    """The one of `shares` that is near a network's share of parameters; NaN: none is."""
    share = min(shares, key=lambda share: abs(found / share - 1))
    return share if abs(found / share - 1) < MATCHES_WITHIN else float("nan")


def _not_split(runs: pd.DataFrame, figure: str) -> pd.DataFrame:
    split = is_split(runs)
    if split.any():
        left_out(
            figure,
            f"left out {int(split.sum())} run(s) that split parameters between actor and critics "
            f"(first: {runs.loc[split, 'path'].iloc[0]})",
            usual=True,
        )
    return runs[~split]


def _of_one_length(runs: pd.DataFrame, figure: str) -> pd.DataFrame:
    """For each task, the runs of the most frequent length (the longer one on a tie).

    Reports the lengths of an agent's tasks if they differ.
    """
    length = length_of(runs)
    kept = []
    tasks: dict[str, dict[float, list[str]]] = {}
    for task, lengths in length.groupby([runs[column] for column in TASK]):
        usual = lengths.mode().max()
        kept.append(lengths[lengths == usual])
        tasks.setdefault(f"{task[0]} {task[1]}", {}).setdefault(usual, []).append(task[2])
        for word, others in (
            ("shorter", lengths[lengths < usual]),
            ("longer", lengths[lengths > usual]),
        ):
            if len(others):
                left_out(
                    figure,
                    f"left out {len(others)} {task[0]} {task[2]} run(s) {word} than {usual:,.0f} "
                    f"steps, the length of most there (first: {runs.loc[others.index[0], 'path']}; "
                    "--steps selects another length)",
                )
    for agent, by_length in tasks.items():
        if len(by_length) > 1:
            each = (f"{n:,.0f} steps on {', '.join(by_length[n])}" for n in sorted(by_length))
            left_out(figure, f"{agent} was not trained equally long: {'; '.join(each)}")
    return runs.loc[pd.concat(kept).index] if kept else runs


def _standard(
    runs: pd.DataFrame, figure: str, setting: Sequence[str], varied: Sequence[str]
) -> pd.DataFrame:
    """For each setting, the runs nearest to the paper's best hyperparameters.

    An edited gin file counts as one more change, whatever it changes. None if there are several
    such settings, as in a sweep whose grid lacks the best values.
    """
    if runs.empty:
        return runs
    fixed = runs.assign(**dict.fromkeys(varied))
    changes = fixed.apply(hyperparameters.changes, axis=1)
    changes += configs_of(runs) != ""
    fewest = changes.groupby([runs[column] for column in setting], dropna=False).transform("min")
    others = [column for column in hyperparameters.COLUMNS if column not in varied]
    values = runs[others].astype(object).where(changes == fewest)
    # Unknown values, as of older runs, do not differ.
    several = values.groupby([runs[column] for column in setting], dropna=False).transform(
        "nunique"
    )
    several = several.max(axis=1)
    out = (changes > fewest) | ((fewest > 0) & (several > 1))
    if out.any():
        left_out(
            figure,
            f"left out {int(out.sum())} run(s) of sweeps or edited gin files, which change "
            f"other hyperparameters than this figure shows "
            f"(first: {runs.loc[out, 'path'].iloc[0]})",
            usual=True,
        )
    unusual = runs[~out & (changes > 0)]
    if len(unusual):
        left_out(
            figure,
            f"{len(unusual)} run(s) do not have the paper's hyperparameters, but no "
            f"others are there (first: {unusual['path'].iloc[0]})",
        )
    return runs[~out]


def _alike(
    runs: pd.DataFrame, figure: str, setting: Sequence[str], varied: Sequence[str]
) -> pd.DataFrame:
    """For each setting, the runs with the most frequent value of all that they record; on a tie,
    that of most runs on the task, then that of the first path. Where a run does not record a value,
    it is taken to have that of most runs of its method on the task, unless settings differ in it.
    """
    recorded = hyperparameters.recorded(runs, varied)
    of_task = runs.groupby(TASK).ngroup()
    lacking = recorded.columns[recorded.isna().any()].difference(hyperparameters.OF_SETTINGS)
    if len(lacking):
        like = recorded[lacking].groupby([of_task, runs["method"]]).transform(_usual)
        recorded[lacking] = recorded[lacking].fillna(like)
    of_setting = runs.groupby(list(setting), dropna=False).ngroup()
    several = recorded.groupby(of_setting).nunique() > 1
    for name in several.columns[several.any()]:
        values = recorded[name].dropna()
        counts = [values.groupby([of, values]).transform("size") for of in (of_setting, of_task)]
        order = pd.concat(counts, axis=1, keys=[0, 1]).sort_values([0, 1], ascending=False).index
        usual = values[order].groupby(of_setting).transform("first")[values.index]
        others = values[values != usual]
        if others.empty:  # left out for another reason
            continue
        pairs = (others + " instead of " + usual[others.index]).unique()
        left_out(
            figure,
            f"left out {len(others)} run(s) with another {name} than most of their setting: "
            f"{', '.join(pairs[:3])} (first: {runs.loc[others.index[0], 'path']})",
        )
        recorded = recorded.drop(others.index)
    return runs.loc[recorded.index]


def _usual(values: pd.Series) -> Any:
    """The most frequent value (the first one on a tie); NaN if all are unknown."""
    counts = values.groupby(values, sort=False).size()
    return counts.idxmax() if len(counts) else np.nan
