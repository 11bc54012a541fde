"""Tables for a paper."""

from __future__ import annotations

import pandas as pd


def latex(table: pd.DataFrame) -> str:
    """A table in LaTeX, for the package booktabs: text to the left, all else to the right."""
    left = "".join("l" if table[name].map(_is_word).any() else "r" for name in table)
    return table.to_latex(index=False, escape=True, column_format=left)


def _is_word(value: object) -> bool:
    return str(value)[:1].isalpha()
