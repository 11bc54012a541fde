"""Figures in words, from numbers made up here."""

import pandas as pd

from analysis import style
from analysis.alt_text import Reading, describe
from analysis.figures.catalog import FIGURES

READING = Reading(("env",), ("method", "distribution"), "params", "parameters", style.short)


def lines(*rows):
    """(env, method, distribution, params, mean) as points."""
    return pd.DataFrame(rows, columns=["env", "method", "distribution", "params", "mean"])


def test_few_lines_are_told_one_by_one():
    points = lines(
        ("A", "dense", None, 2000, 9.0),
        ("A", "dense", None, 500, 5.0),
        ("A", "set", "uniform", 500, 8.8),
        ("A", "set", "uniform", 2000, 8.9),
        ("B", "rigl", "uniform", 500, -7.25),
        ("B", "set", "uniform", 500, 3.0),
        ("B", "set", "uniform", 2000, -9.0),
    )
    assert describe(points, READING) == (
        "Over parameters, "
        "A: Dense rises from 5 at 500 to 9 at 2k, SET hardly changes from 8.8 at 500 to 8.9 at 2k; "
        "B: RigL -7.25 at 500, SET falls from 3 at 500 to -9 at 2k."
    )
    # Where there are both distributions a line is named after its own.
    both = pd.concat([points, lines(("B", "set", "erdos_renyi_kernel", 500, 1.0))])
    assert "SET, ERK 1 at 500, SET, Uniform falls" in describe(both, READING)


def test_of_many_lines_it_is_counted_how_many_rise():
    rows = []
    for number, task in enumerate("ABCDEFG"):
        rows += [(task, "dense", None, 1, 0.0), (task, "dense", None, 2, 10.0)]
        rows += [(task, "set", None, 1, 12.0), (task, "set", None, 2, 11.0 if number < 5 else 20.0)]
    assert describe(lines(*rows), READING) == (
        "Over parameters, in 7 panels: Dense rises in 7; SET falls in 5 and rises in 2. "
        "Highest at the end: SET in 7."
    )


def test_bars_go_from_high_to_low():
    bars = pd.DataFrame(
        {"agent": ["sac"] * 2 + ["ppo"], "label": ["Dense", "SET", "RigL"], "iqm": [0.5, 0.75, 1]}
    )
    words = describe(bars, Reading(("agent",), ("label",), y="iqm"))
    assert words == "From high to low, PPO: RigL 1.00; SAC: SET 0.75, Dense 0.50."


def test_every_figure_is_told_with_its_methods_and_numbers(full_grid):
    for name, figure in FIGURES.items():
        words = describe(figure.data(full_grid), figure.reading)
        assert 60 < len(words) < 1_500, name
        assert "nan" not in words, name
        assert sum(character.isdigit() for character in words) > 5, name
        if name not in ("3", "7"):  # budgets; distributions
            assert "RigL" in words, name
