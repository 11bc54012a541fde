"""Final reward against sparsity, ERK and uniform side by side (Figures 4 left and 14)."""

import dataclasses
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from analysis import plotting, style
from analysis.alt_text import Reading
from analysis.figures.figure import Figure
from analysis.intervals import over_seeds
from analysis.run_tables import Tables
from analysis.select import SETTING, comparable
from rigl_rl import paper
from rigl_rl.errors import NoRunsError, warn


class LayersPanel(NamedTuple):
    """One agent on one task."""

    agent: str
    suite: str
    task: str
    output_layer: bool = True
    """Whether the output layer is sparse too."""

    def of(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows of `table` for this panel; dense networks belong to both kinds."""
        here = (table["agent"] == self.agent) & (table["suite"] == self.suite)
        here &= table["env"] == self.task
        # Unknown for a run without a record of its parameters: the default.
        sparse_too = ~table["sparse_output_layer"].eq(False)
        return table[here & ((table["method"] == "dense") | (sparse_too == self.output_layer))]

    @property
    def title(self) -> str:
        """The agent, the task and which layers are sparse."""
        layers = "" if self.output_layer else ",\nlast layer dense"
        return f"{self.agent.upper()}, {self.task}{layers}"


@dataclasses.dataclass(frozen=True)
class BySparsityFigure(Figure):
    """A figure of this kind."""

    reading = Reading(
        ("agent", "env", "sparse_output_layer"),
        ("method", "distribution"),
        "target_sparsity",
        "sparsity",
        style.percent,
    )
    panels: tuple[LayersPanel, ...]

    def data(self, tables: Tables) -> pd.DataFrame:
        """The plotted numbers, a row per point: SETTING, sparse_output_layer, mean, low, high,
        n_seeds.

        The standard dense network is the row of method dense; it is drawn as a horizontal line.
        Raises NoRunsError if no panel has runs of both distributions.
        """
        runs = tables.scored
        runs = runs[runs["width"] == 1.0]
        runs = runs[(runs["method"] == "dense") | runs["distribution"].isin(style.LINES)]
        shown, missing = [], {}
        for panel in self.panels:
            here = panel.of(runs)
            absent = [name for name in style.LINES if not (here["distribution"] == name).any()]
            if absent:
                missing[panel.title] = absent
            else:
                shown.append(here)
        for title, absent in missing.items():
            problem = (
                f"{self.name}: no finished sparse run of {title} with distribution "
                f"{' or '.join(absent)} in {tables.source}; "
                f"make them with: {tables.command(self.name)}"
            )
            if not shown:
                raise NoRunsError(problem)
            warn(problem)
        varied = ["sparse_output_layer"]
        runs = pd.concat(shown).drop_duplicates("path")
        return over_seeds(comparable(runs, self.name, varied), [*SETTING, *varied], "final_return")

    def draw(self, tables: Tables, out: Path) -> list[Path]:
        """Writes the figure as .png, .pdf and .csv into `out` and returns their paths."""
        points = self.data(tables)
        panels = [p for p in self.panels if (p.of(points)["method"] != "dense").any()]
        figure, [grid] = style.panels(1, len(panels), sharey=True)
        usual = style.usual_seeds(points["n_seeds"])
        handles: dict[str, Line2D] = {}
        for axes, panel in zip(grid, panels):
            here = panel.of(points)
            handles.update(_panel(axes, here, usual))
            for method in paper.METHODS:
                found = set(here.loc[here["method"] == method, "distribution"])
                for distribution in set(style.LINES) - found:
                    warn(
                        f"{self.name}: no {method} {distribution} runs of {panel.title}; "
                        f"make them with: {tables.command(self.name)}"
                    )
            style.panel_title(axes, panel.title, here["n_seeds"], usual)
            axes.set_xlabel("Sparsity")
        grid[0].set_ylabel(tables.labeled("Final reward", points))
        style.finish(figure, list(handles.values()), points["n_seeds"], "point")
        return style.save(figure, points, out, self.name)


def _panel(axes: Axes, points: pd.DataFrame, usual: int) -> dict[str, Line2D]:
    handles = {}
    # The highest sparsities are close together, so all get equal distances.
    places = {sparsity: i for i, sparsity in enumerate(sorted({*points["target_sparsity"]} - {0}))}
    sparse = points[points["method"] != "dense"]
    lines = dict(list(sparse.groupby(["method", "distribution"])))
    shifts = iter(plotting.shifts(len(lines)))
    for method, look in style.looks(points["method"]).items():
        for distribution, kind in style.LINES.items():
            if (method, distribution) not in lines:
                continue
            line = lines[method, distribution]
            label = f"{look.name}, {style.DISTRIBUTIONS[distribution]}"
            x = line["target_sparsity"].map(places)
            kind = {"marker": look.marker, "label": label, **kind}
            handles[label] = plotting.points(axes, x, line, usual, look.color, next(shifts), **kind)
    axes.set_xticks(list(places.values()), [style.percent(sparsity) for sparsity in places])
    axes.tick_params(axis="x", labelsize=8)
    axes.margins(x=0.1)
    dense = points[points["method"] == "dense"]
    if not dense.empty:
        handles["dense"] = axes.axhline(
            dense["mean"].iloc[0], **style.STANDARD_DENSE, label="Standard dense"
        )
    return handles
