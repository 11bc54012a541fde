"""Hyper-parameters as fields: checks and records."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest

from rigl_rl.errors import ConfigError
from rigl_rl.parameters import check, parameter, record, with_default


@dataclasses.dataclass(frozen=True)
class Some:
    count: int = parameter(1, "a number", low=1)
    share: float = parameter(0.5, "a share", low=0, high=1)
    limit: int | None = parameter(None, "a number or none", low=0)
    kind: str = parameter("a", "a text", choices=("a", "b"))
    free: float = parameter(1.0, "any number")
    units: tuple = parameter((2, 3), "numbers")
    made_by: type = parameter(max, "a function")

    def __post_init__(self):
        check(self)


@dataclasses.dataclass(frozen=True)
class More(Some):
    share: float = with_default(Some, "share", 0.25)


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"count": 0}, "count is 0, but must be a whole number, at least 1"),
        ({"count": 1.5}, "count is 1.5, but must be a whole number, at least 1"),
        ({"count": True}, "count is True, but must be a whole number, at least 1"),
        ({"count": None}, "count is None, but must be a whole number, at least 1"),
        ({"share": 1.01}, "share is 1.01, but must lie within [0, 1]"),
        ({"share": math.nan}, "share is nan, but must lie within [0, 1]"),
        ({"share": "0.5"}, "share is '0.5', but must be a number"),
        ({"limit": -1}, "limit is -1, but must be a whole number, at least 0"),
        ({"kind": "c"}, "unknown kind 'c'; choose one of a, b"),
    ],
)
@pytest.mark.parametrize("cls", [Some, More])
def test_what_is_out_of_range_is_refused(cls, values, line):
    with pytest.raises(ConfigError) as caught:
        cls(**values)
    assert str(caught.value) == line


def test_what_is_in_range_is_taken():
    found = Some(count=7, share=1, limit=None, kind="b", free=-3)
    assert (found.count, found.share, found.limit, found.kind, found.free) == (7, 1, None, "b", -3)


def test_a_default_may_differ_from_the_base_class_nothing_else():
    assert (Some().share, More().share) == (0.5, 0.25)
    one, other = ({f.name: f.metadata for f in dataclasses.fields(c)} for c in (Some, More))
    assert one == other


def test_a_record_is_json_and_names_functions():
    found = json.loads(json.dumps(record(More(limit=4))))
    assert found == {
        "count": 1,
        "share": 0.25,
        "limit": 4,
        "kind": "a",
        "free": 1.0,
        "units": [2, 3],
        "made_by": "max",
    }
