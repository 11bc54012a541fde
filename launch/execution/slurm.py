"""Runs as job arrays of a SLURM cluster.

The launcher keeps no process on the cluster and no state. A run's `result.json` shows that it is
finished, and SLURM knows which runs are queued or running. Each array has a directory below
`slurm/`, named like its jobs in the queue. It lists the runs of the array's tasks and is complete
before the array is submitted.
"""

import contextlib
import io
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import submitit
from submitit.core.utils import FailedJobError

from launch.execution import slurm_queue
from launch.execution.cluster import Cluster
from launch.execution.jobs import REPOSITORY, Failure, Job, job_of, tail
from launch.execution.outcome import Outcome, StopRequest
from launch.execution.progress import LaunchProgress
from launch.execution.slurm_job import Training
from launch.execution.slurm_queue import Queued, SlurmError
from launch.runs import Run

WARNING_SECONDS = 60
"""A job is told to go back to the queue this many seconds before its time limit."""
MAX_TIMEOUTS = 100
"""Timeouts after which a job gives up: it cannot reach its next checkpoint within one limit."""
POLL_SECONDS = 15.0
SETTLE_SECONDS = 30.0
"""Seconds within which the result of a job that has left the queue must be visible here."""


def launch(
    runs: Sequence[Run], runs_dir: Path, cluster: Cluster, threads: int = 1, wait: bool = False
) -> int:
    """Submits all runs that are not finished, queued or running anywhere, and reports on stderr.

    A run counts as queued or running, too, if the one that makes it unnecessary is.

    Args:
      runs: the runs to train.
      runs_dir: directory of all runs, on a file system that the cluster's nodes share.
      cluster: settings for the jobs.
      threads: threads per run.
      wait: whether to show progress until every run has ended.

    Returns:
      The exit code; without `wait`, 0 means that all runs are submitted.

    Raises:
      SlurmError: not all runs could be submitted, or SLURM does not list its queue.
    """
    jobs = [job_of(run, runs_dir, threads) for run in runs]
    queue = slurm_queue.queued(runs_dir)
    finished = sum(job.finished for job in jobs)
    left = [job for job in jobs if not job.finished and not _queued(job, queue)]
    free = [job for job in left if not job.active and not job.needless]
    waiting = len(jobs) - finished - len(left)
    print(
        f"{len(jobs)} runs: {finished} finished, {waiting} queued or running, "
        f"{len(left) - len(free)} under another launcher, {len(free)} to submit",
        file=sys.stderr,
    )
    for array, tasks in submit(free, runs_dir, cluster, threads):
        print(f"submitted array {array} of {tasks} jobs", file=sys.stderr)
    if not wait:
        return 0
    outcome = _wait(jobs, runs_dir)
    print(outcome.report(), file=sys.stderr)
    return outcome.exit_code


def submit(
    jobs: Sequence[Job], runs_dir: Path, cluster: Cluster, threads: int
) -> Iterator[tuple[str, int]]:
    """Submits jobs, in as many arrays as the cluster's MaxArraySize requires.

    With a `max_parallel`, which SLURM applies to each array separately, an array starts when the
    previous one has ended.

    Yields:
      Id and number of tasks of each array, as soon as it is submitted.
    """
    if not jobs:
        return
    size = _max_array_size()
    (runs_dir / "slurm").mkdir(exist_ok=True)
    options: dict[str, object] = {"requeue": True, "chdir": str(REPOSITORY), **cluster.sbatch}
    for first in range(0, len(jobs), size):
        array = jobs[first : first + size]
        start = time.strftime("rigl_rl-%Y%m%d-%H%M%S-")
        folder = Path(tempfile.mkdtemp(prefix=start, dir=runs_dir / "slurm"))
        (folder / slurm_queue.LIST).write_text("".join(f"{job.name}\n" for job in array))
        executor = submitit.SlurmExecutor(folder, max_num_timeout=MAX_TIMEOUTS)
        cpus = cluster.cpus or threads
        executor.update_parameters(
            job_name=folder.name,
            time=cluster.time,
            mem=cluster.mem,
            partition=cluster.partition,
            account=cluster.account,
            cpus_per_task=cpus,
            # Since SLURM 22.05, a step does not inherit its job's number of CPUs.
            srun_args=[f"--cpus-per-task={cpus}"],
            array_parallelism=cluster.max_parallel or len(array),
            signal_delay_s=WARNING_SECONDS,
            stderr_to_stdout=True,
            setup=list(cluster.setup),
            additional_parameters=dict(options),
        )
        try:
            # Submitit prints sbatch's message, which is also in the exception.
            with contextlib.redirect_stderr(io.StringIO()):
                tasks = executor.submit_array([Training(job, threads) for job in array])
        except FailedJobError as error:
            shutil.rmtree(folder)
            said = (
                f"{slurm_queue.one_line(str(error))} ({len(jobs) - first} runs are not submitted)"
            )
            raise SlurmError(said) from error
        number = tasks[0].job_id.split("_")[0]
        yield number, len(array)
        if cluster.max_parallel:
            options["dependency"] = f"afterany:{number}"


def _wait(jobs: Sequence[Job], runs_dir: Path) -> Outcome:
    """Shows progress until every run has ended, or until a signal.

    It also waits for runs under another launcher.
    """
    progress = LaunchProgress(len(jobs), sum(job.finished for job in jobs))
    queue = slurm_queue.queued(runs_dir)
    with StopRequest() as stop:
        while True:
            # The queue was read before: jobs that had left it have written their results by now.
            unfinished = [job for job in jobs if not job.finished]
            gone = [job for job in unfinished if not _queued(job, queue)]
            failed = [job for job in gone if not job.active and not job.needless]
            finished = len(jobs) - len(unfinished)
            running = sum(any(each.running for each in _queued(job, queue)) for job in unfinished)
            counts = f"{finished} finished, {len(failed)} failed, {running} running, "
            counts += f"{len(unfinished) - len(gone) - running} queued"
            if len(gone) > len(failed):
                counts += f", {len(gone) - len(failed)} under another launcher"
            progress.show(finished + len(failed), counts)
            if stop.signum or len(failed) == len(unfinished):
                break
            stop.wait(POLL_SECONDS)
            with contextlib.suppress(SlurmError):  # It may work the next time.
                queue = slurm_queue.queued(runs_dir)
        progress.close()
        patience = time.monotonic() + SETTLE_SECONDS
        while not stop.signum and time.monotonic() < patience and failed:
            stop.wait(1)
            failed = [job for job in failed if not job.finished]
    finished = sum(job.finished for job in jobs)
    under_way = len(jobs) - finished - len(failed)
    failures = tuple(_failure(job, runs_dir) for job in failed)
    left = f"{under_way} runs still queued or running; the same command waits for them"
    return Outcome(len(jobs), finished, failures, stop.signum, left)


def _queued(job: Job, queue: Mapping[str, Queued]) -> list[Queued]:
    """The run in the queue, or the one instead of it."""
    return [queue[name] for name in job.names if name in queue]


def _failure(job: Job, runs_dir: Path) -> Failure:
    logs: list[Path] = []  # of the newest job
    for array, names in slurm_queue.arrays(runs_dir).items():
        for name in set(job.names) & set(names):
            task = f"{names.index(name)}_" if len(names) > 1 else ""
            logs = list((runs_dir / "slurm" / array).glob(f"*_{task}0_log.out"))
    reason = "its SLURM job left no result"
    if logs:
        reason += f" (SLURM's log: {logs[0]})"
    return Failure(job, reason, tail(job.log) if job.log.exists() else "")


def _max_array_size() -> int:
    for line in slurm_queue.ask("scontrol", "show", "config").splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "MaxArraySize":
            return int(value)
    raise SlurmError("scontrol show config names no MaxArraySize")
