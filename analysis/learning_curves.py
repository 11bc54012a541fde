"""Learning curves and a table of final returns, for any runs.

    python -m analysis.learning_curves --runs DIR --out DIR

The figure is learning_curves.png. Runs of several agents make one each, such as
learning_curves_ppo_mujoco.png.
"""

import sys
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.lines import Line2D

from analysis import notes, plotting, style
from analysis.alt_text import Reading
from analysis.arguments import parser_of_runs
from analysis.as_text import markdown, with_interval
from analysis.collect import load
from analysis.curves import on_common_steps
from analysis.intervals import curves_over_seeds, over_seeds
from analysis.run_tables import Tables
from analysis.select import SETTING, comparable, standard_dense
from rigl_rl.command_line import exit_code
from rigl_rl.errors import NoRunsError, warn
from rigl_rl.paper import ERK

NAME = "learning_curves"
READING = Reading(("panel",), ("label",), "env_step", "environment steps", style.steps)
MOST_LINES, USUAL_SPARSITY = 8, 0.9
"""With more lines than the first, `main_lines` keeps only those at the second."""
ACROSS = 4
"""Panels in a row."""
DASHES: tuple[Any, ...] = ("-", "--", ":", "-.")


def main(argv: Sequence[str] | None = None) -> int:
    """The command line of this module: draws the curves and prints the table."""
    parser = parser_of_runs(
        "analysis.learning_curves", "Draw learning curves, print final returns."
    )
    parser.add_argument("--out", type=Path, required=True, help="directory for the figure")
    args = parser.parse_args(argv)
    tables = load(args.runs, args.score, args.steps)
    with notes.heard():
        table = text(scores(labeled(tables)))
        paths = draw_each_agent(tables, args.out)
    print(markdown(table), end="")
    print("wrote", ", ".join(map(str, paths)))
    return 0


def draw_each_agent(tables: Tables, out: Path) -> list[Path]:
    """Draws a figure for each agent and suite, of its `main_lines`, and returns the paths.

    Raises NoRunsError when there is nothing to draw.
    """
    paths: list[Path] = []
    agents = tables.scored.groupby(["agent", "suite"])
    for number, ((agent, suite), runs) in enumerate(agents, 1):
        own = tables._replace(runs=runs)
        name = NAME if len(agents) == 1 else f"{NAME}_{agent}_{suite}"
        with notes.heard():  # a figure shows the notes on its own agent
            comparable_runs = labeled(own)
            lines, shown = main_lines(comparable_runs)
            try:
                paths += draw(data(lines, own, name), out, name)
            except NoRunsError as error:
                if not paths and number == len(agents):
                    raise
                warn(f"{name}: {error}")
        if len(lines) < len(comparable_runs):
            warn(f"{name} shows {shown} alone; the table has all")
    return paths


def labeled(tables: Tables) -> pd.DataFrame:
    """The runs that can be compared, with the `panel`, `name` and `label` of their line.

    Raises NoRunsError when there is no finished run.
    """
    runs = tables.scored
    if runs.empty:
        raise NoRunsError(
            f"{NAME}: no finished run in {tables.source}; a small study to start with: make demo"
        )
    runs = comparable(runs, NAME).copy()
    agents = runs.apply(lambda run: style.agent_name(run["agent"], run["suite"]), axis=1)
    runs["panel"] = agents + ", " + runs["env"] if agents.nunique() > 1 else runs["env"]
    for _, own in runs.groupby(["agent", "suite", "panel"]):
        runs.loc[own.index, "panel"] = tables.labeled(own["panel"].iloc[0], own)
    kind = ["method", "distribution", "target_sparsity", "width"]
    several = runs["distribution"].nunique() > 1
    for (method, distribution, _, width), group in runs.groupby(kind, dropna=False):
        name = style.method_name(method)
        if several and method != "dense":
            name += f" {style.DISTRIBUTIONS.get(distribution, distribution)}"
        if width != 1.0:
            name += f", width {width:.3g}"
        runs.loc[group.index, "name"] = name
    for (name, sparsity), group in runs.groupby(["name", "target_sparsity"]):
        # The tasks' observations and actions differ in size, and so do their nets, a little.
        counts = [
            style.short(n) for n in (group["active_params"].min(), group["active_params"].max())
        ]
        label = f"{name} {style.percent(sparsity)}" if sparsity else name
        runs.loc[group.index, "label"] = f"{label} ({'–'.join(dict.fromkeys(counts))})"
    return runs


def main_lines(runs: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The `labeled` runs that fit into one figure, and a description of them.

    All runs if there are few labels; otherwise standard dense networks, and sparse ones (ERK if
    there are any) at the sparsity nearest to 90%.
    """
    sparse = runs[(runs["method"] != "dense") & (runs["width"] == 1.0)]
    if runs["label"].nunique() <= MOST_LINES or sparse.empty:
        return runs, "all networks"
    erk = sparse[sparse["distribution"] == ERK]
    sparse = sparse if erk.empty else erk
    away = (sparse["target_sparsity"] - USUAL_SPARSITY).abs()
    sparse = sparse[away == away.min()]
    at = style.percent(sparse["target_sparsity"].iloc[0])
    kind = "sparse" if erk.empty else "ERK"
    chosen = runs[standard_dense(runs) | runs.index.isin(sparse.index)]
    return chosen, f"standard dense networks and {kind} ones at {at}"


def data(runs: pd.DataFrame, tables: Tables, name: str = NAME) -> pd.DataFrame:
    """The plotted numbers of `labeled` runs: SETTING, panel, label, env_step, mean, low, high,
    n_seeds.

    name: of the figure, for messages.

    Raises NoRunsError when none has evaluations.
    """
    evals = tables.evals.merge(runs[["path", *SETTING, "panel", "label"]], on="path")
    if evals.empty:
        raise NoRunsError(f"{NAME}: the finished runs in {tables.source} have no evals.csv")
    line = [*SETTING, "panel", "label"]
    evals = on_common_steps(_by_iteration(evals), line, "avg_return", name)
    return curves_over_seeds(evals, line, "env_step", "avg_return")


def _by_iteration(evals: pd.DataFrame) -> pd.DataFrame:
    """On Atari, the mean steps of each iteration: iterations end with an episode, so seeds evaluate
    a few steps apart. Settings whose runs differ in the number of iterations stay as they are.
    """
    setting = [evals[column] for column in SETTING]
    iteration = evals.groupby("path").cumcount()
    count = evals.groupby("path")["env_step"].transform("size")
    equal = count.groupby(setting, dropna=False).transform("nunique") == 1
    mean = evals["env_step"].groupby([*setting, iteration], dropna=False).transform("mean")
    atari = evals["suite"].str.startswith("atari")
    return evals.assign(env_step=evals["env_step"].mask(atari & equal, mean))


def draw(points: pd.DataFrame, out: Path, name: str = NAME) -> list[Path]:
    """Writes the figure as .png, .pdf and .csv into `out` and returns the three paths."""
    panels = sorted(points["panel"].unique())
    columns = min(ACROSS, len(panels))
    seeds = points.groupby(["panel", "label"])["n_seeds"].min()
    usual = style.usual_seeds(seeds)
    figure, grid = style.panels(-(-len(panels) // columns), columns)
    handles = []
    panel_usual = [
        style.panel_title(axes, panel, seeds[panel], usual)
        for axes, panel in zip(grid.flat, panels)
    ]
    for method, look in style.looks(points["method"]).items():
        lines = points[points["method"] == method]
        labels = lines.sort_values("width", ascending=False, kind="stable")["label"].unique()
        for label, dashes in zip(labels, cycle(DASHES)):
            handles.append(Line2D([], [], color=look.color, linestyle=dashes, label=label))
            for axes, panel, often in zip(grid.flat, panels, panel_usual):
                line = points[(points["panel"] == panel) & (points["label"] == label)]
                if len(line):
                    plotting.curve(axes, line, "env_step", often, look.color, dashes)
    for axes in grid.flat[: len(panels)]:
        axes.set_xlabel("Environment steps")
        axes.xaxis.set_major_formatter(lambda step, _: style.steps(step))
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    for axes in grid[:, 0]:
        axes.set_ylabel("Evaluation return")
    style.finish(figure, handles, seeds, "line")
    return style.save(figure, points, out, name)


def scores(runs: pd.DataFrame) -> pd.DataFrame:
    """Final returns of `labeled` runs, a row per setting: panel, name, target_sparsity, params,
    mean, low, high, n_seeds.
    """
    scores = over_seeds(runs, [*SETTING, "panel", "name"], "final_return")
    params = over_seeds(runs, [*SETTING, "panel", "name"], "active_params")["mean"]
    order = scores["method"].map(list(style.looks(scores["method"])).index)
    return scores.assign(params=params, order=order).sort_values(
        ["panel", "order", "width", "target_sparsity", "name"],
        ascending=[True, True, False, True, True],
    )


def text(scores: pd.DataFrame) -> pd.DataFrame:
    """`scores` as text."""
    rows = [
        (
            row.panel,
            row.name,
            style.percent(row.target_sparsity),
            f"{row.params:,.0f}",
            with_interval(row.mean, row.low, row.high, ".1f"),
            row.n_seeds,
        )
        for row in scores.itertuples(index=False)
    ]
    heads = ["Environment", "Method", "Sparsity", "Active parameters", "Final return", "Seeds"]
    return pd.DataFrame(rows, columns=heads)


if __name__ == "__main__":
    sys.exit(exit_code(main))
