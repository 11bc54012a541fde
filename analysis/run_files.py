"""What is read of a run directory: result.json and the CSV files of its curves, all checked."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analysis import hyperparameters, old_runs
from analysis.notes import left_out
from rigl_rl.errors import warn
from rigl_rl.final_score import final_score

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
CURVES = {
    "evals": ("env_step", "train_step", "avg_return", "std_return", "episodes", "wall_s"),
    "snr": ("env_step", "train_step", "network", "snr"),
    "robustness": ("train_step", "sigma", "avg_return", "std_return", "episodes"),
}
OPTIONAL = {"runs": ("final_return_greedy",), "evals": ("greedy_return",)}
"""Columns that only some runs have, by table; the others have NaN there."""
SCORES = {"avg_return": "final_return", "greedy_return": "final_return_greedy"}
"""Columns of evals.csv and the scores in result.json that average the last of them."""
WHOLE = ("seed", "env_steps", "train_steps", "active_params", "total_params")
LARGEST = 2**63 - 1
"""In size; whole numbers of a table have 64 bits."""
RANGES = {
    "target_sparsity": (0.0, 1.0),
    "width": (5e-324, math.inf),
    **dict.fromkeys(("env_steps", "train_steps", "active_params"), (0, math.inf)),
    "total_params": (1, math.inf),
}
"""[low, high) of numbers of result.json; a width is above 0."""
CONFIG = "operative_config.gin"
INSIDE_A_RUN = {"checkpoints", "tensorboard", "policies"}
AS_JSON = ("layers", "hyperparameters")
"""Parts of result.json that stay JSON in a table."""
LAST_FRACTION = 0.1
"""Share of the evaluations in the scores of older runs, which do not say."""
FORMAT = 3
"""Part of every stamp. Raise it when more is read of a run, so that older tables are read anew."""
_NUMERIC = {*NUMBERS, *OPTIONAL["runs"], *OPTIONAL["evals"]}.union(*CURVES.values()) - {"network"}


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
            left_out("", f"not read: {error}")
            continue
        if files & {"result.json", "evals.csv", "config.gin"}:
            yield directory, files
        waiting.extend(directory / name for name in sorted(below, reverse=True))


def read_run(directory: Path, files: set[str]) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    """A finished run's record and hyper-parameters, and its curves by the names of `CURVES`.

    Raises ValueError saying what is wrong.
    """
    result = read_json(directory / "result.json")
    run = flat_result(result)
    if "hyperparameters" in result:
        run.update(hyperparameters.of_run(result))
        run["planned_steps"] = hyperparameters.planned_steps(result)
    else:
        config = directory / CONFIG
        text = config.read_text(encoding="utf-8") if CONFIG in files else ""
        run.update(old_runs.of_run(text, run["method"]))
        run["planned_steps"] = old_runs.planned_steps(text)
    curves = {
        name: read_curve(directory / f"{name}.csv", columns)
        for name, columns in CURVES.items()
        if f"{name}.csv" in files
    }
    return run, curves


def read_json(path: Path) -> dict[str, Any]:
    """The record of a finished run; raises ValueError saying what is wrong."""
    try:
        result = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"result.json is broken ({error})") from error
    if not isinstance(result, dict):
        raise ValueError("result.json holds no object")
    return result


def flat_result(result: dict[str, Any]) -> dict[str, Any]:
    """The record of a finished run, checked and flat; raises ValueError saying what is wrong."""
    missing = [key for key in (*TEXT, "distribution", *NUMBERS) if key not in result]
    if missing:
        raise ValueError(f"result.json lacks {', '.join(missing)}")
    for key in (*TEXT, "distribution"):
        if not isinstance(result[key], str) and not (key == "distribution" and not result[key]):
            raise ValueError(f"result.json: {key} is {_short(result[key])}, not a text")
    for key in (*NUMBERS, *OPTIONAL["runs"]):
        value = result.get(key)
        if value is None and key in OPTIONAL["runs"]:
            result[key] = math.nan
        else:
            check_number(key, value)
    layers = result.get("layers", [])
    try:
        flat: dict[str, Any] = {"kernel_params": sum(math.prod(x["shape"]) for x in layers)}
    except (KeyError, TypeError) as error:
        raise ValueError("result.json: layers is not a list of kernels with a shape") from error
    check_number("the size of layers", flat["kernel_params"])
    for key, value in result.items():
        if key in AS_JSON:
            flat[key] = json.dumps(value)
        elif isinstance(value, dict):
            flat.update({f"{key}.{name}": inner for name, inner in value.items()})
        else:
            flat[key] = value
    return flat


def check_number(key: str, value: Any) -> None:
    """Raises ValueError unless a number of result.json is one, and one that the key can have."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"result.json: {key} is {_short(value)}, not a number")
    # A whole number may be too large for a float, and then for a table.
    if abs(value) > LARGEST or not math.isfinite(value):
        raise ValueError(f"result.json: {key} is {_short(value)}, not a finite number")
    if key in WHOLE and value != int(value):
        raise ValueError(f"result.json: {key} is {value}, not a whole number")
    low, high = RANGES.get(key, (-math.inf, math.inf))
    if not low <= value < high:
        raise ValueError(f"result.json: {key} is {value}, not in [{low:g}, {high:g})")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 30 else f"{text[:20]}..."


def read_curve(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """A run's CSV; raises ValueError when the file is broken or lacks one of `columns`."""
    try:
        table = pd.read_csv(path)
    except ValueError as error:  # pandas' parser errors and bytes that are no text
        raise ValueError(f"{path.name} is broken ({error})") from error
    require(table, columns, path.name)
    check_numbers(table, path.name)
    return table


def stamp(directory: Path, files: set[str]) -> str:
    """Changes with the files that are read of a run, and with what is read of them."""
    read_of_run = ["result.json", CONFIG, *(f"{name}.csv" for name in CURVES)]
    status = [(directory / name).stat() for name in read_of_run if name in files]
    return " ".join([f"v{FORMAT}", *(f"{each.st_mtime_ns}:{each.st_size}" for each in status)])


def require(table: pd.DataFrame, columns: Sequence[str], name: str) -> None:
    """Raises ValueError unless `table`, read from the file `name`, has all of `columns`."""
    missing = [column for column in columns if column not in table]
    if missing:
        raise ValueError(f"{name} lacks the column(s) {', '.join(missing)}")


def check_numbers(table: pd.DataFrame, name: str) -> None:
    """Raises ValueError where a column of numbers in the file `name` holds something else."""
    for column, kind in table.dtypes.items():
        if column in _NUMERIC and not pd.api.types.is_numeric_dtype(kind) and len(table):
            raise ValueError(f"{name}: {column} is not a number everywhere")


def warn_if_score_differs(path: str, run: dict[str, Any], evals: pd.DataFrame) -> None:
    """Says so where a score is not that of the evaluations."""
    for column, score in SCORES.items():
        if column not in evals or math.isnan(run[score]):
            continue
        share = run.get("last_fraction", LAST_FRACTION)
        found = final_score(evals[column].to_numpy(), share)
        if not math.isclose(found, run[score], rel_tol=1e-6):
            warn(
                f"{path}: {score} is {run[score]:g} in result.json, but the last "
                f"{share:.0%} of {column} in evals.csv average {found:g}"
            )


def _is_directory(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False
