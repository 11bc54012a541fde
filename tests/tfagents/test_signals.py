"""A run that a signal stops says so in one line, and ends like an uninterrupted one."""

import os
import random
import signal
import subprocess

import pytest

from benchmarks import ROOT
from benchmarks.kill_and_resume import Killer


@pytest.mark.timeout(900)
def test_signals_are_one_line_and_leave_no_trace(
    trainings, rigl_command, assert_same_outcome, tmp_path
):
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
