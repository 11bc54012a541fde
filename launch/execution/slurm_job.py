"""A SLURM job: it trains one run from its last checkpoint."""

import signal
import time
from typing import BinaryIO

import submitit

from launch.execution.jobs import Child, Job, available_cpus, lock

PATIENCE_SECONDS = 120
"""Seconds to wait for a lock. After a node has failed, a network file system keeps its locks for a
while (NFS: 90 seconds)."""


class Training(submitit.helpers.Checkpointable):
    """Trains a run; when called again, it continues from the last checkpoint.

    Submitit pickles it, calls it in the job, and requeues the job when SLURM warns of its time
    limit (SIGUSR2). SLURM itself requeues preempted jobs and those of a failed node. The training
    ignores the signals of both: it can be killed at any moment.
    """

    def __init__(self, job: Job, threads: int) -> None:
        self.job = job
        self.threads = threads

    def __call__(self) -> str:
        """Trains the run and returns a line that says so.

        Raises:
          RuntimeError: the training ended without a result.
        """
        log = self._locked()
        if log is None:
            return self._nothing_done()
        ignored = (signal.SIGTERM, signal.SIGUSR2)
        child = Child(self.job, log, available_cpus(), self.threads, ignored)
        try:
            child.process.wait()
        finally:  # also if submitit's signal handler raises an exception
            child.process.kill()
            child.process.wait()
            child.close()
        failure = child.failure()
        if failure and self.job.in_training:  # by a process that was faster
            return self._nothing_done()
        if failure:
            raise RuntimeError(f"{self.job.name}: {failure.reason}; log: {self.job.log}")
        return f"{self.job.name} is finished"

    def _nothing_done(self) -> str:
        why = "is finished already"
        if not self.job.finished:
            why = "is being trained by another process"
        return f"{self.job.name} {why}: nothing done"

    def _locked(self) -> BinaryIO | None:
        """The run's log, locked; None if the run is finished, or another process keeps it."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.job.finished:
            log = lock(self.job)
            if log and not self.job.in_training:
                return log
            if log:
                log.close()
            if time.monotonic() > deadline:
                break
            time.sleep(1)
        return None
