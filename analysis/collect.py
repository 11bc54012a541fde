"""Run directories -> one tidy table.

    python -m analysis.collect --runs DIR --out runs.parquet

One row per finished run, and next to it (runs.evals.parquet, runs.snr.parquet,
runs.robustness.parquet) the curves of those runs. Wherever the analysis takes `--runs DIR`, it
also takes such a table. If the table exists already, only new and changed runs are read, and runs
that have no finished directory any more leave it, unless `--keep` is given; it says how many. If
more than half would leave, nothing is written.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pyarrow import parquet

from analysis import hyperparameters, notes, run_files, scores, table_changes
from analysis.notes import left_out
from analysis.run_files import (
    CURVES,
    NUMBERS,
    OPTIONAL,
    check_numbers,
    read_run,
    require,
    run_directories,
    warn_if_score_differs,
)
from analysis.run_tables import Tables
from analysis.select import length_of
from analysis.table_changes import printable
from rigl_rl import record
from rigl_rl.command_line import Parser, exit_code
from rigl_rl.errors import ConfigError, NoRunsError, warn
from rigl_rl.files import replacing

RUN = (
    *("path", "stamp", *record.TEXT, "distribution", *NUMBERS, "kernel_params", "planned_steps"),
    *hyperparameters.COLUMNS,
)
"""Columns of every table of runs, apart from the optional ones."""
FORMATS = (".parquet", ".csv")


def collect(root: Path, known: Tables | None = None, keep: bool = False) -> Tables:
    """Reads every finished run below `root`; leaves out and reports unfinished and broken ones.

    Args:
      root: directory of runs.
      known: an earlier collection of `root`; runs that have not changed since are taken from it.
      keep: whether to also take the known runs that have no finished directory below `root`.
    """
    if not root.is_dir():
        raise ConfigError(f"--runs {root}: no such directory")
    runs: list[dict[str, Any]] = []
    curves: dict[str, dict[str, pd.DataFrame]] = {name: {} for name in CURVES}
    stamps = {} if known is None else dict(zip(known.runs["path"], known.runs["stamp"]))
    unchanged: set[str] = set()
    met: set[str] = set()
    earlier = set(stamps) if keep else set()  # rows that no finished run replaces
    unfinished = damaged = 0
    with notes.heard() as missing:
        for directory, files in run_directories(root):
            path = os.path.relpath(directory, root)
            met.add(path)
            if record.RESULT not in files:
                unfinished += _not_read(path, "unfinished (no result.json)", earlier)
                continue
            try:
                stamp = run_files.stamp(directory, files)
                if stamps.get(path) == stamp:
                    unchanged.add(path)
                    earlier.discard(path)
                    continue
                run, found = read_run(directory, files)
                if "evals" in found:
                    warn_if_score_differs(path, run, found["evals"])
            except Exception as error:  # no error may stop the other runs
                kind = "" if isinstance(error, (ValueError, OSError)) else type(error).__name__
                why = ": ".join(filter(None, (kind, " ".join(str(error).split()))))
                damaged += _not_read(path, why, earlier)
                continue
            earlier.discard(path)
            runs.append({**run, "path": path, "stamp": stamp})
            for name, curve in found.items():
                curves[name][path] = curve
        if out := unfinished + damaged:
            total = out + len(runs) + len(unchanged)
            kinds = f"{unfinished} unfinished, {damaged} damaged"
            left_out("", f"{out} of {total} runs left out: {kinds}")
    if again := met & earlier:
        warn(f"kept the earlier row of {len(again)} run(s) that are not finished again")
    tables = [pd.DataFrame(runs)]
    for name, columns in CURVES.items():
        table = pd.concat(curves[name].values()) if curves[name] else pd.DataFrame()
        paths = np.array(list(curves[name]), dtype=object)
        table["path"] = np.repeat(paths, [len(curve) for curve in curves[name].values()])
        tables.append(table.reindex(columns=["path", *columns, *OPTIONAL.get(name, ())]))
    if known is not None:
        taken = unchanged | earlier
        for number, old in enumerate(known[:4]):
            tables[number] = _joined(tables[number], old[old["path"].isin(taken)])
    tables[0] = run_files.of_one_type_each(tables[0])
    if tables[0].empty:
        tables[0] = pd.DataFrame(columns=[*RUN, *OPTIONAL["runs"]])
    ordered, evals, snr, robustness = (
        table.sort_values("path", kind="stable", ignore_index=True) for table in tables
    )
    ordered.attrs.update(root=str(root), left_out=missing)  # Parquet keeps them
    return Tables(ordered, evals, snr, robustness, root, root=root)


def _not_read(path: str, why: str, earlier: set[str]) -> bool:
    """Reports a run that could not be read. Returns whether it is left out: no `earlier` row."""
    if path in earlier:
        warn(f"kept the earlier row of {printable(path)}: {why}")
        return False
    left_out("", f"left out {printable(path)}: {why}")
    return True


def _joined(new: pd.DataFrame, old: pd.DataFrame) -> pd.DataFrame:
    """All rows of both, with the columns of either."""
    columns = new.columns.union(old.columns, sort=False)
    # A column without a value must not determine its type.
    both = [table.dropna(axis=1, how="all") for table in (new, old) if len(table)]
    return (pd.concat(both) if both else new).reindex(columns=columns)


def write(tables: Tables, out: Path) -> list[Path]:
    """Writes the runs to `out` (.parquet or .csv) and their curves next to it; returns the paths.

    The runs are written last: their stamps decide which runs are read again next time. If writing
    is interrupted, runs whose curves may be missing therefore count as new.
    """
    _check_format(out)
    paths = _table_paths(out)
    for path, table in list(zip(paths, tables[:4]))[::-1]:
        with replacing(path) as aside:
            if out.suffix == ".csv":
                table.to_csv(aside, index=False)
            else:
                table.to_parquet(aside, index=False)
    return paths


def read(table: Path) -> Tables:
    """Reads back the files of `write`; a missing curve file counts as empty."""
    _check_format(table)
    parts = []
    wanted = {"runs": RUN, **{name: ("path", *columns) for name, columns in CURVES.items()}}
    for path, (name, columns) in zip(_table_paths(table), wanted.items()):
        optional = OPTIONAL.get(name, ())
        later = hyperparameters.LATER if name == "runs" else ()
        if path != table and not path.exists():
            parts.append(pd.DataFrame(columns=[*columns, *optional]))
            continue
        try:
            part = (
                pd.read_csv(path, float_precision="round_trip")
                if path.suffix == ".csv"
                else pd.read_parquet(path, use_threads=False)
            )
            _check_end(path)
            absent = {**dict.fromkeys(optional, np.nan), **dict.fromkeys(later)}  # of older tables
            part = part.assign(**{each: absent[each] for each in absent if each not in part})
            require(part, columns, path.name)
            check_numbers(part, path.name)
        except (ValueError, OSError) as error:  # pandas' and Arrow's errors about content
            raise ConfigError(f"{path}: {str(error).splitlines()[0]}") from error
        parts.append(part)
    runs, evals, snr, robustness = parts
    finite = np.isfinite(runs[list(NUMBERS)].astype(float)).all(axis=1)
    for path in runs.loc[~finite, "path"]:
        left_out("", f"left out {path}: not all of its numbers in {table} are finite")
    runs = runs[finite].reset_index(drop=True)
    tables = Tables(runs, evals, snr, robustness, table)
    return tables._replace(root=Path(parts[0].attrs.get("root", tables.root)))


def load(runs: Path, score: str = scores.PROTOCOL, steps: int | None = None) -> Tables:
    """The tables behind `--runs`: a directory of runs, or a table that this module wrote.

    score: one of `scores.CHOICES`: the score that the runs' returns hold. steps: keeps the runs of
        this length (`select.length_of`) only.

    Raises NoRunsError when there are runs, but none with this score or length.
    """
    tables = read(runs) if runs.is_file() else collect(runs)
    if runs.is_file():
        for message in tables.runs.attrs.get("left_out", []):
            left_out("", message)
    if steps is not None and not tables.runs.empty:
        tables = _of_length(tables, steps)
    if score == scores.GREEDY and not tables.runs.empty:
        own, evals, greedy = scores.with_greedy(tables.runs, tables.evals)
        if not greedy:
            raise NoRunsError(
                f"--score greedy: none of the {len(own)} runs in {runs} has a greedy score; DQN on "
                f"classic control has one, if evals.csv has the column greedy_return"
            )
        tables = tables._replace(runs=own, evals=evals, greedy=greedy)
        warn(f"--score greedy: {tables.score_line}")
    return tables


def _of_length(tables: Tables, steps: int) -> Tables:
    lengths = length_of(tables.runs)
    own = tables.runs[lengths == steps]
    if own.empty:
        known = ", ".join(f"{length:.0f}" for length in sorted(lengths.unique()))
        raise NoRunsError(
            f"--steps {steps}: no run in {tables.source} is that long; lengths there: {known}"
        )
    return tables._replace(runs=own, evals=tables.evals[tables.evals["path"].isin(own["path"])])


def main(argv: Sequence[str] | None = None) -> int:
    """The command line of this module."""
    parser = Parser(
        prog="python -m analysis.collect",
        description="Collect run directories into one tidy table.",
    )
    parser.add_argument("--runs", type=Path, required=True, help="directory that holds the runs")
    parser.add_argument("--out", type=Path, required=True, help="table to write: .parquet or .csv")
    parser.add_argument(
        "--keep", action="store_true", help="keep the table's runs without a finished directory"
    )
    args = parser.parse_args(argv)
    _check_format(args.out)
    # A damaged table may hold runs that are nowhere else.
    known = read(args.out) if args.keep and args.out.exists() else _known(args.out)
    tables = collect(args.runs, known, args.keep)
    if tables.runs.empty:
        raise NoRunsError(f"no finished run below {args.runs}; nothing written")
    if known is not None:
        table_changes.say_which_leave(known, tables, args.out)
        table_changes.say_which_change(known, tables, args.out)
    paths = write(tables, args.out)
    print(f"{len(tables.runs)} finished runs: {', '.join(map(str, paths))}")
    return 0


def _check_end(table: Path) -> None:
    """Raises ValueError if a CSV file was cut short (Parquet's reader notices this itself)."""
    if table.suffix == ".csv":
        with table.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                raise ValueError("cut short: its last line has no end")


def _known(out: Path) -> Tables | None:
    """The existing table, None if it is missing or damaged.

    Raises ConfigError if this module did not write `out`, which is then not overwritten.
    """
    if not out.exists() or not all(path.exists() for path in _table_paths(out)):
        if out.exists() and not _is_ours(out):
            read(out)  # raises
        return None
    try:
        return read(out)
    except ConfigError as error:
        if not _is_ours(out):
            raise
        warn(f"{error}; rebuilding {out}")
        return None


def _is_ours(table: Path) -> bool:
    """Whether this module wrote a table, as far as this can be seen in a damaged or old one."""
    if table.suffix == ".csv":
        with table.open("rb") as file:
            return {b"path", b"stamp"} <= set(file.readline().strip().split(b","))
    try:
        return {"path", "stamp"} <= set(parquet.read_schema(table).names)
    except (ValueError, OSError):  # cut short: it begins like a table
        with table.open("rb") as file:
            return file.read(4) in (b"", b"PAR1")


def _check_format(path: Path) -> None:
    if path.suffix not in FORMATS:
        raise ConfigError(f"{path}: a table is a file that ends in {' or '.join(FORMATS)}")


def _table_paths(runs: Path) -> list[Path]:
    """The runs' file and one for each kind of curve: runs.csv, runs.evals.csv, ..."""
    return [runs, *(runs.with_name(f"{runs.stem}.{name}{runs.suffix}") for name in CURVES)]


if __name__ == "__main__":
    sys.exit(exit_code(main))
