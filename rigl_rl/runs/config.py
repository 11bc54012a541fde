"""Gin configuration from files and bindings, with errors that fit on one line."""

import contextlib
import copy
import dataclasses
import difflib
import inspect
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from tokenize import TokenError
from typing import Any, TextIO

import gin

from rigl_rl.adapters import gin_internals
from rigl_rl.errors import ConfigError
from rigl_rl.parameters import check, declared
from rigl_rl.runs import by_method  # noqa: F401, registers its gin name
from rigl_rl.runs.original_names import NOT_REFUSED_BY_GIN, why_not


def parse(gin_files: Sequence[str], bindings: Sequence[str]) -> None:
    """Parses gin files, then bindings, which override them.

    gin looks for an included file next to the file that includes it, then in the working directory.
    A binding that only defines an unused macro is an error, because it is likely a misspelled name.

    Raises:
      ConfigError: a file is missing, or gin does not understand something in it or in a binding.
    """
    with _includes_beside_their_file():
        for path in gin_files:
            if not os.path.isfile(path):
                raise ConfigError(f"gin file {path!r} does not exist")
            with one_line(f"gin file {path!r}", _ANY):
                gin.parse_config_file(os.path.abspath(path))
        of_files = gin_internals.macros()
        for binding in bindings:
            with one_line(f"gin binding {binding!r}", _ANY):
                gin.parse_config(binding)
    macros, used = gin_internals.macros(), set(re.findall(r"%(\w+)", gin.config_str()))
    for name in sorted(used - macros):
        raise ConfigError(f"gin macro %{name} is not defined{_did_you_mean(name, macros)}")
    for name in sorted(macros - of_files - used):
        hint = _did_you_mean(name, of_files)
        raise ConfigError(
            f"gin binding {name!r} defines a macro that nothing uses{hint}; "
            f"the gin files define {', '.join(sorted(of_files)) or 'none'}"
        )
    _refuse_names_without_effect()
    _check_values()


@contextlib.contextmanager
def _includes_beside_their_file() -> Iterator[None]:
    """Makes gin look for an included file next to the file that includes it.

    Gin has one list of folders for all files, with the working directory first. A base.gin there
    must not be taken instead.
    """
    open_files: list[str] = []

    @contextlib.contextmanager
    def opened(path: str) -> Iterator[TextIO]:
        real = os.path.realpath(path)
        if real in open_files:
            chain = " -> ".join(map(repr, (*open_files[open_files.index(real) :], real)))
            raise ValueError(f"gin files include each other in a circle: {chain}")
        around = folders[:]
        folders[:] = [os.path.dirname(os.path.abspath(path)), ""]
        open_files.append(real)
        try:
            with open(path) as file:
                yield file
        finally:
            open_files.pop()
            folders[:] = around

    with gin_internals.reading_with(opened, os.path.isfile) as folders:
        yield


def imported_modules() -> tuple[str, ...]:
    """Names of the modules that the parsed gin files and bindings import, sorted."""
    return tuple(sorted(gin_internals.imports()))


_BAD_VALUES = (
    *(ValueError, TypeError, SyntaxError, TokenError, OSError, LookupError, ImportError),
    *(AttributeError, RecursionError),
)

_ANY = (Exception,)
"""Errors from modules that a configuration imports."""


@contextlib.contextmanager
def one_line(
    context: str = "", errors: tuple[type[Exception], ...] = _BAD_VALUES
) -> Iterator[None]:
    """Turns the errors of bad configuration values, or given ones, into a one-line ConfigError."""
    try:
        yield
    except ConfigError:
        raise
    except errors as error:
        raise ConfigError(": ".join(filter(None, [context, _first_sentence(error)]))) from error


# Gin's messages for an unknown configurable or parameter.
_UNKNOWN = (
    r"No configurable matching (?:reference )?'@?([\w./]+)",
    r"Configurable '(\S+)' doesn't have a parameter named '(\S+?)'",
)


def _first_sentence(error: Exception) -> str:
    # Gin appends where the call came from ("In call to configurable ...", "In file ...").
    text = re.split(r"\n?\s*In (?:call to configurable|file|bindings string)\b", str(error))[0]
    text = " ".join(text.split())
    if re.search("No module named 'rigl'|configurable matching '.*' already exists", text):
        text = text.split(". To allow")[0]
        return f"{text}; remove the import lines of the original's and Dopamine's files"
    if isinstance(error, ModuleNotFoundError):
        return f"{text}; start the command where it can be imported, or set PYTHONPATH"
    if isinstance(error, RecursionError):
        return "its macro refers to itself"
    token = re.search(r"Failed to parse token '(.*?)'", text)
    if token:
        return f"cannot read the value {token.group(1)}; strings need quotes"
    for match in filter(None, (re.search(pattern, text) for pattern in _UNKNOWN)):
        names = match.groups()
        return why_not(*names) or text.rstrip(".") + _hint(*names)
    return text if text and isinstance(error, _BAD_VALUES) else f"{type(error).__name__}: {text}"


def _refuse_names_without_effect() -> None:
    for (name, wrapped), bound in gin_internals.bindings():
        for parameter in _not_default(wrapped, bound):
            for known in (name, f"{name}.{parameter}"):
                if known in NOT_REFUSED_BY_GIN:
                    raise ConfigError(f"gin binding of {why_not(*known.split('.'))}")


def refuse_unused_bindings(
    later: Collection[str] = (), instead: Mapping[str, str] | None = None
) -> None:
    """Call it when all parts of a run are made.

    Args:
      later: names of classes whose objects are made later.
      instead: {name: what to bind instead} of configurables ('Name') and parameters ('Name.name')
        of ours that the command does not read.

    Raises:
      ConfigError: a binding for an agent, for a class of a library, or for one of `instead` had no
        effect.
    """
    given, instead = gin_internals.given(), instead or {}
    for (name, wrapped), bound in gin_internals.bindings():
        for parameter in _not_default(wrapped, bound):
            binding = f"{name}.{parameter}"
            if advice := instead.get(binding) or instead.get(name):
                raise ConfigError(f"gin binding {binding} has no effect here; {advice}")
        if name in later or not isinstance(wrapped, type) or _may_be_unused(wrapped, given):
            continue
        for parameter in _not_default(wrapped, bound):
            if parameter not in given.get(wrapped, ()):
                where = _instead(wrapped, parameter, given)
                raise ConfigError(
                    f"gin binding {name}.{parameter} has no effect, because the code gives "
                    f"{parameter} itself or does not use {name}; "
                    + (f"bind {where}" if where else "leave it out")
                )


_SHOWN_ELSEWHERE = ("create_atari_environment.game_name", "CollectorDispatcher.collectors")
"""The task, and where Dopamine writes its own statistics."""


def other_bindings(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """{'Name.parameter': value} of bindings that change training, but not what is recorded.

    They are bound for agents, networks, environments and libraries. Default values are left out.

    Args:
      recorded: hyperparameters and labels of the run. Functions are recorded by their names.
    """
    functions = [value for value in recorded.values() if isinstance(value, str)]
    found = {}
    for (name, wrapped), bound in gin_internals.bindings():
        of_class = isinstance(wrapped, type) and not dataclasses.is_dataclass(wrapped)
        ours_recorded = _is_ours(wrapped) and not of_class and wrapped.__name__ not in functions
        if ours_recorded or wrapped.__module__.startswith("gin."):
            continue
        for parameter in _not_default(wrapped, bound):
            if parameter not in recorded and f"{name}.{parameter}" not in _SHOWN_ELSEWHERE:
                value = copy.deepcopy(bound[parameter])  # macros become their values
                plain = isinstance(value, (bool, int, float, str, type(None)))
                found[f"{name}.{parameter}"] = value if plain else repr(bound[parameter])
    return dict(sorted(found.items()))


def _may_be_unused(wrapped: type, called: Collection[Callable]) -> bool:
    # Not all methods use all of our classes, and keywords override hyperparameters.
    return _is_ours(wrapped) and (wrapped not in called or dataclasses.is_dataclass(wrapped))


def _instead(wrapped: type, parameter: str, called: Collection[Callable]) -> str | None:
    """The name of ours that sets a parameter of this run; those of hyperparameters first."""
    ours = [each for each in gin_internals.configurables() if each.wrapped in called]
    ours.sort(key=lambda each: not dataclasses.is_dataclass(each.wrapped))
    for name, other in ours:
        if (
            other is not wrapped
            and _is_ours(other)
            and parameter in inspect.signature(other).parameters
        ):
            return f"{name}.{parameter}"
    return None


def _not_default(wrapped: Callable, bound: Mapping[str, Any]) -> Iterator[str]:
    """The parameters bound to other values than their defaults, which operative configurations
    contain.
    """
    parameters = inspect.signature(wrapped).parameters
    for name, value in bound.items():
        if name not in parameters or parameters[name].default != value:
            yield name


def _check_values() -> None:
    """Checks the type and range of every bound value whose parameter declares them."""
    for (name, wrapped), bound in gin_internals.bindings():
        known = declared(wrapped) if _is_ours(wrapped) else {}
        for parameter, value in bound.items():
            # A function's return value is checked when it is called, which not all methods do.
            if parameter in known and not re.fullmatch(r"@.*\(\)", repr(value)):
                binding = f"{name}.{parameter}"
                with one_line(f"gin binding {binding}"):
                    # Copying replaces macros and references by their values.
                    check(binding, copy.deepcopy(value), *known[parameter])


def _is_ours(wrapped: Callable) -> bool:
    # By module of definition, because some are registered under the authors' module names.
    return (getattr(wrapped, "__module__", None) or "").startswith(("rigl_rl", "__main__"))


def _hint(configurable: str, parameter: str | None = None) -> str:
    """A suggestion for an unknown name; a configurable comes with its parameter."""
    ours = [each for each in gin_internals.configurables() if _is_ours(each.wrapped)]
    parameters = {name: list(inspect.signature(wrapped).parameters) for name, wrapped in ours}
    if parameter is None:
        return _did_you_mean(configurable, parameters)
    own = parameters.get(configurable.rpartition(".")[2], [])
    owners = [f"{name}.{parameter}" for name, known in parameters.items() if parameter in known]
    return _did_you_mean(parameter, own) or (f" (did you mean {owners[0]!r}?)" if owners else "")


def _did_you_mean(name: str, known) -> str:
    close = difflib.get_close_matches(name.split(".")[0], list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def text(seed: int) -> str:
    """The parsed configuration and the seed, which identify the run in its directory.

    It leaves out `sparse_execution`, which changes how a run is computed but not what is trained.
    """
    section = r"# Parameters for sparse_execution:\n# =+\n(?:.+\n)+\n?"
    return f"# seed = {seed}\n{re.sub(section, '', gin.config_str())}"
