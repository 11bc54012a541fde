"""Shared by the commands: parsing of arguments, and one-line errors.

An error is one line, `error: ...`, on standard error; `--debug` shows where it comes from. The exit
code is 2 for bad input, 130 and 143 after Ctrl-C and SIGTERM, and 1 for any other failure.
"""

import argparse
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from rigl_rl import loading
from rigl_rl.errors import ConfigError, RiglRlError
from rigl_rl.parameters import Allowed, check, in_words

DEBUG = "--debug"


class Parser(argparse.ArgumentParser):
    """An argument parser that reports errors as one line, like all others (see `exit_code`)."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.add_argument(DEBUG, action=_Ignored, help="show where an error comes from")

    def error(self, message: str) -> NoReturn:
        """Raises a ConfigError instead of printing the usage and exiting."""
        raise ConfigError(message)


class _Ignored(argparse.Action):
    """A flag that `exit_code` looks for."""

    def __init__(self, option_strings: Sequence[str], dest: str, **options: Any) -> None:
        none = argparse.SUPPRESS
        super().__init__(option_strings, none, nargs=0, default=none, **options)

    def __call__(self, *args: object, **options: object) -> None:
        pass


class _Terminated(BaseException):
    """SIGTERM came."""


def exit_code(
    command: Callable[[Sequence[str] | None], int | None], argv: Sequence[str] | None = None
) -> int:
    """Runs a command line and returns its exit code; anything that stops it becomes one line."""

    def terminate(signum: int, frame: FrameType | None) -> NoReturn:
        raise _Terminated

    loading.end()
    # Jobs on SLURM ignore SIGTERM, and must continue to.
    unhandled = signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    handle = unhandled and threading.current_thread() is threading.main_thread()
    if handle:
        signal.signal(signal.SIGTERM, terminate)
    try:
        return command(argv) or 0
    except (Exception, KeyboardInterrupt, _Terminated) as error:
        if DEBUG in (*sys.argv, *(argv or ())):
            traceback.print_exc()
        line, code = _reported(error)
        say(line)
        return code
    finally:
        if handle:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _reported(error: BaseException) -> tuple[object, int]:
    """The line for what stopped a command, and the exit code."""
    if isinstance(error, (KeyboardInterrupt, _Terminated)):
        signum = signal.SIGINT if isinstance(error, KeyboardInterrupt) else signal.SIGTERM
        return loading.stopped(signum), 128 + signum
    if isinstance(error, MemoryError):
        return f"out of memory: {error}" if str(error) else "out of memory", 1
    if isinstance(error, (RiglRlError, OSError)):
        return error, 2 if isinstance(error, ConfigError) else 1
    lines = str(error).strip().splitlines()
    if lines[:1] == ["in user code:"]:  # AutoGraph's: location first, the error in the last line
        return lines[-1].strip(), 1
    return f"{type(error).__name__}: {error}".rstrip(": "), 1


def say(error: object) -> None:
    """Prints an error as one line: the first, if the message has several."""
    # Gin adds lines that say where it was called from.
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
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


def number(kind: str, **allowed: Any) -> Callable[[str], float]:
    """An argparse type: a number of a kind and in a range, as for `rigl_rl.parameters.check`."""

    def parse(text: str) -> float:
        try:
            value = float(text) if kind == "float" else int(text)
            check(text, value, kind, **allowed)
        except ValueError as error:
            words = in_words(kind, Allowed(**allowed))
            raise argparse.ArgumentTypeError(f"{text!r} is not {words}") from error
        return value

    return parse


positive = number("int", low=1)
"""An argparse type: a whole number of at least 1."""
sparsity = number("float", above=0, below=1)
"""An argparse type: a sparsity between 0 and 1."""
