"""Checkpoints that are complete or absent.

Each is a directory named by its train step (on Atari its iteration): TensorFlow variables, the
host's state (environment, history) and a manifest of checksums. It is written under another name
and renamed when complete. A killed run leaves at worst a directory that the next start deletes.
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import pickle
import shutil
from typing import Any, Callable

import tensorflow as tf

from rigl_rl.errors import RiglRlError, warn
from rigl_rl.files import sync_directory

_ASIDE = ".writing-"
_MANIFEST = "manifest.json"


class Checkpoints:
    """The newest `keep` checkpoints of a run."""

    def __init__(self, path: pathlib.Path, keep: int = 2):
        self.path = path
        self._keep = keep

    def save(self, step: int, variables: tf.train.Checkpoint, host: dict[str, Any]) -> None:
        """Writes the checkpoint of train step `step`, then deletes all but the newest ones.

        Args:
          step: train step.
          variables: all TensorFlow state.
          host: picklable state outside TensorFlow.

        Raises:
          RiglRlError: it could not be written (disk full, read-only); earlier ones are intact.
        """

        def write(directory: pathlib.Path) -> None:
            variables.write(str(directory / "variables"))
            (directory / "host.pickle").write_bytes(pickle.dumps(host))

        self.save_files(step, write)

    def save_files(self, step: int, write: Callable[[pathlib.Path], None]) -> None:
        """Like `save`, but the caller writes the files.

        Args:
          step: train step, or another number that counts checkpoints.
          write: writes the files into an empty directory.
        """
        aside = self.path / f"{_ASIDE}{step:09d}"
        try:
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir(parents=True)
            write(aside)
            sums = {file.name: _checksum(file) for file in sorted(aside.iterdir())}
            (aside / _MANIFEST).write_text(json.dumps(sums, indent=1))
            for file in aside.iterdir():
                _sync(file)
            target = self.path / f"{step:09d}"
            shutil.rmtree(target, ignore_errors=True)  # a damaged one, skipped at the start
            os.replace(aside, target)
            sync_directory(self.path)
            for old in self._complete()[self._keep :]:
                shutil.rmtree(old)
        except (OSError, tf.errors.OpError) as error:
            shutil.rmtree(aside, ignore_errors=True)
            raise RiglRlError(
                f"cannot write the checkpoint of step {step} in {str(self.path)!r}: "
                f"{' '.join(str(error).split())}; earlier checkpoints are intact"
            ) from error

    def restore(self, variables: tf.train.Checkpoint) -> tuple[int, dict[str, Any]] | None:
        """Restores the newest intact checkpoint.

        Damaged ones are skipped with a warning on standard error.

        Returns:
          Its train step and host state, or None if there are no checkpoints.

        Raises:
          RiglRlError: there are checkpoints, but all are damaged.
        """
        directory = self.newest_intact()
        if directory is None:
            return None
        variables.read(str(directory / "variables")).assert_consumed()
        host = pickle.loads((directory / "host.pickle").read_bytes())
        return int(directory.name), host

    def newest_intact(self) -> pathlib.Path | None:
        """The directory that `restore` reads, named by its step; warns and raises like it."""
        for leftover in self.path.glob(_ASIDE + "*"):
            shutil.rmtree(leftover)
        found = self._complete()
        for directory in found:
            damage = _damage(directory)
            if not damage:
                return directory
            warn(f"checkpoint {directory} is damaged ({damage})")
        if found:
            raise RiglRlError(
                f"all checkpoints in {str(self.path)!r} are damaged; restore one from a backup, "
                "or start over in another directory"
            )
        return None

    def _complete(self) -> list[pathlib.Path]:
        """Complete checkpoints, newest first."""
        directories = [p for p in self.path.glob("*") if p.name.isdigit()]
        return sorted(directories, key=lambda p: int(p.name), reverse=True)


def _damage(directory: pathlib.Path) -> str | None:
    """Says how a checkpoint is damaged; None if it is intact."""
    try:
        sums = json.loads((directory / _MANIFEST).read_text())
        for name, expected in sums.items():
            if _checksum(directory / name) != expected:
                return f"{name} is not what was written"
    except (OSError, ValueError) as error:
        return " ".join(str(error).split())
    return None


def _checksum(path: pathlib.Path) -> str:
    digest = hashlib.blake2b()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _sync(path: pathlib.Path) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())
