"""One page to share: every figure, table and claim, and the runs behind them.

    python -m analysis.report --runs DIR --out report.html

The page is a single file without scripts that needs no server and no network.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from analysis import notes
from analysis.arguments import parser_of_runs
from analysis.collect import load
from analysis.report.page import render
from rigl_rl.command_line import exit_code
from rigl_rl.files import write_text


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the page."""
    parser = parser_of_runs("analysis.report", "Write a one-page report.")
    parser.add_argument("--out", type=Path, required=True, help="HTML file to write")
    args = parser.parse_args(argv)
    with notes.heard() as left_out:
        tables = load(args.runs, args.score, args.steps)
    page = render(tables, left_out)
    write_text(args.out, page)
    print(args.out)
    return 0


if __name__ == "__main__":
    sys.exit(exit_code(main))
