"""Final reward against parameter count (Figures 2 and 8 to 12).

A row of panels per agent or distribution, a panel per task, a line per method; the dense line joins
networks of smaller width. The horizontal line is the standard dense network's reward, the vertical
one the parameter count at 80% sparsity (described with Figures 2 and 12 of the paper).
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from analysis import plotting, style
from analysis.alt_text import Reading
from analysis.figures.figure import Figure
from analysis.intervals import over_seeds
from analysis.notes import left_out
from analysis.run_tables import Tables
from analysis.select import MATCHES_WITHIN, SETTING, TASK, comparable, standard_dense
from rigl_rl import paper
from rigl_rl.errors import NoRunsError, warn

MARKED_SPARSITY = 0.8


class Row(NamedTuple):
    """A row of panels."""

    agent: str
    suite: str
    tasks: Sequence[str]
    distribution: str

    def of(self, table: pd.DataFrame) -> pd.DataFrame:
        """The runs in `table` for this row; dense networks belong to rows of any distribution."""
        here = (table["agent"] == self.agent) & (table["suite"] == self.suite)
        here &= table["env"].isin(self.tasks)
        return table[
            here & ((table["method"] == "dense") | (table["distribution"] == self.distribution))
        ]

    @property
    def title(self) -> str:
        """The agent and the distribution."""
        agent = style.agent_name(self.agent, self.suite)
        return f"{agent}, {style.DISTRIBUTIONS[self.distribution]}"


@dataclasses.dataclass(frozen=True)
class ScalingFigure(Figure):
    """A figure of this kind."""

    reading = Reading(
        ("agent", "suite", "env"),
        ("method", "distribution"),
        "params",
        "active parameters",
        style.short,
    )
    rows: tuple[Row, ...]

    def data(self, tables: Tables) -> pd.DataFrame:
        """The plotted numbers, a row per point.

        Columns: SETTING, params (active parameters, biases included), mean, low, high, n_seeds; and
        the panel's lines: dense_reward (mean final return of the standard dense network, NaN
        without one) and params_at_80 (parameters at 80% sparsity).

        Raises NoRunsError when there is no sparse run to draw.
        """
        runs = pd.concat([row.of(tables.scored) for row in self.rows]).drop_duplicates("path")
        dense = runs["method"] == "dense"
        runs = self._in_caption(runs[dense | (runs["width"] == 1.0)])
        if (runs["method"] == "dense").all():
            tasks: dict[str, list[str]] = {}
            for row in self.rows:
                tasks.setdefault(row.title, []).extend(row.tasks)
            wanted = "; ".join(f"{title} on {', '.join(on)}" for title, on in tasks.items())
            raise NoRunsError(
                f"{self.name}: no finished sparse run ({wanted}) in {tables.source}; "
                f"make them with: {tables.command(self.name)}"
            )
        runs = comparable(runs, self.name)
        points = over_seeds(runs, SETTING, "final_return")
        params = runs.groupby(SETTING, dropna=False)["active_params"].mean().rename("params")
        points = points.merge(params.reset_index(), on=SETTING)
        standard = points[standard_dense(points)]
        points = points.merge(
            standard[[*TASK, "mean"]].rename(columns={"mean": "dense_reward"}), "left", TASK
        ).merge(_params_at(runs, MARKED_SPARSITY, "params_at_80"), "left", TASK)
        lines = ["dense_reward", "params_at_80"]
        columns = [*SETTING, "params", "mean", "low", "high", "n_seeds", *lines]
        return points[columns].sort_values(SETTING, ignore_index=True)

    def draw(self, tables: Tables, out: Path) -> list[Path]:
        """Writes the figure as .png, .pdf and .csv into `out` and returns their paths."""
        points = self.data(tables)
        for gap in self.gaps(points):
            warn(f"{self.name}: {gap}; make them with: {tables.command(self.name)}")
        rows = [row for row in self.rows if (row.of(points)["method"] != "dense").any()]
        tasks = [sorted(row.of(points)["env"].unique()) for row in rows]
        # Rows of one agent and the same tasks are compared with each other.
        same = len({(row.agent, row.suite, *row.tasks) for row in rows}) == 1
        figure, grid = style.panels(
            len(rows), max(map(len, tasks)), sharey="col" if same else False
        )
        usual = style.usual_seeds(points["n_seeds"])
        for i, row in enumerate(rows):
            for j, axes in enumerate(grid[i]):
                if j >= len(tasks[i]):
                    axes.set_axis_off()
                    continue
                here = row.of(points)
                here = here[here["env"] == tasks[i][j]]
                title = f"{tasks[i][j]}, {row.title}"
                _panel(axes, here, style.panel_title(axes, title, here["n_seeds"], usual))
                if i == len(rows) - 1:
                    axes.set_xlabel("Active parameters")
            grid[i, 0].set_ylabel(tables.labeled("Final reward", row.of(points)))
        style.finish(figure, _legend(points), points["n_seeds"], "point")
        return style.save(figure, points, out, self.name)

    def _in_caption(self, runs: pd.DataFrame) -> pd.DataFrame:
        """Runs at sparsities in the caption's range, and dense networks of matching sizes.

        Other runs come from studies of other figures in the same directory.
        """
        if self.name not in paper.CAPTION_SPARSITIES:
            return runs
        low, high = paper.CAPTION_SPARSITIES[self.name]
        least = runs[TASK].merge(_params_at(runs, high, "params"), "left", TASK)["params"]
        too_small = runs["active_params"] < (1 - MATCHES_WITHIN) * least.to_numpy()
        dense = runs["method"] == "dense"
        out = (dense & too_small) | (~dense & ~runs["target_sparsity"].between(low, high))
        if out.any():
            left_out(
                self.name,
                f"left out {int(out.sum())} run(s) beyond the caption's sparsities, "
                f"{style.percent(low)} to {style.percent(high)}",
                usual=True,
            )
        return runs[~out]

    def gaps(self, points: pd.DataFrame) -> list[str]:
        """Parts of the full figure that `points` lack, a line per kind of gap."""
        lacking: dict[tuple[str, str], list[str]] = {}
        for row in self.rows:
            for task in row.tasks:
                here = row.of(points)
                here = here[here["env"] == task]
                dense_widths = here.loc[here["method"] == "dense", "width"]
                missing = [] if (dense_widths == 1.0).any() else ["standard dense"]
                if not (dense_widths != 1.0).any():
                    missing.append("dense of other widths")
                missing += [m for m in paper.METHODS if m not in set(here["method"])]
                if missing:
                    lacking.setdefault((row.title, ", ".join(missing)), []).append(task)
        return [
            f"{title}: no runs on {', '.join(tasks)} of {methods}"
            for (title, methods), tasks in lacking.items()
        ]


def _params_at(runs: pd.DataFrame, sparsity: float, column: str) -> pd.DataFrame:
    """TASK and, in `column`, the parameters of its standard network at `sparsity`; biases stay."""
    nets = runs[(runs["width"] == 1.0) & (runs["kernel_params"] > 0)]
    nets = nets[nets[["widths", "sparsities"]].isna().all(axis=1)]  # not split as in Figure 3
    nets = nets.drop_duplicates(TASK)
    params = nets["total_params"] - (sparsity * nets["kernel_params"].astype(float)).round()
    return nets[TASK].assign(**{column: params})


def _panel(axes: Axes, points: pd.DataFrame, usual: int) -> None:
    if points.empty:
        return style.empty(axes)
    looks = style.looks(points["method"])
    for (method, look), shift in zip(looks.items(), plotting.shifts(len(looks))):
        line = points[points["method"] == method].sort_values("params")
        if line.empty:
            continue
        plotting.points(axes, line["params"], line, usual, look.color, shift, marker=look.marker)
    axes.axhline(points["dense_reward"].iloc[0], **style.STANDARD_DENSE)
    axes.axvline(points["params_at_80"].iloc[0], **style.REFERENCE)
    return style.parameter_axis(axes, points["params"])


def _legend(points: pd.DataFrame) -> list[Line2D]:
    handles = [
        Line2D([], [], color=look.color, marker=look.marker, label=look.name)
        for look in style.looks(points["method"]).values()
    ]
    lines: Any = (
        ("dense_reward", style.STANDARD_DENSE, "Standard dense"),
        ("params_at_80", style.REFERENCE, "80% sparse"),
    )
    return handles + [
        Line2D([], [], **line, label=label)
        for column, line, label in lines
        if points[column].notna().any()
    ]
