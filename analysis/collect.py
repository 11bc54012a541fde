"""Run directories -> one tidy table.

    python -m analysis.collect --runs DIR --out runs.parquet

One row per finished run, and beside it (runs.evals.parquet, runs.snr.parquet,
runs.robustness.parquet) the curves of those runs. Wherever the analysis takes `--runs DIR`, such a
table does as well. Where there is such a table already, only the runs are read that are new or have
changed since it was made.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from analysis import hyperparameters
from analysis.errors import AnalysisError, Parser, exit_code, note
from analysis.files import replacing
from analysis.intervals import final_score

TEXT = ("agent", "suite", "env", "method")
NUMBERS = (
    "target_sparsity",
    "width",
    "seed",
    "final_return",
    "env_steps",
    "train_steps",
    "active_params",
    "total_params",
)
RUN = (
    *("path", "stamp", *TEXT, "distribution", *NUMBERS, "kernel_params", "planned_steps"),
    *hyperparameters.COLUMNS,
)
CURVES = {
    "evals": ("env_step", "train_step", "avg_return", "std_return", "episodes", "wall_s"),
    "snr": ("env_step", "train_step", "network", "snr"),
    "robustness": ("train_step", "sigma", "avg_return", "std_return", "episodes"),
}
_NUMERIC = list({*NUMBERS, *(name for curve in CURVES.values() for name in curve)} - {"network"})
CONFIG = "operative_config.gin"
INSIDE_A_RUN = {"checkpoints", "tensorboard", "policies"}
FORMATS = (".parquet", ".csv")


class Tables(NamedTuple):
    """What the figures are drawn from.

    runs: a row per finished run: result.json flattened (`versions.tensorflow`, `forward_flops.q`),
        `layers` as JSON, `kernel_params` (elements of the masked kernels), the columns of
        `hyperparameters` and `planned_steps` of Atari's, `path` (below the root) and `stamp` (tells
        whether its files changed).
    evals, snr, robustness: the runs' rows by evaluation, by SNR measurement and by strength of
        noise on observations, each with its run's `path`.
    source: what the user gave as --runs.
    """

    runs: pd.DataFrame
    evals: pd.DataFrame
    snr: pd.DataFrame
    robustness: pd.DataFrame
    source: Path

    def command(self, study: str) -> str:
        """The command that makes the runs of `study`."""
        return f"python -m launch run {study} --preset reduced --runs {self.directory}"

    @property
    def directory(self) -> Path:
        """Of the runs, to be named in commands."""
        return self.source if self.source.is_dir() else Path("DIR")


def run_directories(root: Path) -> Iterator[tuple[Path, set[str]]]:
    """Every directory below `root` that holds a run, finished or not, and its files' names.

    Links are followed, each real directory is visited once, and what a run keeps in
    subdirectories (checkpoints, TensorBoard, policies) is not read.
    """
    seen = set()
    waiting = [root]
    while waiting:
        directory = waiting.pop()
        try:
            status = os.stat(directory)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(directory) as entries:
                below, files = [], set()
                for entry in entries:
                    if not _is_directory(entry):
                        files.add(entry.name)
                    elif entry.name not in INSIDE_A_RUN and not entry.name.startswith("."):
                        below.append(entry.name)
        except OSError as error:
            note(f"not read: {error}")
            continue
        if files & {"result.json", "evals.csv"}:
            yield directory, files
        waiting.extend(directory / name for name in sorted(below, reverse=True))


def read_result(path: Path) -> dict[str, Any]:
    """The checked, flattened record of a finished run; raises ValueError saying what is wrong."""
    try:
        result = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"result.json is broken ({error})") from error
    if not isinstance(result, dict):
        raise ValueError("result.json holds no object")
    missing = [key for key in (*TEXT, "distribution", *NUMBERS) if key not in result]
    if missing:
        raise ValueError(f"result.json lacks {', '.join(missing)}")
    for key in NUMBERS:
        value = result[key]
        if not isinstance(value, (int, float)) or not math.isfinite(value):
            raise ValueError(f"result.json: {key} is {value}, not a finite number")
    layers = result.get("layers", [])
    try:
        flat: dict[str, Any] = {"kernel_params": sum(math.prod(x["shape"]) for x in layers)}
    except (KeyError, TypeError) as error:
        raise ValueError("result.json: layers is not a list of kernels with a shape") from error
    for key, value in result.items():
        if key == "layers":
            flat[key] = json.dumps(value)
        elif isinstance(value, dict):
            flat.update({f"{key}.{name}": inner for name, inner in value.items()})
        else:
            flat[key] = value
    return flat


def read_curve(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """A run's CSV; raises ValueError when the file is broken or lacks one of `columns`."""
    try:
        table = pd.read_csv(path)
    except ValueError as error:  # pandas' parser errors and bytes that are no text
        raise ValueError(f"{path.name} is broken ({error})") from error
    _require(table, columns, path.name)
    _check_numbers(table, path.name)
    return table


def collect(root: Path, known: Tables | None = None) -> Tables:
    """Reads every finished run below `root`; an unfinished or broken one is reported, left out.

    known: an earlier collection of `root`, from which runs are taken that have not changed since.
    """
    if not root.is_dir():
        raise AnalysisError(f"--runs {root}: no such directory")
    runs: list[dict[str, Any]] = []
    curves: dict[str, list[pd.DataFrame]] = {name: [] for name in CURVES}
    stamps = {} if known is None else dict(zip(known.runs["path"], known.runs["stamp"]))
    unchanged = set()
    for directory, files in run_directories(root):
        path = os.path.relpath(directory, root)
        if "result.json" not in files:
            note(f"left out {path}: unfinished (no result.json)")
            continue
        try:
            stamp = _stamp(directory, files)
            if stamps.get(path) == stamp:
                unchanged.add(path)
                continue
            run = read_result(directory / "result.json")
            config = _text(directory / CONFIG)
            run.update(hyperparameters.of_run(config, run["method"]))
            run["planned_steps"] = hyperparameters.planned_steps(config)
            found = {
                name: read_curve(directory / f"{name}.csv", columns)
                for name, columns in CURVES.items()
                if f"{name}.csv" in files
            }
            if "evals" in found:
                _warn_if_score_differs(path, run, found["evals"])
        except (ValueError, OSError) as error:
            note(f"left out {path}: {str(error).splitlines()[0]}")
            continue
        runs.append({"path": path, "stamp": stamp, **run})
        for name, curve in found.items():
            curves[name].append(curve.assign(path=path))
    tables = [pd.DataFrame(runs)]
    for name, columns in CURVES.items():
        table = pd.concat(curves[name]) if curves[name] else pd.DataFrame(columns=["path"])
        tables.append(table.reindex(columns=["path", *columns]))
    if known is not None:
        for number, old in enumerate(known[:4]):
            tables[number] = pd.concat([tables[number], old[old["path"].isin(unchanged)]])
    if tables[0].empty:
        tables[0] = pd.DataFrame(columns=list(RUN))
    found, evals, snr, robustness = (
        table.sort_values("path", kind="stable", ignore_index=True) for table in tables
    )
    return Tables(found, evals, snr, robustness, root)


def write(tables: Tables, out: Path) -> list[Path]:
    """Writes the runs to `out` (.parquet or .csv) and their curves beside it; returns the paths.

    The runs come last: what is read anew the next time depends on their stamps, so if writing is
    cut short, the runs whose curves may be missing count as new.
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
    """Reads back what `write` wrote; a curve file that is not there counts as empty."""
    _check_format(table)
    parts = []
    for path, columns in zip(_table_paths(table), (RUN, *(("path", *c) for c in CURVES.values()))):
        if path != table and not path.exists():
            parts.append(pd.DataFrame(columns=list(columns)))
            continue
        try:
            part = (
                pd.read_csv(path)
                if path.suffix == ".csv"
                else pd.read_parquet(path, use_threads=False)
            )
            _require(part, columns, path.name)
            _check_numbers(part, path.name)
        except ValueError as error:  # pandas' and Arrow's errors about content
            raise AnalysisError(f"{path}: {str(error).splitlines()[0]}") from error
        parts.append(part)
    runs, evals, snr, robustness = parts
    finite = np.isfinite(runs[list(NUMBERS)].astype(float)).all(axis=1)
    for path in runs.loc[~finite, "path"]:
        note(f"left out {path}: not all of its numbers in {table} are finite")
    runs = runs[finite].reset_index(drop=True)
    return Tables(runs, evals, snr, robustness, table)


def load(runs: Path) -> Tables:
    """The tables behind `--runs`: a directory of runs, or a table that this module wrote."""
    return read(runs) if runs.is_file() else collect(runs)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line of this module."""
    parser = Parser(
        prog="python -m analysis.collect",
        description="Collect run directories into one tidy table.",
    )
    parser.add_argument("--runs", type=Path, required=True, help="directory that holds the runs")
    parser.add_argument("--out", type=Path, required=True, help="table to write: .parquet or .csv")
    args = parser.parse_args(argv)
    _check_format(args.out)
    known = read(args.out) if args.out.exists() else None
    whole = all(path.exists() for path in _table_paths(args.out))
    tables = collect(args.runs, known if whole else None)
    if tables.runs.empty:
        raise AnalysisError(f"no finished run below {args.runs}; nothing written")
    paths = write(tables, args.out)
    print(f"{len(tables.runs)} finished runs: {', '.join(map(str, paths))}")
    return 0


def _is_directory(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _stamp(directory: Path, files: set[str]) -> str:
    """Changes with the files that are read of a run."""
    read_of_run = ["result.json", CONFIG, *(f"{name}.csv" for name in CURVES)]
    status = [(directory / name).stat() for name in read_of_run if name in files]
    return " ".join(f"{each.st_mtime_ns}:{each.st_size}" for each in status)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _require(table: pd.DataFrame, columns: Sequence[str], name: str) -> None:
    missing = [column for column in columns if column not in table]
    if missing:
        raise ValueError(f"{name} lacks the column(s) {', '.join(missing)}")


def _check_numbers(table: pd.DataFrame, name: str) -> None:
    for column in table.columns.intersection(_NUMERIC):
        if not pd.api.types.is_numeric_dtype(table[column]) and len(table):
            raise ValueError(f"{name}: {column} is not a number everywhere")


def _warn_if_score_differs(path: str, run: dict[str, Any], evals: pd.DataFrame) -> None:
    score = final_score(evals["avg_return"].to_numpy())
    if not math.isclose(score, run["final_return"], rel_tol=1e-6):
        note(
            f"{path}: final_return is {run['final_return']:g} in result.json, but the last 10 % "
            f"of evals.csv average {score:g}"
        )


def _check_format(path: Path) -> None:
    if path.suffix not in FORMATS:
        raise AnalysisError(f"{path}: a table is a file that ends in {' or '.join(FORMATS)}")


def _table_paths(runs: Path) -> list[Path]:
    """The runs' file and one for each kind of curve: runs.csv, runs.evals.csv, ..."""
    return [runs, *(runs.with_name(f"{runs.stem}.{name}{runs.suffix}") for name in CURVES)]


if __name__ == "__main__":
    sys.exit(exit_code(main))
