"""Interquartile mean of normalized scores over tasks (Figures 1 and 15 to 18).

The interquartile mean is taken over all seeds and tasks together: the middle half of the scores
(section 3), normalized as in the caption of Figure 1 (`analysis.normalization`).
"""

import dataclasses
import textwrap
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis import plotting, style
from analysis.alt_text import Reading
from analysis.figures.figure import Figure
from analysis.intervals import iqm_interval
from analysis.normalization import HUMAN_SCORES, normalized
from analysis.run_tables import Tables
from analysis.select import MATCHES_WITHIN, comparable, rectangular, standard_dense
from rigl_rl import paper
from rigl_rl.errors import NoRunsError, warn
from rigl_rl.paper import ERK

STANDARD, MATCHED = "Dense: 100%", "Dense"


class IqmPanel(NamedTuple):
    """One agent at one sparsity."""

    agent: str
    suite: str
    sparsity: float

    def tasks(self, runs: pd.DataFrame) -> tuple[str, ...]:
        """Tasks to average over: the paper's that have runs of the standard dense network; without
        any such run, all of the paper's.
        """
        own = (runs["agent"] == self.agent) & (runs["suite"] == self.suite)
        standard = set(runs.loc[own & standard_dense(runs), "env"])
        return tuple(task for task in self.papers_tasks if task in standard) or self.papers_tasks

    @property
    def papers_tasks(self) -> tuple[str, ...]:
        """Tasks that the paper averages over."""
        if self.suite == "mujoco":
            return paper.tasks_at(f"{self.agent}_{self.suite}", self.sparsity)
        return paper.GAMES

    @property
    def title(self) -> str:
        """The agent and the sparsity."""
        return f"{style.agent_name(self.agent, self.suite)}, {style.percent(self.sparsity)}"


@dataclasses.dataclass(frozen=True)
class IqmFigure(Figure):
    """A panel per agent and sparsity, a bar per method."""

    reading = Reading(("agent", "suite", "target_sparsity"), ("label",), y="iqm")
    panels: tuple[IqmPanel, ...]
    columns: int | None = None
    """Panels side by side; all by default."""
    human: str = HUMAN_SCORES[0]

    def data(self, tables: Tables) -> pd.DataFrame:
        """The plotted numbers, a row per bar.

        Columns: agent, suite, target_sparsity, tasks (their names), label, iqm, low, high, n_seeds
        (runs per task), n_tasks. A method that lacks a task is left out and reported.

        Raises NoRunsError when the dense SAC runs to normalize MuJoCo by, or all sparse runs, are
        missing.
        """
        suites = {panel.suite for panel in self.panels}
        runs = comparable(tables.scored[tables.scored["suite"].isin(suites)], self.name)
        runs = runs.assign(score=normalized(runs, self.human))
        rows = []
        for panel in self.panels:
            tasks = " ".join(panel.tasks(runs))
            for label, scores in self._scores(panel, runs, tables).items():
                value = iqm_interval(scores)
                numbers = (float(value.mean[0]), float(value.low[0]), float(value.high[0]))
                rows.append((*panel, tasks, label, *numbers, *scores.shape))
        columns = ["agent", "suite", "target_sparsity", "tasks", "label", "iqm", "low", "high"]
        points = pd.DataFrame(rows, columns=[*columns, "n_seeds", "n_tasks"])
        if points.empty:
            wanted = ", ".join(panel.title for panel in self.panels)
            also = "; normalized by dense SAC" if "mujoco" in suites else ""
            raise NoRunsError(
                f"{self.name}: no sparse method has runs on all tasks ({wanted}{also}) in "
                f"{tables.source}; make them with: {tables.command(self.name)}"
            )
        return points

    def _scores(self, panel: IqmPanel, runs: pd.DataFrame, tables: Tables) -> dict[str, np.ndarray]:
        """Normalized scores [seeds, tasks] of each line of a panel that has all of its tasks."""
        tasks = panel.tasks(runs)
        here = runs[(runs["agent"] == panel.agent) & (runs["suite"] == panel.suite)]
        here = here[here["env"].isin(tasks)]
        sparse = here[
            (here["target_sparsity"] == panel.sparsity)
            & (here["width"] == 1.0)
            & (here["distribution"] == ERK)
        ]
        dense = here[here["method"] == "dense"]
        size = dense["env"].map(sparse.groupby("env")["active_params"].mean())
        matched = (dense["active_params"] / size - 1).abs() < MATCHES_WITHIN
        lines = {STANDARD: dense[standard_dense(dense)], MATCHED: dense[matched]}
        methods = style.looks([*paper.METHODS, *sparse["method"]])
        for method, look in methods.items():
            lines[look.name] = sparse[sparse["method"] == method]
        scores, lacking = {}, []
        for label, line in lines.items():
            found = rectangular(line, tasks, self.name, panel.title)
            if len(found):
                scores[label] = found
            else:
                lacking.append(label)
        if set(scores) <= {STANDARD}:
            return {}  # nothing to compare
        if lacking:
            warn(
                f"{self.name}: {panel.title} leaves out {', '.join(lacking)}, which lack tasks; "
                f"make them with: {tables.command(self.name)}"
            )
        return scores

    def draw(self, tables: Tables, out: Path) -> list[Path]:
        """Writes the figure as .png, .pdf and .csv into `out` and returns their paths."""
        points = self.data(tables)
        panels = [p for p in self.panels if not _of(p, points).empty]
        columns = min(self.columns or len(panels), len(panels))
        # Scores of one row have one unit.
        figure, grid = style.panels(-(-len(panels) // columns), columns, sharex="row")
        usual = style.usual_seeds(points["n_seeds"])
        for axes, panel in zip(grid.flat, panels):
            here = _of(panel, points)
            tasks = _tasks(panel, here)
            often = style.panel_title(axes, f"{panel.title}\n{tasks}", here["n_seeds"], usual)
            _panel(axes, here, often)
            human = "" if panel.suite == "mujoco" else "human-"
            axes.set_xlabel(tables.labelled(f"IQM of {human}normalized score", here))
        for axes in grid.flat[len(panels) :]:
            axes.set_axis_off()
        style.finish(figure, [], points["n_seeds"], "task")
        return style.save(figure, points, out, self.name)


def _of(panel: IqmPanel, points: pd.DataFrame) -> pd.DataFrame:
    here = (points["agent"] == panel.agent) & (points["suite"] == panel.suite)
    return points[here & (points["target_sparsity"] == panel.sparsity)]


def _tasks(panel: IqmPanel, points: pd.DataFrame) -> str:
    """The tasks that a panel averages over; how many of the paper's, if not all; games counted."""
    count, total = points["n_tasks"].iloc[0], len(panel.papers_tasks)
    number = f"{count}" if count == total else f"{count} of {total}"
    if panel.suite != "mujoco":
        return f"{number} games"
    names = ", ".join(sorted(task.partition("-")[0] for task in points["tasks"].iloc[0].split()))
    text = names if count == total else f"{number} tasks: {names}"
    return "\n".join(textwrap.wrap(text, 28))


def _panel(axes: Axes, points: pd.DataFrame, usual: int) -> None:
    known = {look.name for look in style.METHODS.values()} | {STANDARD, MATCHED}
    others = set(points["label"]) - known  # by their own names
    methods = style.looks([*style.METHODS, *others])
    colors = {look.name: look.color for look in methods.values()}
    colors[STANDARD] = "#555555"
    plotting.bars(axes, points, "iqm", "label", colors, "n_seeds", usual)
    axes.tick_params(axis="y", labelsize=8)
