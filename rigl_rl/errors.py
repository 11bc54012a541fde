"""Errors the user can fix, shown as one line without a traceback, and warnings."""

import sys


class RiglRlError(Exception):
    """A command cannot continue; one line explains why."""


class ConfigError(RiglRlError, ValueError):
    """Bad input: the line says what is wrong and what would be right."""


class NoRunsError(RiglRlError):
    """There are no runs to show; the line says how to train some."""


def warn(message: str) -> None:
    """Prints a warning on standard error."""
    print(f"warning: {message}", file=sys.stderr, flush=True)
