"""Every figure there is data for.

    python -m analysis.figures --runs DIR --out DIR [--only 8,14,5]

`--runs` is a directory of runs or a table written by analysis.collect.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from analysis import figure5_left, figure8, figure14_right
from analysis.collect import load
from analysis.errors import AnalysisError, Parser, exit_code, note

FIGURES = {"5_left": figure5_left, "8": figure8, "14_right": figure14_right}


def figure_names(only: str) -> list[str]:
    """The figures that a list such as '8,figure14,5_left' asks for; raises AnalysisError."""
    names = []
    for asked in filter(None, re.split(r"[,\s]+", only)):
        number = asked.lower().replace("figure", "").strip("_-")
        found = [name for name in FIGURES if number in (name, name.split("_")[0])]
        if not found:
            raise AnalysisError(f"--only {asked}: no such figure; there are {', '.join(FIGURES)}")
        names += [name for name in found if name not in names]
    if not names:
        raise AnalysisError(f"--only names no figure; there are {', '.join(FIGURES)}")
    return names


def main(argv: Sequence[str] | None = None) -> int:
    """Draws; 1 if nothing could be drawn, or not all that was asked for by name."""
    parser = Parser(
        prog="python -m analysis.figures", description="Draw the figures there is data for."
    )
    parser.add_argument(
        "--runs",
        type=Path,
        required=True,
        help="directory of runs, or a table written by analysis.collect",
    )
    parser.add_argument("--out", type=Path, required=True, help="directory for the figures")
    parser.add_argument("--only", help="figures to draw, e.g. 8,14,5 (default: all)")
    args = parser.parse_args(argv)
    names = list(FIGURES) if args.only is None else figure_names(args.only)
    tables = load(args.runs)
    failed = 0
    for name in names:
        try:
            paths = FIGURES[name].draw(tables, args.out)
        except AnalysisError as error:
            note(str(error))
            failed += 1
        else:
            print(", ".join(map(str, paths)))
    return int(failed == len(names) or (args.only is not None and failed > 0))


if __name__ == "__main__":
    sys.exit(exit_code(main))
