"""Claims and intervals err as rarely as docs/statistics.md says: fewer studies, wider bounds."""

import re
from pathlib import Path

import numpy as np
import pytest

from analysis.claims.pairs import DIFFERENCE
from analysis.simulation import __main__ as simulation
from analysis.simulation.coverage import coverage
from analysis.simulation.studies import CLASSIC, SAC, quietly

PAGE = Path(__file__).resolve().parents[2] / "docs" / "statistics.md"


@pytest.mark.parametrize(("settings", "seeds"), [(CLASSIC, 5), (CLASSIC, 10), (SAC, 5)])
def test_false_verdicts_are_rare(settings, seeds):
    grid = quietly(settings, seeds)
    studies = 400
    _, holds, decided = grid.judged(grid.draw(np.random.default_rng(1), studies))
    directional = [each.claim.quantity is not DIFFERENCE for each in grid.compared]
    wrong = decided & (np.array(directional) | ~holds)
    # 8% of the studies, and two deviations of such a share.
    assert wrong.any(-1).mean() < 0.08 + 2 * (0.08 * 0.92 / studies) ** 0.5
    assert wrong.mean(0).max() < 0.06


@pytest.mark.parametrize("seeds", [2, 3])
def test_few_seeds_give_no_verdict(seeds):
    grid = quietly(CLASSIC, seeds)
    scores = grid.draw(np.random.default_rng(1), 20)
    scores[:, ::2] += 100  # however clear
    assert not grid.judged(scores)[2].any()


def test_a_true_effect_is_found():
    grid = quietly(CLASSIC, 10)
    (place,) = (i for i, each in enumerate(grid.compared) if each.name == "pruning-is-best")
    scores = grid.draw(np.random.default_rng(1), 100)
    scores[:, np.unique(grid.compared[place].first)] += 0.15
    _, holds, decided = grid.judged(scores)
    assert (holds & decided)[:, place].mean() > 0.8


def test_intervals_hold_the_truth_as_often_as_they_say():
    rows = [re.findall(r"\d+\.\d", row) for row in coverage(4_000, np.random.default_rng(1))]
    text = "\n".join(coverage(10, np.random.default_rng(1)))
    assert text.count("skewness 2") == 3  # beyond what is promised
    for row, line in zip(rows, text.splitlines()[1:]):
        if row and "skewness 2" not in line:
            assert all(92.2 < float(share) < 97.8 for share in row), line


def test_the_page_has_the_tables_that_the_command_prints(capsys):
    """Its rows and columns; the numbers are those of 1,000 studies."""
    simulation.main(["--studies", "2"])
    printed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    words = [re.sub(r"[\d.]+(?= ?[|(*)])", "#", line) for line in printed]
    page = [re.sub(r"[\d.]+(?= ?[|(*)])", "#", line) for line in PAGE.read_text().splitlines()]
    assert set(words) <= set(page)
