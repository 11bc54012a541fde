"""How the analysis talks: one clear line on stderr, never a traceback."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Callable, NoReturn

from analysis import scores


class AnalysisError(Exception):
    """What was asked cannot be done; the message is one line that says why and what would help."""


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line like all others (see `exit_code`)."""

    def error(self, message: str) -> NoReturn:
        """Raises AnalysisError instead of printing the usage and leaving."""
        raise AnalysisError(message)

    def add_runs(self) -> None:
        """The arguments of every command that shows runs: the runs, and which score of theirs."""
        self.add_argument(
            "--runs",
            type=Path,
            required=True,
            help="directory of runs, or a table written by analysis.collect",
        )
        self.add_argument(
            "--score",
            choices=scores.CHOICES,
            default=scores.PROTOCOL,
            help="protocol: as the paper evaluates; greedy: without exploration where a run was "
            "evaluated so too, which is DQN on classic control (default: %(default)s)",
        )


def note(message: str) -> None:
    """Says on stderr what does not stop the work but should be known (a run left out)."""
    print(f"analysis: {message}", file=sys.stderr)


def exit_code(
    command: Callable[[Sequence[str] | None], int], argv: Sequence[str] | None = None
) -> int:
    """Runs a command line; a bad input or an unwritable file becomes one line and exit code 1."""
    try:
        return command(argv)
    except (AnalysisError, OSError) as error:
        note(f"error: {error}")
        return 1
