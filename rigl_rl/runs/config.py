"""Gin configuration from files and bindings, with errors that fit on one line."""

from __future__ import annotations

import contextlib
import difflib
import inspect
import os
import re
from collections.abc import Iterator, Sequence
from tokenize import TokenError

import gin

from rigl_rl.errors import ConfigError


def parse(gin_files: Sequence[str], bindings: Sequence[str]) -> None:
    """Parses gin files, then bindings over them.

    An `include` in a file is looked up beside that file. A binding that only defines a macro which
    nothing uses is an error: it is a misspelt name.

    Raises:
      ConfigError: a file is missing, or something in it or in a binding is not understood.
    """
    for path in gin_files:
        if not os.path.isfile(path):
            raise ConfigError(f"gin file {path!r} does not exist")
        # Beside the file first, and no public call says so: a base.gin in the working directory
        # must not pass for the one that is meant.
        gin.config._LOCATION_PREFIXES[:] = [os.path.dirname(os.path.abspath(path)), ""]
        with one_line(f"gin file {path!r}"):
            gin.parse_config_file(os.path.abspath(path))
    macros = _macros()
    for binding in bindings:
        with one_line(f"gin binding {binding!r}"):
            gin.parse_config(binding)
    used = set(re.findall(r"%(\w+)", gin.config_str()))
    for name in sorted(used - _macros()):
        raise ConfigError(f"gin macro %{name} is not defined{_did_you_mean(name, _macros())}")
    for name in sorted(_macros() - macros - used):
        hint = _did_you_mean(name, macros)
        raise ConfigError(
            f"gin binding {name!r} defines a macro that nothing uses{hint}; "
            f"the gin files define {', '.join(sorted(macros)) or 'none'}"
        )


@contextlib.contextmanager
def one_line(context: str = "") -> Iterator[None]:
    """Turns the errors of bad configuration values into a one-line ConfigError."""
    try:
        yield
    except ConfigError:
        raise
    except (ValueError, TypeError, SyntaxError, TokenError, OSError, LookupError) as error:
        raise ConfigError(": ".join(filter(None, [context, _first_sentence(error)]))) from error


def _first_sentence(error: Exception) -> str:
    # Gin appends where the call came from ("In call to configurable ...", "In file ...").
    text = re.split(r"\n?\s*In (?:call to configurable|file|bindings string)\b", str(error))[0]
    text = " ".join(text.split())
    token = re.search(r"Failed to parse token '(.*?)'", text)
    if token:
        return f"cannot read the value {token.group(1)}; strings need quotes"
    match = re.search(r"(?:No configurable matching|doesn't have a parameter named) '(\S+?)'", text)
    if match:
        text = text.rstrip(".") + _did_you_mean(match.group(1), _known_names())
    return text or type(error).__name__


def _known_names() -> Sequence[str]:
    """Names a user may bind: our configurables and their parameters."""
    names = []
    for entry in gin.config._REGISTRY._selector_map.values():
        # By where it is defined: some are registered under the authors' module names.
        if (getattr(entry.wrapped, "__module__", None) or "").startswith(("rigl_rl", "__main__")):
            names += [entry.name, *inspect.signature(entry.wrapped).parameters]
    return names


def _did_you_mean(name: str, known) -> str:
    close = difflib.get_close_matches(name.split(".")[0], list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _macros() -> set:
    return {scope for scope, selector in gin.config._CONFIG if selector == "gin.macro"}


def text(seed: int) -> str:
    """The parsed configuration and the seed: what a run directory is claimed with.

    Without `sparse_execution`, which changes how a run is computed, not what.
    """
    section = r"# Parameters for sparse_execution:\n# =+\n(?:.+\n)+\n?"
    return f"# seed = {seed}\n{re.sub(section, '', gin.config_str())}"
