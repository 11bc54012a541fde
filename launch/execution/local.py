"""A pool of processes on this machine, suitable for hundreds of runs.

Training commands are idempotent, so the pool keeps no state: a run with a `result.json` is
finished; any other is started and resumes from its checkpoints.
"""

import collections
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from launch.execution.jobs import Child, Failure, Job, available_cpus, job_of, lock
from launch.execution.outcome import Outcome, StopRequest
from launch.execution.progress import LaunchProgress
from launch.runs import Run

POLL_SECONDS = 0.1
STOP_SECONDS = 10.0
"""Seconds that stopped runs get to end before they are killed. They resume either way."""


def default_workers(threads: int) -> int:
    """How many runs with `threads` threads the cores can hold, at least one."""
    return max(1, len(available_cpus()) // threads)


def worker_cpus(workers: int, threads: int) -> list[set[int]]:
    """Cores of each worker: disjoint if there are enough, otherwise shared evenly."""
    cpus = available_cpus()
    return [
        {cpus[(worker * threads + thread) % len(cpus)] for thread in range(threads)}
        for worker in range(workers)
    ]


class Pool:
    """Runs jobs, `workers` at a time."""

    def __init__(self, jobs: Sequence[Job], workers: int, threads: int = 1) -> None:
        self._total = len(jobs)
        self._pending = collections.deque(job for job in jobs if not job.finished)
        self._finished = self._total - len(self._pending)
        self._cpus = worker_cpus(workers, threads)
        self._threads = threads
        self._children: dict[int, Child] = {}
        self._failures: list[Failure] = []
        self._elsewhere = 0
        self._skipped: list[Job] = []

    def run(self) -> Outcome:
        """Starts all unfinished jobs and waits for them, or until a signal.

        It also waits for runs under another launcher, and takes them over if that launcher dies. It
        skips runs that a process without a launcher trains.
        """
        progress = LaunchProgress(self._total, self._finished)
        with StopRequest() as stop:
            try:
                while stop.signum is None:
                    self._collect()
                    self._start()
                    self._show(progress)
                    if not self._children and not self._pending:
                        break
                    time.sleep(POLL_SECONDS)
            finally:
                stopped = self._stop()
                progress.close()
        left = f"{stopped} interrupted runs; the same command resumes them"
        return Outcome(
            self._total,
            self._finished,
            tuple(self._failures),
            stop.signum,
            left,
            tuple(self._skipped),
        )

    def _collect(self) -> None:
        for worker, child in list(self._children.items()):
            if child.process.poll() is None:
                continue
            del self._children[worker]
            failure = child.failure()
            child.close()
            if failure is None:
                self._finished += 1
            elif child.job.in_training:  # by a process that was faster
                self._skipped.append(child.job)
            else:
                self._failures.append(failure)

    def _start(self) -> None:
        """Gives free workers the next jobs.

        A job moves to the queue's end if it, or the one instead of it, is under another launcher.
        """
        free = [worker for worker in range(len(self._cpus)) if worker not in self._children]
        self._elsewhere = 0
        for _ in range(len(self._pending)):
            if not free:
                break
            job = self._pending.popleft()
            log = None if job.needless else lock(job)
            if log is None:
                self._elsewhere += 1
                self._pending.append(job)
            elif job.finished:  # by another launcher in the meantime
                log.close()
                self._finished += 1
            elif job.in_training:
                log.close()
                self._skipped.append(job)
            else:
                worker = free.pop(0)
                self._children[worker] = Child(job, log, self._cpus[worker], self._threads)

    def _show(self, progress: LaunchProgress) -> None:
        counts = f"{self._finished} finished, {len(self._failures)} failed, "
        counts += f"{len(self._children)} running"
        if self._elsewhere:
            counts += f", {self._elsewhere} under another launcher"
        if self._skipped:
            counts += f", {len(self._skipped)} skipped"
        progress.show(self._finished + len(self._failures) + len(self._skipped), counts)

    def _stop(self) -> int:
        """Ends the running children and returns their number."""
        self._collect()
        children = list(self._children.values())
        for child in children:
            child.process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for child in children:
            try:
                child.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
            child.close()
        self._children.clear()
        return len(children)


def launch(runs: Sequence[Run], runs_dir: Path, workers: int, threads: int = 1) -> int:
    """Trains the unfinished runs among `runs`, reports on stderr and returns the exit code."""
    jobs = [job_of(run, runs_dir, threads) for run in runs]
    outcome = Pool(jobs, workers, threads).run()
    print(outcome.report(), file=sys.stderr)
    return outcome.exit_code
