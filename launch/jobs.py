"""One job: a command as a process of its own, with its log, its lock and its cores."""

from __future__ import annotations

import collections
import ctypes
import dataclasses
import fcntl
import functools
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

REPOSITORY = Path(__file__).resolve().parent.parent
TAIL_LINES = 15
_LINUX = sys.platform.startswith("linux")
_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclasses.dataclass(frozen=True)
class Job:
    """A command that leaves `result.json` in `run_dir` when it is done."""

    name: str
    argv: tuple[str, ...]
    run_dir: Path
    log: Path

    @property
    def finished(self) -> bool:
        """Whether the result, which a run writes last, is there."""
        return (self.run_dir / "result.json").exists()


@dataclasses.dataclass(frozen=True)
class Failure:
    """A job that ended without a result."""

    job: Job
    reason: str
    tail: str


def _prepare_child(cpus: set[int]) -> None:
    """Runs in the forked child: pins its cores and has it die with a launcher that is killed."""
    os.sched_setaffinity(0, cpus)
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Child:
    """A running job, and the lock on it.

    The lock is the kernel's, on the open log file, which the child inherits as its output. So no
    other launcher starts the run while either this process or the child lives, and nothing is left
    to clean up when both are killed.
    """

    def __init__(self, job: Job, log: BinaryIO, cpus: set[int], threads: int) -> None:
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
            # A session of its own: Ctrl-C reaches the launcher alone, which then stops the runs.
            start_new_session=True,
            preexec_fn=functools.partial(_prepare_child, cpus) if _LINUX else None,
        )

    def close(self) -> None:
        """Releases the lock."""
        self._log.close()

    def failure(self) -> Failure | None:
        """Why the ended child did not finish its job; None if it did."""
        if self.job.finished:
            return None
        code = self.process.returncode
        if code < 0:
            reason = f"killed by {signal.Signals(-code).name}"
        elif code:
            reason = f"exit code {code}"
        else:
            reason = f"exit code 0 but no result.json in {self.job.run_dir}"
        with open(self.job.log, "rb") as log:
            log.seek(self._log_start)
            last_lines = collections.deque(log, maxlen=TAIL_LINES)
        return Failure(self.job, reason, b"".join(last_lines).decode(errors="replace"))


def lock(job: Job) -> BinaryIO | None:
    """The log of the job, locked and open to append; None if another launcher holds it."""
    job.log.parent.mkdir(parents=True, exist_ok=True)
    log = open(job.log, "ab")  # noqa: SIM115 (open as long as it is locked)
    try:
        fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        log.close()
        return None
    return log
