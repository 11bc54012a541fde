"""Files that are never half-written."""

from __future__ import annotations

import os
import pathlib


def write_atomically(path: pathlib.Path, content: str) -> None:
    """Writes aside, flushes to the disk, then renames: readers see the old file or the new one.

    When it returns, the new file survives a power cut.
    """
    aside = path.with_name(f".{path.name}.tmp")
    with open(aside, "w", encoding="utf-8", newline="") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, path)
    sync_directory(path.parent)


def sync_directory(path: pathlib.Path) -> None:
    """Makes renames inside `path` survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
