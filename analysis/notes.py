"""Reports what a figure, a table or a claim leaves out, on stderr and next to it."""

from collections.abc import Iterator
from contextlib import contextmanager

from rigl_rl.errors import warn

_listening: list[list[str]] = []
_usual: set[str] = set()


@contextmanager
def heard() -> Iterator[list[str]]:
    """Yields the list of messages about runs left out inside the block, each once.

    An enclosing block collects the same messages.
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
    """The messages of the innermost `heard` block so far, except the usual ones."""
    return [each for messages in _listening[-1:] for each in messages if each not in _usual]


def left_out(shown: str, message: str, usual: bool = False) -> None:
    """Reports that runs are left out, or are unexpected.

    shown: the name of the figure, table or claim that lacks them; empty if it concerns all.
    usual: whether any directory with the runs of several studies has such runs; a figure then
        need not mention it.
    """
    if usual:
        _usual.add(message)
    told = any(message in messages for messages in _listening)
    if _listening and message not in _listening[-1]:
        _listening[-1].append(message)
    if not told:
        warn(f"{shown}: {message}" if shown else message)
