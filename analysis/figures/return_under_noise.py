"""Return of trained policies under noise on their observations (Figure 6).

A panel per game, a color per size of the network, a line style per method. Drawn from the
`robustness.csv` that `python -m rigl_rl.robustness` writes into the directories of finished runs.
"""

import dataclasses
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from analysis import plotting, style
from analysis.alt_text import Reading
from analysis.curves import at_common_points
from analysis.figures.figure import Figure
from analysis.intervals import curves_over_seeds
from analysis.notes import left_out
from analysis.run_tables import Tables
from analysis.select import TASK, comparable, nearest_share, of_last_policies
from rigl_rl.errors import NoRunsError, warn
from rigl_rl.paper import ERK

# The paper names no line styles; its colors are blue, pink, purple from large to small.
DASHES = {"dense": "-", "rigl": "--", "set": ":"}
COLORS = ("#0072B2", "#CC79A7", "#3B0F70")
LINE = [*TASK, "method", "share"]


@dataclasses.dataclass(frozen=True)
class RobustnessFigure(Figure):
    """A figure of this kind, of DQN."""

    reading = Reading(("env",), ("method", "share"), "sigma", "noise")
    suite: str
    tasks: tuple[str, ...]
    shares: tuple[float, ...]
    """Shares of the standard dense parameter count, from large to small."""

    def data(self, tables: Tables) -> pd.DataFrame:
        """The plotted numbers, a row per point: LINE, sigma, mean, low, high, n_seeds.

        Raises NoRunsError when no policy was evaluated under noise.
        """
        noise = of_last_policies(tables, self.name)
        runs = tables.runs
        runs = runs[
            (runs["agent"] == "dqn") & (runs["suite"] == self.suite) & runs["env"].isin(self.tasks)
        ]
        full = runs["env"].map(runs.groupby("env")["total_params"].max())
        share = (runs["active_params"] / full).map(lambda x: nearest_share(x, self.shares))
        runs = runs.assign(share=share)[runs["path"].isin(noise["path"])]
        kept = runs["share"].notna() & runs["method"].isin(DASHES)
        kept &= (runs["method"] == "dense") | (runs["distribution"] == ERK)
        if not kept.all():
            left_out(
                self.name,
                f"left out {int((~kept).sum())} run(s) of other methods, sizes and distributions",
                usual=True,
            )
        runs = comparable(runs[kept], self.name)
        if runs.empty:
            raise NoRunsError(
                f"{self.name}: no finished DQN run on {', '.join(self.tasks)} with a "
                f"robustness.csv in {tables.source}; make them with: "
                f"{tables.command(self.name)}"
            )
        evaluated = noise.merge(runs[["path", *LINE]], on="path")
        evaluated = at_common_points(evaluated, LINE, "sigma", "noise", self.name)
        return curves_over_seeds(evaluated, LINE, "sigma", "avg_return")

    def draw(self, tables: Tables, out: Path) -> list[Path]:
        """Writes the figure as .png, .pdf and .csv into `out` and returns their paths."""
        points = self.data(tables)
        lines = points[LINE].drop_duplicates()
        lacking: dict[str, list[str]] = {}
        for task in self.tasks:
            here = lines[lines["env"] == task]
            found = set(zip(here["method"], here["share"]))
            missing = [_label(*line) for line in self._lines() if line not in found]
            if missing:
                lacking.setdefault(", ".join(missing), []).append(task)
        for names, tasks in lacking.items():
            problem = f"no noisy evaluations on {', '.join(tasks)} of {names}"
            warn(f"{self.name}: {problem}; make them with: {tables.command(self.name)}")
        tasks = sorted(points["env"].unique())
        seeds = points.groupby(LINE)["n_seeds"].min()
        usual = style.usual_seeds(seeds)
        figure, [grid] = style.panels(1, len(tasks))
        colors = dict(zip(self.shares, COLORS))
        for axes, task in zip(grid, tasks):
            here = points[points["env"] == task]
            often = style.panel_title(axes, task, here["n_seeds"], usual)
            _panel(axes, here, colors, often)
            axes.set_xlabel("Standard deviation of noise")
        grid[0].set_ylabel("Return")
        drawn = set(zip(lines["method"], lines["share"]))
        handles = [
            Line2D([], [], color=colors[share], ls=DASHES[method], label=_label(method, share))
            for method, share in self._lines()
            if (method, share) in drawn
        ]
        style.finish(figure, handles, seeds, "line")
        return style.save(figure, points, out, self.name)

    def _lines(self) -> list[tuple[str, float]]:
        """All lines of a panel; the largest networks are dense."""
        largest = max(self.shares)
        return [(m, s) for s in self.shares for m in DASHES if m == "dense" or s < largest]


def _label(method: str, share: float) -> str:
    return f"{style.method_name(method)}, {style.percent(share)} of parameters"


def _panel(axes: Axes, points: pd.DataFrame, colors: dict[float, str], usual: int) -> None:
    for (method, share), line in points.groupby(["method", "share"]):
        plotting.curve(axes, line, "sigma", usual, colors[share], DASHES[method])
