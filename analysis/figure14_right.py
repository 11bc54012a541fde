"""Figure 14, right: ERK against uniform sparsity, DQN on Acrobot, all layers sparse."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from analysis import style
from analysis.collect import Tables
from analysis.errors import AnalysisError, note
from analysis.intervals import over_seeds
from analysis.select import SETTING, classic_dqn, comparable

NAME = "figure14_right"
STUDY = "figure14_right"
ENVIRONMENT = "Acrobot-v1"
DASHES = {"erdos_renyi_kernel": "-", "uniform": "--"}


def data(tables: Tables) -> pd.DataFrame:
    """The plotted numbers, a row per point: SETTING, mean, low, high, n_seeds.

    The standard dense net is the row of method dense; it is drawn as a horizontal line. Raises
    AnalysisError unless both distributions were trained, for without the other there is nothing to
    compare.
    """
    runs = classic_dqn(tables.runs)
    runs = runs[
        (runs["env"] == ENVIRONMENT) & runs["method"].isin(style.METHODS) & (runs["width"] == 1.0)
    ]
    runs = runs[(runs["method"] == "dense") | runs["distribution"].isin(DASHES)]
    missing = [name for name in DASHES if not (runs["distribution"] == name).any()]
    if missing:
        raise AnalysisError(
            f"{NAME}: no finished sparse DQN run on {ENVIRONMENT} with distribution "
            f"{' or '.join(missing)} in {tables.source}; make them with: {tables.command(STUDY)}"
        )
    return over_seeds(comparable(runs, NAME), SETTING, "final_return")


def draw(tables: Tables, out: Path) -> list[Path]:
    """Writes figure14_right.png, .pdf and .csv into `out` and returns their paths."""
    points = data(tables)
    figure, [[axes]] = style.panels(1, 1)
    usual = style.usual_seeds(points["n_seeds"])
    handles = []
    for method, look in style.METHODS.items():
        if method == "dense":
            continue
        for distribution, dashes in DASHES.items():
            line = points[(points["method"] == method) & (points["distribution"] == distribution)]
            if line.empty:
                if method in style.PAPER:
                    note(
                        f"{NAME}: no {method} {distribution} runs; make them with: "
                        f"{tables.command(STUDY)}"
                    )
                continue
            (handle,) = axes.plot(
                line["target_sparsity"],
                line["mean"],
                color=look.color,
                marker=look.marker,
                linestyle=dashes,
                label=f"{look.name}, {style.DISTRIBUTIONS[distribution]}",
            )
            style.band(axes, line["target_sparsity"], line["low"], line["high"], look.color)
            style.mark_seeds(
                axes, line["target_sparsity"], line["mean"], line["n_seeds"], usual, look.color
            )
            handles.append(handle)
    dense = points[points["method"] == "dense"]
    if not dense.empty:
        axes.axhline(dense["mean"].iloc[0], color="#555555", linestyle=":", linewidth=1)
        handles.append(Line2D([], [], color="#555555", linestyle=":", label="Standard dense"))
    axes.set(title=ENVIRONMENT, xlabel="Sparsity", ylabel="Final reward")
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    style.finish(figure, handles, points["n_seeds"], "point")
    return style.save(figure, points, out, NAME)
