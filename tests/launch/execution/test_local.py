"""The pool, on small fake jobs that write `result.json` like a training run."""

import dataclasses
import fcntl
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from launch.execution import local
from launch.execution.jobs import Job, lock
from launch.execution.local import Pool
from rigl_rl import record

REPOSITORY = Path(__file__).resolve().parents[3]
RESULT = '{"final_return": 0}'
FINISH = "import pathlib; pathlib.Path('{run_dir}', 'result.json').write_text('{RESULT}')"


def make_job(root, name, code=FINISH):
    """A job that runs Python code, in which {run_dir} stands for its directory."""
    run_dir = root / name
    run_dir.mkdir(parents=True, exist_ok=True)
    code = textwrap.dedent(code).format(run_dir=run_dir, RESULT=RESULT)
    argv = (sys.executable, "-S", "-c", code)
    return Job(name, argv, run_dir, root / "logs" / f"{name}.log")


def start_launcher(root, names, code, workers=2):
    """Starts another process with a pool of the jobs, to test signals and two launchers."""
    script = f"""
import importlib.util, pathlib, sys
from launch.execution.local import Pool
from rigl_rl import record
spec = importlib.util.spec_from_file_location("helpers", {__file__!r})
helpers = importlib.util.module_from_spec(spec)
spec.loader.exec_module(helpers)
jobs = [helpers.make_job(pathlib.Path({str(root)!r}), name, {code!r}) for name in {names!r}]
outcome = Pool(jobs, {workers}).run()
print(outcome.report())
sys.exit(outcome.exit_code)
"""
    return subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_all_jobs_finish(tmp_path, capsys):
    outcome = Pool([make_job(tmp_path, f"run{i}") for i in range(5)], workers=2).run()
    assert (outcome.finished, outcome.failures, outcome.exit_code) == (5, (), 0)
    assert outcome.report() == "5 of 5 runs finished, 0 failed"
    assert "5/5" in capsys.readouterr().err


def test_failures_are_reported_and_the_others_finish(tmp_path):
    jobs = [
        make_job(tmp_path, "bad", "print('about to fail'); raise SystemExit(3)"),
        make_job(tmp_path, "silent", "print('forgot the result')"),
        make_job(tmp_path, "killed", "import os; os.kill(os.getpid(), 9)"),
        make_job(tmp_path, "good1"),
        make_job(tmp_path, "good2"),
    ]
    outcome = Pool(jobs, workers=2).run()
    assert outcome.exit_code == 1
    assert outcome.finished == 2
    assert all(job.finished for job in jobs[3:])
    assert {failure.job.name: failure.reason for failure in outcome.failures} == {
        "bad": "exit code 3",
        "silent": f"exit code 0 but no result.json in {tmp_path / 'silent'}",
        "killed": "killed by SIGKILL",
    }
    report = outcome.report()
    assert "2 of 5 runs finished, 3 failed" in report
    assert f"FAILED bad: exit code 3; log: {tmp_path / 'logs' / 'bad.log'}" in report
    assert "    about to fail" in report


def test_tail_is_the_end_of_the_last_attempt(tmp_path):
    first = make_job(tmp_path, "run", "print('first attempt'); raise SystemExit(1)")
    Pool([first], workers=1).run()
    second = make_job(
        tmp_path,
        "run",
        "import sys; [print('line', i) for i in range(3)]; sys.exit('oops')",
    )
    (failure,) = Pool([second], workers=1).run().failures
    assert failure.tail == "line 0\nline 1\nline 2\noops\n"
    log = second.log.read_text()
    assert "first attempt" in log
    assert log.endswith(failure.tail)

    long = make_job(tmp_path, "run", "[print('line', i) for i in range(100)]; 1 / 0")
    (failure,) = Pool([long], workers=1).run().failures
    lines = failure.tail.splitlines()
    assert len(lines) == 15
    assert lines[-1].startswith("ZeroDivisionError")
    assert "line 99" in lines


def test_finished_jobs_are_not_started(tmp_path):
    done = make_job(tmp_path, "done", "open('{run_dir}/started', 'w')")
    (done.run_dir / "result.json").write_text(RESULT)
    todo = make_job(tmp_path, "todo")
    outcome = Pool([done, todo], workers=1).run()
    assert (outcome.finished, outcome.exit_code) == (2, 0)
    assert not (done.run_dir / "started").exists()
    assert (done.run_dir / "result.json").read_text() == RESULT


@pytest.mark.parametrize("broken", ["", "{", "[]", "{}", RESULT[:-1]])
def test_a_job_whose_result_cannot_be_read_is_started(tmp_path, broken):
    job = make_job(tmp_path, "run")
    (job.run_dir / "result.json").write_text(broken)
    assert not job.finished
    assert Pool([job], workers=1).run().exit_code == 0
    assert (job.run_dir / "result.json").read_text() == RESULT


def test_a_job_that_another_launcher_finishes_first_is_not_started(tmp_path, monkeypatch):
    job = make_job(tmp_path, "run", "open('{run_dir}/started', 'w')")

    def finished_before_it_is_locked(job):
        (job.run_dir / "result.json").write_text(RESULT)
        return lock(job)

    monkeypatch.setattr(local, "lock", finished_before_it_is_locked)
    outcome = Pool([job], workers=1).run()
    assert (outcome.finished, outcome.failures) == (1, ())
    assert not (job.run_dir / "started").exists()
    log = lock(job)
    assert log is not None  # it was let go
    log.close()


def test_no_more_jobs_at_once_than_workers(tmp_path):
    code = """
        import json, time
        start = time.time()
        time.sleep(0.3)
        result = dict(final_return=0, span=[start, time.time()])
        json.dump(result, open('{run_dir}/result.json', 'w'))
    """
    jobs = [make_job(tmp_path, f"run{i}", code) for i in range(6)]
    Pool(jobs, workers=3).run()
    spans = [record.read(job.run_dir, ["span"])["span"] for job in jobs]
    overlaps = [sum(a <= start < b for a, b in spans) for start, _ in spans]
    assert 2 <= max(overlaps) <= 3


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no CPU affinity here")
def test_workers_have_their_own_cores_and_threads(tmp_path):
    code = """
        import json, os, time
        time.sleep(0.5)
        with open('{run_dir}/result.json', 'w') as f:
            found = [sorted(os.sched_getaffinity(0)), os.environ['OMP_NUM_THREADS']]
            json.dump(dict(final_return=0, found=found), f)
    """
    workers = min(2, len(os.sched_getaffinity(0)))
    jobs = [make_job(tmp_path, f"run{i}", code) for i in range(workers)]
    Pool(jobs, workers).run()
    results = [record.read(job.run_dir, ["found"])["found"] for job in jobs]
    cpus = [cpu for result, _ in results for cpu in result]
    assert len(cpus) == len(set(cpus)) == workers
    assert all(omp == "1" for _, omp in results)


def test_cores_are_disjoint_while_they_last(monkeypatch):
    monkeypatch.setattr(local, "available_cpus", lambda: [2, 3, 5, 7])
    assert local.worker_cpus(2, threads=2) == [{2, 3}, {5, 7}]
    assert local.worker_cpus(4, threads=1) == [{2}, {3}, {5}, {7}]
    assert local.worker_cpus(3, threads=2) == [{2, 3}, {5, 7}, {2, 3}]
    assert [local.default_workers(threads) for threads in (1, 2, 3, 8)] == [4, 2, 1, 1]


RESUMABLE = """
    import os, pathlib, time
    run_dir = pathlib.Path('{run_dir}')
    with open(run_dir / 'starts', 'a') as f:
        f.write(str(os.getpid()) + '\\n')
    if not (run_dir / 'checkpoint').exists():
        (run_dir / 'checkpoint').touch()
        time.sleep(60)
    (run_dir / 'result.json').write_text('{RESULT}')
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs prctl and /proc")
@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_stopped_launcher_takes_its_runs_along_and_resumes_them(tmp_path, signum):
    names = ["run0", "run1", "run2"]
    launcher = start_launcher(tmp_path, names, RESUMABLE)
    started = [tmp_path / name / "starts" for name in names[:2]]
    wait_for(lambda: all((path.parent / "checkpoint").exists() for path in started))
    pids = [int(path.read_text()) for path in started]
    launcher.send_signal(signum)
    out, _ = launcher.communicate(timeout=20)
    wait_for(lambda: not any(alive(pid) for pid in pids))
    if signum == signal.SIGKILL:
        assert launcher.returncode == -signum
    else:
        assert launcher.returncode == 128 + signum
        name = signal.Signals(signum).name
        assert f"stopped by {name} with 2 interrupted runs; the same command resumes them" in out
    assert not (tmp_path / "run2" / "starts").exists()

    (tmp_path / "run2" / "checkpoint").touch()
    outcome = Pool([make_job(tmp_path, name, RESUMABLE) for name in names], workers=2).run()
    assert (outcome.finished, outcome.exit_code) == (3, 0)
    starts = [len((tmp_path / name / "starts").read_text().split()) for name in names]
    assert starts == [2, 2, 1]


COUNTED = """
    import os, pathlib, time
    run_dir = pathlib.Path('{run_dir}')
    with open(run_dir / 'starts', 'a') as f:
        f.write('x')
    time.sleep(0.3)
    (run_dir / 'result.json').write_text('{RESULT}')
"""


FAILING = """
    import pathlib, time
    pathlib.Path('{run_dir}', 'starts').touch()
    time.sleep(3)
    raise SystemExit(1)
"""


def test_two_launchers_share_the_work(tmp_path):
    names = [f"run{i}" for i in range(8)]
    launchers = [start_launcher(tmp_path, names, COUNTED) for _ in range(2)]
    for launcher in launchers:
        out, _ = launcher.communicate(timeout=60)
        assert launcher.returncode == 0
        assert "8 of 8 runs finished, 0 failed" in out
    assert [(tmp_path / name / "starts").read_text() for name in names] == ["x"] * 8


def test_a_run_under_another_launcher_is_waited_for(tmp_path, capsys):
    job = make_job(tmp_path, "run", COUNTED.replace("0.3", "3"))
    launcher = start_launcher(tmp_path, ["run"], COUNTED.replace("0.3", "3"))
    wait_for(lambda: (job.run_dir / "starts").exists())
    outcome = Pool([job], workers=1).run()
    assert (outcome.finished, outcome.exit_code) == (1, 0)
    assert (job.run_dir / "starts").read_text() == "x"
    assert "0 running, 1 under another launcher" in capsys.readouterr().err
    launcher.communicate(timeout=20)


def test_a_run_waits_for_the_one_instead_of_it(tmp_path, capsys):
    """Which another launcher trains. If that one fails, the run is trained after all."""
    for name, code in (("good", COUNTED.replace("0.3", "3")), ("bad", FAILING)):
        instead = make_job(tmp_path, f"{name}-snr", code)
        job = dataclasses.replace(make_job(tmp_path, name, COUNTED), instead=instead)
        launcher = start_launcher(tmp_path, [instead.name], code)
        wait_for((instead.run_dir / "starts").exists)
        outcome = Pool([job], workers=1).run()
        assert (outcome.finished, outcome.exit_code) == (1, 0)
        assert (job.run_dir / "starts").exists() == (name == "bad")
        assert "0 running, 1 under another launcher" in capsys.readouterr().err
        launcher.communicate(timeout=20)


# Like a training command: exits if another process holds the run's lock.
LOCKED = """
    import fcntl, sys
    file = open('{run_dir}/.lock', 'a')
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit('error: another process is running')
    open('{run_dir}/started', 'w')
"""


@pytest.mark.parametrize("in_time", [True, False])
def test_a_run_that_was_started_by_hand_is_skipped(tmp_path, monkeypatch, in_time):
    """Whether its process is there before the pool starts its own, or just faster."""
    job = make_job(tmp_path, "run", LOCKED)
    other = make_job(tmp_path, "other")
    with open(job.run_dir / ".lock", "a") as by_hand:
        fcntl.flock(by_hand, fcntl.LOCK_EX)
        if not in_time:
            answers = iter([False])
            there = property(lambda job: next(answers, job.name == "run"))
            monkeypatch.setattr(Job, "in_training", there)
        outcome = Pool([job, other], workers=1).run()
    assert (outcome.finished, outcome.failures, outcome.exit_code) == (1, (), 0)
    assert outcome.report().splitlines() == [
        "1 of 2 runs finished, 0 failed",
        "run is being trained by another process",
    ]
    assert job.log.read_text().endswith("running\n") is not in_time
    assert not (job.run_dir / "started").exists()
