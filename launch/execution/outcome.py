"""How a launch ends: with all of its jobs, or at a signal."""

from __future__ import annotations

import dataclasses
import signal
import time
from types import FrameType

from launch.execution.jobs import Failure


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of the jobs."""

    total: int
    finished: int
    failures: tuple[Failure, ...]
    signum: int | None
    """The signal that stopped the launcher, None when it came to its end."""
    left: str
    """What such a stop leaves behind."""

    @property
    def exit_code(self) -> int:
        """0 when every job is finished, 128 + signal when stopped by one, else 1."""
        if self.signum is not None:
            return 128 + self.signum
        return 1 if self.failures else 0

    def report(self) -> str:
        """What the user should know, failures with the last lines of their logs."""
        lines = [f"{self.finished} of {self.total} runs finished, {len(self.failures)} failed"]
        for failure in self.failures:
            lines.append(f"\nFAILED {failure.job.name}: {failure.reason}; log: {failure.job.log}")
            lines += [f"    {line}" for line in failure.tail.splitlines()]
        if self.signum is not None:
            lines.append(f"stopped by {signal.Signals(self.signum).name} with {self.left}")
        return "\n".join(lines)


class StopRequest:
    """Notes Ctrl-C and SIGTERM, for a launcher to act on between two of its steps."""

    signum: int | None = None

    def _note(self, signum: int, frame: FrameType | None) -> None:
        self.signum = signum

    def wait(self, seconds: float) -> None:
        """Sleeps, until a signal comes."""
        end = time.monotonic() + seconds
        while self.signum is None and time.monotonic() < end:
            time.sleep(0.1)

    def __enter__(self) -> StopRequest:
        self._previous = {
            signum: signal.signal(signum, self._note) for signum in (signal.SIGINT, signal.SIGTERM)
        }
        return self

    def __exit__(self, *exception: object) -> None:
        for signum, handler in self._previous.items():
            signal.signal(signum, handler)
