"""Figure 8: final reward against parameter count, DQN on classic control.

A row per sparsity distribution, a panel per environment, a line per method; the dense line joins
the nets of smaller width. The horizontal line is the standard dense net's reward, the vertical one
the parameter count at 80 % sparsity (described with Figures 2 and 12 of the paper).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from analysis import style
from analysis.collect import Tables
from analysis.errors import AnalysisError, note
from analysis.intervals import over_seeds
from analysis.select import SETTING, classic_dqn, comparable

NAME = "figure8"
STUDY = "figure8"
ENVIRONMENTS = ("Acrobot-v1", "CartPole-v0", "MountainCar-v0")
ROWS = ("erdos_renyi_kernel", "uniform")
MARKED_SPARSITY = 0.8


def data(tables: Tables) -> pd.DataFrame:
    """The plotted numbers, a row per point.

    Columns: env, method, distribution, target_sparsity, width, params (active parameters, biases
    included), mean, low, high, n_seeds; and the panel's lines: dense_reward (mean final return of
    the standard dense net, NaN without one) and params_at_80 (parameters at 80 % sparsity).

    Raises AnalysisError when there is no sparse run to draw.
    """
    runs = classic_dqn(tables.runs)
    dense = runs["method"] == "dense"
    sparse = runs["method"].isin(style.METHODS) & ~dense & runs["distribution"].isin(ROWS)
    runs = runs[dense | (sparse & (runs["width"] == 1.0))]
    if (runs["method"] == "dense").all():
        raise AnalysisError(
            f"{NAME}: no finished sparse DQN run on {', '.join(ENVIRONMENTS)} with distribution "
            f"{' or '.join(ROWS)} in {tables.source}; make them with: {tables.command(STUDY)}"
        )
    runs = comparable(runs, NAME)
    points = over_seeds(runs, SETTING, "final_return")
    params = runs.groupby(SETTING, dropna=False)["active_params"].mean().rename("params")
    points = points.merge(params.reset_index(), on=SETTING)
    standard = points[(points["method"] == "dense") & (points["width"] == 1.0)]
    points["dense_reward"] = points["env"].map(standard.set_index("env")["mean"])
    points["params_at_80"] = points["env"].map(_params_at(runs, MARKED_SPARSITY))
    columns = [*SETTING, "params", "mean", "low", "high", "n_seeds", "dense_reward", "params_at_80"]
    return points[columns].sort_values(SETTING, ignore_index=True)


def draw(tables: Tables, out: Path) -> list[Path]:
    """Writes figure8.png, .pdf and .csv into `out` and returns their paths."""
    points = data(tables)
    for gap in gaps(points):
        note(f"{NAME}: {gap}; make them with: {tables.command(STUDY)}")
    environments = sorted(points["env"].unique())
    rows = [row for row in ROWS if (points["distribution"] == row).any()]
    figure, grid = style.panels(len(rows), len(environments))
    usual = style.usual_seeds(points["n_seeds"])
    for i, row in enumerate(rows):
        for j, env in enumerate(environments):
            in_row = (points["distribution"] == row) | (points["method"] == "dense")
            here = points[(points["env"] == env) & in_row]
            _panel(
                grid[i, j],
                here,
                style.panel_title(
                    grid[i, j], f"{env}, {style.DISTRIBUTIONS[row]}", here["n_seeds"], usual
                ),
            )
            if i == len(rows) - 1:
                grid[i, j].set_xlabel("Active parameters")
        grid[i, 0].set_ylabel("Final reward")
    style.finish(figure, _legend(points), points["n_seeds"], "point")
    return style.save(figure, points, out, NAME)


def gaps(points: pd.DataFrame) -> list[str]:
    """What the whole figure would have and `points` lack, a line per environment."""
    lines = []
    for env in ENVIRONMENTS:
        here = points[points["env"] == env]
        if here.empty:
            lines.append(f"no runs on {env}")
            continue
        dense_widths = here.loc[here["method"] == "dense", "width"]
        missing = [] if (dense_widths == 1.0).any() else ["standard dense"]
        if not (dense_widths != 1.0).any():
            missing.append("dense of other widths")
        for row in ROWS:
            found = set(here.loc[here["distribution"] == row, "method"])
            missing += [f"{method} {row}" for method in style.PAPER if method not in found]
        if missing:
            lines.append(f"no runs on {env} of {', '.join(missing)}")
    return lines


def _params_at(runs: pd.DataFrame, sparsity: float) -> pd.Series:
    """Parameters per env of the standard net whose kernels have `sparsity`; biases stay."""
    nets = runs[(runs["width"] == 1.0) & (runs["kernel_params"] > 0)]
    nets = nets.drop_duplicates("env").set_index("env")
    return nets["total_params"] - (sparsity * nets["kernel_params"]).round()


def _panel(axes: Axes, points: pd.DataFrame, usual: int) -> None:
    if points.empty:
        return style.empty(axes)
    for method, look in style.METHODS.items():
        line = points[points["method"] == method].sort_values("params")
        if line.empty:
            continue
        axes.plot(line["params"], line["mean"], color=look.color, marker=look.marker)
        style.band(axes, line["params"], line["low"], line["high"], look.color)
        style.mark_seeds(axes, line["params"], line["mean"], line["n_seeds"], usual, look.color)
    axes.axhline(points["dense_reward"].iloc[0], color="#555555", linestyle=":", linewidth=1)
    axes.axvline(points["params_at_80"].iloc[0], color="#999999", linestyle="--", linewidth=1)
    return style.parameter_axis(axes, points["params"])


def _legend(points: pd.DataFrame) -> list[Line2D]:
    handles = [
        Line2D([], [], color=look.color, marker=look.marker, label=look.name)
        for method, look in style.METHODS.items()
        if (points["method"] == method).any()
    ]
    lines: Any = (
        ("dense_reward", "#555555", ":", "Standard dense"),
        ("params_at_80", "#999999", "--", "80 % sparse"),
    )
    return handles + [
        Line2D([], [], color=color, linestyle=dashes, linewidth=1, label=label)
        for column, color, dashes, label in lines
        if points[column].notna().any()
    ]
