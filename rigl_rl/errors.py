"""Errors the user can fix, shown as one line without a traceback, and warnings."""

from __future__ import annotations

import sys


class RiglRlError(Exception):
    """A command cannot continue; one line explains why."""


class ConfigError(RiglRlError):
    """Bad input: the line says what is wrong and what would be right."""


class NoRunsError(RiglRlError):
    """There are no runs to show; the line says how to make some."""


def warn(message: str) -> None:
    """Prints a warning on standard error."""
    print(f"warning: {message}", file=sys.stderr, flush=True)


def check_counts(least: int = 1, /, **values: int) -> None:
    """Raises a ConfigError for a value that is not a whole number, or smaller than `least`."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ConfigError(f"{name} is {value!r}, but must be a whole number, at least {least}")


def check_within(low: float, high: float, **values: float) -> None:
    """Raises a ConfigError for a value that is not a number within [low, high]."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ConfigError(f"{name} is {value!r}, but must be a number")
        if not low <= value <= high:
            raise ConfigError(f"{name} is {value!r}, but must lie within [{low}, {high}]")
