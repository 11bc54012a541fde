"""Shows the progress of a directory's runs: `python -m launch status`."""

import contextlib
import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from launch.costs import Costs
from launch.execution import slurm_queue
from launch.execution.jobs import Job, job_of, tail, trained
from launch.execution.slurm_queue import Queued, SlurmError
from launch.runs import Run
from launch.selection import Selection
from launch.table import Table
from rigl_rl import record
from rigl_rl.errors import ConfigError, warn

STATES = ("finished", "running", "failed", "waiting")
MOST_FAILURES = 20
"""Maximum number of failures to show one by one."""


class Status(NamedTuple):
    """A run's progress."""

    job: Job
    state: str
    """One of `STATES`. `failed`: started, not finished, and no process is working on it."""
    spent: float
    """Seconds on one core."""
    to_come: float


def show(launches: Iterable[tuple[Selection, str]], runs_dir: Path) -> None:
    """Prints a row per launched study, and the last line of each failed run's log."""
    look = Look(runs_dir)
    table = Table(runs_dir)
    together: dict[Run, None] = {}
    everything: dict[str, Status] = {}
    columns = "".join(f"{name:>11}" for name in (*STATES, "core-hours", "to come", "time left"))
    print(f"{'study':<16}{'preset':<9}{columns}")
    rows = 0
    for selection, study in launches:
        runs = table.left(selection.runs(study), selection.skip_table)
        measured_too = [run.measured_name in selection.names for run in runs]
        together |= dict.fromkeys(run for run, other in zip(runs, measured_too) if not other)
        statuses = [look.at(run, measured_too=too) for run, too in zip(runs, measured_too)]
        if statuses:
            print(f"{_row(study, selection.preset, statuses)}  {selection.options}".rstrip())
            everything |= {status.job.name: status for status in statuses}
            rows += 1
    if rows > 1:
        print(_row("all", "-", list(everything.values())) + "  each run once")
    if again := table.warning(list(together)):
        print(again)
    failed = [status for status in everything.values() if status.state == "failed"]
    for status in failed[:MOST_FAILURES]:
        print(f"FAILED {status.job.name}: {_last_line(status.job.log)}; log: {status.job.log}")
    if len(failed) > MOST_FAILURES:
        print(f"and {len(failed) - MOST_FAILURES} more")


class Look:
    """Inspects the runs of a directory.

    Args:
      runs_dir: directory of all runs.
    """

    def __init__(self, runs_dir: Path) -> None:
        self._runs_dir = runs_dir
        self._costs = Costs(runs_dir)
        self._seen: dict[str, Status] = {}
        self._queue: Mapping[str, Queued] = {}
        try:
            self._queue = slurm_queue.queued(runs_dir)
        except SlurmError as error:
            warn(f"cannot tell what SLURM's jobs are doing: {error}")

    def at(self, run: Run, *, measured_too: bool = False) -> Status:
        """The progress of a run, or of the measured one in its place (see `jobs.trained`)."""
        run = trained(run, self._runs_dir, self._queue, measured_too=measured_too)
        if run.name not in self._seen:
            self._seen[run.name] = self._at(run)
        return self._seen[run.name]

    def _at(self, run: Run) -> Status:
        job = job_of(run, self._runs_dir, threads=1)
        if job.finished:
            return Status(job, "finished", _seconds_of_result(job.run_dir), 0.0)
        steps, spent = _progress(job.run_dir / "evals.csv")
        queued = self._queue.get(job.name)
        if job.active or (queued and queued.running):
            state = "running"
        elif queued or not job.started:
            state = "waiting"
        else:
            state = "failed"
        return Status(job, state, spent, self._costs.core_seconds(run, steps))


def _row(study: str, preset: str, found: Sequence[Status]) -> str:
    counts = {state: sum(each.state == state for each in found) for state in STATES}
    spent, to_come = (sum(getattr(each, name) for each in found) for name in ("spent", "to_come"))
    at_work = [each.to_come for each in found if each.state == "running"]
    # Assumes the current number of concurrent runs; a run cannot be split.
    left = f"{max(to_come / len(at_work), *at_work) / 3600:.1f} h" if at_work else "-"
    numbers = [f"{count:,}" for count in counts.values()]
    cells = [*numbers, *(f"{seconds / 3600:,.1f}" for seconds in (spent, to_come)), left]
    return f"{study:<16}{preset:<9}" + "".join(f"{cell:>11}" for cell in cells)


def _seconds_of_result(run_dir: Path) -> float:
    with contextlib.suppress(ConfigError):
        return record.read(run_dir, ("wall_s",))["wall_s"]
    return 0.0


def _progress(evaluations: Path) -> tuple[int, float]:
    """Environment steps and seconds at the last evaluation; 0 before the first."""
    try:
        with open(evaluations) as file:
            last = list(csv.DictReader(file))[-1]
        return int(last["env_step"]), float(last["wall_s"])
    except (OSError, ValueError, TypeError, KeyError, IndexError):
        return 0, 0.0


def _last_line(log: Path) -> str:
    lines = tail(log).split("\n") if log.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "no output")
