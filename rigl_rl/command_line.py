"""Shared by the commands: parsing of arguments, and one-line errors.

An error is one line, `error: ...`, on standard error. The exit code is 2 for bad input and 1 for
any other failure.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Callable, NoReturn

from rigl_rl.errors import ConfigError, RiglRlError


class Parser(argparse.ArgumentParser):
    """An argument parser that reports errors as one line, like all others (see `exit_code`)."""

    def error(self, message: str) -> NoReturn:
        """Raises a ConfigError instead of printing the usage and exiting."""
        raise ConfigError(message)


def exit_code(
    command: Callable[[Sequence[str] | None], int | None], argv: Sequence[str] | None = None
) -> int:
    """Runs a command line and returns its exit code; errors become one line."""
    try:
        return command(argv) or 0
    except (RiglRlError, OSError) as error:
        say(error)
        return 2 if isinstance(error, ConfigError) else 1


def say(error: object) -> None:
    """Prints an error as one line: the first, if the message has several."""
    # Gin adds lines that say where it was called from.
    line = (str(error).splitlines() or [type(error).__name__])[0]
    print(f"error: {line}", file=sys.stderr, flush=True)


def make_directory(flag: str, path: Path) -> Path:
    """Creates the directory given by `flag` and returns its absolute path.

    Raises:
      ConfigError: it cannot be created, or files cannot be written there.
    """
    path = path.absolute()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"argument {flag}: cannot make directory {path}: {error.strerror}"
        ) from error
    if not os.access(path, os.W_OK):
        raise ConfigError(f"argument {flag}: directory {path} is not writable")
    return path


def sparsity(text: str) -> float:
    """A sparsity between 0 and 1, as an argparse type."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0 and 1")
    return value


def positive(text: str) -> int:
    """A whole number of at least 1, as an argparse type."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)
