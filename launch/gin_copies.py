"""Copies of users' gin files in `RUNS/configs`: what the runs with these files were trained with.

Such a run is named after the folder of its file, or after its own method. Because of the copies, a
file that was edited later, or one in another folder of the same name, does not pass for the same.
"""

import glob
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from launch import gin_files
from launch.runs import Run
from rigl_rl.errors import ConfigError
from rigl_rl.files import replacing
from rigl_rl.record import FROM_CONFIGS, RESULT


def of(runs: Sequence[Run], folder: Path | None, runs_dir: Path) -> dict[Path, Path]:
    """{copy: file} of the files in `folder` that `runs` use, and of those that they include.

    Raises:
      ConfigError: other runs of the same names were trained with another file.
    """
    copies: dict[Path, Path] = {}
    if folder is None:
        return copies
    name = gin_files.name_of(folder)
    edited = gin_files.edited(folder)
    for agent, method in dict.fromkeys((run.agent, run.method) for run in runs):
        file = folder / agent / f"{method}.gin"
        if f"{name}/{agent}/{method}.gin" in edited:
            place, label, who = name, f"*{FROM_CONFIGS}{name}", "folder"
        elif file.is_file() and not (gin_files.STANDARD / agent / file.name).is_file():
            place, label, who = f"_own/{method}", f"{glob.escape(method)}-*", "method"
        else:
            continue
        for source, below in _own_files(file, folder):
            copy = runs_dir / "configs" / place / below
            if _differ(source, copy) and _have_begun(label, runs_dir):
                runs_of = f"{FROM_CONFIGS}{name}" if who == "folder" else f"of {method}"
                raise ConfigError(
                    f"argument --configs: {source} is not the file that runs {runs_of} in "
                    f"{runs_dir} were trained with ({copy}); give the {who} another name"
                )
            copies[copy] = source
    return copies


def keep(copies: Mapping[Path, Path]) -> None:
    """Writes the copies, {copy: file}, where they are missing or differ."""
    for copy, source in copies.items():
        if not copy.exists() or _differ(source, copy):
            with replacing(copy) as aside:
                shutil.copyfile(source, aside)


def _own_files(file: Path, folder: Path) -> Iterator[tuple[Path, Path]]:
    """A gin file and those that it includes, except the standard ones, with paths for copies."""
    for each in gin_files.with_includes(file):
        path = Path(os.path.abspath(each))
        if path.is_relative_to(os.path.abspath(folder)):
            below = path.relative_to(os.path.abspath(folder))
            yield folder / below, below
        elif not path.is_relative_to(gin_files.STANDARD):
            yield each, Path("_included", *path.parts[1:])


def _differ(source: Path, copy: Path) -> bool:
    return copy.is_file() and copy.read_bytes() != source.read_bytes()


def _have_begun(label: str, runs_dir: Path) -> bool:
    begun = (runs_dir.glob(f"*/*/{label}/seed*/{file}") for file in ("config.gin", RESULT))
    return any(True for paths in begun for _ in paths)
