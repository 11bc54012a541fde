"""Submission and jobs, as far as they can be tested without SLURM."""

import dataclasses
import fcntl
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from launch.execution import slurm_queue
from launch.execution.cluster import Cluster
from launch.execution.jobs import Job, lock
from launch.runs import Run

RESULT = '{"final_return": 0}'

pytest.importorskip("submitit", reason="submitit is not installed")
slurm = pytest.importorskip("launch.execution.slurm")
slurm_job = pytest.importorskip("launch.execution.slurm_job")

REPOSITORY = Path(__file__).resolve().parents[3]
RUNS = [Run("label", "main", "none.gin", (), seed, 1, 1.0) for seed in range(6)]
SETTINGS = Cluster(time=5)


@pytest.fixture
def submitted(monkeypatch):
    """The jobs that would be passed to sbatch; the queue is empty."""
    names: list[str] = []

    def submit(jobs, *args):
        names.extend(job.name for job in jobs)
        return iter([("17", len(jobs))] if jobs else [])

    monkeypatch.setattr(slurm, "submit", submit)
    monkeypatch.setattr(slurm_queue, "ask", lambda *command: "")
    return names


def list_array(runs_dir: Path, array: str, names: list[str]) -> None:
    folder = runs_dir / "slurm" / array
    folder.mkdir(parents=True)
    (folder / "runs.txt").write_text("".join(f"{name}\n" for name in names))


def test_only_what_nobody_is_at_is_submitted(tmp_path, submitted, monkeypatch, capsys):
    finished, running, waiting, local, *left = RUNS
    (tmp_path / finished.name).mkdir(parents=True)
    (tmp_path / finished.name / "result.json").write_text(RESULT)
    list_array(tmp_path, "first", [finished.name, left[0].name, running.name])
    list_array(tmp_path, "second", [waiting.name])
    asked = []

    def ask(*command):
        asked.append(command)
        return "first 17 2 RUNNING\nsecond 18 N/A PENDING\n"

    monkeypatch.setattr(slurm_queue, "ask", ask)
    held = lock(slurm.job_of(local, tmp_path, 1))
    assert slurm.launch(RUNS, tmp_path, SETTINGS) == 0
    held.close()
    assert submitted == [run.name for run in left]
    assert "--name=first,second" in asked[0]
    assert capsys.readouterr().err.splitlines() == [
        "6 runs: 1 finished, 2 queued or running, 1 under another launcher, 2 to submit",
        "submitted array 17 of 2 jobs",
    ]


@pytest.mark.parametrize("state", ["queued", "locally", "finished", "nowhere"])
def test_a_run_is_not_submitted_while_the_measured_one_is_at_work(
    state, tmp_path, submitted, monkeypatch, capsys
):
    """It makes the plain run unnecessary, wherever it is trained."""
    plain, other = (dataclasses.replace(run, measured_label="label-snr") for run in RUNS[:2])
    measured = plain.measured
    if state == "queued":
        list_array(tmp_path, "first", [measured.name])
        monkeypatch.setattr(slurm_queue, "ask", lambda *command: "first 17 N/A PENDING\n")
    held = lock(slurm.job_of(measured, tmp_path, 1)) if state == "locally" else None
    if state == "finished":
        (tmp_path / measured.name).mkdir(parents=True)
        (tmp_path / measured.name / "result.json").write_text(RESULT)
    assert slurm.launch([plain, other], tmp_path, SETTINGS) == 0
    if held:
        held.close()
    assert submitted == [run.name for run in (plain, other) if run is other or state == "nowhere"]
    counts = [int(state == each) for each in ("finished", "queued", "locally")]
    words = "2 runs: {} finished, {} queued or running, {} under another launcher, {} to submit"
    assert capsys.readouterr().err.startswith(words.format(*counts, len(submitted)))


def test_a_study_waits_for_measured_runs_of_another(tmp_path, submitted, monkeypatch, capsys):
    """If they fail, so does the study, with the log of the job that failed."""
    plain = dataclasses.replace(RUNS[0], measured_label="label-snr")
    list_array(tmp_path, "first", ["another", plain.measured_name])
    log = tmp_path / "slurm" / "first" / "17_1_0_log.out"
    log.touch()
    states = iter(["first 17 1 PENDING", "first 17 1 PENDING", "first 17 1 RUNNING", ""])
    monkeypatch.setattr(slurm_queue, "ask", lambda *command: next(states))
    monkeypatch.setattr(slurm, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(slurm, "SETTLE_SECONDS", 0.0)
    shown = []
    monkeypatch.setattr(slurm.LaunchProgress, "show", lambda self, done, text: shown.append(text))
    assert slurm.launch([plain], tmp_path, SETTINGS, wait=True) == 1
    assert submitted == []
    assert shown == [
        "0 finished, 0 failed, 0 running, 1 queued",
        "0 finished, 0 failed, 1 running, 0 queued",
        "0 finished, 1 failed, 0 running, 0 queued",
    ]
    error = capsys.readouterr().err
    assert f"FAILED {plain.name}: its SLURM job left no result (SLURM's log: {log})" in error


def test_a_finished_study_asks_nobody(tmp_path, submitted, monkeypatch):
    for run in RUNS:
        (tmp_path / run.name).mkdir(parents=True)
        (tmp_path / run.name / "result.json").write_text(RESULT)
    monkeypatch.setattr(slurm_queue, "ask", lambda *command: pytest.fail("asked"))
    assert slurm.launch(RUNS, tmp_path, SETTINGS, wait=True) == 0
    assert submitted == []


def test_a_queue_that_cannot_be_asked_is_not_an_empty_one(tmp_path, submitted, monkeypatch):
    list_array(tmp_path, "first", [RUNS[0].name])

    def ask(*command):
        raise slurm.SlurmError("slurm_load_jobs error")

    monkeypatch.setattr(slurm_queue, "ask", ask)
    with pytest.raises(slurm.SlurmError):
        slurm.launch(RUNS, tmp_path, SETTINGS)
    assert submitted == []


def test_waiting_ends_with_the_failures(tmp_path, submitted, monkeypatch, capsys):
    monkeypatch.setattr(slurm, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(slurm, "SETTLE_SECONDS", 0.0)
    list_array(tmp_path, "first", [run.name for run in RUNS])
    (tmp_path / "slurm" / "first" / "17_1_0_log.out").write_text("srun: error: no such thing\n")
    queues = iter(["first 17 [0-5] PENDING".replace("[0-5]", str(i)) for i in range(3)] + [""] * 9)

    def ask(*command):
        for run in RUNS[:1] + RUNS[2:]:
            (tmp_path / run.name).mkdir(parents=True, exist_ok=True)
            (tmp_path / run.name / "result.json").write_text(RESULT)
        return next(queues)

    monkeypatch.setattr(slurm_queue, "ask", ask)
    assert slurm.launch(RUNS, tmp_path, SETTINGS, wait=True) == 1
    messages = capsys.readouterr().err
    assert "5 of 6 runs finished, 1 failed" in messages
    assert "FAILED label/seed1: its SLURM job left no result" in messages
    assert "17_1_0_log.out" in messages


@pytest.mark.parametrize("max_parallel", [None, 2])
def test_an_array_lists_its_runs_before_slurm_knows_it(tmp_path, monkeypatch, max_parallel):
    """The queue is read with these lists; a job without one would be submitted again."""
    submitted = []

    class Executor:
        def __init__(self, folder, **options):
            self.folder = folder

        def update_parameters(self, **parameters):
            self.parameters = parameters

        def submit_array(self, trainings):
            listed = (self.folder / "runs.txt").read_text().splitlines()
            assert listed == [training.job.name for training in trainings]
            assert self.parameters["job_name"] == self.folder.name
            dependency = self.parameters["additional_parameters"].get("dependency")
            submitted.append((listed, dependency))
            number = 16 + len(submitted)
            return [SimpleNamespace(job_id=f"{number}_{task}") for task in range(len(trainings))]

    monkeypatch.setattr(slurm.submitit, "SlurmExecutor", Executor)
    monkeypatch.setattr(slurm_queue, "ask", lambda *command: "MaxArraySize = 4\n")
    jobs = [slurm.job_of(run, tmp_path, 1) for run in RUNS]
    settings = Cluster(time=5, max_parallel=max_parallel)
    assert list(slurm.submit(jobs, tmp_path, settings, 1)) == [("17", 4), ("18", 2)]
    names = [run.name for run in RUNS]
    after = "afterany:17" if max_parallel else None
    assert submitted == [(names[:4], None), (names[4:], after)]


def make_training(tmp_path, code: str) -> slurm_job.Training:
    job = Job("run", (sys.executable, "-S", "-c", code), tmp_path / "run", tmp_path / "run.log")
    job.run_dir.mkdir()
    return slurm_job.Training(job, threads=1)


def test_a_job_trains_its_run_once(tmp_path):
    result = tmp_path / "run" / "result.json"
    training = make_training(tmp_path, f"open({str(result)!r}, 'x').write({RESULT!r})")
    assert training() == "run is finished"
    assert training() == "run is finished already: nothing done"


def test_a_job_leaves_a_run_to_another_launcher(tmp_path, monkeypatch):
    monkeypatch.setattr(slurm_job, "PATIENCE_SECONDS", 0)
    training = make_training(tmp_path, "raise SystemExit('started')")
    held = lock(training.job)
    assert training() == "run is being trained by another process: nothing done"
    held.close()
    assert training.job.log.read_text() == ""


@pytest.mark.parametrize("in_time", [True, False])
def test_a_job_leaves_a_run_to_a_process_started_by_hand(tmp_path, monkeypatch, in_time):
    """Whether that process is there before the job starts its own, or just faster."""
    monkeypatch.setattr(slurm_job, "PATIENCE_SECONDS", 0)
    training = make_training(tmp_path, "raise SystemExit('another process is running')")
    with open(tmp_path / "run" / ".lock", "a") as by_hand:
        fcntl.flock(by_hand, fcntl.LOCK_EX)
        if not in_time:
            answers = iter([False])
            monkeypatch.setattr(Job, "in_training", property(lambda _: next(answers, True)))
        assert training() == "run is being trained by another process: nothing done"
    assert ("is running" in training.job.log.read_text()) is not in_time
    log = lock(training.job)
    assert log is not None  # it was let go
    log.close()


def test_a_job_waits_for_a_lock_that_comes_free(tmp_path, monkeypatch):
    result = tmp_path / "run" / "result.json"
    training = make_training(tmp_path, f"open({str(result)!r}, 'x').write({RESULT!r})")
    held = lock(training.job)
    monkeypatch.setattr(slurm_job.time, "sleep", lambda seconds: held.close())
    assert training() == "run is finished"


def test_a_job_without_a_result_fails(tmp_path):
    training = make_training(tmp_path, "raise SystemExit(3)")
    with pytest.raises(RuntimeError, match=rf"run: exit code 3; log: {tmp_path}/run\.log"):
        training()


def test_training_is_deaf_to_the_signals_of_slurm(tmp_path):
    result = tmp_path / "run" / "result.json"
    code = f"""
import os, signal
for signum in (signal.SIGTERM, signal.SIGUSR2):
    os.kill(os.getpid(), signum)
open({str(result)!r}, "x").write({RESULT!r})
"""
    assert make_training(tmp_path, code)() == "run is finished"


def test_a_laptop_needs_neither_submitit_nor_slurm(tmp_path):
    code = (
        "import sys, launch.__main__\nprint('submitit' in sys.modules, 'tensorflow' in sys.modules)"
    )
    completed = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert completed.stdout.split() == ["False", "False"]


def test_without_slurm_there_is_one_line(tmp_path):
    (tmp_path / "cluster.yaml").write_text("time: 5")
    arguments = ["run", "cartpole", "--preset=smoke", f"--runs={tmp_path}/runs", "--on=slurm"]
    completed = subprocess.run(
        [sys.executable, "-m", "launch", *arguments, f"--cluster={tmp_path}/cluster.yaml"],
        cwd=REPOSITORY,
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert completed.returncode == 2
    (line,) = completed.stderr.splitlines()
    assert "sbatch not found; --on commands prints" in line
    assert not (tmp_path / "runs").exists()
