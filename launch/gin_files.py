"""Finds a method's gin file: in a folder given by the user, or in gin_configs/AGENT/."""

import re
from collections.abc import Sequence
from pathlib import Path

from launch.execution.jobs import REPOSITORY
from launch.runs import Run
from rigl_rl.errors import ConfigError

_STANDARD = REPOSITORY / "gin_configs"


def edited(folder: Path | None) -> tuple[str, ...]:
    """The files in `folder` that replace standard ones, as `NAME/AGENT/METHOD.gin`.

    NAME is that of the folder, in characters that suit a run's directory.

    Raises:
        ConfigError: there is no such folder.
    """
    if folder is None:
        return ()
    if not folder.is_dir():
        raise ConfigError(f"argument --configs: there is no directory {folder}")
    name = re.sub(r"[^A-Za-z0-9._-]", "_", folder.resolve().name)
    files = sorted(path.relative_to(folder) for path in folder.glob("*/*.gin"))
    return tuple(
        f"{name}/{file.as_posix()}"
        for file in files
        if (_STANDARD / file).is_file() and not (_STANDARD / file).samefile(folder / file)
    )


def found(runs: Sequence[Run], folder: Path | None) -> list[Run]:
    """The runs with their methods' gin files, from `folder` where they are there.

    Raises:
        ConfigError: a method has no file, or no run uses one from the folder.
    """
    with_files = [_found(run, folder) for run in runs]
    if folder is not None and runs and with_files == list(runs):
        looked_for = sorted({f"{run.agent}/{run.method}.gin" for run in runs})
        raise ConfigError(
            f"argument --configs: {folder} has no gin file for these runs: none of "
            f"{', '.join(looked_for)}"
        )
    return with_files


def _found(run: Run, folder: Path | None) -> Run:
    name = f"{run.agent}/{run.method}.gin"
    if folder is not None and (folder / name).is_file():
        return run.with_gin_file(str((folder / name).absolute()))
    if not (REPOSITORY / run.gin_file).is_file():
        places = [run.gin_file] if folder is None else [str(folder / name), run.gin_file]
        known = sorted(path.stem for path in (_STANDARD / run.agent).glob("*.gin"))
        known = [each for each in known if each not in ("base", "original")]
        raise ConfigError(
            f"argument --methods: {run.agent} has no method {run.method!r}: no file "
            f"{' or '.join(places)} (choose from {', '.join(known)})"
        )
    return run
