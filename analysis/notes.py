"""What a figure, a table or a claim leaves out: said on stderr, and beside what is shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rigl_rl.errors import warn

_listening: list[list[str]] = []
_usual: set[str] = set()


@contextmanager
def heard() -> Iterator[list[str]]:
    """Yields the list of what is left out inside the block, each message once.

    A block around it hears the same.
    """
    messages: list[str] = []
    _listening.append(messages)
    try:
        yield messages
    finally:
        _listening.pop()
        if _listening:
            _listening[-1] += [each for each in messages if each not in _listening[-1]]


def so_far() -> list[str]:
    """What the innermost `heard` block has left out until now, but for what is usual."""
    return [each for messages in _listening[-1:] for each in messages if each not in _usual]


def left_out(shown: str, message: str, usual: bool = False) -> None:
    """Says that runs are left out, or are not what one would expect.

    shown: the name of the figure, table or claim that lacks them; empty if it concerns all.
    usual: whether a directory with the runs of several studies has such runs; a figure then need
        not say so itself.
    """
    if usual:
        _usual.add(message)
    if _listening:
        if message in _listening[-1]:
            return
        _listening[-1].append(message)
    warn(f"{shown}: {message}" if shown else message)
