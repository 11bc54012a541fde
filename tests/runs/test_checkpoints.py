"""Checkpoints under damage, full disks and interrupted writes."""

import errno
import json
import os
import resource
import shutil

import numpy as np
import pytest
import tensorflow as tf

from rigl_rl.errors import RiglRlError
from rigl_rl.runs.checkpoints import Checkpoints


class State:
    """Two variables and host state that hold the step at which they were saved."""

    def __init__(self, size: int = 50_000):
        self.numbers = tf.Variable(tf.zeros([size]))
        self.step = tf.Variable(0, dtype=tf.int64)
        self.variables = tf.train.Checkpoint(numbers=self.numbers, step=self.step)

    def at(self, step: int) -> dict:
        self.numbers.assign(tf.fill(self.numbers.shape, step / 7))
        self.step.assign(step)
        return {"env": b"bytes \x00", "history": [{"avg_return": step / 3}], "step": step}


def save(checkpoints: Checkpoints, *steps: int) -> None:
    state = State()
    for step in steps:
        host = state.at(step)
        checkpoints.save(step, state.variables, host)


def restore(checkpoints: Checkpoints):
    """The restored step; checks that everything belongs to it."""
    state, expected = State(), State()
    restored = checkpoints.restore(state.variables)
    if restored is None:
        return None
    step, host = restored
    assert host == expected.at(step)
    assert int(state.step) == step
    np.testing.assert_array_equal(state.numbers.numpy(), expected.numbers.numpy())
    return step


def contents(directory) -> dict:
    return {p: p.stat().st_mtime_ns for p in directory.rglob("*") if p.is_file()}


@pytest.fixture
def checkpoints(tmp_path):
    return Checkpoints(tmp_path / "checkpoints")


def truncate(path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def variables_file(checkpoint):
    (path,) = checkpoint.glob("variables.data*")
    return path


DAMAGE = {
    "variables truncated": lambda c: truncate(variables_file(c)),
    "variables empty": lambda c: os.truncate(variables_file(c), 0),
    "one bit of the variables": lambda c: _flip_a_bit(variables_file(c)),
    "index truncated": lambda c: truncate(c / "variables.index"),
    "host state truncated": lambda c: truncate(c / "host.pickle"),
    "host state missing": lambda c: (c / "host.pickle").unlink(),
    "manifest truncated": lambda c: truncate(c / "manifest.json"),
    "manifest empty": lambda c: os.truncate(c / "manifest.json", 0),
    "manifest missing": lambda c: (c / "manifest.json").unlink(),
    "manifest a list": lambda c: (c / "manifest.json").write_text("[]"),
    "manifest of nothing": lambda c: (c / "manifest.json").write_text("{}"),
    "manifest not UTF-8": lambda c: (c / "manifest.json").write_bytes(b"\xff"),
    "host state missing, in the manifest too": lambda c: _forget(c, "host.pickle"),
    "variables missing, in the manifest too": lambda c: _forget(c, variables_file(c).name),
    "index missing, in the manifest too": lambda c: _forget(c, "variables.index"),
    "a file": lambda c: (shutil.rmtree(c), c.write_text("")),
    "nothing left": lambda c: (shutil.rmtree(c), c.mkdir()),
}


def _forget(checkpoint, name) -> None:
    sums = json.loads((checkpoint / "manifest.json").read_text())
    del sums[name]
    (checkpoint / "manifest.json").write_text(json.dumps(sums))
    (checkpoint / name).unlink()


def _flip_a_bit(path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_nothing_to_restore(checkpoints):
    assert restore(checkpoints) is None


def test_the_newest_is_restored_and_only_two_are_kept(checkpoints):
    save(checkpoints, 0, 9, 10, 100)  # 9 before 10 before 100: numbers, not text
    assert restore(checkpoints) == 100
    assert sorted(int(p.name) for p in checkpoints.path.iterdir()) == [10, 100]


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_newest_one_gives_way_to_the_one_before_with_a_warning(
    checkpoints, damage, capfd
):
    save(checkpoints, 10, 20)
    newest = checkpoints.path / "000000020"
    damage(newest)
    capfd.readouterr()
    assert restore(checkpoints) == 10
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("warning:")
    assert str(newest) in line
    # The run reaches step 20 again and replaces it.
    save(checkpoints, 20)
    assert restore(checkpoints) == 20


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_all_damaged_is_an_error_and_nothing_is_deleted(checkpoints, damage):
    save(checkpoints, 10, 20)
    for checkpoint in checkpoints.path.iterdir():
        damage(checkpoint)
    before = contents(checkpoints.path)
    with pytest.raises(RiglRlError, match="all checkpoints in '.*checkpoints' are damaged"):
        restore(checkpoints)
    assert contents(checkpoints.path) == before


def test_what_a_killed_write_left_is_no_checkpoint_and_is_swept_away(checkpoints):
    save(checkpoints, 10)
    leftover = checkpoints.path / ".writing-000000020"
    shutil.copytree(checkpoints.path / "000000010", leftover)
    truncate(variables_file(leftover))
    assert restore(checkpoints) == 10
    assert [p.name for p in checkpoints.path.iterdir()] == ["000000010"]


def test_a_leftover_may_be_a_file(checkpoints):
    save(checkpoints, 10)
    (checkpoints.path / ".writing-000000020").write_text("")
    assert restore(checkpoints) == 10
    save(checkpoints, 20)
    assert restore(checkpoints) == 20


def test_a_rename_that_fails_keeps_the_earlier_ones(checkpoints, monkeypatch):
    save(checkpoints, 10, 20)

    def full(source, target):
        raise OSError(errno.ENOSPC, "No space left on device", str(target))

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(RiglRlError, match=r"step 30 .*No space left.*earlier .* intact"):
            save(checkpoints, 30)
    assert sorted(p.name for p in checkpoints.path.iterdir()) == ["000000010", "000000020"]
    assert restore(checkpoints) == 20


@pytest.mark.parametrize("limit", [1000, 100_000], ids=["host and variables", "variables"])
def test_a_file_that_cannot_be_written_in_full_keeps_the_earlier_ones(checkpoints, limit):
    save(checkpoints, 10, 20)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))  # as a full disk: EFBIG for ENOSPC
    try:
        with pytest.raises(RiglRlError, match="cannot write the checkpoint of step 30") as caught:
            save(checkpoints, 30)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(caught.value)
    assert sorted(p.name for p in checkpoints.path.iterdir()) == ["000000010", "000000020"]
    assert restore(checkpoints) == 20


def test_a_checkpoint_is_on_the_disk_before_it_counts_and_before_older_ones_go(checkpoints, disk):
    save(checkpoints, 10, 20)
    del disk[:]
    save(checkpoints, 30)
    at = {event: number for number, event in enumerate(disk)}
    renamed = at["rename", "000000030"]
    files = {path.name for path in (checkpoints.path / "000000030").iterdir()}
    assert {"manifest.json", "host.pickle", "variables.index"} < files
    for file in files:
        assert at["sync", file] < renamed
    assert renamed < at["sync", "checkpoints"] < at["remove", "000000010"]
