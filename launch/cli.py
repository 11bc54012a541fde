"""What the command lines of this package share: bad input is answered with one line, status 2."""

from __future__ import annotations

import argparse
import math
import os
from pathlib import Path
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """An argument parser that does not print its usage over the error."""

    def error(self, message: str) -> NoReturn:
        """Exits with status 2."""
        self.exit(2, f"{self.prog}: {message}\n")

    def make_directory(self, flag: str, path: Path) -> Path:
        """Creates the directory given by `flag`; an error if files cannot be written there.

        Returns:
            Its absolute path.
        """
        path = path.absolute()
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self.error(f"argument {flag}: cannot make directory {path}: {error.strerror}")
        if not os.access(path, os.W_OK):
            self.error(f"argument {flag}: directory {path} is not writable")
        return path


def sparsity(text: str) -> float:
    """A share between 0 and 1, as an argparse type."""
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
