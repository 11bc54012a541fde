"""SLURM's queue: lists its runs and cancels jobs."""

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rigl_rl.errors import RiglRlError

LIST = "runs.txt"
"""The file in an array's directory that names the runs of its tasks."""
_AT_ONCE = 500
"""Maximum number of jobs in one command line."""


class SlurmError(RiglRlError):
    """SLURM refuses a request or cannot be reached; the message is its reply on one line."""


class Queued(NamedTuple):
    """A run in the queue."""

    job: str
    """In the form that SLURM's commands take: `17`, or `17_3` in an array."""
    running: bool


def queued(runs_dir: Path) -> dict[str, Queued]:
    """The runs in SLURM's queue from all launches, by name.

    Raises:
      SlurmError: SLURM does not list its queue.
    """
    found = arrays(runs_dir)
    if not found:
        return {}
    names = ",".join(found)
    lines = ask("squeue", "--noheader", "--array", f"--name={names}", "--format=%j %F %K %T")
    return read_queue(lines, found)


def read_queue(lines: str, found: Mapping[str, Sequence[str]]) -> dict[str, Queued]:
    """Reads lines of array name, array id, index (N/A in an array of one) and state.

    Args:
      lines: squeue's output.
      found: the runs of each array's tasks.
    """
    queue = {}
    for line in lines.splitlines():
        array, number, index, state = line.split()
        single = not index.isdecimal()
        run = found[array][0 if single else int(index)]
        queue[run] = Queued(number if single else f"{number}_{index}", state == "RUNNING")
    return queue


def cancel(jobs: Iterable[Queued]) -> None:
    """Removes jobs from the queue, running ones included.

    Raises:
      SlurmError: SLURM refuses, or cannot be reached.
    """
    names = [each.job for each in jobs]
    for first in range(0, len(names), _AT_ONCE):
        ask("scancel", *names[first : first + _AT_ONCE])


def arrays(runs_dir: Path) -> dict[str, list[str]]:
    """The runs of all arrays ever submitted for this directory, newest array last."""
    lists = sorted((runs_dir / "slurm").glob(f"*/{LIST}"))
    return {path.parent.name: path.read_text().splitlines() for path in lists}


def ask(*command: str) -> str:
    """The output of a SLURM command.

    Raises:
      SlurmError: it fails, or is not installed.
    """
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except FileNotFoundError as error:
        raise SlurmError(f"there is no {command[0]} on this machine") from error
    except subprocess.CalledProcessError as error:
        raise SlurmError(one_line(error.stderr)) from error


def one_line(text: str) -> str:
    """The lines of a message, joined."""
    return "; ".join(text.strip().splitlines())
