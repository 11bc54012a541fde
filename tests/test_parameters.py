"""Hyperparameters as fields: checks and records."""

import dataclasses
import json
import math
from collections.abc import Callable, Mapping, Sequence

import pytest

from rigl_rl.errors import ConfigError
from rigl_rl.parameters import (
    Allowed,
    Checked,
    declared,
    declares,
    pair,
    parameter,
    record,
    with_default,
)


@dataclasses.dataclass(frozen=True)
class Some(Checked):
    count: int = parameter(1, "a number", low=1)
    share: float = parameter(0.5, "a share", low=0, high=1)
    open_share: float = parameter(0.5, "a share", low=0, below=1)
    width: float = parameter(1.0, "a width", above=0)
    limit: int | None = parameter(None, "a number or none", low=0)
    kind: str = parameter("a", "a text", choices=("a", "b"))
    named: str = parameter("x", "a text", choices=lambda: ["x", "y"])
    text: str = parameter("", "any text")
    switch: bool = parameter(True, "a switch")
    free: float = parameter(1.0, "any number")
    units: Sequence[int] = parameter((2, 3), "numbers", low=1, high=10)
    by_layer: Mapping[str, float] | None = parameter(None, "shares", low=0, below=1)
    either: float | Mapping[str, float] = parameter(0.5, "a share or shares", low=0, below=1)
    made_by: Callable[[int], int] = parameter(max, "a function")
    even: int = parameter(2, "even", test=(lambda n: n in (2, 4), "2 or 4"))


@dataclasses.dataclass(frozen=True)
class More(Some):
    share: float = with_default(Some, "share", 0.25)


@pytest.mark.parametrize("cls", [Some, More])
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("count", 0, "a whole number, at least 1"),
        ("count", 1.5, "a whole number, at least 1"),
        ("count", True, "a whole number, at least 1"),
        ("count", None, "a whole number, at least 1"),
        ("count", 2**31, "a whole number, at least 1, at most 2147483647"),
        ("share", 1.01, "a number within [0, 1]"),
        ("share", math.nan, "a number within [0, 1]"),
        ("share", "0.5", "a number within [0, 1]"),
        ("open_share", 1.0, "a number within [0, 1)"),
        ("width", 0, "a number above 0"),
        ("width", math.inf, "a number above 0, at most 3.4e+38"),
        ("limit", -1, "a whole number, at least 0 or None"),
        ("kind", "c", "one of 'a', 'b'"),
        ("kind", ["a"], "one of 'a', 'b'"),
        ("named", "z", "one of 'x', 'y'"),
        ("text", 3, "a text"),
        ("switch", "no", "True or False"),
        ("switch", 1, "True or False"),
        ("free", -math.inf, "a number, at most 3.4e+38"),
        ("units", (2, 0), "a list of whole numbers within [1, 10]"),
        ("units", (2, 1.5), "a list of whole numbers within [1, 10]"),
        ("units", 2, "a list of whole numbers within [1, 10]"),
        ("by_layer", {"a": 1.0}, "names, each with a number within [0, 1) or None"),
        ("by_layer", {1: 0.5}, "names, each with a number within [0, 1) or None"),
        ("either", "0.5", "a number within [0, 1) or names, each with a number within [0, 1)"),
        ("made_by", 3, "a function"),
        ("even", 3, "2 or 4"),
    ],
)
def test_what_is_out_of_range_is_refused(cls, name, value, words):
    with pytest.raises(ConfigError) as caught:
        cls(**{name: value})
    assert str(caught.value) == f"{name} is {value!r}, but must be {words}"


@pytest.mark.parametrize(
    ("value", "text"),
    [(max, "@max"), (object(), "of type object"), ("x" * 100, "'" + "x" * 59 + "...")],
)
def test_a_value_is_shown_short_and_without_an_address(value, text):
    with pytest.raises(ConfigError) as caught:
        Some(count=value)
    assert str(caught.value).startswith(f"count is {text}, but ")


@pytest.mark.parametrize("text", ["0.9", "0.9_1", "a_b", "0.1_0.2_0.3", 3, "nan_0.5"])
def test_a_pair_that_is_none_or_out_of_range(text):
    with pytest.raises(ConfigError, match=r"^both is .*, but must be two numbers within \[0, 1\),"):
        pair("both", text, low=0, below=1)
    assert pair("both", "0.9_0", low=0, below=1) == (0.9, 0.0)
    assert pair("both", "") is None


def test_types_of_a_function_are_declared_by_its_annotations():
    @declares(count=Allowed(low=1))
    def function(count: int, switch: bool = True, other=None): ...

    assert {name: kind for name, (kind, _) in declared(function).items()} == {
        "count": "int",
        "switch": "bool",
    }
    assert declared(function)["count"][1].low == 1


def test_what_is_in_range_is_taken():
    found = Some(count=7, share=1, limit=None, kind="b", free=-3)
    assert (found.count, found.share, found.limit, found.kind, found.free) == (7, 1, None, "b", -3)


def test_a_default_may_differ_from_the_base_class_nothing_else():
    assert (Some().share, More().share) == (0.5, 0.25)
    assert declared(Some) == declared(More)


def test_a_record_is_json_and_names_functions():
    found = json.loads(json.dumps(record(More(limit=4))))
    assert found == {
        "count": 1,
        "share": 0.25,
        "open_share": 0.5,
        "width": 1.0,
        "limit": 4,
        "kind": "a",
        "named": "x",
        "text": "",
        "switch": True,
        "free": 1.0,
        "units": [2, 3],
        "by_layer": None,
        "either": 0.5,
        "made_by": "max",
        "even": 2,
    }
