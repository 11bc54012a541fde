"""What a job of SLURM does: it trains one run, from the run's last checkpoint on."""

from __future__ import annotations

import signal
import time
from typing import BinaryIO

import submitit

from launch.execution.jobs import Child, Job, available_cpus, lock

PATIENCE_SECONDS = 120
"""How long a lock may take to come free. After a node has failed, a network file system keeps its
locks for a while (NFS: 90 seconds)."""


class Training(submitit.helpers.Checkpointable):
    """Trains a run; called again, it goes on where the last checkpoint is.

    Submitit pickles it, calls it in the job, and has the job wait in the queue again when SLURM
    warns of its time limit (SIGUSR2). Preempted jobs and those of a failed node are put there by
    SLURM. The training itself is deaf to the signals of either: it can be killed at any moment.
    """

    def __init__(self, job: Job, threads: int) -> None:
        self.job = job
        self.threads = threads

    def __call__(self) -> str:
        """Returns what was done.

        Raises:
            RuntimeError: the training ended without a result.
        """
        log = self._locked()
        if log is None:
            why = "is finished already" if self.job.finished else "is under another launcher"
            return f"{self.job.name} {why}: nothing done"
        ignored = (signal.SIGTERM, signal.SIGUSR2)
        child = Child(self.job, log, available_cpus(), self.threads, ignored)
        try:
            child.process.wait()
        finally:  # also when submitit's answer to a signal leaves by an exception
            child.process.kill()
            child.process.wait()
            child.close()
        failure = child.failure()
        if failure:
            raise RuntimeError(f"{self.job.name}: {failure.reason}; log: {self.job.log}")
        return f"{self.job.name} is finished"

    def _locked(self) -> BinaryIO | None:
        """The run's log, locked; None if the run is finished, or others keep it too long."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.job.finished:
            log = lock(self.job)
            if log or time.monotonic() > deadline:
                return log
            time.sleep(1)
        return None
