"""Says what a new collection of runs takes from an existing table."""

import os
from pathlib import Path

from analysis.run_tables import Tables
from rigl_rl.errors import ConfigError, warn


def printable(path: str) -> str:
    """The path of a run, whatever bytes it holds."""
    return os.fsencode(path).decode(errors="backslashreplace")


def say_which_leave(known: Tables, tables: Tables, out: Path) -> None:
    """Warns of runs that are no longer in the table; ConfigError if these are most of its runs."""
    paths = known.runs["path"]
    gone = paths[~paths.isin(tables.runs["path"])]
    if gone.empty:
        return
    message = (
        f"{out}: {len(gone)} of its {len(paths)} runs leave it, as {tables.root} has no finished "
        f"run of that path (first: {printable(gone.iloc[0])}); --keep keeps their rows"
    )
    if len(gone) > len(paths) / 2:
        raise ConfigError(f"{message}; nothing written")
    warn(message)


def say_which_change(known: Tables, tables: Tables, out: Path) -> None:
    """Warns of rows that a run of the same path, but with another score, replaces."""
    both = known.runs.merge(tables.runs, on="path", suffixes=("", " now"))
    other = both[both["final_return"] != both["final_return now"]]
    if other.empty:
        return
    first = other.iloc[0]
    warn(
        f"{out}: {len(other)} row(s) replaced by runs with another score (first: "
        f"{printable(first['path'])}, {first['final_return']:g} before, "
        f"{first['final_return now']:g} in {tables.root})"
    )
