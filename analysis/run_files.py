"""Reads and checks the files of a run directory: result.json and the CSV files of its curves."""

import json
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analysis import hyperparameters, old_runs
from analysis.notes import left_out
from rigl_rl import parameters, record
from rigl_rl.errors import warn
from rigl_rl.final_score import LAST_FRACTION, final_score
from rigl_rl.parameters import check

NUMBERS = tuple(name for name, (kind, _) in record.REQUIRED.items() if not kind.startswith("str"))
CURVES = {
    "evals": record.EVAL_COLUMNS,
    "snr": record.SNR_COLUMNS,
    "robustness": record.ROBUSTNESS_COLUMNS,
}
OPTIONAL = {
    "runs": ("final_return_greedy",),
    "evals": (record.GREEDY_COLUMN,),
    "robustness": record.NOISE_SETTINGS,
}
"""Columns that only some runs have, by table; NaN for the others."""
SCORES = {"avg_return": "final_return", record.GREEDY_COLUMN: "final_return_greedy"}
"""Columns of evals.csv and the scores in result.json that average the last of them."""
CONFIG = "operative_config.gin"
INSIDE_A_RUN = {"checkpoints", "tensorboard", "policies"}
AS_JSON = ("layers", "hyperparameters")
"""Parts of result.json that stay JSON in a table."""
FORMAT = 4
"""Part of every stamp. Raise it when runs are read differently, to invalidate older tables."""
_NUMERIC = {*NUMBERS}.union(*OPTIONAL.values(), *CURVES.values()) - {"network"}


def run_directories(root: Path) -> Iterator[tuple[Path, set[str]]]:
    """Every directory below `root` that holds a run, finished or not, and its files' names.

    Follows links, visits each real directory once, and skips a run's subdirectories
    (checkpoints, TensorBoard, policies).
    """
    seen = set()

    def unread(error: OSError) -> None:
        left_out("", f"not read: {error}")

    for directory, below, files in os.walk(root, onerror=unread, followlinks=True):
        try:
            status = os.stat(directory)
        except OSError as error:  # deleted in the meantime
            unread(error)
            continue
        again = (status.st_dev, status.st_ino) in seen
        seen.add((status.st_dev, status.st_ino))
        others = (name for name in below if name not in INSIDE_A_RUN and name[0] != ".")
        below[:] = [] if again else sorted(others)
        if not again and {record.RESULT, "evals.csv", "config.gin"} & set(files):
            yield Path(directory), set(files)


def read_run(directory: Path, files: set[str]) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    """A finished run's record and hyperparameters, and its curves by the names of `CURVES`.

    Raises ValueError saying what is wrong.
    """
    result = record.read(directory)
    run = flat_result(result)
    if "hyperparameters" in result:
        run.update(hyperparameters.of_run(result))
        run["planned_steps"] = hyperparameters.planned_steps(result)
    else:
        config = directory / CONFIG
        text = config.read_text(encoding="utf-8") if CONFIG in files else ""
        run.update(old_runs.of_run(text, run["method"]))
        run["planned_steps"] = old_runs.planned_steps(text)
    for column, kinds in hyperparameters.KINDS.items():
        check(f"hyperparameters: {column}", run[column], kinds)
    json.dumps([str(directory), run], ensure_ascii=False).encode()  # tables hold only UTF-8
    curves = {
        name: read_curve(directory / f"{name}.csv", columns)
        for name, columns in CURVES.items()
        if f"{name}.csv" in files
    }
    return run, curves


def flat_result(result: dict[str, Any]) -> dict[str, Any]:
    """The record of a finished run, with one value per column of a table.

    Raises ValueError saying what is wrong.
    """
    layers = result.get("layers", [])
    try:
        flat: dict[str, Any] = {"kernel_params": sum(math.prod(x["shape"]) for x in layers)}
    except (KeyError, TypeError) as error:
        raise ValueError("result.json: layers is not a list of kernels with a shape") from error
    check("the size of layers", flat["kernel_params"], "long")
    flat.update(dict.fromkeys(OPTIONAL["runs"], math.nan))
    for key, value in result.items():
        if key not in AS_JSON and isinstance(value, dict):
            flat.update({f"{key}.{name}": _cell(inner) for name, inner in value.items()})
        elif key not in OPTIONAL["runs"] or value is not None:
            flat[key] = _cell(value)
    return flat


def _cell(value: Any) -> Any:
    """A value that a table can hold: nested and too large values become text."""
    whole = isinstance(value, int) and abs(value) > parameters.LARGEST["long"]
    return json.dumps(value) if whole or isinstance(value, (dict, list)) else value


def of_one_type_each(runs: pd.DataFrame) -> pd.DataFrame:
    """Turns columns that mix text and numbers into text; empty ones get one type, too."""
    for name in runs.columns.difference(list(record.REQUIRED)):
        found = runs[name].dropna()
        if found.empty:
            runs[name] = math.nan if name in OPTIONAL["runs"] else None
        elif runs[name].dtype == object and found.map(type).nunique() > 1:
            runs[name] = found.map(str).reindex(runs.index)
    return runs


def read_curve(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """A run's CSV; raises ValueError when the file is broken or lacks one of `columns`."""
    try:
        table = pd.read_csv(path, dtype={"network": str}, float_precision="round_trip")
    except ValueError as error:  # pandas' parser errors and bytes that are no text
        raise ValueError(f"{path.name} is broken ({error})") from error
    require(table, columns, path.name)
    check_numbers(table, path.name)
    return table


def stamp(directory: Path, files: set[str]) -> str:
    """A value that changes with the files of a run, and with what is read from them."""
    read_of_run = [record.RESULT, CONFIG, *(f"{name}.csv" for name in CURVES)]
    status = [(directory / name).stat() for name in read_of_run if name in files]
    return " ".join([f"v{FORMAT}", *(f"{each.st_mtime_ns}:{each.st_size}" for each in status)])


def require(table: pd.DataFrame, columns: Sequence[str], name: str) -> None:
    """Raises ValueError unless `table`, read from the file `name`, has all of `columns`."""
    missing = [column for column in columns if column not in table]
    if missing:
        raise ValueError(f"{name} lacks the column(s) {', '.join(missing)}")


def check_numbers(table: pd.DataFrame, name: str) -> None:
    """Raises ValueError if a column of numbers in the file `name` holds something else."""
    for column, kind in table.dtypes.items():
        if column in _NUMERIC and not pd.api.types.is_numeric_dtype(kind) and len(table):
            raise ValueError(f"{name}: {column} is not a number everywhere")


def warn_if_score_differs(path: str, run: dict[str, Any], evals: pd.DataFrame) -> None:
    """Warns if a score does not match the evaluations."""
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
