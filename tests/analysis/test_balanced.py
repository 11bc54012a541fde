"""Tasks and seeds that every group has."""

import collections
import math

import pandas as pd
import pytest

from analysis.balanced import rectangular, widest


def seeds(tasks_of):
    """A letter per run, named after its task."""
    return {name: collections.Counter(tasks) for name, tasks in tasks_of.items()}


@pytest.mark.parametrize(
    ("tasks_of", "expected"),
    [
        ({}, []),
        ({"x": "", "y": "a"}, ["a"]),
        ({"x": "abc", "y": "abc", "z": "a"}, ["a", "b", "c"]),  # 6, not 3
        ({"x": "abc", "y": "ab", "z": "ac"}, ["a", "b"]),  # 4; so have a and c
        ({"x": "ab", "y": "a"}, ["a", "b"]),  # 2 and 2
        ({"x": "abc", "y": "bcd", "z": "d"}, ["b", "c"]),  # which is neither's own set
        ({**dict.fromkeys("vwxyz", "a"), "u": "abcd"}, ["a"]),  # 6, not 4
        ({"x": "aaabbb", "y": "aaabbb", "z": "aabbc"}, ["a", "b"]),  # 16, not 9
        ({"x": "aaabbb", "y": "aaabbbcd", "z": "aabbcd"}, ["a", "b"]),  # 16, not 8
    ],
)
def test_the_widest_tasks_are_those_of_most_runs(tasks_of, expected):
    assert widest(seeds(tasks_of)) == expected


def test_the_widest_tasks_may_need_several_groups():
    alone = seeds({"x": "abcdef", "y": "ab", "z": "gh"})
    assert widest(alone) == [*"abcdef"]
    assert widest(alone, least=2) == ["a", "b"]
    assert widest(seeds({"x": "a", "y": "b"}), least=2) == []


def test_seeds_that_not_all_tasks_have_are_said_to_be_left_out():
    runs = pd.DataFrame(
        {"env": ["A", "A", "A", "B", "B", "B"], "score": [1.0, 2.0, 3.0, 4.0, 5.0, math.nan]}
    )
    scores, text = rectangular(runs, ["A", "B"])
    assert scores.tolist() == [[1.0, 4.0], [2.0, 5.0]]
    assert text == "2 of up to 3 seeds of each task, as B has"
    scores, text = rectangular(runs, ["A", "C"])
    assert (len(scores), text) == (0, "")
