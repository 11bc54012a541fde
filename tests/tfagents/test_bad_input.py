"""Bad places for a run: one clear line, a failure, and nothing overwritten.

Bad values are the cases of `python -m benchmarks.bad_input`.
"""

import ctypes
import os
import shutil

import pytest


def the_line(completed) -> str:
    """The only line on standard error, without a traceback."""
    assert completed.returncode not in (0, None)
    (line,) = completed.stderr.splitlines()
    assert line.startswith("error: ")
    assert completed.stdout == ""
    return line


def _as_an_ordinary_user():
    """Drops root's capability to write anywhere; takes effect at exec."""
    if os.geteuid() == 0:
        drop_bounding_capability, may_override_permissions = 24, 1
        ctypes.CDLL(None).prctl(drop_bounding_capability, may_override_permissions, 0, 0, 0)


@pytest.mark.parametrize("existing", [False, True], ids=["new", "interrupted run"])
def test_a_read_only_place(train, rigl_flags, interrupted, contents, tmp_path, existing):
    place = tmp_path / "read_only"
    place.mkdir()
    root_dir = shutil.copytree(interrupted, place / "run") if existing else place / "run"
    before = contents(place)
    paths = [place, *place.rglob("*")]
    modes = [path.stat().st_mode for path in paths]
    for path, mode in zip(paths, modes):
        path.chmod(mode & 0o555)
    completed = train(*rigl_flags, f"--root_dir={root_dir}", preexec_fn=_as_an_ordinary_user)
    for path, mode in zip(paths, modes):
        path.chmod(mode)
    line = the_line(completed)
    assert f"run directory '{root_dir}' cannot be written" in line
    assert "give a writable directory" in line
    assert contents(place) == before


def test_the_root_dir_of_another_configuration(trainings, train, rigl_flags, contents):
    root_dir = trainings["rigl"]
    before = contents(root_dir)
    completed = train(*rigl_flags, "--gin_bindings=SPARSITY = 0.8", f"--root_dir={root_dir}")
    line = the_line(completed)
    assert str(root_dir) in line
    assert "- SPARSITY = 0.9 | + SPARSITY = 0.8" in line
    assert contents(root_dir) == before


def test_truncated_checkpoints(interrupted, train, rigl_flags, contents, tmp_path):
    root_dir = shutil.copytree(interrupted, tmp_path / "run")
    for variables in root_dir.glob("checkpoints/*/variables.data*"):
        os.truncate(variables, variables.stat().st_size // 2)
    before = contents(root_dir)
    completed = train(*rigl_flags, f"--root_dir={root_dir}")
    assert completed.returncode not in (0, None)
    *warnings, line = completed.stderr.splitlines()
    assert [warning.split()[:2] for warning in warnings] == 2 * [["warning:", "checkpoint"]]
    assert f"error: all checkpoints in '{root_dir / 'checkpoints'}' are damaged" in line
    assert contents(root_dir).items() >= before.items()
