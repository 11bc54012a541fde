"""Estimates how long runs take, from similar finished runs if there are any."""

import collections
from collections.abc import Iterable, Iterator
from pathlib import Path

from launch.runs import Run
from rigl_rl import record
from rigl_rl.errors import ConfigError

START_UP_SECONDS = 15.0
"""Seconds from the start of a process to its first train step."""
LONGER = 10
"""A finished run does not predict runs that are this many times longer: speed changes during
training, and short runs evaluate more often."""


class Costs:
    """Estimates of runs' time on one core.

    Args:
      runs_dir: finished runs here (`AGENT/TASK/.../seedN/result.json`) replace the declared
          speeds: those that differ only in the seed, otherwise those on the same task, otherwise
          those of the same agent.
    """

    def __init__(self, runs_dir: Path | None = None) -> None:
        # Environment steps and seconds of finished runs, by shared label and length.
        self._found: dict[str, dict[int, list[float]]] = {}
        for label, steps, seconds in _finished(runs_dir) if runs_dir else ():
            for kind in _kinds(label):
                of_kind = self._found.setdefault(kind, collections.defaultdict(lambda: [0, 0]))
                of_kind[steps][0] += steps
                of_kind[steps][1] += seconds

    def core_seconds(self, run: Run, done: int = 0) -> float:
        """Estimated seconds on one core for the rest of a run after `done` environment steps."""
        left = max(0, run.env_steps - done)
        return START_UP_SECONDS + left / self._steps_per_second(run)

    def core_hours(self, runs: Iterable[Run]) -> float:
        """Estimated hours of all these runs on one core."""
        return sum(map(self.core_seconds, runs)) / 3600

    def _steps_per_second(self, run: Run) -> float:
        for kind in _kinds(run.label):
            lengths = self._found.get(kind, {})
            found = [both for steps, both in lengths.items() if steps * LONGER > run.env_steps]
            if found:
                return sum(steps for steps, _ in found) / sum(seconds for _, seconds in found)
        return run.steps_per_second


def _kinds(label: str) -> tuple[str, str, str]:
    agent, _, rest = label.partition("/")
    return label, f"{agent}/{rest.partition('/')[0]}", agent


def _finished(runs_dir: Path) -> Iterator[tuple[str, int, float]]:
    """Label, environment steps and seconds of each finished run."""
    for path in runs_dir.glob(f"*/*/*/seed*/{record.RESULT}"):
        try:
            result = record.read(path.parent, ("env_steps", "wall_s"))
        except ConfigError:
            continue
        steps, seconds = result["env_steps"], result["wall_s"]
        if steps and seconds:
            yield str(path.parent.parent.relative_to(runs_dir)), steps, seconds
