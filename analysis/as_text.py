"""Numbers and tables as text: Markdown, and LaTeX for a paper."""

import math

import pandas as pd


def with_interval(value: float, low: float, high: float, form: str) -> str:
    """'5.0 [4.1, 5.9]', or just the value if it has no interval.

    form: format of each number, such as '.1f'.
    """
    interval = f" [{low:{form}}, {high:{form}}]" if math.isfinite(low) else ""
    return f"{value:{form}}{interval}"


def markdown(table: pd.DataFrame) -> str:
    """A table in Markdown: text aligned left, everything else right."""
    lines = [
        list(table.columns),
        ["---" if left else "--:" for left in _left(table)],
        *table.astype(str).to_numpy().tolist(),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def latex(table: pd.DataFrame) -> str:
    """A table in LaTeX, for the package booktabs: text aligned left, everything else right."""
    columns = "".join("l" if left else "r" for left in _left(table))
    return table.to_latex(index=False, escape=True, column_format=columns)


def _left(table: pd.DataFrame) -> list[bool]:
    return [any(str(value)[:1].isalpha() for value in table[name]) for name in table]
