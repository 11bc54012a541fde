"""Studies on a real SLURM cluster: whatever happens to jobs, node and launcher, each run finishes
once, with the results of an undisturbed local launch.
"""

import contextlib
import csv
import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from launch.agent_runs import agent_run
from launch.agents import DQN
from launch.execution import local
from launch.runs import Run

HERE = Path(__file__).resolve().parents[1]
REPOSITORY = HERE.parents[1]
STAND_INS = [Run("stand-in", "stand_in", "none.gin", (), seed, 1, 1.0) for seed in range(12)]
# Long enough that a run is still training when the test has seen its first checkpoint.
SMOKE = dataclasses.replace(DQN.schedules["smoke"], num_iterations=4_000, eval_interval=500)
TRAININGS = [
    run
    for seed in range(3)
    for run in (
        agent_run(DQN, "CartPole-v0", "dense", seed, SMOKE),
        *(
            agent_run(DQN, "CartPole-v0", method, seed, SMOKE, distribution="erk", sparsity=0.9)
            for method in ("prune", "set", "rigl")
        ),
    )
]


def wait_for(condition, seconds=120.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


class Study:
    """Runs below one directory, launched on the cluster."""

    def __init__(self, slurm, runs: list[Run], folder: Path, settings: str = "time: 60"):
        self.slurm = slurm
        self.runs = runs
        self.runs_dir = folder / "runs"
        self.runs_dir.mkdir()
        self.cluster = folder / "cluster.yaml"
        self.cluster.write_text(settings)
        # For the stand-in; sbatch passes the environment on.
        self.environment = {**slurm.environment, "PYTHONPATH": str(HERE)}

    def start_launcher(self, *, wait: bool = True) -> subprocess.Popen:
        """Starts a process that does what `python -m launch` does for the study's runs."""
        script = f"""
import pathlib, sys
from launch.execution import cluster
from launch.execution import slurm
from launch.runs import Run
from launch.agent_runs import agent_run
slurm.POLL_SECONDS = slurm.SETTLE_SECONDS = 1.0
settings = cluster.read(pathlib.Path({str(self.cluster)!r}))
sys.exit(slurm.launch({self.runs!r}, pathlib.Path({str(self.runs_dir)!r}), settings, wait={wait}))
"""
        launcher = subprocess.Popen(
            [sys.executable, "-c", script],
            cwd=REPOSITORY,
            env=self.environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.slurm.launchers.append(launcher)
        return launcher

    def launch(self, *, wait: bool = True) -> tuple[int, str]:
        """Exit code and messages of a launcher."""
        launcher = self.start_launcher(wait=wait)
        _, messages = launcher.communicate(timeout=1500)
        return launcher.returncode, messages

    def job(self, run: Run) -> str:
        """SLURM's id of the run's job; empty if it is not in the queue."""
        for path in (self.runs_dir / "slurm").glob("*/runs.txt"):
            names = path.read_text().splitlines()
            if run.name not in names:
                continue
            query = ("squeue", "--noheader", "--array", f"--name={path.parent.name}")
            for job in self.slurm.run(*query, "--format=%i").split():
                if len(names) == 1 or job.endswith(f"_{names.index(run.name)}"):
                    return job
        return ""

    def state(self, run: Run) -> str:
        job = self.job(run)
        return self.slurm.run("squeue", "--noheader", f"--jobs={job}", "--format=%T") if job else ""

    def limit(self, run: Run) -> None:
        """Sets a time limit of whole minutes that is between 35 and 95 seconds away."""
        job = self.job(run)
        elapsed = self.slurm.run("squeue", "--noheader", f"--jobs={job}", "--format=%M")
        seconds = sum(int(part) * unit for part, unit in zip(elapsed.split(":")[::-1], (1, 60)))
        self.slurm.run("scontrol", "update", f"JobId={job}", f"TimeLimit={(seconds + 94) // 60}")

    def hurry(self, *runs: Run) -> None:
        """Lets requeued jobs skip SLURM's wait of two minutes, and lifts time limits."""
        for run in runs:
            wait_for(lambda run=run: self.state(run) == "PENDING")
            job = self.job(run)
            self.slurm.run("scontrol", "update", f"JobId={job}", "StartTime=now", "TimeLimit=60")

    def pid(self, run: Run) -> int:
        """The process that trains the run."""
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                arguments = path.read_text().split("\0")
            except OSError:  # it has ended
                continue
            if "--root_dir" in arguments and str(self.runs_dir / run.name) in arguments:
                return int(path.parent.name)
        raise AssertionError(f"nobody trains {run.name}")

    def has_checkpoint(self, run: Run) -> bool:
        return any((self.runs_dir / run.name / "checkpoints").glob("[!.]*"))

    def freeze(self, run: Run) -> int:
        """Stops the run's process until it is killed, and returns its id.

        SLURM continues a process that it ends (SIGCONT), seconds before it kills it: long enough
        for a short run to finish.
        """
        pid = self.pid(run)
        os.kill(pid, signal.SIGSTOP)

        def stop_again() -> None:
            with contextlib.suppress(ProcessLookupError):
                while True:
                    os.kill(pid, signal.SIGSTOP)
                    time.sleep(0.01)

        threading.Thread(target=stop_again, daemon=True).start()
        return pid

    def freeze_at_first_checkpoint(self, runs: Iterable[Run]) -> None:
        """Stops each process as soon as it can resume."""
        waiting = set(runs)

        def all_stopped() -> bool:
            for run in list(filter(self.has_checkpoint, waiting)):
                self.freeze(run)
                assert not (self.runs_dir / run.name / "result.json").exists(), "too late"
                waiting.remove(run)
            return not waiting

        wait_for(all_stopped, 600)

    def slurm_log(self, run: Run) -> str:
        """The job's own output."""
        return next((self.runs_dir / "slurm").glob(f"*/{self.job(run)}_0_log.out")).read_text()

    def starts(self, run: Run) -> int:
        """How often the training was started."""
        log = self.runs_dir / "logs" / f"{run.name}.log"
        return log.read_text().count("$ ") if log.exists() else 0


def results(runs: list[Run], runs_dir: Path) -> dict[str, tuple]:
    """The runs' results, without anything that depends on when or where they ran."""
    found = {}
    for run in runs:
        result = json.loads((runs_dir / run.name / "result.json").read_text())
        with open(runs_dir / run.name / "evals.csv") as file:
            rows = [{**row, "wall_s": None} for row in csv.DictReader(file)]
        found[run.name] = (result["final_return"], result.get("layers"), rows)
    return found


@pytest.mark.parametrize(
    "runs",
    [
        pytest.param(STAND_INS, id="stand-ins"),
        pytest.param(
            TRAININGS,
            id="CartPole",
            marks=[
                pytest.mark.timeout(1800),
                pytest.mark.skipif(
                    "RIGL_RL_TRAIN_ON_SLURM" not in os.environ,
                    reason="24 trainings, minutes: set RIGL_RL_TRAIN_ON_SLURM=1, as .ci/run does",
                ),
            ],
        ),
    ],
)
def test_a_disturbed_study_finishes_like_an_undisturbed_local_one(
    slurm, runs, tmp_path, monkeypatch
):
    study = Study(slurm, runs, tmp_path)
    too_slow, killed, canceled, requeued, *others = runs
    disturbed = (too_slow, killed, canceled, requeued)
    launcher = study.start_launcher()
    study.freeze_at_first_checkpoint(disturbed)

    study.limit(too_slow)
    slurm.run("scontrol", "update", f"NodeName={slurm.node}", "State=DRAIN", "Reason=test")
    os.kill(study.pid(killed), signal.SIGKILL)  # as when memory is short
    slurm.run("scancel", study.job(canceled))
    slurm.run("scontrol", "requeue", study.job(requeued))
    launcher.send_signal(signal.SIGINT)
    _, messages = launcher.communicate(timeout=60)
    assert launcher.returncode == 128 + signal.SIGINT
    assert "runs still queued or running" in messages

    wait_for(lambda: not study.job(killed) and not study.job(canceled))
    code, messages = study.launch(wait=False)
    assert code == 0
    assert "12 runs: 0 finished, 10 queued or running, 0 under another" in messages
    assert "submitted array" in messages
    code, messages = study.launch(wait=False)
    assert "12 runs: 0 finished, 12 queued or running" in messages
    assert "submitted" not in messages

    study.hurry(too_slow, requeued)
    assert not any(map(study.starts, others))  # the node is drained
    slurm.run("scontrol", "update", f"NodeName={slurm.node}", "State=RESUME")
    code, messages = study.launch()
    assert code == 0, messages
    assert "12 of 12 runs finished, 0 failed" in messages
    assert [study.starts(run) for run in disturbed] == [2] * 4
    assert [study.starts(run) for run in others] == [1] * 8

    monkeypatch.setenv("PYTHONPATH", str(HERE))
    workers = 12 if runs is STAND_INS else local.default_workers(1)
    assert local.launch(runs, tmp_path / "local", workers) == 0
    assert results(runs, study.runs_dir) == results(runs, tmp_path / "local")


def test_preempted_jobs_continue(slurm, tmp_path):
    study = Study(slurm, STAND_INS[:2], tmp_path, "time: 60\ncpus: 2")
    launcher = study.start_launcher()
    study.freeze_at_first_checkpoint(study.runs)
    for run in study.runs:
        slurm.run("scancel", "--signal=TERM", study.job(run))  # first, where there is a grace time
        wait_for(lambda run=run: "SIGTERM" in study.slurm_log(run))
    slurm.run("srun", "--partition=urgent", "--cpus-per-task=4", "true")
    study.hurry(*study.runs)
    _, messages = launcher.communicate(timeout=60)
    assert launcher.returncode == 0, messages
    assert [study.starts(run) for run in study.runs] == [2, 2]


def command_line(slurm, tmp_path, settings, study="cartpole") -> subprocess.CompletedProcess:
    """Submits the runs of a study (five by default)."""
    (tmp_path / "cluster.yaml").write_text(settings)
    arguments = ["run", study, "--preset=smoke", f"--runs={tmp_path}/runs", "--threads=2"]
    arguments += ["--on=slurm", f"--cluster={tmp_path}/cluster.yaml"]
    return subprocess.run(
        [sys.executable, "-m", "launch", *arguments],
        cwd=REPOSITORY,
        env=slurm.environment,
        capture_output=True,
        text=True,
    )


def test_the_command_line_submits_as_the_cluster_file_says(slurm, tmp_path):
    slurm.run("scontrol", "update", f"NodeName={slurm.node}", "State=DRAIN", "Reason=test")
    settings = "time: 1-12\nmem: 1G\npartition: urgent\nmax_parallel: 3\nsbatch: {nice: 7}\n"
    settings += "account: lab\nsetup: [export A=1]"
    completed = command_line(slurm, tmp_path, settings)
    assert completed.returncode == 0, completed.stderr
    assert completed.stderr.splitlines()[0].endswith("0 under another launcher, 5 to submit")
    (array,) = (tmp_path / "runs" / "slurm").iterdir()
    job = slurm.run("squeue", "--noheader", f"--name={array.name}", "--format=%F")
    shown = slurm.run("scontrol", "show", "job", job)
    for part in (
        "TimeLimit=1-12:00:00",
        "Partition=urgent",
        "Account=lab",
        "MinMemoryNode=1G",
        "CPUs/Task=2",
        "ArrayTaskId=0-4%3",
        "Requeue=1",
        "Nice=7",
        f"WorkDir={REPOSITORY}",
    ):
        assert part in shown, shown
    assert "\nexport A=1\n" in next(array.glob("*_submission.sh")).read_text()
    completed = command_line(slurm, tmp_path, settings)
    assert completed.stderr == (
        "5 runs: 0 finished, 5 queued or running, 0 under another launcher, 0 to submit\n"
    )


@pytest.mark.parametrize("limit", ["", "max_parallel: 3"])
def test_arrays_wait_for_each_other_only_if_runs_at_a_time_are_limited(slurm, tmp_path, limit):
    slurm.run("scontrol", "update", f"NodeName={slurm.node}", "State=DRAIN", "Reason=test")
    completed = command_line(slurm, tmp_path, f"time: 5\n{limit}", "figure14_right")
    assert completed.returncode == 0, completed.stderr
    # Nine runs, eight to an array.
    sizes = {path.parent: len(path.read_text().splitlines()) for path in tmp_path.rglob("runs.txt")}
    (second,) = (folder.name for folder, size in sizes.items() if size == 1)
    waits_for = slurm.run("squeue", "--noheader", f"--name={second}", "--format=%E")
    assert ("afterany" in waits_for) == bool(limit), waits_for


def test_what_slurm_refuses_is_one_line(slurm, tmp_path):
    completed = command_line(slurm, tmp_path, "time: 5\npartition: nowhere")
    assert completed.returncode == 1
    _, line = completed.stderr.splitlines()
    assert "invalid partition specified: nowhere" in line
    assert line.endswith("(5 runs are not submitted)")
    assert slurm.run("squeue", "--noheader") == ""
    assert list((tmp_path / "runs" / "slurm").iterdir()) == []


def test_canceled_runs_leave_the_queue_and_continue_when_launched_again(slurm, tmp_path):
    study = Study(slurm, STAND_INS[:6], tmp_path)  # four at a time
    study.launch(wait=False)
    running = study.runs[:4]
    pids = []
    for run in running:
        wait_for(lambda run=run: study.has_checkpoint(run))
        pids.append(study.freeze(run))
    completed = subprocess.run(
        [sys.executable, "-m", "launch", "cancel", f"--runs={study.runs_dir}"],
        cwd=REPOSITORY,
        env=slurm.environment,
        capture_output=True,
        text=True,
    )
    assert completed.returncode == 0
    assert completed.stderr == "canceled 6 jobs, 4 of them running; launch again to continue\n"
    wait_for(lambda: slurm.run("squeue", "--noheader") == "")
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))
    assert not list(study.runs_dir.rglob("result.json"))
    code, messages = study.launch()
    assert code == 0, messages
    assert [study.starts(run) for run in study.runs] == [2] * 4 + [1] * 2
