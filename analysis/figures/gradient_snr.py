"""Signal-to-noise ratio of the gradients over training (Figure 5).

The SNR is |mean| / std of a parameter's gradient over a minibatch, averaged over all parameters,
inactive ones included (section 7).
"""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from analysis import plotting, style
from analysis.alt_text import Reading
from analysis.curves import on_common_steps
from analysis.figures.figure import Figure
from analysis.intervals import curves_over_seeds
from analysis.notes import left_out
from analysis.run_tables import Tables
from analysis.select import TASK, comparable
from rigl_rl.errors import NoRunsError, warn

LINE = [*TASK, "method", "distribution", "target_sparsity", "network"]
NETWORKS = {"q": "Q-network", "actor": "actor", "critic": "critics", "value": "value network"}


@dataclasses.dataclass(frozen=True)
class SnrFigure(Figure):
    """A row of panels per network, sparse method and distribution, a panel per task, a line per
    sparsity, all on one scale.
    """

    reading = Reading(
        ("env", "network"),
        ("method", "distribution", "target_sparsity"),
        "env_step",
        "environment steps",
        style.steps,
    )
    agent: str
    suite: str
    tasks: tuple[str, ...]

    def data(self, tables: Tables) -> pd.DataFrame:
        """The plotted numbers, a row per point of a line: LINE, env_step, mean, low, high, n_seeds.

        The mean is geometric and the interval that of the logarithm, as the axis is logarithmic.

        Raises NoRunsError when no finished run logged its SNR, or all of it is 0 or infinite.
        """
        runs = tables.runs
        runs = runs[
            (runs["agent"] == self.agent)
            & (runs["suite"] == self.suite)
            & runs["env"].isin(self.tasks)
            & runs["path"].isin(tables.snr["path"])
            & (runs["width"] == 1.0)
        ]
        if runs.empty:
            raise NoRunsError(
                f"{self.name}: no finished {self.agent.upper()} run on {', '.join(self.tasks)} "
                f"with an snr.csv in {tables.source}; make them with: {tables.command(self.name)}"
            )
        runs = comparable(runs, self.name)
        snr = tables.snr.merge(runs[["path", *LINE[:-1]]], on="path")
        snr = on_common_steps(self._logarithms(snr), LINE, "snr", self.name)
        points = curves_over_seeds(snr, LINE, "env_step", "snr")
        if points.empty:
            raise NoRunsError(f"{self.name}: no SNR in {tables.source} is positive and finite")
        numbers = ["mean", "low", "high"]
        return points.assign(**(10.0 ** points[numbers]))

    def _logarithms(self, snr: pd.DataFrame) -> pd.DataFrame:
        """With the logarithm to base 10 in `snr`; NaN where it is not finite, which is reported."""
        ratio = snr["snr"].astype(float)
        zero, infinite = ratio == 0.0, np.isinf(ratio)
        for out, which in (
            (zero, "0 (gradients vanish)"),
            (infinite, "infinity (gradients do not vary)"),
        ):
            if out.any():
                paths = snr.loc[out, "path"]
                left_out(
                    self.name,
                    f"left out {len(paths)} measurement(s) of SNR {which} in {paths.nunique()} "
                    f"run(s) (first: {paths.iloc[0]}), which a logarithmic axis cannot show",
                )
        return snr.assign(snr=np.log10(ratio.mask(zero | infinite)))

    def draw(self, tables: Tables, out: Path) -> list[Path]:
        """Writes the figure as .png, .pdf and .csv into `out` and returns their paths.

        The dense network's line is in the panels of every sparse method.
        """
        points = self.data(tables)
        for gap in self.gaps(points):
            warn(f"{self.name}: no SNR from {gap}; make it with: {tables.command(self.name)}")
        tasks = sorted(points["env"].unique())
        kind = ["network", "method", "distribution"]
        kinds = points.loc[points["method"] != "dense", kind].drop_duplicates().sort_values(kind)
        rows = list(kinds.itertuples(index=False, name=None)) or [
            (network, "dense", None) for network in points["network"].unique()
        ]
        sparsities = sorted(points["target_sparsity"].unique())
        colors = _colors(sparsities)
        seeds = points.groupby(LINE, dropna=False)["n_seeds"].min()
        usual = style.usual_seeds(seeds)
        figure, grid = style.panels(len(rows), len(tasks), sharey=True)
        for i, (network, method, distribution) in enumerate(rows):
            of_row = (points["method"] == method) & (points["distribution"] == distribution)
            of_row |= points["method"] == "dense"
            of_row &= points["network"] == network
            for j, task in enumerate(tasks):
                here = points[(points["env"] == task) & of_row]
                title = f"{task}, {NETWORKS.get(network, network)}\n{style.method_name(method)}"
                if distribution:
                    title += f" {style.DISTRIBUTIONS.get(distribution, distribution)}"
                usual_here = style.panel_title(grid[i, j], title, here["n_seeds"], usual)
                _panel(grid[i, j], here, colors, usual_here)
                if i == len(rows) - 1:
                    grid[i, j].set_xlabel("Environment steps")
            grid[i, 0].set_ylabel("SNR of gradients (geometric mean)")
        handles = [
            Line2D([], [], color=colors[s], label="Dense" if s == 0 else style.percent(s))
            for s in sparsities
        ]
        drawn = [d for d in style.LINES if (points["distribution"] == d).any()]
        if len(drawn) > 1:
            handles += [
                Line2D(
                    [], [], color=style.GRAY, label=style.DISTRIBUTIONS[d], ls=style.LINES[d]["ls"]
                )
                for d in drawn
            ]
        style.finish(figure, handles, seeds, "line")
        return style.save(figure, points, out, self.name)

    def gaps(self, points: pd.DataFrame) -> list[str]:
        """Parts of the full figure that `points` lack, a line per kind of gap."""
        kinds = {"dense": points["method"] == "dense"}
        for distribution in style.LINES:
            kinds[style.DISTRIBUTIONS[distribution]] = points["distribution"] == distribution
        lacking: dict[tuple[str, ...], list[str]] = {}
        for kind, own in kinds.items():
            found = set(points.loc[own, "env"])
            lacking.setdefault(tuple(t for t in self.tasks if t not in found), []).append(kind)
        return [
            f"{', '.join(kinds)} networks on {', '.join(tasks)}"
            for tasks, kinds in lacking.items()
            if tasks
        ]


def _colors(sparsities: list[float]) -> dict[float, Any]:
    """Black for dense, then from light to dark with sparsity; safe for color-blind readers."""
    sparse = [s for s in sparsities if s > 0]
    shades = colormaps["viridis_r"](np.linspace(0.15, 0.85, len(sparse)))
    return {0.0: style.METHODS["dense"].color, **dict(zip(sparse, shades))}


def _panel(axes: Axes, points: pd.DataFrame, colors: dict[float, Any], usual: int) -> None:
    if points.empty:
        return style.empty(axes)
    for (sparsity, distribution), line in points.groupby(
        ["target_sparsity", "distribution"], dropna=False
    ):
        dashes = style.LINES.get(distribution, {"ls": "-"})["ls"]
        plotting.curve(axes, line, "env_step", usual, colors[sparsity], dashes)
    axes.set_yscale("log")
    return axes.xaxis.set_major_formatter(lambda step, _: style.steps(step))
