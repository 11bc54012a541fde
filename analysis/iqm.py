"""Interquartile mean of normalized scores over tasks (Figures 1, 15 and 16).

MuJoCo scores are divided by the mean final return of the dense SAC agent of full width on the same
task (caption of Figure 1). The interquartile mean is that of all seeds and tasks together: the
middle half of the scores (section 3).
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis import paper, style
from analysis.collect import Tables
from analysis.errors import AnalysisError, note
from analysis.intervals import iqm_interval
from analysis.select import comparable

ERK = "erdos_renyi_kernel"
STANDARD, MATCHED = "Dense: 100 %", "Dense"
MATCHES_WITHIN = 0.05
"""How far a dense network's parameter count may be from the sparse ones' to count as equal."""


class Panel(NamedTuple):
    """One agent at one sparsity."""

    agent: str
    sparsity: float

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks that are averaged over."""
        return paper.tasks_at(self.agent, self.sparsity)

    @property
    def title(self) -> str:
        """The agent and the sparsity."""
        return f"{self.agent.upper()}, {style.percent(self.sparsity)}"


@dataclasses.dataclass(frozen=True)
class IqmFigure:
    """A panel per agent and sparsity, a bar per method."""

    name: str
    panels: tuple[Panel, ...]

    def data(self, tables: Tables) -> pd.DataFrame:
        """The plotted numbers, a row per bar.

        Columns: agent, target_sparsity, label, iqm, low, high, n_seeds (runs per task), n_tasks.
        A method that lacks a task is left out, and said.

        Raises AnalysisError when the dense SAC runs to normalize by, or all sparse runs, are
        missing.
        """
        runs = tables.runs[tables.runs["suite"] == "mujoco"]
        runs = comparable(runs, self.name)
        standard = (runs["method"] == "dense") & (runs["width"] == 1.0)
        reference = runs[standard & (runs["agent"] == "sac")].groupby("env")["final_return"].mean()
        rows = []
        for panel in self.panels:
            for label, scores in self._scores(panel, runs, reference, tables).items():
                value = iqm_interval(scores)
                numbers = (float(value.mean[0]), float(value.low[0]), float(value.high[0]))
                rows.append((panel.agent, panel.sparsity, label, *numbers, *scores.shape))
        columns = ["agent", "target_sparsity", "label", "iqm", "low", "high", "n_seeds", "n_tasks"]
        points = pd.DataFrame(rows, columns=columns)
        if points.empty:
            wanted = ", ".join(panel.title for panel in self.panels)
            raise AnalysisError(
                f"{self.name}: no method has runs on all MuJoCo tasks ({wanted}; normalized by "
                f"dense SAC) in {tables.source}; make them with: {tables.command(self.name)}"
            )
        return points

    def _scores(
        self, panel: Panel, runs: pd.DataFrame, reference: pd.Series, tables: Tables
    ) -> dict[str, np.ndarray]:
        """Normalized scores [seeds, tasks] of each line of a panel that has all of its tasks."""
        here = runs[(runs["agent"] == panel.agent) & runs["env"].isin(panel.tasks)]
        sparse = here[
            (here["target_sparsity"] == panel.sparsity)
            & (here["width"] == 1.0)
            & (here["distribution"] == ERK)
        ]
        dense = here[here["method"] == "dense"]
        size = dense["env"].map(sparse.groupby("env")["active_params"].mean())
        matched = (dense["active_params"] / size - 1).abs() < MATCHES_WITHIN
        lines = {STANDARD: dense[dense["width"] == 1.0], MATCHED: dense[matched]}
        for method in paper.METHODS:
            lines[style.METHODS[method].name] = sparse[sparse["method"] == method]
        scores, lacking = {}, {}
        for label, line in lines.items():
            by_task = [line.loc[line["env"] == task, "final_return"] for task in panel.tasks]
            seeds = min(map(len, by_task))
            missing = [
                task
                for task, found in zip(panel.tasks, by_task)
                if found.empty or task not in reference
            ]
            if missing:
                lacking[label] = missing
                continue
            # rliable wants as many runs of each task.
            scores[label] = np.stack(
                [found[:seeds] / reference[task] for task, found in zip(panel.tasks, by_task)], 1
            )
        if set(scores) <= {STANDARD}:
            return {}  # nothing to compare
        if lacking:
            note(
                f"{self.name}: {panel.title} leaves out {', '.join(lacking)}, which lack tasks; "
                f"make them with: {tables.command(self.name)}"
            )
        return scores

    def draw(self, tables: Tables, out: Path) -> list[Path]:
        """Writes the figure as .png, .pdf and .csv into `out` and returns their paths."""
        points = self.data(tables)
        panels = [p for p in self.panels if not _of(p, points).empty]
        figure, [grid] = style.panels(1, len(panels))
        usual = style.usual_seeds(points["n_seeds"])
        for axes, panel in zip(grid, panels):
            here = _of(panel, points)
            title = f"{panel.title} ({here['n_tasks'].iloc[0]} tasks)"
            style.panel_title(axes, title, here["n_seeds"], usual)
            _panel(axes, here)
        for axes in grid[1:]:
            axes.tick_params(labelleft=True)
        style.finish(figure, [], points["n_seeds"], "task")
        return style.save(figure, points, out, self.name)


def _of(panel: Panel, points: pd.DataFrame) -> pd.DataFrame:
    return points[(points["agent"] == panel.agent) & (points["target_sparsity"] == panel.sparsity)]


def _panel(axes: Axes, points: pd.DataFrame) -> None:
    """Horizontal intervals with a mark at the interquartile mean, as rliable draws them."""
    colors = {look.name: look.color for look in style.METHODS.values()}
    for place, row in enumerate(points.iloc[::-1].itertuples()):
        color = colors.get(row.label, "#555555")
        low, high = (row.iqm, row.iqm) if np.isnan(row.low) else (row.low, row.high)
        axes.barh(place, high - low, left=low, height=0.6, color=color, alpha=0.45, linewidth=0)
        axes.vlines(row.iqm, place - 0.3, place + 0.3, color=color, linewidth=2)
    axes.use_sticky_edges = False  # bars begin where their interval does, not at the axis
    axes.autoscale_view()
    axes.set_yticks(range(len(points)), points["label"][::-1])
    axes.set_xlabel("IQM of normalized score")
