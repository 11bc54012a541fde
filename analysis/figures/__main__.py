"""Draws every figure and table that has data.

    python -m analysis.figures --runs DIR --out DIR [--only 8,14,5] [--human_scores nature]

`--runs` is a directory of runs or a table written by analysis.collect.
"""

import dataclasses
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from analysis import notes
from analysis.arguments import parser_of_runs
from analysis.collect import load
from analysis.figures.catalog import DRAWINGS, WITHOUT_RUNS
from analysis.figures.iqm import IqmFigure
from analysis.normalization import HUMAN_SCORES
from analysis.tables import SweepTable
from rigl_rl.command_line import exit_code
from rigl_rl.errors import ConfigError, NoRunsError, warn


def figure_names(only: str) -> list[str]:
    """The figures and tables that a list such as '8,figure14,5_left,table1' asks for.

    Raises ConfigError for any other name.
    """
    names = []
    there_are = ", ".join(DRAWINGS)
    for asked in filter(None, re.split(r"[,\s]+", only)):
        number = asked.lower().replace("figure", "").strip("_-")
        found = [name for name in DRAWINGS if number in (name, name.split("_")[0])]
        if not found:
            raise ConfigError(f"--only {asked}: no such figure; there are {there_are}")
        names += [name for name in found if name not in names]
    if not names:
        raise ConfigError(f"--only names no figure; there are {there_are}")
    return names


def main(argv: Sequence[str] | None = None) -> int:
    """Draws; returns 1 if nothing could be drawn, or not everything that --only names."""
    parser = parser_of_runs("analysis.figures", "Draw all figures and tables that have data.")
    parser.add_argument("--out", type=Path, required=True, help="directory for the figures")
    parser.add_argument("--only", help="figures and tables, e.g. 8,14,5,table1 (default: all)")
    parser.add_argument(
        "--human_scores",
        choices=HUMAN_SCORES,
        default=HUMAN_SCORES[0],
        help="table of human scores for Atari (default: %(default)s)",
    )
    parser.add_argument("--latex", action="store_true", help="also write tables in LaTeX")
    args = parser.parse_args(argv)
    names = list(DRAWINGS) if args.only is None else figure_names(args.only)
    tables = load(args.runs, args.score, args.steps)
    drawn = set()
    for name in names:
        figure = DRAWINGS[name]
        if isinstance(figure, (IqmFigure, SweepTable)):
            figure = dataclasses.replace(figure, human=args.human_scores)
        if isinstance(figure, SweepTable):
            figure = dataclasses.replace(figure, latex=args.latex)
        try:
            with notes.heard():
                paths = figure.draw(tables, args.out)
        except NoRunsError as error:
            warn(str(error))
        else:
            print(", ".join(map(str, paths)))
            drawn.add(name)
    if args.only is not None:
        return int(drawn != set(names))
    return int(drawn <= WITHOUT_RUNS)


if __name__ == "__main__":
    sys.exit(exit_code(main))
