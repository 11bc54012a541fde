"""How often are the claims wrong? Simulated studies with known truth.

    python -m analysis.simulation [--studies 1000] [--seed 0]

Prints the tables of docs/statistics.md:

- without any effect: the share of studies with a false verdict, and in parentheses with p < 0.05
  before Holm's correction, for any number of seeds;
- how often a true effect of one standard deviation is found;
- how often p < 0.05 without any effect, by the number of pairs of settings;
- how often these intervals, and others, cover the truth.
"""

import sys
from collections.abc import Iterator, Sequence

import numpy as np

from analysis.claims.pairs import DIFFERENCE
from analysis.claims.verdict import ERROR_RATE
from analysis.simulation.coverage import alternatives, coverage, few_pairs, share
from analysis.simulation.studies import CLASSIC, DEVIATION, SAC, quietly
from rigl_rl.command_line import Parser, exit_code, positive

SEEDS = (2, 3, 5, 10)


def without_effect(studies: int, random: np.random.Generator) -> Iterator[str]:
    """Shares of false verdicts: any on claims about more or less, "contradicted" on others."""
    for name, settings in (("Classic control, 90%", CLASSIC), ("SAC", SAC)):
        rows: dict[str, list[str]] = {}
        for seeds in SEEDS:
            grid = quietly(settings, seeds)
            p, holds, decided = grid.judged(grid.draw(random, studies))
            wrong = np.stack(
                [
                    ~hold if each.claim.quantity is DIFFERENCE else np.ones(studies, bool)
                    for each, hold in zip(grid.compared, holds.T)
                ],
                axis=-1,
            )
            for i, each in enumerate(grid.compared):
                shares = (wrong[:, i] & decided[:, i], wrong[:, i] & (p[:, i] < ERROR_RATE))
                rows.setdefault(each.name, []).append("{} ({})".format(*map(share, shares)))
            at_least_one = share((wrong & decided).any(-1))
            rows.setdefault("at least one", []).append(f"**{at_least_one}**")
        yield f"\n| {name} | " + " | ".join(f"{n} seeds" for n in SEEDS) + " |"
        yield "|---|" + "--:|" * len(SEEDS)
        yield from (f"| {claim} | {' | '.join(cells)} |" for claim, cells in rows.items())


def power(studies: int, random: np.random.Generator) -> Iterator[str]:
    """How often a claim is supported if its first group is one standard deviation better on three
    tasks; for a claim about a loss or equality: without any effect, and (false) at its limit.
    """
    rows: dict[str, list[str]] = {}
    for seeds in (5, 10):
        grid = quietly(CLASSIC, seeds)
        for i, each in enumerate(grid.compared):
            effects = {"1 deviation": DEVIATION}
            if each.claim.quantity is DIFFERENCE:
                effects = {"none": 0.0, "at the limit, false": each.claim.wanted.low}
            for label, effect in effects.items():
                scores = grid.draw(random, studies)
                scores[:, np.unique(each.first)] += effect
                _, holds, decided = grid.judged(scores)
                found = share(holds[:, i] & decided[:, i])
                rows.setdefault(f"{each.name} | {label}", []).append(found)
    yield "\n| supported | true effect | 5 seeds | 10 seeds |\n|---|---|--:|--:|"
    yield from (f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items())


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the tables."""
    parser = Parser(prog="python -m analysis.simulation", description="Simulated error rates.")
    parser.add_argument("--studies", type=positive, default=1000, help="per grid (default: 1000)")
    parser.add_argument("--seed", type=int, default=0, help="of the simulation")
    args = parser.parse_args(argv)
    random = np.random.default_rng(args.seed)
    print(f"Percent of {args.studies:,} studies.")
    for table, times in (
        (without_effect, 1),
        (power, 1),
        (few_pairs, 10),
        (coverage, 10),
        (alternatives, 4),  # a large array
    ):
        print("\n".join(table(times * args.studies, random)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(exit_code(main))
