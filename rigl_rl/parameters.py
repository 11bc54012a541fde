"""Hyper-parameters as fields of dataclasses: name, type, default, meaning and range, written once.

@dataclasses.dataclass(frozen=True)
class Hyperparameters:
    batch_size: int = parameter(128, "transitions per train step", low=1)

    def __post_init__(self):
        check(self)
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from rigl_rl.errors import ConfigError, check_counts, check_within


def parameter(
    default: Any,
    meaning: str,
    *,
    low: float | None = None,
    high: float = math.inf,
    choices: tuple[str, ...] = (),
) -> Any:
    """A field of a dataclass of hyper-parameters.

    Args:
      default: the value if none is bound.
      meaning: one sentence, with the unit.
      low, high: the range of a number, both ends included; `low` None: `check` skips it.
      choices: the allowed texts; () for any.
    """
    metadata = {"meaning": meaning, "low": low, "high": high, "choices": choices}
    return dataclasses.field(default=default, metadata=metadata)


def with_default(cls: type, name: str, default: Any) -> Any:
    """The field `name` of a base class with another default."""
    (field,) = (field for field in dataclasses.fields(cls) if field.name == name)
    return dataclasses.field(default=default, metadata=field.metadata)


def check(parameters: Any) -> None:
    """Checks the fields of a dataclass by their types and metadata.

    Raises:
      ConfigError: a value has the wrong type, is not among the choices, or is out of range.
    """
    for field in dataclasses.fields(parameters):
        value = getattr(parameters, field.name)
        # Read as text: Python 3.9 cannot evaluate `int | None`.
        kind, _, optional = str(field.type).partition(" | ")
        if (value is None and optional) or not field.metadata:
            continue
        low, high = field.metadata["low"], field.metadata["high"]
        choices = field.metadata["choices"]
        if choices and value not in choices:
            raise ConfigError(f"unknown {field.name} {value!r}; choose one of {', '.join(choices)}")
        if low is None:
            continue
        if kind == "int":
            check_counts(low, **{field.name: value})
        else:
            check_within(low, high, **{field.name: value})


def record(parameters: Any) -> dict[str, Any]:
    """The fields of a dataclass of hyper-parameters in JSON types; functions by their names."""
    found = {}
    for field in dataclasses.fields(parameters):
        value = getattr(parameters, field.name)
        if callable(value):
            value = getattr(value, "__name__", type(value).__name__)
        elif isinstance(value, Sequence) and not isinstance(value, str):
            value = list(value)
        found[field.name] = value
    return found


def pair(name: str, text: str | None) -> tuple[float, float] | None:
    """Parses the numbers for actor and critic in 'actor_critic', such as '0.9_0.8'.

    Args:
      name: the value's name, for errors.
      text: the pair; None or the empty string if not set.

    Returns:
      Both numbers, or None if not set.

    Raises:
      ConfigError: the text does not parse.
    """
    if not text:
        return None
    try:
        actor, critic = (float(number) for number in text.split("_"))
    except (ValueError, AttributeError) as error:
        raise ConfigError(
            f"{name} is {text!r}, but must be two numbers, for actor and critic, such as '0.9_0.8'"
        ) from error
    return actor, critic
