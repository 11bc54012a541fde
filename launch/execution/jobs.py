"""One job: a command in a separate process, with its log, its lock and its cores."""

from __future__ import annotations

import collections
import dataclasses
import fcntl
import functools
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Container, Iterable
from pathlib import Path
from typing import BinaryIO

from launch.runs import Run
from rigl_rl import record
from rigl_rl.adapters.ctypes_calls import die_with_parent

REPOSITORY = Path(__file__).resolve().parents[2]
TAIL_LINES = 15
_LINUX = sys.platform.startswith("linux")
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclasses.dataclass(frozen=True)
class Job:
    """A command that leaves `result.json` in `run_dir` when it is done."""

    name: str
    argv: tuple[str, ...]
    run_dir: Path
    log: Path
    instead: Job | None = None
    """The job of a run that makes this one unnecessary once it is finished."""

    @property
    def names(self) -> tuple[str, ...]:
        """The job's name, and that of the one instead of it."""
        return (self.name, self.instead.name) if self.instead else (self.name,)

    @property
    def finished(self) -> bool:
        """Whether a readable result exists. A run writes it last."""
        return record.finished(self.run_dir) or bool(self.instead and self.instead.finished)

    @property
    def started(self) -> bool:
        """Whether it left any trace, finished or not."""
        return self.log.exists() or self.run_dir.exists()

    @property
    def in_training(self) -> bool:
        """Whether a process is training the run, no matter who started it."""
        return _is_locked(self.run_dir / ".lock")

    @property
    def active(self) -> bool:
        """Whether a launcher, or a command started by hand, is working on the run."""
        return _is_locked(self.log) or self.in_training

    @property
    def needless(self) -> bool:
        """Whether a process is working on the run instead of it."""
        return self.instead is not None and self.instead.active


def job_of(run: Run, runs_dir: Path, threads: int) -> Job:
    """The job of a run. Its log is next to the run directories, because runs own those."""
    return Job(
        name=run.name,
        argv=run.command(runs_dir, threads),
        run_dir=runs_dir / run.name,
        log=runs_dir / "logs" / f"{run.name}.log",
        instead=job_of(run.measured, runs_dir, threads) if run.measured else None,
    )


def trained(run: Run, runs_dir: Path, queue: Container[str], *, measured_too: bool = False) -> Run:
    """The run, or the measured one if that is trained in its place.

    It is the one that is further: finished, at work or queued, started, or not even that.

    Args:
      run: a run of a study.
      runs_dir: directory of all runs.
      queue: names of the runs in SLURM's queue.
      measured_too: whether the launch has the measured run; it does not train the other one then.
    """

    def stage(each: Run) -> int:
        job = job_of(each, runs_dir, 1)
        if record.finished(job.run_dir):
            return 3
        return 2 if each.name in queue or job.active else int(job.started)

    if not run.measured:
        return run
    plain, measured = stage(run), stage(run.measured)
    return run.measured if measured > plain or (measured_too and not plain) else run


@dataclasses.dataclass(frozen=True)
class Failure:
    """A job that ended without a result."""

    job: Job
    reason: str
    tail: str


def available_cpus() -> list[int]:
    """The cores that this process may use, for example under `taskset`."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _prepare_child(cpus: Iterable[int], ignored: Iterable[signal.Signals]) -> None:
    """Runs in the forked child: pins it to its cores and makes it die with a killed launcher."""
    os.sched_setaffinity(0, cpus)
    die_with_parent()
    for signum in ignored:
        signal.signal(signum, signal.SIG_IGN)


def tail(log: Path, start: int = 0) -> str:
    """The last lines of a log, starting at byte `start` or later."""
    with open(log, "rb") as lines:
        lines.seek(start)
        last = collections.deque(lines, maxlen=TAIL_LINES)
    return b"".join(last).decode(errors="replace")


class Child:
    """A running job, and the lock on it.

    The lock is a kernel lock on the open log file, which the child inherits as its output. No other
    launcher can start the run while this process or the child lives, and there is nothing to clean
    up if both are killed.

    Args:
      job: the job to run.
      log: its locked log (`lock`).
      cpus: cores to pin it to.
      threads: threads of each numerical library.
      ignored: signals that the child ignores because the launcher handles them.
    """

    def __init__(
        self,
        job: Job,
        log: BinaryIO,
        cpus: Iterable[int],
        threads: int,
        ignored: Iterable[signal.Signals] = (),
    ) -> None:
        self.job = job
        self._log = log
        log.write(f"$ {shlex.join(job.argv)}\n".encode())
        log.flush()
        self._log_start = log.tell()
        threads_environment = dict.fromkeys(_THREAD_VARIABLES, str(threads))
        self.process = subprocess.Popen(
            job.argv,
            cwd=REPOSITORY,
            env={**os.environ, **threads_environment, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # In a new session, so that Ctrl-C reaches only the launcher, which then stops the runs.
            start_new_session=True,
            preexec_fn=functools.partial(_prepare_child, cpus, ignored) if _LINUX else None,
        )

    def close(self) -> None:
        """Releases the lock."""
        self._log.close()

    def failure(self) -> Failure | None:
        """Says why the ended child did not finish its job; None if it did."""
        if self.job.finished:
            return None
        code = self.process.returncode
        if code < 0:
            reason = f"killed by {signal.Signals(-code).name}"
        elif code:
            reason = f"exit code {code}"
        else:
            reason = f"exit code 0 but no result.json in {self.job.run_dir}"
        return Failure(self.job, reason, tail(self.job.log, self._log_start))


def lock(job: Job) -> BinaryIO | None:
    """The job's log, locked and open for appending; None if another launcher holds it."""
    job.log.parent.mkdir(parents=True, exist_ok=True)
    log = open(job.log, "ab")  # noqa: SIM115 (open as long as it is locked)
    try:
        fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        log.close()
        return None
    return log


def _is_locked(path: Path) -> bool:
    """Whether a process holds the lock on a file. Briefly takes a shared lock itself."""
    try:
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except (FileNotFoundError, NotADirectoryError):
        pass
    return False
