"""Lines, points and bars with their intervals, and n=... where the number of seeds is unusual."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation
from numpy.typing import ArrayLike

from analysis import seed_marks

SHADE, BAR = "shades", "bars"
"""How intervals are drawn, and their name in a figure's note."""


def band(
    axes: Axes, x: ArrayLike, low: ArrayLike, high: ArrayLike, color: Any, **kind: Any
) -> None:
    """The 95% interval around a line: a band, or a bar at a point whose neighbors have none."""
    x, *ends = (np.asarray(values, dtype=float) for values in (x, low, high))
    known = np.isfinite(ends).all(axis=0)
    beside = np.zeros_like(known)
    beside[1:] |= known[:-1]
    beside[:-1] |= known[1:]
    if (known & beside).any():
        axes.fill_between(x, ends[0], ends[1], color=color, alpha=0.16, linewidth=0, gid=SHADE)
    if (alone := known & ~beside).any():
        low, high = (end[alone] for end in ends)
        axes.vlines(x[alone], low, high, color=color, alpha=0.5, linewidth=1.2, gid=BAR, **kind)


def curve(
    axes: Axes, line: pd.DataFrame, x: str, usual: int, color: Any, dashes: Any = "-"
) -> None:
    """Draws `mean` over the column x with its interval, and n=... at the end if seeds are unusual.

    line: a row per point, with mean, low, high and n_seeds, whose minimum counts.
    """
    axes.plot(line[x], line["mean"], color=color, linestyle=dashes)
    band(axes, line[x], line["low"], line["high"], color)
    last = line.iloc[-1:]
    seed_marks.mark(axes, last[x], last["mean"], [line["n_seeds"].min()], usual, color)


def bars(
    axes: Axes,
    points: pd.DataFrame,
    value: str,
    names: str,
    colors: dict[str, Any],
    seeds: str,
    usual: int,
) -> None:
    """Horizontal intervals with a mark at the value, as in rliable, the first row on top; (n=...)
    after the names of rows with an unusual number of seeds.

    value, names, seeds: columns of `points`, which also has low and high. colors: by name.
    """
    for place, row in enumerate(points.iloc[::-1].to_dict("records")):
        color, width = colors[row[names]], row["high"] - row["low"]
        if math.isfinite(width):
            axes.barh(
                place, width, left=row["low"], height=0.6, color=color, alpha=0.45, linewidth=0
            )[0].set_gid(BAR)
        axes.vlines(row[value], place - 0.3, place + 0.3, color=color, linewidth=2)
    axes.use_sticky_edges = False  # bars begin where their interval does, not at the axis
    axes.autoscale_view()
    axes.locator_params(axis="x", nbins=4)  # labels of more would touch
    labels = [
        name if n == usual else f"{name} (n={n})" for name, n in zip(points[names], points[seeds])
    ]
    axes.set_yticks(range(len(points)), labels[::-1])


def points(
    axes: Axes,
    x: Sequence[float],
    line: pd.DataFrame,
    usual: int,
    color: Any,
    shift: float = 0.0,
    **kind: Any,
) -> Line2D:
    """Draws `mean` over x with its interval, and n=... at points with an unusual number of seeds.

    line: a row per point, with mean, low, high and n_seeds. shift: moves a line that is a single
    point to the right, in points, so that those of several methods do not cover each other.
    """
    moved: dict[str, Any] = {}
    if len(line) == 1 and shift:
        away = ScaledTranslation(shift / 72, 0, axes.figure.dpi_scale_trans)
        moved = {"transform": axes.transData + away}
        # Matplotlib ignores shifted artists when it sets an axis' limits.
        ends = line[["mean", "low", "high"]].to_numpy(float).ravel()
        axes.update_datalim([(float(next(iter(x))), y) for y in ends if math.isfinite(y)])
        axes.margins(x=0.1)
        axes.autoscale_view()
    (drawn,) = axes.plot(x, line["mean"], color=color, **kind, **moved)
    band(axes, x, line["low"], line["high"], color, **moved)
    seed_marks.mark(axes, x, line["mean"], line["n_seeds"], usual, color, shift if moved else 0.0)
    return drawn


def shifts(count: int) -> list[float]:
    """How far, in points, to shift each of several single points at one place to the right."""
    return [5.0 * (i - (count - 1) / 2) for i in range(count)]
