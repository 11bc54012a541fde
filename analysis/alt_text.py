"""Describes a figure in words, from its numbers, for readers who cannot see it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from analysis import style

MOST_LINES = 12
"""With more lines than this, those of one name are described together."""
HARDLY = 0.05
"""A line "hardly changes" if its ends differ by less than this share of its panel's range."""


class Reading(NamedTuple):
    """The meaning of the columns of a figure's numbers.

    panel, line: they distinguish panels, and the lines or bars of a panel. x, y: of a line's
    points; bars have no x. unit, shown: the unit of x, and how to write a value of it.
    """

    panel: tuple[str, ...]
    line: tuple[str, ...]
    x: str = ""
    unit: str = ""
    shown: Callable[[float], str] = "{:g}".format
    y: str = "mean"


def describe(points: pd.DataFrame, reading: Reading) -> str:
    """Names, trends and numbers of all lines; for many lines, in how many panels they rise.

    points: a row per point or bar.
    """
    panels = list(_named(points, reading.panel))
    if not reading.x:
        bars = [f"{panel}: {', '.join(_bars(rows, reading))}" for panel, rows in panels]
        return f"From high to low, {'; '.join(bars)}."
    lines = [
        (panel, name, line.sort_values(reading.x), float(rows[reading.y].pipe(np.ptp)))
        for panel, rows in panels
        for name, line in _named(rows, reading.line, points)
    ]
    if len(lines) > MOST_LINES:
        return _together(lines, reading)
    courses: dict[str, list[str]] = defaultdict(list)
    for panel, name, line, span in lines:
        courses[panel].append(f"{name} {_course(line, span, reading)}")
    told = "; ".join(f"{panel}: {', '.join(each)}" for panel, each in courses.items())
    return f"Over {reading.unit}, {told}."


def _bars(rows: pd.DataFrame, reading: Reading) -> list[str]:
    ordered = rows.sort_values(reading.y, ascending=False)
    return [
        f"{name} {bar[reading.y].iloc[0]:.2f}"
        for name, bar in _named(ordered, reading.line, rows, sort=False)
    ]


def _course(line: pd.DataFrame, span: float, reading: Reading) -> str:
    """Where a line starts and ends."""
    ends = [
        f"{row[reading.y]:,.4g} at {reading.shown(row[reading.x])}"
        for row in line.iloc[[0, -1]].to_dict("records")
    ]
    if len(line) == 1:
        return ends[0]
    return f"{_direction(line, span, reading)} from {' to '.join(ends)}"


def _direction(line: pd.DataFrame, span: float, reading: Reading) -> str:
    change = float(line[reading.y].iloc[-1] - line[reading.y].iloc[0])
    if abs(change) < HARDLY * span:
        return "hardly changes"
    return "rises" if change > 0 else "falls"


def _together(lines: list[tuple[str, str, pd.DataFrame, float]], reading: Reading) -> str:
    """In how many panels the lines of each name rise or fall, and which end highest."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    ends: dict[str, dict[str, float]] = defaultdict(dict)
    for panel, name, line, span in lines:
        counts[name][_direction(line, span, reading) if len(line) > 1 else "is one point"] += 1
        ends[panel][name] = line[reading.y].iloc[-1]
    text = [
        f"{name} {' and '.join(f'{verb} in {n}' for verb, n in count.most_common())}"
        for name, count in counts.items()
    ]
    highest = Counter(max(own, key=lambda name: own[name]) for own in ends.values())
    found = ", ".join(f"{name} in {n}" for name, n in highest.most_common())
    told = f"Over {reading.unit}, in {len(ends)} panels: {'; '.join(text)}."
    return f"{told} Highest at the end: {found}."


def _named(
    rows: pd.DataFrame,
    columns: tuple[str, ...],
    among: pd.DataFrame | None = None,
    sort: bool = True,
) -> Iterator[tuple[str, pd.DataFrame]]:
    """The groups of rows with equal values in `columns`, by name.

    among: names include only what differs in these rows; by default in `rows`.
    """
    for key, own in rows.groupby(list(columns), dropna=False, sort=sort):
        said = dict(zip(columns, key if isinstance(key, tuple) else (key,)))
        several = {
            column: among is None or among[column].nunique() > 1 or column == columns[0]
            for column in columns
        }
        words = [_word(column, value) for column, value in said.items() if several[column]]
        yield ", ".join(filter(None, words)), own


def _word(column: str, value: Any) -> str:
    """A value as text; empty if it needs no mention."""
    if pd.isna(value) or (column == "target_sparsity" and value == 0):
        return ""
    words: dict[str, Callable[[Any], str]] = {
        "agent": str.upper,
        "suite": lambda suite: style.NETWORKS.get(suite, ""),
        "method": style.method_name,
        "distribution": lambda name: style.DISTRIBUTIONS.get(name, name),
        "target_sparsity": style.percent,
        "share": lambda share: f"{style.percent(share)} of parameters",
        "budget": lambda budget: f"{style.percent(budget)} of parameters",
        "sparse_output_layer": lambda sparse: "" if sparse else "last layer dense",
        "column": lambda column: column.replace("_", " "),
    }
    return words.get(column, str)(value)
