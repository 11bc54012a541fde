"""A run that is killed and restarted ends like an uninterrupted one. The full test, with 50 kills,
is `python -m benchmarks.kill_and_resume`.
"""

import os
import random
import shutil

import pytest

from benchmarks.kill_and_resume import CHECKPOINT, RUNNING, Killer


@pytest.mark.timeout(900)  # four sessions of a run that needs a while to start
def test_kills_at_random_moments_leave_no_trace(
    trainings, rigl_command, assert_same_outcome, tmp_path
):
    killer = Killer([*rigl_command, "--root_dir"], random.Random(0), delay_s=0.5)
    run = tmp_path / "killed"
    for aim in (CHECKPOINT, RUNNING, CHECKPOINT):
        if not killer.interrupt(run, aim):
            break
    assert sum(killer.kills.values()) >= 2
    assert killer.kills[CHECKPOINT] >= 1
    killer.run(run)
    assert_same_outcome(run, trainings["rigl"])


def test_a_truncated_newest_checkpoint_gives_way_to_the_one_before(
    trainings, interrupted, train, rigl_flags, assert_same_outcome, tmp_path
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
