"""Panels of aggregates, performance profiles, sample efficiency, probabilities of improvement."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from analysis import plotting, style
from analysis.compare.groups import Groups

TITLES = {"mean": "Mean", "median": "Median", "iqm": "IQM", "optimality_gap": "Optimality gap"}


def draw(found: dict[str, pd.DataFrame], groups: Groups, out: Path, name: str) -> list[Path]:
    """Writes the statistics of `groups`, as name.png and .pdf, into `out` and returns the paths."""
    tasks = groups.tasks
    aggregates = found["aggregates"]
    names = list(aggregates["group"].unique())
    seeds = aggregates.groupby("group", sort=False)["seeds"].first()
    shades = colormaps["viridis"](np.linspace(0, 0.9, len(names)))
    colors = dict(zip(names, shades))
    figure, grid = style.panels(2, 4)
    figure.set_size_inches(13, 3.2 + 3.6 + 0.12 * len(names))
    for axes, (statistic, title) in zip(grid[0], TITLES.items()):
        own = aggregates[aggregates["statistic"] == statistic]
        plotting.bars(axes, own, "value", "group", colors, "seeds", style.usual_seeds(seeds))
        axes.tick_params(axis="y", labelsize=7)
        axes.set_title(title)
        axes.set_xlabel("Normalized score")
    for axes in grid[0, 1:]:
        axes.set_yticklabels([])
    for axes in grid[1]:
        axes.remove()
    below = grid[1, 0].get_gridspec()
    profile, time, pairs = (
        figure.add_subplot(place) for place in (below[1, 0], below[1, 1], below[1, 2:])
    )
    _lines(profile, found["profiles"], "tau", colors)
    profile.set(
        title="Performance profile", xlabel="Normalized score", ylabel="Share of runs above"
    )
    if len(found["efficiency"]):
        _lines(time, found["efficiency"], "share", colors)
        time.set(title="Sample efficiency", xlabel="Share of training", ylabel="IQM")
    else:
        style.empty(time)
    _matrix(pairs, found["improvements"], names)
    handles = [Line2D([], [], color=colors[name], label=name) for name in names]
    style.finish(figure, handles, seeds, "task and set", "bootstrap interval")
    note = figure.legends[0].get_title()
    listed = f"{len(tasks)} task{'s' if len(tasks) > 1 else ''}: {', '.join(tasks)}"
    note.set_text(f"{note.get_text()}\n{listed}. {groups.unit}")
    return style.save(figure, None, out, name)  # each panel has its table


def _lines(axes: Axes, rows: pd.DataFrame, x: str, colors: dict[str, Any]) -> None:
    for name, line in rows.groupby("group", sort=False):
        axes.plot(line[x], line["value"], color=colors[name])
        plotting.band(axes, line[x], line["low"], line["high"], colors[name])


def _matrix(axes: Axes, rows: pd.DataFrame, names: list[str]) -> None:
    """Probability that the row's runs score higher than the column's."""
    values = rows.pivot(index="first", columns="second", values="value").loc[names, names]
    axes.imshow(values, vmin=0, vmax=1, cmap="PuOr", aspect="auto")
    axes.grid(visible=False)
    size = 7 if len(names) < 8 else 5
    for i, j in np.ndindex(values.shape):
        if i != j:
            number = values.iloc[i, j]
            dark = abs(number - 0.5) > 0.35
            color = "white" if dark else "black"
            text = axes.text(j, i, f"{number:.2f}", ha="center", va="center", color=color)
            text.set_fontsize(size)
    axes.set_xticks(range(len(names)), names, fontsize=size, rotation=30, ha="right")
    axes.set_yticks(range(len(names)), names, fontsize=size)
    axes.set_title("P(row scores higher than column)")
