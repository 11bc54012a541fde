"""Does it replicate? Tests each finding that the paper states in words on the given runs.

    python -m analysis.claims --runs DIR [--out claims.csv]

A claim becomes a quantity (the probability that a run of one method scores higher than one of
another, or the difference of their scores) with a 95% interval, a verdict and the reason for it,
for each agent that has runs. docs/statistics.md has the rules and their error rates.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from analysis import notes
from analysis.arguments import parser_of_runs
from analysis.as_text import latex
from analysis.claims.evaluation import evaluate, section, shown
from analysis.collect import load
from rigl_rl.command_line import exit_code
from rigl_rl.errors import NoRunsError
from rigl_rl.files import replacing, write_text


def sentences(rows: pd.DataFrame) -> Iterator[str]:
    """The results of `evaluate` as text."""
    for (_, text), of_claim in rows.groupby(["claim", "text"], sort=False):
        yield f"{text} ({section(of_claim['section'].iloc[0])})"
        width = of_claim["agent"].str.len().max()
        for row in of_claim.itertuples():
            if not row.cells:
                yield f"  no runs; make them with: {row.command}"
                continue
            yield f"  {row.agent:<{width}} {row.verdict}: {shown(row)}"
            yield f"    {row.why}"
    verdicts = rows.loc[rows["cells"] > 0, "verdict"].value_counts()
    counted = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items())
    yield f"In all: {counted or 'no claim has runs'}"


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the verdicts, and writes them to files on request."""
    parser = parser_of_runs("analysis.claims", "The paper's findings against your runs.")
    parser.add_argument("--out", type=Path, help="CSV file to write")
    parser.add_argument("--latex", type=Path, help="LaTeX file to write, a table of the verdicts")
    args = parser.parse_args(argv)
    tables = load(args.runs, args.score, args.steps)
    if tables.runs.empty:
        raise NoRunsError(f"no finished run in {args.runs}")
    with notes.heard():  # each message once, whichever claims it concerns
        rows = evaluate(tables)
    print("\n".join(sentences(rows)))
    if args.out:
        with replacing(args.out) as aside:
            rows.to_csv(aside, index=False)
    if args.latex:
        shown_rows = rows[rows["cells"] > 0]
        table = pd.DataFrame(
            {
                "Claim": shown_rows["text"],
                "Agent": shown_rows["agent"],
                "Quantity": [shown(row) for _, row in shown_rows.iterrows()],
                "Runs": shown_rows["runs"],
                "Verdict": shown_rows["verdict"],
            }
        )
        write_text(args.latex, latex(table))
    return 0


if __name__ == "__main__":
    sys.exit(exit_code(main))
