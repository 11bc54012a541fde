"""Figure 5, left: signal-to-noise ratio of the gradients over training, DQN on classic control.

The SNR is |mean| / std of a parameter's gradient over a minibatch, averaged over all parameters,
inactive ones included (paper, section 7).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from analysis import style
from analysis.collect import Tables
from analysis.errors import AnalysisError, note
from analysis.intervals import curves_over_seeds
from analysis.select import classic_dqn, comparable

NAME = "figure5_left"
STUDY = "figure5_left"
ENVIRONMENTS = ("Acrobot-v1", "CartPole-v0", "MountainCar-v0")
LINE = ["env", "method", "distribution", "target_sparsity", "network"]


def data(tables: Tables) -> pd.DataFrame:
    """The plotted numbers, a row per point of a line.

    Columns: env, method, distribution, target_sparsity, network, env_step, mean, low, high,
    n_seeds. Raises AnalysisError when no finished run logged its SNR.
    """
    runs = classic_dqn(tables.runs)
    runs = runs[
        runs["path"].isin(tables.snr["path"])
        & runs["method"].isin(style.METHODS)
        & (runs["width"] == 1.0)
    ]
    if runs.empty:
        raise AnalysisError(
            f"{NAME}: no finished DQN run on {', '.join(ENVIRONMENTS)} with an snr.csv in "
            f"{tables.source}; make them with: {tables.command(STUDY)}"
        )
    runs = comparable(runs, NAME)
    snr = tables.snr.replace({"snr": [np.inf, -np.inf]}, np.nan)
    snr = snr.merge(runs[["path", *LINE[:-1]]], on="path")
    return curves_over_seeds(snr, LINE, "env_step", "snr")


def draw(tables: Tables, out: Path) -> list[Path]:
    """Writes figure5_left.png, .pdf and .csv into `out` and returns their paths.

    Sparse methods each get a row of panels; the dense net's line is in all of them.
    """
    points = data(tables)
    absent = [env for env in ENVIRONMENTS if env not in set(points["env"])]
    if absent:
        note(f"{NAME}: no SNR from {', '.join(absent)}; make it with: {tables.command(STUDY)}")
    environments = sorted(points["env"].unique())
    kinds = points.loc[points["method"] != "dense", ["method", "distribution"]].drop_duplicates()
    rows = list(kinds.itertuples(index=False, name=None)) or [("dense", None)]
    sparsities = sorted(points["target_sparsity"].unique())
    colors = _colors(sparsities)
    seeds = points.groupby([*LINE], dropna=False)["n_seeds"].min()
    usual = style.usual_seeds(seeds)
    figure, grid = style.panels(len(rows), len(environments))
    for i, (method, distribution) in enumerate(rows):
        of_row = (points["method"] == method) & (points["distribution"] == distribution)
        for j, env in enumerate(environments):
            here = points[(points["env"] == env) & (of_row | (points["method"] == "dense"))]
            kind = style.METHODS[method].name
            if distribution:
                kind += f", {style.DISTRIBUTIONS.get(distribution, distribution)}"
            _panel(
                grid[i, j],
                here,
                colors,
                style.panel_title(grid[i, j], f"{env}, {kind}", here["n_seeds"], usual),
            )
            if i == len(rows) - 1:
                grid[i, j].set_xlabel("Environment steps")
        grid[i, 0].set_ylabel("Mean SNR of gradients")
    handles = [
        Line2D([], [], color=colors[s], label="Dense" if s == 0 else style.percent(s))
        for s in sparsities
    ]
    style.finish(figure, handles, seeds, "line")
    return style.save(figure, points, out, NAME)


def _colors(sparsities: list[float]) -> dict[float, Any]:
    """Black for dense, then from light to dark with sparsity, readable by colour-blind too."""
    sparse = [s for s in sparsities if s > 0]
    shades = colormaps["viridis_r"](np.linspace(0.15, 0.85, len(sparse)))
    return {0.0: style.METHODS["dense"].color, **dict(zip(sparse, shades))}


def _panel(axes: Axes, points: pd.DataFrame, colors: dict[float, Any], usual: int) -> None:
    if points.empty:
        return style.empty(axes)
    for (sparsity, _), line in points.groupby(["target_sparsity", "network"]):
        axes.plot(line["env_step"], line["mean"], color=colors[sparsity])
        style.band(axes, line["env_step"], line["low"], line["high"], colors[sparsity])
        style.mark_seeds(
            axes,
            line["env_step"].iloc[-1:],
            line["mean"].iloc[-1:],
            [line["n_seeds"].min()],
            usual,
            colors[sparsity],
        )
    axes.set_yscale("log")
    return axes.xaxis.set_major_formatter(lambda step, _: style.steps(step))
