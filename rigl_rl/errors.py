"""Errors that are the user's to mend: shown as one line, without a traceback."""

from __future__ import annotations


class RiglRlError(Exception):
    """A run cannot go on, for a reason that one line explains."""


class ConfigError(RiglRlError):
    """Bad input: the line says what is wrong and what would be right."""


def check_at_least(minimum: float, **values: float) -> None:
    """Raises a ConfigError for a value that is not a number, or is below `minimum`."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value < minimum:
            raise ConfigError(f"{name} is {value!r}, but must be at least {minimum}")
