"""Final reward against one hyperparameter (Figures 4 center and right, and 13)."""

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from analysis import plotting, style
from analysis.alt_text import Reading
from analysis.figures.figure import Figure
from analysis.intervals import over_seeds
from analysis.run_tables import Tables
from analysis.select import SETTING, comparable
from rigl_rl.errors import NoRunsError, warn
from rigl_rl.paper import ERK


class SweptPanel(NamedTuple):
    """One hyperparameter."""

    column: str
    label: str
    methods: tuple[str, ...]
    distributions: tuple[str, ...] = (ERK,)


@dataclasses.dataclass(frozen=True)
class SensitivityFigure(Figure):
    """A panel per hyperparameter, a line per method; SAC on one task at one sparsity."""

    reading = Reading(("column",), ("method", "distribution"), "value", "the hyperparameter")
    task: str
    sparsity: float
    panels: tuple[SweptPanel, ...]

    def data(self, tables: Tables) -> pd.DataFrame:
        """The plotted numbers, a row per point: column (which hyperparameter), value, SETTING,
        mean, low, high, n_seeds.

        A line needs two values. Raises NoRunsError without a line.
        """
        runs = tables.scored
        runs = runs[(runs["agent"] == "sac") & (runs["env"] == self.task) & (runs["width"] == 1.0)]
        runs = runs[(runs["method"] == "dense") | (runs["target_sparsity"] == self.sparsity)]
        parts, absent = [], []
        for panel in self.panels:
            # A method that is not the paper's is shown wherever it was varied.
            shown = runs["method"].isin(panel.methods) | ~runs["method"].isin(style.METHODS)
            here = runs[shown & runs[panel.column].notna()]
            here = here[
                (here["method"] == "dense") | here["distribution"].isin(panel.distributions)
            ]
            lines = here.groupby(SETTING, dropna=False)[panel.column].transform("nunique") > 1
            here = comparable(here[lines], self.name, [panel.column])
            if here.empty:
                absent.append(panel.column)
                continue
            part = over_seeds(here, [panel.column, *SETTING], "final_return")
            parts.append(part.rename(columns={panel.column: "value"}).assign(column=panel.column))
        if absent:
            problem = (
                f"{self.name}: no finished SAC runs on {self.task} at "
                f"{style.percent(self.sparsity)} that differ in {', '.join(absent)} in "
                f"{tables.source}; make them with: {tables.command(self.name)}"
            )
            if not parts:
                raise NoRunsError(problem)
            warn(problem)
        points = pd.concat(parts, ignore_index=True).astype({"value": float})
        return points[["column", "value", *SETTING, "mean", "low", "high", "n_seeds"]]

    def draw(self, tables: Tables, out: Path) -> list[Path]:
        """Writes the figure as .png, .pdf and .csv into `out` and returns their paths."""
        points = self.data(tables)
        panels = [p for p in self.panels if (points["column"] == p.column).any()]
        figure, [grid] = style.panels(1, len(panels), sharey=True)
        usual = style.usual_seeds(points["n_seeds"])
        handles: dict[str, Line2D] = {}
        for axes, panel in zip(grid, panels):
            here = points[points["column"] == panel.column]
            title = f"{panel.label}\nSAC, {self.task}, {style.percent(self.sparsity)} sparse"
            style.panel_title(axes, title, here["n_seeds"], usual)
            handles.update(_panel(axes, panel, here, usual))
        grid[0].set_ylabel(tables.labeled("Final reward", points))
        names = [look.name for look in style.looks(points["method"]).values()]
        ordered = sorted(handles, key=lambda label: names.index(label.partition(",")[0]))
        style.finish(figure, [handles[label] for label in ordered], points["n_seeds"], "point")
        return style.save(figure, points, out, self.name)


def _panel(axes: Axes, panel: SweptPanel, points: pd.DataFrame, usual: int) -> dict[str, Line2D]:
    # The grids are uneven, and some hold a 0, so all values get equal distances.
    places = {value: place for place, value in enumerate(sorted(points["value"].unique()))}
    handles = {}
    for method, look in style.looks(points["method"]).items():
        for distribution, kind in style.LINES.items():
            same = points["distribution"] == distribution
            same |= (points["method"] == "dense") & (distribution == ERK)
            line = points[(points["method"] == method) & same].sort_values("value")
            if line.empty:
                continue
            label = look.name
            if len(panel.distributions) > 1 and method != "dense":
                label += f", {style.DISTRIBUTIONS[distribution]}"
            x = line["value"].map(places)
            handles[label] = plotting.points(
                axes, x, line, usual, look.color, marker=look.marker, label=label, **kind
            )
    axes.set_xticks(list(places.values()), [_tick(panel, value) for value in places])
    axes.set_xlabel(panel.label)
    return handles


def _tick(panel: SweptPanel, value: Any) -> str:
    if panel.column == "sparsity_aware_init":
        return "on" if value else "off"
    return f"{value:g}"
