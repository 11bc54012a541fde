"""The table of runs next to their directory: `runs.parquet` of `runs` (see analysis.collect).

Its runs may have no directory any more. The launcher would train these again, so it says how many
there are, and leaves them out with `--skip_table`.
"""

from collections.abc import Sequence
from pathlib import Path

from launch.execution.jobs import job_of
from launch.runs import Run
from rigl_rl.errors import ConfigError, warn


class Table:
    """The runs that a directory's table holds; none if there is no table.

    Args:
      runs_dir: directory of all runs.
      required: whether there must be a table that can be read.

    Raises:
      ConfigError: a required table is missing, or cannot be read.
    """

    def __init__(self, runs_dir: Path, required: bool = False) -> None:
        self.path = Path(f"{runs_dir}.parquet")
        self._runs_dir = runs_dir
        self._names: frozenset[str] = frozenset()
        try:
            if required or self.path.exists():
                self._names = _names(self.path)
        except ConfigError as error:
            if required:
                raise ConfigError(f"argument --skip_table: {error}") from error
            warn(str(error))

    def only_here(self, runs: Sequence[Run]) -> set[Run]:
        """The runs with a row, or whose measured run has one, and no finished directory."""
        rows = (run for run in runs if self._names & {run.name, run.measured_name})
        return {run for run in rows if not job_of(run, self._runs_dir, 1).finished}

    def left(self, runs: Sequence[Run], skip: bool) -> list[Run]:
        """The runs, without those that are only here if `skip`."""
        out = self.only_here(runs) if skip else ()
        return [run for run in runs if run not in out]

    def warning(self, runs: Sequence[Run]) -> str:
        """Says how many of `runs` are trained again though they have a row; empty if none."""
        here = self.only_here(runs)
        if not here:
            return ""
        left = sum(not job_of(run, self._runs_dir, 1).finished for run in runs)
        return (
            f"{len(here)} of the {left} runs left are in {self.path} without a finished directory "
            f"and are trained again; --skip_table leaves them out"
        )


def _names(table: Path) -> frozenset[str]:
    from pyarrow import parquet  # takes a moment, and only few directories have a table

    if not table.is_file():
        raise ConfigError(f"there is no table {table}")
    try:
        column = parquet.read_table(table, columns=["path"], use_threads=False)["path"]
    except (ValueError, OSError, KeyError) as error:  # cut short, or no table of runs
        reason = str(error).split("\n")[0]
        raise ConfigError(f"{table} is not a table of runs: {reason}") from error
    return frozenset(column.to_pylist())
