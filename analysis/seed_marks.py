"""Marks, n=..., next to points with an unusual number of seeds, without overlap."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.text import Annotation

_MARK = "number of seeds"
_BESIDE = [
    (x, y + sign * 8 * step)
    for step in range(8)
    for sign, y in ((1, 4), (-1, -9))
    for x in (3, -16)
]
"""Possible offsets of a mark from its point, in points, the best first."""


def mark(
    axes: Axes,
    x: Sequence[float],
    y: Sequence[float],
    seeds: Sequence[int],
    usual: int,
    color: Any,
    shift: float = 0.0,
) -> None:
    """Writes n=... next to each point with an unusual number of seeds.

    shift: how far the point is shifted to the right, in points. `spread` moves overlapping marks.
    """
    halo = [withStroke(linewidth=2, foreground="white")]
    for x_i, y_i, n in zip(x, y, seeds):
        if n != usual:
            axes.annotate(
                f"n={n}",
                (x_i, y_i),
                xytext=(3 + shift, 4),
                textcoords="offset points",
                fontsize=6.5,
                color=color,
                path_effects=halo,
                gid=_MARK,
            )


def spread(figure: Figure) -> None:
    """Moves overlapping marks, each as little as possible, within its panel."""
    marks = {
        axes: [t for t in axes.texts if isinstance(t, Annotation) and t.get_gid() == _MARK]
        for axes in figure.axes
    }
    if not any(marks.values()):
        return
    figure.draw_without_rendering()  # computes the layout
    for axes, own in marks.items():
        taken: list[Any] = []
        for mark in own:
            shift, _ = mark.xyann
            for x, y in _BESIDE:
                mark.xyann = (shift - 3 + x, y)
                box = mark.get_window_extent().padded(1.0)
                inside = axes.bbox.contains(box.x0, box.y0) and axes.bbox.contains(box.x1, box.y1)
                if inside and not any(box.overlaps(other) for other in taken):
                    break
            taken.append(mark.get_window_extent().padded(1.0))
