"""One style for all figures: colors, names, and files on disk."""

import math
import textwrap
from collections.abc import Iterable
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib

matplotlib.use("Agg")  # files only; works without a display

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import intervals, notes, plotting, seed_marks
from rigl_rl.files import replacing
from rigl_rl.paper import ERK, UNIFORM


class Method(NamedTuple):
    """How a method appears in every figure."""

    name: str
    color: str
    marker: str


# Okabe and Ito's palette, which color-blind readers can tell apart; markers help in print.
METHODS = {
    "dense": Method("Dense", "#000000", "o"),
    "prune": Method("Pruning", "#0072B2", "s"),
    "static": Method("Static", "#E69F00", "^"),
    "set": Method("SET", "#009E73", "D"),
    "rigl": Method("RigL", "#D55E00", "v"),
    "rigl_inverted": Method("RigL inverted", "#CC79A7", "P"),
}
# For other methods: more colors that match the palette.
_MORE = (
    *(("#56B4E9", "X"), ("#882255", "*"), ("#999933", "<"), ("#332288", ">")),
    *(("#44AA99", "p"), ("#AA4499", "h")),
)
NETWORKS = {"atari_cnn": "CNN", "atari_resnet": "ResNet"}  # by suite, for agents with two
DISTRIBUTIONS = {ERK: "ERK", UNIFORM: "Uniform", "erdos_renyi": "Erdős–Rényi"}
# The marker distinguishes them if a line has a single point.
LINES: dict[str, dict[str, Any]] = {ERK: {"ls": "-"}, UNIFORM: {"ls": "--", "mfc": "white"}}
GRAY = "#555555"
STANDARD_DENSE: dict[str, Any] = {"color": GRAY, "ls": ":", "lw": 1}
"""The line of the standard dense network."""
REFERENCE: dict[str, Any] = {"color": "#999999", "ls": "--", "lw": 1}
"""The line of another size or split to compare with."""
SETTINGS: dict[str, Any] = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "legend.handlelength": 2.8,
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "pdf.fonttype": 42,
}
LONGEST_TITLE = 34
"""Characters of a panel's title that fit above it."""
plt.style.use(SETTINGS)


def looks(methods: Iterable[str]) -> dict[str, Method]:
    """How each of `methods` appears, in the order of legends.

    A method that is not in `METHODS` keeps its name and gets the next color.
    """
    present = set(methods)
    found = {name: look for name, look in METHODS.items() if name in present}
    for name, (color, marker) in zip(sorted(present - set(METHODS)), cycle(_MORE)):
        found[name] = Method(name, color, marker)
    return found


def method_name(method: str) -> str:
    """The name of a method in titles and tables."""
    return looks([method])[method].name


def panels(rows: int, columns: int, **shared: Any) -> tuple[Figure, np.ndarray]:
    """A figure of equal panels [rows, columns] with room for the legend that `finish` adds.

    The legend goes below several columns of panels, but next to a single one.
    shared: `sharex` and `sharey` of `plt.subplots`.
    """
    size = (3.1 * columns, 2.6 * rows + 0.8) if columns > 1 else (6.2, 3.0 * rows + 0.3)
    figure, grid = plt.subplots(
        rows, columns, squeeze=False, layout="constrained", figsize=size, **shared
    )
    for axes in grid.flat:
        axes.tick_params(labelbottom=True, labelleft=True)  # also where the axis is shared
    return figure, grid


def empty(axes: Axes) -> None:
    """Marks a panel that has no runs."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, "no runs", transform=axes.transAxes, ha="center", color=GRAY)


def usual_seeds(seeds: pd.Series) -> int:
    """The number of seeds that most points rest on (the larger on a tie)."""
    return int(seeds.mode().max())


def panel_title(axes: Axes, text: str, seeds: pd.Series, usual: int) -> int:
    """Titles a panel, with its usual number of seeds if not the figure's; returns that number."""
    here = usual_seeds(seeds) if len(seeds) else usual
    if here != usual:
        number = f"(n = {here})"
        last = text.rpartition("\n")[2]
        text += ("\n" if len(f"{last} {number}") > LONGEST_TITLE else " ") + number
    axes.set_title(text)
    return here


def agent_name(agent: str, suite: str) -> str:
    """The name of an agent in titles: SAC, DQN (CNN)."""
    return f"{agent.upper()} ({NETWORKS[suite]})" if suite in NETWORKS else agent.upper()


def finish(
    figure: Figure,
    handles: list,
    seeds: pd.Series,
    unit: str,
    interval: str = "t interval over seeds",
) -> None:
    """A legend shared by all panels, headed by the number of seeds behind each `unit`, the kind of
    intervals drawn, and what is left out (`notes`).

    handles: labeled artists. seeds: number of seeds per unit. unit: 'point' or 'line'.
    """
    usual = usual_seeds(seeds)
    text = f"n = {usual} seed{'s' if usual > 1 else ''} per {unit}"
    if seeds.nunique() > 1:
        text += f" unless marked ({seeds.min()} to {seeds.max()})"
    drawn = {child.get_gid() for axes in figure.axes for child in axes.get_children()}
    if kinds := [kind for kind in (plotting.SHADE, plotting.BAR) if kind in drawn]:
        text += f"; {' and '.join(kinds)}: 95% {interval}"
    if seeds.min() < (fewest := intervals.FEWEST_FOR_INTERVAL):
        text += f"; no interval below {fewest} seeds"
    place: Any
    panel: Any = figure.axes[0]
    beside = panel.get_gridspec().ncols == 1
    if beside:
        place, columns, text = "outside right center", 1, text.replace("; ", "\n")
        figure.set_figheight(max(figure.get_figheight(), 0.6 + 0.19 * len(handles)))
    else:
        inches = sum(0.7 + 0.07 * len(handle.get_label()) for handle in handles)
        rows = max(1, math.ceil(inches / figure.get_figwidth()))
        place, columns = "outside lower center", max(1, math.ceil(len(handles) / rows))
        figure.set_figheight(figure.get_figheight() + 0.19 * (rows - 1))
    wide = int(figure.get_figwidth() * (7 if beside else 18))
    for message in notes.so_far():
        text += "\n" + "\n".join(textwrap.wrap(message, wide))
    legend = figure.legend(
        handles=handles, loc=place, ncols=columns, title=text, title_fontsize=7, fontsize=8
    )
    legend.get_title().set_color(GRAY)
    seed_marks.spread(figure)


def short(count: float) -> str:
    """A number of parameters as a label: 950, 5.3k, 27k, 4.1M."""
    for size, suffix in ((1e6, "M"), (1e3, "k")):
        if count >= size:
            scaled = count / size
            digits = f"{scaled:.1f}" if scaled < 9.95 else f"{scaled:.0f}"
            return digits.removesuffix(".0") + suffix
    return f"{count:.0f}"


def steps(count: float) -> str:
    """A number of environment steps as a tick label, unrounded: 500, 12.5k, 1M."""
    for size, suffix in ((1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:g}{suffix}"
    return f"{count:g}"


def percent(sparsity: float) -> str:
    """A sparsity as a label: 90%, 99.5%."""
    return f"{100 * sparsity:.4g}%"


def parameter_axis(axes: Axes, counts: Iterable[float]) -> None:
    """A logarithmic axis with a tick at the counts that occur, as many as stay readable."""
    largest_first = sorted(counts, reverse=True)
    apart = max(1.45, (largest_first[0] / largest_first[-1]) ** (1 / 7))
    ticks = largest_first[:1]
    for count in largest_first[1:]:
        if ticks[-1] / count > apart:
            ticks.append(count)
    axes.set_xscale("log")
    axes.set_xticks(ticks, [short(tick) for tick in ticks])
    axes.set_xticks([], minor=True)


def save(figure: Figure, data: pd.DataFrame | None, out: Path, name: str) -> list[Path]:
    """Writes name.png, name.pdf and, with data, name.csv (the plotted numbers); each complete or
    not at all.
    """
    suffixes = (".png", ".pdf") if data is None else (".png", ".pdf", ".csv")
    paths = [out / f"{name}{suffix}" for suffix in suffixes]
    for path in paths:
        with replacing(path) as aside:
            if data is not None and path.suffix == ".csv":
                data.to_csv(aside, index=False)
            else:
                # Without a date the same numbers give the same PDF.
                metadata = {"CreationDate": None} if path.suffix == ".pdf" else None
                figure.savefig(aside, metadata=metadata)
    plt.close(figure)
    return paths
