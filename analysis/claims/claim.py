"""A finding of the paper, and how runs test it."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd

from analysis.claims.pairs import DIFFERENCE, PROBABILITY, Estimates, Pairs, Quantity
from analysis.claims.runs import AT, Compare, Runs, unlike_the_papers
from analysis.claims.verdict import Evidence, Range, fewest, judge
from analysis.normalization import LEARNED

Special = Callable[[Runs, Range], Iterator[tuple[str, Evidence]]]


@dataclasses.dataclass(frozen=True)
class Claim:
    """A finding of the paper.

    Attributes:
      sides: the two sides of the comparison, in words.
      studies: whose runs it needs.
      wanted: the range of the quantity in which the finding holds.
      compare: the two groups of runs, or all of the evidence.
      by: columns in which the runs of a pair are equal.
      kinds: columns that distinguish a group's settings; each of the first group is paired with
        each of the second.
      said_of: the agents that the paper names, if it names some; of others, a note says so.
    """

    name: str
    text: str
    section: str
    sides: tuple[str, str]
    studies: tuple[str, ...]
    wanted: Range
    quantity: Quantity = PROBABILITY
    compare: Compare | None = None
    by: tuple[str, ...] = (*AT, "method")
    kinds: tuple[str, ...] = ()
    special: Special | None = None
    said_of: tuple[str, ...] = ()

    def evidence(self, runs: Runs) -> Iterator[tuple[str, Evidence]]:
        """(agent, evidence) of each agent that has runs on both sides of some cell."""
        if self.special is not None:
            yield from self.special(runs, self.wanted)
            return
        assert self.compare is not None
        for title, first, second in self.compare(runs):
            found = self.of_sides(first, second)
            if found is not None:
                yield title, found

    def pairs(self, first: pd.DataFrame, second: pd.DataFrame) -> Pairs:
        """How the runs of two groups are paired."""
        return Pairs(first, second, self.by, self.kinds)

    def measured(
        self, pairs: Pairs, first: np.ndarray, second: np.ndarray
    ) -> tuple[Estimates, np.ndarray, np.ndarray, np.ndarray]:
        """The quantity for scores [..., rows] of both groups, and the result of `verdict.judge`."""
        found = pairs.estimate(first, second, self.quantity)
        least = pairs.least_p() if self.quantity is PROBABILITY else 0.0
        level, holds, against = judge(found, self.wanted, least)
        return found, level, holds, against

    def of_sides(self, first: pd.DataFrame, second: pd.DataFrame) -> Evidence | None:
        """The evidence from two groups of runs; None if they share no cell."""
        notes = []
        if self.quantity is DIFFERENCE:
            # A difference needs a unit, and equality only means something if one side has learned.
            tasks = set(first["env"]) & set(second["env"])
            first, second = first[first["in_units"]], second[second["in_units"]]
            first, second = _where_one_has_learned(first, second, self.by)
            if lost := sorted(tasks - (set(first["env"]) & set(second["env"]))):
                notes.append(f"without {', '.join(lost)}, where neither side has learned")
        pairs = self.pairs(first, second)
        if not pairs.cells:
            return None
        both = pd.concat([first, second])
        if self.said_of and not both["agent"].isin(self.said_of).all():
            notes.append(f"the paper says this of {' and '.join(map(str.upper, self.said_of))}")
        notes += unlike_the_papers(both[both["env"].isin(pairs.tasks)])
        scores = (first["score"].to_numpy(float), second["score"].to_numpy(float))
        found, level, holds, against = self.measured(pairs, *scores)
        return Evidence(
            self.quantity,
            float(found.value),
            float(found.error),
            float(found.freedom),
            dict(zip(pairs.tasks, found.by_task[0].tolist())),
            float(level),
            bool(holds),
            pairs.tasks[int(against)] if against >= 0 else "",
            len(pairs.cells),
            pairs.seeds,
            pairs.fewest,
            pairs.runs,
            fewest(self.quantity, pairs.independent),
            tuple(notes),
        )


def _where_one_has_learned(
    first: pd.DataFrame, second: pd.DataFrame, by: Sequence[str]
) -> list[pd.DataFrame]:
    """The rows of both sides in cells (equal in `by`) where a side scores above LEARNED."""
    means = [side.groupby(list(by))["score"].mean() for side in (first, second)]
    best = means[0].to_frame("first").join(means[1].rename("second"), how="inner").max(axis=1)
    keys = [side.set_index(list(by)).index for side in (first, second)]
    return [side[key.isin(best.index[best > LEARNED])] for side, key in zip((first, second), keys)]
