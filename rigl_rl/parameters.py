"""Parameters with type, range and meaning, each written once and checked in one place.

@dataclasses.dataclass(frozen=True)
class Hyperparameters(Checked):
    batch_size: int = parameter(128, "transitions per train step", low=1)

Types are read from the annotations: `int`, `float`, `bool`, `str`, `Sequence[int]`,
`Mapping[str, float]`, `Callable[...]` and `None`, joined by ` | `. Ranges apply to every number in
a sequence or mapping. Other types are checked only by their `test`.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
import numbers
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from rigl_rl.errors import ConfigError

LARGEST = {"int": 2**31 - 1, "long": 2**63 - 1, "float": 3.4e38}
"""Largest absolute values: TensorFlow's loops and networks use 32 bits; tables and seeds 64."""


@dataclasses.dataclass(frozen=True)
class Allowed:
    """Allowed values of a parameter, apart from its type.

    Attributes:
      low, high: the range of numbers, both ends included.
      above, below: the same, but the end is excluded.
      choices: the allowed texts, or a function that lists them; empty for any.
      test: a condition on a value, and its description.
    """

    low: float = -math.inf
    high: float = math.inf
    above: float = -math.inf
    below: float = math.inf
    choices: Iterable[str] | Callable[[], Iterable[str]] = ()
    test: tuple[Callable[[Any], bool], str] | None = None

    def texts(self) -> list[str]:
        """The allowed texts; empty if any text is allowed."""
        return list(self.choices() if callable(self.choices) else self.choices)

    def has(self, number: float) -> bool:
        """Whether a number is in range; NaN is not."""
        return self.low <= number <= self.high and self.above < number < self.below

    def range(self) -> str:
        """The range in words."""
        low, high = max(self.low, self.above), min(self.high, self.below)
        if high < math.inf:
            ends = "(" if low == self.above else "[", ")" if high == self.below else "]"
            return f" within {ends[0]}{low:g}, {high:g}{ends[1]}"
        if low == -math.inf:
            return ""
        return f" above {low:g}" if low == self.above else f", at least {low:g}"


ANY = Allowed()


def parameter(default: Any, meaning: str, **allowed: Any) -> Any:
    """A field of a dataclass of parameters.

    Args:
      default: the value if none is bound.
      meaning: one sentence, with the unit.
      **allowed: the allowed values, as for `Allowed`.
    """
    return dataclasses.field(
        default=default, metadata={"meaning": meaning, "allowed": Allowed(**allowed)}
    )


def with_default(cls: type, name: str, default: Any) -> Any:
    """The field `name` of a base class with another default."""
    (field,) = (field for field in dataclasses.fields(cls) if field.name == name)
    return dataclasses.field(default=default, metadata=field.metadata)


Function = TypeVar("Function", bound=Callable)


def declares(**allowed: Allowed) -> Callable[[Function], Function]:
    """Decorator of a function or class with gin bindings: the allowed values of its parameters."""

    def mark(function: Function) -> Function:
        before = getattr(function, "allowed", {})
        function.allowed = {**before, **allowed}  # type: ignore[attr-defined]
        return function

    return mark


@dataclasses.dataclass(frozen=True)
class Checked:
    """Base of dataclasses whose values are checked when they are made.

    Raises:
      ConfigError: a value is not allowed.
    """

    def __post_init__(self):
        for name, (kinds, allowed) in declared(type(self)).items():
            check(name, getattr(self, name), kinds, allowed)


def declared(function: Callable) -> dict[str, tuple[str, Allowed]]:
    """Type and allowed values of each declared parameter of a function or class."""
    if dataclasses.is_dataclass(function):
        return {
            field.name: (_text(field.type), field.metadata["allowed"])
            for field in dataclasses.fields(function)
            if "allowed" in field.metadata
        }
    allowed = getattr(function, "allowed", {})
    return {
        name: (_text(each.annotation), allowed.get(name, ANY))
        for name, each in inspect.signature(function).parameters.items()
        if each.annotation is not each.empty
    }


def _text(annotation: Any) -> str:
    """An annotation as it is written, without modules."""
    if isinstance(annotation, str):
        return annotation
    return re.sub(r"(\w+\.)+(?=\w)", "", inspect.formatannotation(annotation))


def check(name: str, value: Any, kinds: str, allowed: Allowed = ANY, **range: Any) -> None:
    """Raises a ConfigError unless a value has one of the `kinds` and is allowed.

    Args:
      name: for the message, such as 'train_eval.width'.
      value: the value.
      kinds: its type as an annotation, such as 'int | None'.
      allowed: its allowed values.
      **range: the same as keywords.
    """
    allowed = Allowed(**range) if range else allowed
    names = kinds.split(" | ")
    if not any(_fits(kind, value, allowed) for kind in names):
        words = in_words(kinds, allowed)
        if isinstance(value, (int, float)) and abs(value) > LARGEST.get(names[0], math.inf):
            words += f", at most {LARGEST[names[0]]}"
        raise ConfigError(f"{name} is {shown(value)}, but must be {words}")


def _fits(kind: str, value: Any, allowed: Allowed) -> bool:
    if allowed.test:
        return allowed.test[0](value) or (kind == "None" and value is None)
    if kind == "None":
        return value is None
    if kind == "bool":
        return isinstance(value, bool)
    if kind in LARGEST:
        return _is_number(kind, value) and abs(value) <= LARGEST[kind] and allowed.has(value)
    if kind == "str":
        return isinstance(value, str) and value in (allowed.texts() or [value])
    if kind == "Sequence[int]":
        return isinstance(value, (list, tuple)) and all(_fits("int", v, allowed) for v in value)
    if kind in ("Mapping[str, float]", "dict[str, float]"):
        return isinstance(value, Mapping) and all(
            isinstance(key, str) and _fits("float", each, allowed) for key, each in value.items()
        )
    return not kind.startswith("Callable") or callable(value)


def _is_number(kind: str, value: Any) -> bool:
    number = numbers.Real if kind == "float" else numbers.Integral
    return isinstance(value, number) and not isinstance(value, bool)


def in_words(kinds: str, allowed: Allowed = ANY) -> str:
    """The allowed values in words, such as 'a whole number, at least 1'."""
    return " or ".join(_words(kind, allowed) for kind in kinds.split(" | "))


def _words(kind: str, allowed: Allowed) -> str:
    if kind == "None":
        return kind
    if allowed.test:
        return allowed.test[1]
    texts = ", ".join(map(repr, allowed.texts()))
    words = {
        "bool": "True or False",
        **dict.fromkeys(("int", "long"), f"a whole number{allowed.range()}"),
        "float": f"a number{allowed.range()}",
        "str": f"one of {texts}" if texts else "a text",
        "Sequence[int]": f"a list of whole numbers{allowed.range()}",
    }
    if kind.endswith("[str, float]"):
        return f"names, each with a number{allowed.range()}"
    return words.get(kind, "a function")


def shown(value: Any) -> str:
    """A value in a message: short, and without addresses."""
    if callable(value):
        return f"@{getattr(value, '__name__', type(value).__name__)}"
    text = repr(value)
    if " object at 0x" in text:
        return f"of type {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:60]}..."


def record(parameters: Any) -> dict[str, Any]:
    """The fields of a dataclass of hyperparameters in JSON types; functions by their names."""
    found = {}
    for field in dataclasses.fields(parameters):
        value = getattr(parameters, field.name)
        if callable(value):
            value = getattr(value, "__name__", type(value).__name__)
        elif isinstance(value, Sequence) and not isinstance(value, str):
            value = list(value)
        found[field.name] = value
    return found


def pair(name: str, text: str | None, **allowed: Any) -> tuple[float, float] | None:
    """Parses the numbers for actor and critic in 'actor_critic', such as '0.9_0.8'.

    Args:
      name: the value's name, for errors.
      text: the pair; None or the empty string if not set.
      **allowed: the range of both, as for `Allowed`.

    Returns:
      Both numbers, or None if not set.

    Raises:
      ConfigError: the text does not parse, or a number is out of range.
    """
    if not text:
        return None
    try:
        actor, critic = (float(number) for number in text.split("_"))
        if not all(map(Allowed(**allowed).has, (actor, critic))):
            raise ValueError
    except (ValueError, AttributeError) as error:
        raise ConfigError(
            f"{name} is {shown(text)}, but must be two numbers{Allowed(**allowed).range()}, for "
            "actor and critic, such as '0.9_0.8'"
        ) from error
    return actor, critic
