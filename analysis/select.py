"""Which runs may stand in one figure together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis import hyperparameters
from analysis.notes import left_out

TASK = ["agent", "suite", "env"]
SETTING = [*TASK, "method", "distribution", "target_sparsity", "width"]
"""The columns that tell the settings of a figure apart; runs equal in all of them are seeds."""
MATCHES_WITHIN = 0.09
"""How far a network's parameter count may be from another's, or from a share of it, to count as
equal. Widths are whole numbers: the dense network nearest to one of 99% sparsity is 6% off for PPO,
and up to 8.9% for the ResNet, whose convolutions have three and six filters there."""


def standard_dense(runs: pd.DataFrame) -> pd.Series:
    """Whether each run is of a dense network of full width."""
    return (runs["method"] == "dense") & (runs["width"] == 1.0)


def comparable(runs: pd.DataFrame, figure: str, varied: Sequence[str] = ()) -> pd.DataFrame:
    """Runs of one length at the standard hyperparameters, each setting and seed once.

    What is left out is said (`notes.left_out`): a run of another length than most of its task's
    must not be averaged with them, a run of a sweep not with standard ones, and a run that was made
    twice (with and without SNR logging, say) is no second seed.

    varied: hyperparameters (of `hyperparameters.COLUMNS`) that the figure shows, so that runs
        which differ in them are different settings.
    """
    setting = [*SETTING, *varied]
    runs = _of_one_length(runs, figure).sort_values("path")
    runs = _standard(runs, figure, setting, varied)
    again = runs.duplicated([*setting, "seed"])
    # A run with and one without SNR logging train alike; that the two agree needs no words.
    differs = again & ~runs.duplicated([*setting, "seed", "final_return"])
    if differs.any():
        left_out(
            figure,
            f"left out {int(differs.sum())} run(s) that repeat another's setting and "
            f"seed with another score (first: {runs.loc[differs, 'path'].iloc[0]})",
        )
    return runs[~again]


def rectangular(runs: pd.DataFrame, tasks: Sequence[str], shown: str, what: str) -> np.ndarray:
    """The column `score` of runs as [seeds, tasks], for rliable: as many seeds of each task as of
    its rarest, which is said. No row where a task has no score.

    shown, what: the figure or claim, and which runs of it, to say so.
    """
    by_task = [runs.loc[runs["env"] == task, "score"].dropna().to_numpy() for task in tasks]
    counts = [len(scores) for scores in by_task] or [0]
    fewest, most = min(counts), max(counts)
    if 0 < fewest < most:
        left_out(shown, f"{what}: {fewest} of up to {most} seeds, as many as of the rarest task")
    return np.stack([scores[:fewest] for scores in by_task], 1) if by_task else np.zeros((0, 0))


def nearest_share(found: float, shares: Sequence[float]) -> float:
    """The one of `shares` that a network's share of parameters counts as; NaN: none is near."""
    share = min(shares, key=lambda share: abs(found / share - 1))
    return share if abs(found / share - 1) < MATCHES_WITHIN else float("nan")


def _of_one_length(runs: pd.DataFrame, figure: str) -> pd.DataFrame:
    """Of each task, the runs of the length that most have, the longer one of a tie."""
    # On Atari a run takes as many more steps as its iterations' last episodes do.
    length = runs["planned_steps"].astype(float).fillna(runs["train_steps"])
    kept = []
    for task, lengths in length.groupby([runs[column] for column in TASK]):
        usual = lengths.mode().max()
        kept.append(lengths[lengths == usual])
        for word, others in (
            ("shorter", lengths[lengths < usual]),
            ("longer", lengths[lengths > usual]),
        ):
            if len(others):
                left_out(
                    figure,
                    f"left out {len(others)} {task[0]} {task[2]} run(s) {word} than {usual:,.0f} "
                    f"steps, the length of most there (first: {runs.loc[others.index[0], 'path']})",
                )
    return runs.loc[pd.concat(kept).index] if kept else runs


def _standard(
    runs: pd.DataFrame, figure: str, setting: Sequence[str], varied: Sequence[str]
) -> pd.DataFrame:
    """Of each setting, the runs nearest to the paper's best hyperparameters.

    None where these are several, as of a sweep whose grid does not have the best ones.
    """
    if runs.empty:
        return runs
    fixed = runs.assign(**dict.fromkeys(varied))
    changes = fixed.apply(hyperparameters.changes, axis=1)
    fewest = changes.groupby([runs[column] for column in setting], dropna=False).transform("min")
    others = [column for column in hyperparameters.COLUMNS if column not in varied]
    values = runs[others].astype(str).agg(" ".join, axis=1).where(changes == fewest)
    several = values.groupby([runs[column] for column in setting], dropna=False).transform(
        "nunique"
    )
    out = (changes > fewest) | ((fewest > 0) & (several > 1))
    if out.any():
        left_out(
            figure,
            f"left out {int(out.sum())} run(s) of sweeps, which change "
            f"other hyperparameters than this figure shows",
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
