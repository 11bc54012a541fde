"""Puts the curves of a line's runs on common points, so that they can be averaged."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from analysis.notes import left_out


def on_common_steps(
    curves: pd.DataFrame, line: Sequence[str], value: str, shown: str
) -> pd.DataFrame:
    """`curves` with the runs of each line at the same `env_step`s.

    Runs whose steps differ, as their intervals do, are interpolated linearly to the steps of the
    one with the fewest, within the steps that all of them cover; this is reported. NaN stays NaN.

    curves: a row per measurement, with path, env_step and the columns `line` and `value`, in order
        of time. shown: the name of the figure.
    """
    parts, coarse = [curves.iloc[:0]], []
    for _, own in curves.groupby(list(line), dropna=False, sort=False):
        runs = [run for _, run in own.groupby("path")]
        steps = [run["env_step"].to_numpy(float) for run in runs]
        if all(np.array_equal(its, steps[0]) for its in steps):
            parts.append(own)
            continue
        fewest = min(range(len(runs)), key=lambda i: len(steps[i]))
        begin, end = max(its[0] for its in steps), min(its[-1] for its in steps)
        common = np.unique(np.clip(steps[fewest], begin, end))
        coarse.append(runs[fewest]["path"].iloc[0])
        parts += _interpolated(runs, steps, common, [*line, "path"], value)
    if coarse:
        left_out(
            shown,
            f"the runs of {len(coarse)} line(s) were measured at different steps; they are "
            f"interpolated to those of the run with the fewest (first: {coarse[0]})",
        )
    return pd.concat(parts, ignore_index=True)


def _interpolated(
    runs: list[pd.DataFrame],
    steps: list[np.ndarray],
    common: np.ndarray,
    columns: list[str],
    value: str,
) -> Iterator[pd.DataFrame]:
    for run, its in zip(runs, steps):
        values = np.interp(common, its, run[value].to_numpy(float))
        rows = run[columns].iloc[:1]
        yield rows.loc[rows.index.repeat(len(common))].assign(**{"env_step": common, value: values})


def at_common_points(
    curves: pd.DataFrame, line: Sequence[str], x: str, what: str, shown: str
) -> pd.DataFrame:
    """`curves` at those `x` that all runs of their line have; reports the others.

    curves: a row per measurement, with path and the columns `line` and x. what: the name of x.
    shown: the name of the figure.
    """
    of_line = [curves[column] for column in line]
    runs = curves["path"].groupby(of_line, dropna=False).transform("nunique")
    here = curves["path"].groupby([*of_line, curves[x]], dropna=False).transform("nunique")
    out = curves[here < runs]
    if len(out):
        values = ", ".join(f"{value:g}" for value in sorted(out[x].unique()))
        left_out(
            shown,
            f"left out {what} {values} where not all runs of a line have it "
            f"(first: {out['path'].iloc[0]})",
        )
    return curves.drop(out.index)
