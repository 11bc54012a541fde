"""Final reward against the actor's share of a parameter budget (Figure 3).

A row of panels per regime (dense networks of any width, sparse ones of standard width), a panel per
task, a line per budget. The vertical line is the share in the standard networks, the horizontal
one the reward of the standard dense agent (caption of Figure 3).
"""

import dataclasses
from pathlib import Path

import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from analysis import plotting, style
from analysis.alt_text import Reading
from analysis.figures.figure import Figure
from analysis.intervals import over_seeds
from analysis.parameter_splits import splits
from analysis.run_tables import Tables
from analysis.select import TASK, is_split
from rigl_rl.errors import NoRunsError, warn

REGIMES = {"dense": "dense", "rigl": "RigL"}


@dataclasses.dataclass(frozen=True)
class ActorShareFigure(Figure):
    """A figure of this kind, of SAC."""

    reading = Reading(
        ("env", "method"), ("budget",), "actor_share", "the actor's share", style.percent
    )
    tasks: tuple[str, ...]
    budgets: tuple[float, ...]

    def data(self, tables: Tables) -> pd.DataFrame:
        """The plotted numbers, a row per point.

        Columns: TASK, method, budget (one of `budgets`), actor_share, mean, low, high, n_seeds; and
        the panel's lines: dense_reward and standard_share (NaN without a standard dense run).

        Raises NoRunsError when no run has a split that differs from the standard one.
        """
        here = tables.scored[tables.scored["env"].isin(self.tasks)]
        runs = splits(here, self.name, self.budgets)
        if runs.empty:
            raise NoRunsError(
                f"{self.name}: no finished SAC run on {', '.join(self.tasks)} with a split between "
                f"actor and critics in {tables.source}; "
                f"make them with: {tables.command(self.name)}"
            )
        points = over_seeds(runs, [*TASK, "method", "budget", "actor_share"], "final_return")
        standard = runs[~is_split(runs)].groupby("env")
        return points.assign(
            dense_reward=points["env"].map(standard["final_return"].mean()),
            standard_share=points["env"].map(standard["actor_share"].first()),
        )

    def draw(self, tables: Tables, out: Path) -> list[Path]:
        """Writes the figure as .png, .pdf and .csv into `out` and returns their paths."""
        points = self.data(tables)
        absent = [task for task in self.tasks if task not in set(points["env"])]
        if absent:
            warn(
                f"{self.name}: no runs on {', '.join(absent)}; "
                f"make them with: {tables.command(self.name)}"
            )
        methods = [method for method in REGIMES if (points["method"] == method).any()]
        tasks = sorted(points["env"].unique())
        figure, grid = style.panels(len(methods), len(tasks), sharey="col")
        usual = style.usual_seeds(points["n_seeds"])
        shades = colormaps["viridis"]([i / len(self.budgets) for i in range(len(self.budgets))])
        colors = dict(zip(self.budgets, shades))
        for i, method in enumerate(methods):
            for j, task in enumerate(tasks):
                here = points[(points["env"] == task) & (points["method"] == method)]
                title = f"SAC, {task}, {REGIMES[method]}"
                style.panel_title(grid[i, j], title, here["n_seeds"], usual)
                _panel(grid[i, j], here, colors, usual)
                if i == len(methods) - 1:
                    grid[i, j].set_xlabel("Actor's share of parameters")
            grid[i, 0].set_ylabel(tables.labeled("Final reward", points))
        handles = [
            Line2D([], [], color=colors[b], marker="o", label=f"{style.percent(b)} of parameters")
            for b in self.budgets
        ]
        handles.append(Line2D([], [], **style.STANDARD_DENSE, label="Standard dense"))
        handles.append(Line2D([], [], **style.REFERENCE, label="Standard split"))
        style.finish(figure, handles, points["n_seeds"], "point")
        return style.save(figure, points, out, self.name)


def _panel(axes: Axes, points: pd.DataFrame, colors: dict, usual: int) -> None:
    if points.empty:
        return style.empty(axes)
    for budget, line in points.groupby("budget"):
        plotting.points(axes, line["actor_share"], line, usual, colors[budget], marker="o")
    axes.axhline(points["dense_reward"].iloc[0], **style.STANDARD_DENSE)
    axes.axvline(points["standard_share"].iloc[0], **style.REFERENCE)
    return axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
