"""What gin keeps to itself: its registry, its bindings, and where it looks for included files."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any, Callable, NamedTuple

import gin

READ_IN = {"gin-config": "0.5.0"}


class Configurable(NamedTuple):
    """A registered function or class, and the name it goes by."""

    name: str
    wrapped: Callable[..., Any]


def configurables() -> list[Configurable]:
    """All that is registered."""
    entries = gin.config._REGISTRY._selector_map.values()
    return [Configurable(entry.name, entry.wrapped) for entry in entries]


def unregister(selectors: Iterable[str]) -> None:
    """Frees the names of configurables, given in full.

    No public call does, and two configurables of one name make every binding of it ambiguous.
    """
    for selector in selectors:
        gin.config._REGISTRY.pop(selector)


def bindings() -> Iterator[tuple[Configurable, dict[str, Any]]]:
    """Each configurable that something is bound to, and the values by parameter."""
    for (_, selector), parameters in gin.config._CONFIG.items():
        name = selector.rsplit(".", 1)[-1]
        yield Configurable(name, gin.config._REGISTRY[selector].wrapped), parameters


def macros() -> set[str]:
    """Names of the macros that are defined."""
    return {scope for scope, selector in gin.config._CONFIG if selector == "gin.macro"}


def imports() -> set[str]:
    """Names of the modules that the parsed files and bindings import."""
    return {statement.module for statement in gin.config._IMPORTS}


@contextlib.contextmanager
def reading_with(opened: Callable, readable: Callable[[str], bool]) -> Iterator[list[str]]:
    """Lets gin open all files by `opened`, a context manager of a path, where `readable(path)`.

    Yields:
      The folders in which gin looks for an included file, in this order; they may be changed. No
      public call puts one before the working directory.
    """
    folders, readers = gin.config._LOCATION_PREFIXES, gin.config._FILE_READERS
    before = folders[:], readers[:]
    readers[:] = [(opened, readable)]
    try:
        yield folders
    finally:
        folders[:], readers[:] = before
