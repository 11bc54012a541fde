"""Private parts of gin: its registry, its bindings, and where it looks for included files."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import gin

READ_IN = {"gin-config": "0.5.0"}


class Configurable(NamedTuple):
    """A registered function or class and its name."""

    name: str
    wrapped: Callable[..., Any]


def configurables() -> list[Configurable]:
    """All registered configurables."""
    entries = gin.config._REGISTRY._selector_map.values()
    return [Configurable(entry.name, entry.wrapped) for entry in entries]


def unregister(selectors: Iterable[str]) -> None:
    """Frees the names of configurables, given in full.

    gin has no public call for this, and two configurables of one name make its bindings ambiguous.
    """
    for selector in selectors:
        gin.config._REGISTRY.pop(selector)


def bindings() -> Iterator[tuple[Configurable, dict[str, Any]]]:
    """Each configurable that has bindings, with its values by parameter."""
    for (_, selector), parameters in gin.config._CONFIG.items():
        name = selector.rsplit(".", 1)[-1]
        yield Configurable(name, gin.config._REGISTRY[selector].wrapped), parameters


def given() -> dict[Callable[..., Any], set[str]]:
    """The parameters that gin gave to each configurable called so far, bound or default.

    Those that its callers gave are not among them, though gin counts their bindings as used.
    """
    found: dict[Callable[..., Any], set[str]] = {}
    for (_, selector), parameters in gin.config._OPERATIVE_CONFIG.items():
        found.setdefault(gin.config._REGISTRY[selector].wrapped, set()).update(parameters)
    return found


def macros() -> set[str]:
    """Names of the defined macros."""
    return {scope for scope, selector in gin.config._CONFIG if selector == "gin.macro"}


def imports() -> set[str]:
    """Names of the modules that the parsed files and bindings import."""
    return {statement.module for statement in gin.config._IMPORTS}


@contextlib.contextmanager
def reading_with(opened: Callable, readable: Callable[[str], bool]) -> Iterator[list[str]]:
    """Makes gin open files with `opened`, if `readable(path)`.

    Args:
      opened: takes a path and returns a context manager of the open file.
      readable: whether gin should open this path.

    Yields:
      The folders in which gin looks for an included file, in this order. The list may be changed:
      gin has no public call to put a folder before the working directory.
    """
    folders, readers = gin.config._LOCATION_PREFIXES, gin.config._FILE_READERS
    before = folders[:], readers[:]
    readers[:] = [(opened, readable)]
    try:
        yield folders
    finally:
        folders[:], readers[:] = before
