"""A tenth of the cases of bad input, as commands, and what a case notices."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.bad_input import Case, cases

ROOT = Path(__file__).resolve().parents[1]


def test_there_are_as_many_cases_as_promised():
    found = cases()
    assert len(found) >= 500
    assert len(set(found)) == len(found)


@pytest.mark.timeout(900)
def test_a_tenth_behaves():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.bad_input", "--every", "10"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("code", "out", "err", "made", "fault"),
    [
        (2, "", "error: a is 1, but must be 2\n", set(), None),
        (1, "", "error: a is 1, but must be 2\n", set(), "exit code 1"),
        (0, "", "error: a is 1, but must be 2\n", set(), "exit code 0"),
        (2, "", "error: a is 1, but must be 3\n", set(), "says"),
        (2, "", "error: b is 1, but must be 2\n", set(), "says"),
        (2, "", "error: a is 1, but must be 2 <f at 0x1>\n", set(), "address"),
        (2, "", "Traceback\nerror: a is 1, but must be 2\n", set(), "one line"),
        (2, "step 0\n", "error: a is 1, but must be 2\n", set(), "one line"),
        (2, "", "", set(), "one line"),
        (2, "", "error: a is 1, but must be 2\n", {"run"}, "made run"),
    ],
)
def test_a_fault_is_noticed(code, out, err, made, fault):
    found = Case("dqn", (), "must be 2", "a is 1, but ").fault(code, out, err, made)
    assert found is None if fault is None else fault in found
