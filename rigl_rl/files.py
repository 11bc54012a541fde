"""Atomic writes: a file is either complete or absent."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ASIDE = ".writing-"
"""Prefix of directories that are still being written."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a temporary path next to `path` (same suffix); on success that file replaces `path`.

    Readers see either the old file or the new one. After the block, the new one survives a power
    cut. An error inside the block leaves an older `path` as it was. Creates missing parent
    directories.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield aside
        _sync(aside)
        os.replace(aside, path)
        _sync(path.parent)
    finally:
        aside.unlink(missing_ok=True)


def write_text(path: Path, content: str) -> None:
    """Writes a text file like `replacing`, in UTF-8 and with line ends unchanged."""
    with replacing(path) as aside, open(aside, "w", encoding="utf-8", newline="") as file:
        file.write(content)


@contextmanager
def replacing_directory(path: Path) -> Iterator[Path]:
    """Like `replacing`, for a directory: yields a new one, whose files are synced at the end.

    An older `path` is deleted just before the new one takes its place.
    """
    aside = path.with_name(f"{ASIDE}{path.name}")
    try:
        remove(aside)
        aside.mkdir(parents=True)
        yield aside
        for file in aside.rglob("*"):
            _sync(file)
        remove(path)
        os.replace(aside, path)
        _sync(path.parent)
    finally:
        remove(aside)


def remove(path: Path) -> None:
    """Deletes a file, or a directory and its contents; does nothing if it does not exist."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Makes a file's content, or renames inside a directory, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
