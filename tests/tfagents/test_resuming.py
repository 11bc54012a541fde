"""A run that is killed and restarted ends like an uninterrupted one. The full test, with 50 kills,
is `python -m benchmarks.kill_and_resume`.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess

import pandas as pd
import pytest

from benchmarks import ROOT
from benchmarks.kill_and_resume import CHECKPOINT, RUNNING, Killer, evaluations

CLOCK = {"wall_s", "steps_per_s", "peak_memory_mb"}


def assert_same_outcome(run, uninterrupted):
    pd.testing.assert_frame_equal(evaluations(run), evaluations(uninterrupted))
    results = [json.loads((each / "result.json").read_text()) for each in (run, uninterrupted)]
    one, other = ({k: v for k, v in r.items() if k not in CLOCK} for r in results)
    assert one == other


@pytest.mark.timeout(900)  # four sessions of a run that needs a while to start
def test_kills_at_random_moments_leave_no_trace(trainings, rigl_command, tmp_path):
    killer = Killer([*rigl_command, "--root_dir"], random.Random(0), delay_s=0.5)
    run = tmp_path / "killed"
    for aim in (CHECKPOINT, RUNNING, CHECKPOINT):
        if not killer.interrupt(run, aim):
            break
    assert sum(killer.kills.values()) >= 2
    assert killer.kills[CHECKPOINT] >= 1
    killer.run(run)
    assert_same_outcome(run, trainings["rigl"])


@pytest.mark.timeout(900)
def test_signals_are_one_line_and_leave_no_trace(trainings, rigl_command, tmp_path):
    run = tmp_path / "stopped"
    for signum, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        process = subprocess.Popen(
            [*rigl_command, f"--root_dir={run}"],
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell's background jobs ignore Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        assert process.stdout is not None
        while not process.stdout.readline().startswith(("step 20:", "resuming")):
            assert process.poll() is None
        process.send_signal(signum)
        _, errors = process.communicate()
        assert process.returncode == code
        name = signal.Signals(signum).name
        assert errors == f"error: stopped by {name}; what was written before is intact\n"
    Killer([*rigl_command, "--root_dir"], random.Random(0), delay_s=0).run(run)
    assert_same_outcome(run, trainings["rigl"])


def test_a_truncated_newest_checkpoint_gives_way_to_the_one_before(
    trainings, interrupted, train, rigl_flags, tmp_path
):
    run = shutil.copytree(interrupted, tmp_path / "run")
    newest = max(run.glob("checkpoints/[0-9]*"))
    (variables,) = newest.glob("variables.data*")
    os.truncate(variables, variables.stat().st_size // 2)
    completed = train(*rigl_flags, f"--root_dir={run}")
    assert completed.returncode == 0
    (line,) = completed.stderr.splitlines()
    assert line.startswith(f"warning: checkpoint {newest} is damaged")
    before = int(newest.name) - 20
    assert completed.stdout.startswith(f"resuming {run} at step {before}\n")
    assert_same_outcome(run, trainings["rigl"])
