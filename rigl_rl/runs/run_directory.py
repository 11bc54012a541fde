"""The directory of one run: its configuration, history and result.

config.gin            the requested configuration; a different one is refused
operative_config.gin  every gin parameter in effect, defaults included
evals.csv, snr.csv    one row per evaluation or signal-to-noise measurement
tensorboard/          events
checkpoints/          the two newest, until the run is finished
policies/             policies by train step (SavedModels)
result.json           written last: if it can be read, the run is finished
"""

import difflib
import errno
import fcntl
import json
import pathlib
import shutil
from collections.abc import Callable
from typing import Any

from rigl_rl import record
from rigl_rl.errors import ConfigError, RiglRlError, warn
from rigl_rl.files import replacing_directory, write_text
from rigl_rl.runs.checkpoints import Checkpoints
from rigl_rl.runs.history import History, as_csv

_BAD_PLACE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST}
_BAD_PLACE |= {errno.ENOENT, errno.ENAMETOOLONG, errno.ELOOP}
"""Errors of a directory that another one would not have."""


class RunDirectory:
    """Opens `root_dir` for the run that `config` describes, and locks it while in use.

    Args:
      root_dir: the directory, created if missing.
      config: text of the requested configuration, including the seed.

    Attributes:
      finished: whether the run has its result.

    Raises:
      ConfigError: the directory cannot be written, holds another configuration or something that is
        not a run, or has files where a run has directories. Nothing in it has changed.
      RiglRlError: another process is using it, or the disk is full or failed.
    """

    def __init__(self, root_dir: str, config: str):
        self.path = pathlib.Path(root_dir)
        self.checkpoints = Checkpoints(self.path / "checkpoints")
        self.finished = False
        try:
            self._open(config)
        except BlockingIOError as error:
            raise RiglRlError(f"another process is running in {root_dir!r}") from error
        except OSError as error:
            line = f"run directory {root_dir!r} cannot be written: {error}"
            if error.errno in _BAD_PLACE:
                raise ConfigError(f"{line}; give a writable directory") from error
            raise RiglRlError(line) from error

    def _open(self, config: str) -> None:
        self._refuse_foreign(config)
        self.finished = record.finished(self.path)
        if self.finished:
            # The run may have been killed before it deleted them.
            shutil.rmtree(self.checkpoints.path, ignore_errors=True)
            return  # nothing else is written, and the directory may be read-only
        self._warn_of_losses()
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = open(self.path / ".lock", "a")  # noqa: SIM115, held for life
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not self._recorded.exists():
            write_text(self._recorded, config)

    @property
    def _recorded(self) -> pathlib.Path:
        return self.path / "config.gin"

    def _refuse_foreign(self, config: str) -> None:
        for name in ("checkpoints", "policies", "tensorboard"):
            if (self.path / name).exists() and not (self.path / name).is_dir():
                raise ConfigError(
                    f"{str(self.path / name)!r} is a file where a run has a directory; move it away"
                )
        if self._recorded.exists():
            before = self._recorded.read_text(encoding="utf-8", errors="backslashreplace")
            if before != config:
                raise ConfigError(
                    f"run directory {str(self.path)!r} belongs to another configuration: "
                    f"{_difference(before, config)}; use another directory"
                )
        elif self.path.exists():
            if not self.path.is_dir():
                raise ConfigError(f"{str(self.path)!r} is not a directory")
            others = sorted(p.name for p in self.path.iterdir() if not p.name.startswith("."))
            if others:
                raise ConfigError(
                    f"{str(self.path)!r} is not a run directory (it holds "
                    f"{', '.join(others[:3])}); use an empty or a new one"
                )

    def _warn_of_losses(self) -> None:
        """Warns of missing parts of an unfinished run that has begun."""
        if (self.path / record.RESULT).exists():
            warn(f"{self.path}: {record.damage(self.path)}; the run is not finished")
        if (self.path / "evals.csv").exists() and not self.checkpoints.exist:
            warn(f"{self.path} has evaluations, but no checkpoint; the run starts over")

    @property
    def tensorboard(self) -> str:
        """Directory for TensorBoard events."""
        return str(self.path / "tensorboard")

    def save_policy(self, step: int, write: Callable[[str], None]) -> None:
        """Saves the policy of train step `step`; the directory is complete or absent.

        Args:
          step: train step.
          write: writes the policy to a new directory of this name.
        """
        with replacing_directory(self.path / "policies" / f"{step:09d}") as aside:
            write(str(aside))

    def write_operative_config(self, text: str) -> None:
        """Writes operative_config.gin, with every parameter in effect."""
        write_text(self.path / "operative_config.gin", text)

    def write_history(self, history: History) -> None:
        """Replaces evals.csv and, if anything was measured, snr.csv."""
        write_text(self.path / "evals.csv", as_csv(history.evals, history.eval_columns))
        if history.snr:
            write_text(self.path / "snr.csv", as_csv(history.snr, record.SNR_COLUMNS))

    def finish(self, result: dict[str, Any]) -> None:
        """Writes result.json, which marks the run as finished, then deletes its checkpoints.

        Raises:
          RiglRlError: `record.finished` would not take the result. Nothing has changed.
        """
        # A field of a user's method may have any type; text is better than no result.
        text = json.dumps(result, indent=1, default=str)
        try:
            record.check_values(json.loads(text))
        except ConfigError as error:
            raise RiglRlError(
                f"{str(self.path)!r} cannot be finished: {error}; its checkpoints are intact"
            ) from error
        write_text(self.path / record.RESULT, text + "\n")
        self.finished = True
        shutil.rmtree(self.checkpoints.path, ignore_errors=True)


def _difference(before: str, after: str) -> str:
    """The changed bindings, on one line."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    changed = [line for line in lines if line[:3] not in ("---", "+++") and line[:2] != "@@"]
    changed = [f"{line[0]} {line[1:]}" for line in changed if line[1:].strip()]
    return " | ".join(changed) or "only in white space"
