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
from analysis.balanced import rectangular, widest
from analysis.figures.figure import Figure
from analysis.intervals import TRIMMED, iqm_interval
from analysis.normalization import HUMAN_SCORES, dense_sac, normalized
from analysis.notes import left_out
from analysis.run_tables import Tables
from analysis.select import (
    EQUALLY_LONG,
    MATCHES_WITHIN,
    comparable,
    standard_dense,
)
from rigl_rl import paper
from rigl_rl.errors import NoRunsError, warn
from rigl_rl.paper import ERK

STANDARD, MATCHED = "Dense: 100%", "Dense"
COLUMNS = (
    *("agent", "suite", "target_sparsity", "tasks", "label", "iqm", "low", "high", "n_seeds"),
    *("n_tasks", "env_steps", "unit_seeds", "unit_env_steps"),
)


class IqmPanel(NamedTuple):
    """One agent at one sparsity."""

    agent: str
    suite: str
    sparsity: float

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
        (runs per task), n_tasks, env_steps (mean length); unit_seeds (of the task with the fewest)
        and unit_env_steps of dense SAC, NaN for games. Tasks are those of the standard dense
        network on which most runs can be compared (`balanced.widest`). Other tasks, and methods
        that lack one of these, are left out and reported.

        Raises NoRunsError when the dense SAC runs to normalize MuJoCo by, or all sparse runs, are
        missing.
        """
        suites = {panel.suite for panel in self.panels}
        runs = comparable(tables.scored[tables.scored["suite"].isin(suites)], self.name)
        unit = dense_sac(runs)
        runs = runs.assign(score=normalized(runs, self.human))
        rows: list[tuple] = []
        fewer: list[str] = []
        for panel in self.panels:
            lines = _lines(panel, runs)
            tasks = _common_tasks(panel, lines)
            of_tasks = unit.reindex(tasks if panel.suite == "mujoco" else [])
            unit_of = (of_tasks["seeds"].min(), of_tasks["env_steps"].mean())
            scores = self._scores(panel, lines, tasks, tables, fewer)
            for label, own in scores.items():
                value = iqm_interval(own)
                numbers = (float(value.mean[0]), float(value.low[0]), float(value.high[0]))
                line = lines[label]
                length = line.loc[line["env"].isin(tasks), "env_steps"].mean()
                key = (*panel, " ".join(tasks), label)
                rows.append((*key, *numbers, *own.shape, length, *unit_of))
        points = pd.DataFrame(rows, columns=list(COLUMNS))
        if points.empty:
            wanted = ", ".join(panel.title for panel in self.panels)
            also = "; normalized by dense SAC" if "mujoco" in suites else ""
            raise NoRunsError(
                f"{self.name}: no sparse method has runs on all tasks ({wanted}{also}) in "
                f"{tables.source}; make them with: {tables.command(self.name)}"
            )
        if fewer:
            bars = f"{len(fewer)} bar(s) leave out seeds that not all tasks have"
            left_out(self.name, f"{bars} (first: {fewer[0]})")
        self._say_what_differs(points)
        return points

    def _say_what_differs(self, points: pd.DataFrame) -> None:
        """Reports bars of one panel that rest on unequal numbers of seeds, and bars that are longer
        trained than their unit, or have more seeds.
        """
        panel = [points[column] for column in COLUMNS[: len(IqmPanel._fields)]]
        seeds = points["n_seeds"].groupby(panel)
        unequal = points[seeds.transform("min") < seeds.transform("max")]
        if len(unequal):
            few, many = unequal["n_seeds"].min(), unequal["n_seeds"].max()
            count = unequal["n_seeds"] * unequal["n_tasks"]
            cut = (TRIMMED * count).astype(int) / count
            left_out(
                self.name,
                f"bars of one panel rest on {few} to {many} seeds per task, so "
                f"{_span(cut, '.0%')} of their scores are cut off at each end",
            )
        for (agent, suite), own in points.groupby(["agent", "suite"]):
            unit = own["unit_env_steps"]
            longer = np.maximum(own["env_steps"] / unit, unit / own["env_steps"]) > EQUALLY_LONG
            if (longer | (own["unit_seeds"] < own["n_seeds"])).any():
                left_out(
                    self.name,
                    f"{style.agent_name(agent, suite)} is normalized by dense SAC, which has "
                    f"{_span(own['unit_seeds'])} seeds per task of {_span(unit)} steps; "
                    f"{agent.upper()} has {_span(own['n_seeds'])} of {_span(own['env_steps'])}",
                )

    def _scores(
        self,
        panel: IqmPanel,
        lines: dict[str, pd.DataFrame],
        tasks: list[str],
        tables: Tables,
        fewer: list[str],
    ) -> dict[str, np.ndarray]:
        """Normalized scores [seeds, tasks] of each line of a panel that has all of its tasks.

        fewer: gets a text for each that leaves out seeds.
        """
        scores, lacking, of_bars = {}, [], []
        for label, line in lines.items():
            found, of_seeds = rectangular(line, tasks)
            if of_seeds:
                of_bars.append(f"{panel.title}, {label}, {of_seeds}")
            if len(found):
                scores[label] = found
            else:
                lacking.append(label)
        if set(scores) <= {STANDARD}:
            return {}  # nothing to compare
        fewer += of_bars
        for task in [task for task in panel.papers_tasks if task not in tasks]:
            if (lines[STANDARD]["env"] == task).any():
                names = [name for name, line in lines.items() if task not in _scored(line)]
                lacks = "dense SAC to normalize by" if STANDARD in names else ", ".join(names)
                left_out(self.name, f"{panel.title}: left out {task}, which lacks {lacks}")
        partly = [label for label in lacking if _scored(lines[label])]
        if partly:
            text = f"left out {', '.join(partly)}, which lack one of {', '.join(tasks)}"
            left_out(self.name, f"{panel.title}: {text}")
        if without := [label for label in lacking if label not in partly]:
            warn(
                f"{self.name}: {panel.title} has no runs of {', '.join(without)}; "
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
            axes.set_xlabel(tables.labeled(f"IQM of {human}normalized score", here))
        for axes in grid.flat[len(panels) :]:
            axes.set_axis_off()
        style.finish(figure, [], points["n_seeds"], "task")
        return style.save(figure, points, out, self.name)


def _lines(panel: IqmPanel, runs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The runs of each bar, whatever their tasks."""
    here = runs[(runs["agent"] == panel.agent) & (runs["suite"] == panel.suite)]
    here = here[here["env"].isin(panel.papers_tasks)]
    sparse = here[
        (here["target_sparsity"] == panel.sparsity)
        & (here["width"] == 1.0)
        & (here["distribution"] == ERK)
    ]
    dense = here[here["method"] == "dense"]
    size = dense["env"].map(sparse.groupby("env")["active_params"].mean())
    matched = (dense["active_params"] / size - 1).abs() < MATCHES_WITHIN
    methods = style.looks([*paper.METHODS, *sparse["method"]])
    return {
        STANDARD: dense[standard_dense(dense)],
        MATCHED: dense[matched],
        **{look.name: sparse[sparse["method"] == name] for name, look in methods.items()},
    }


def _common_tasks(panel: IqmPanel, lines: dict[str, pd.DataFrame]) -> list[str]:
    """The tasks to average over, in the paper's order; without any run of the standard dense
    network, all of the paper's.
    """
    standard = _scored(lines[STANDARD])
    tasks = widest(
        {
            name: {task: seeds for task, seeds in _scored(line).items() if task in standard}
            for name, line in lines.items()
        }
    )
    return [task for task in panel.papers_tasks if task in tasks or not standard]


def _scored(line: pd.DataFrame) -> dict[str, int]:
    """The tasks on which a line has scores, with the number of seeds."""
    return line.loc[line["score"].notna(), "env"].value_counts().to_dict()


def _span(values: pd.Series, form: str = ",.0f") -> str:
    """The least and the largest as text: 2 to 5, or 2."""
    return " to ".join(dict.fromkeys(f"{value:{form}}" for value in (values.min(), values.max())))


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
    colors[STANDARD] = style.GRAY
    plotting.bars(axes, points, "iqm", "label", colors, "n_seeds", usual)
    axes.tick_params(axis="y", labelsize=8)
