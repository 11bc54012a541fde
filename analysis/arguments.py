"""The arguments of every command that shows runs."""

from pathlib import Path

from analysis import scores
from rigl_rl.command_line import Parser, positive


def parser_of_runs(command: str, description: str, several: bool = False) -> Parser:
    """A parser with the argument for the runs, and the one for the score to show.

    command: what follows `python -m`. several: whether --runs takes a list.
    """
    parser = Parser(prog=f"python -m {command}", description=description)
    parser.add_argument(
        "--runs",
        type=Path,
        nargs="+" if several else None,
        required=True,
        help="directories of runs, or tables written by analysis.collect"
        if several
        else "directory of runs, or a table written by analysis.collect",
    )
    parser.add_argument(
        "--score",
        choices=scores.CHOICES,
        default=scores.PROTOCOL,
        help="protocol: as in the paper; greedy: without exploration where a run was "
        "also evaluated greedily, which is DQN on classic control (default: %(default)s)",
    )
    parser.add_argument(
        "--steps",
        type=positive,
        help="only runs of this many train steps (Atari: agent steps); default: for each task, the "
        "length of most of its runs",
    )
    return parser
