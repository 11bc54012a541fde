"""Checkpoints that are complete or absent.

Each is a directory named by its train step (on Atari, its iteration): TensorFlow variables, the
host's state (environment, history) and a manifest of checksums. It is written under another name
and renamed when complete. At worst, a killed run leaves a directory that the next start deletes.
"""

import hashlib
import json
import pathlib
import pickle
import shutil
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from rigl_rl.errors import RiglRlError, warn
from rigl_rl.files import ASIDE, remove, replacing_directory

KEPT = 2
"""Of a run's checkpoints, the newest."""
_MANIFEST = "manifest.json"


class Checkpoints:
    """The newest checkpoints of a run, `KEPT` of them.

    Args:
      path: their directory.
    """

    def __init__(self, path: pathlib.Path):
        self.path = path

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
        try:
            with replacing_directory(self.path / f"{step:09d}") as aside:
                write(aside)
                sums = {file.name: _checksum(file) for file in sorted(aside.iterdir())}
                (aside / _MANIFEST).write_text(json.dumps(sums, indent=1))
            for old in self._complete()[KEPT:]:
                shutil.rmtree(old)
        except (OSError, tf.errors.OpError) as error:
            raise RiglRlError(
                f"cannot write the checkpoint of step {step} in {str(self.path)!r}: "
                f"{' '.join(str(error).split())}; earlier checkpoints are intact"
            ) from error

    def restore(self, variables: tf.train.Checkpoint) -> tuple[int, dict[str, Any]] | None:
        """Restores the newest intact checkpoint: its train step and host state, or None."""

        def read(directory: pathlib.Path) -> tuple[int, dict[str, Any]]:
            variables.read(str(directory / "variables")).assert_consumed()
            host = pickle.loads((directory / "host.pickle").read_bytes())
            return int(directory.name), host

        return self.restore_files(read)

    def restore_files(self, read: Callable[[pathlib.Path], Any]) -> Any:
        """Like `restore`, but the caller reads the files.

        Damaged checkpoints are skipped with a warning on standard error.

        Args:
          read: reads the files in a directory, which is named by its step.

        Returns:
          What `read` returns for the newest intact checkpoint, or None if there are none.

        Raises:
          RiglRlError: there are checkpoints, but all are damaged.
        """
        for leftover in self.path.glob(f"{ASIDE}*"):
            remove(leftover)
        found = self._complete()
        for directory in found:
            damage = _damage(directory)
            try:
                if not damage:
                    return read(directory)
            except RiglRlError:
                raise
            except Exception as error:  # a file may also be missing from the manifest
                damage = " ".join(str(error).split())
            warn(f"checkpoint {directory} is damaged ({damage})")
        if found:
            raise RiglRlError(
                f"all checkpoints in {str(self.path)!r} are damaged; restore one from a backup, "
                "or start over in another directory"
            )
        return None

    @property
    def exist(self) -> bool:
        """Whether there are any, damaged or not."""
        return bool(self._complete())

    def _complete(self) -> list[pathlib.Path]:
        """Complete checkpoints, newest first."""
        directories = [p for p in self.path.glob("*") if p.name.isdigit()]
        return sorted(directories, key=lambda p: int(p.name), reverse=True)


def _damage(directory: pathlib.Path) -> str | None:
    """Describes how a checkpoint is damaged; None if it is intact."""
    try:
        sums = json.loads((directory / _MANIFEST).read_text())
        if not isinstance(sums, dict) or not sums:
            return f"{_MANIFEST} names no files"
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
