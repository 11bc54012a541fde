"""Does it replicate? Each finding that the paper states in words, against the runs at hand.

    python -m analysis.claims --runs DIR [--out claims.csv]

A claim becomes a quantity (a probability that one group of runs scores higher, or a difference of
interquartile means) with a 95 % interval and a verdict, for each agent that has runs. See
`evidence` for the rules.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.arguments import add_runs
from analysis.claims.evidence import UNDECIDED
from analysis.claims.findings import evaluate
from analysis.collect import load
from rigl_rl.command_line import Parser, exit_code
from rigl_rl.errors import NoRunsError
from rigl_rl.files import replacing


def sentences(rows: pd.DataFrame) -> Iterator[str]:
    """What `evaluate` found, for a reader."""
    for (_, text), of_claim in rows.groupby(["claim", "text"], sort=False):
        yield f"{text} (section {of_claim['section'].iloc[0]})"
        width = of_claim["agent"].str.len().max()
        for row in of_claim.itertuples():
            if not row.cells:
                yield f"  no runs; make them with: {row.command}"
                continue
            interval = "" if np.isnan(row.low) else f" [{row.low:.2f}, {row.high:.2f}]"
            line = f"  {row.agent:<{width}} {row.verdict}: {row.quantity} {row.value:.2f}{interval}"
            more = _more(row.seeds_needed) if row.verdict == UNDECIDED else ""
            rests_on = f"{row.cells} cell(s), {row.seeds} seed(s), {row.runs} runs"
            yield f"{line}, {rests_on}{more}"


def _more(seeds: float) -> str:
    return f"; about {seeds:.0f} seeds would do" if seeds == seeds else "; more seeds hardly would"


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the verdicts, and writes them if asked to."""
    parser = Parser(
        prog="python -m analysis.claims", description="The paper's findings against your runs."
    )
    add_runs(parser)
    parser.add_argument("--out", type=Path, help="CSV file to write")
    args = parser.parse_args(argv)
    tables = load(args.runs, args.score)
    if tables.runs.empty:
        raise NoRunsError(f"no finished run in {args.runs}")
    rows = evaluate(tables)
    print("\n".join(sentences(rows)))
    if args.out:
        with replacing(args.out) as aside:
            rows.to_csv(aside, index=False)
    return 0


if __name__ == "__main__":
    sys.exit(exit_code(main))
