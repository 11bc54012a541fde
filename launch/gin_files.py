"""Finds a method's gin file: in a folder given by the user, or in gin_configs/AGENT/.

Runs with a user's file are named after its folder, or after their own method. Neither name holds
the file's content; `gin_copies` keeps it.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from launch.execution.jobs import REPOSITORY
from launch.runs import Run
from rigl_rl.errors import ConfigError

STANDARD = REPOSITORY / "gin_configs"
_INCLUDE = re.compile(r"""^\s*include\s+(['"])(.+?)\1""", re.MULTILINE)


def edited(folder: Path | None) -> tuple[str, ...]:
    """The files in `folder` that replace standard ones, as `NAME/AGENT/METHOD.gin`.

    NAME is that of the folder, in characters that suit a run's directory. A copy of a standard file
    replaces it if it includes a file that differs.

    Raises:
      ConfigError: there is no such folder.
    """
    if folder is None:
        return ()
    if not folder.is_dir():
        raise ConfigError(f"argument --configs: there is no directory {folder}")
    name = name_of(folder)
    files = sorted(path.relative_to(folder) for path in folder.glob("*/*.gin"))
    return tuple(
        f"{name}/{file.as_posix()}"
        for file in files
        if (STANDARD / file).is_file() and _content(folder / file) != _content(STANDARD / file)
    )


def name_of(folder: Path) -> str:
    """The folder's name, in characters that suit a run's directory."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", folder.resolve().name)


def with_includes(file: Path) -> list[Path]:
    """A gin file and all files that it includes, each once; those that are missing are left out.

    As in training, an included file is looked for next to the one that includes it, then in the
    repository's root.
    """
    found = [file]
    for each in found:  # grows
        for _, name in _INCLUDE.findall(each.read_bytes().decode(errors="replace")):
            places = (place / name for place in (each.parent, REPOSITORY))
            path = next((place for place in places if place.is_file()), None)
            if path is not None and not any(path.samefile(known) for known in found):
                found.append(path)
    return found


def _content(file: Path) -> list[bytes]:
    return [each.read_bytes() for each in with_includes(file)]


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
        known = sorted(path.stem for path in (STANDARD / run.agent).glob("*.gin"))
        known = [each for each in known if each not in ("base", "original")]
        raise ConfigError(
            f"argument --methods: {run.agent} has no method {run.method!r}: no file "
            f"{' or '.join(places)} (choose from {', '.join(known)})"
        )
    return run
