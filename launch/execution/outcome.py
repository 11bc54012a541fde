"""The end of a launch: all jobs have ended, or a signal came."""

from __future__ import annotations

import dataclasses
import signal
import time
from types import FrameType

from launch.execution.jobs import Failure, Job


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The result of a launch."""

    total: int
    finished: int
    failures: tuple[Failure, ...]
    signum: int | None
    """The signal that stopped the launcher; None if none did."""
    left: str
    """Description of the runs left by such a stop."""
    skipped: tuple[Job, ...] = ()
    """Jobs whose runs another process trains."""

    @property
    def exit_code(self) -> int:
        """1 if a job failed, 128 + signal if one stopped the launcher, else 0."""
        if self.signum is not None:
            return 128 + self.signum
        return 1 if self.failures else 0

    def report(self) -> str:
        """The summary for the user, with the last log lines of each failure."""
        lines = [f"{self.finished} of {self.total} runs finished, {len(self.failures)} failed"]
        lines += [f"{job.name} is being trained by another process" for job in self.skipped]
        for failure in self.failures:
            lines.append(f"\nFAILED {failure.job.name}: {failure.reason}; log: {failure.job.log}")
            lines += [f"    {line}" for line in failure.tail.splitlines()]
        if self.signum is not None:
            lines.append(f"stopped by {signal.Signals(self.signum).name} with {self.left}")
        return "\n".join(lines)


class StopRequest:
    """Records Ctrl-C and SIGTERM, so that a launcher can act on them between two steps."""

    signum: int | None = None

    def _note(self, signum: int, frame: FrameType | None) -> None:
        self.signum = signum

    def wait(self, seconds: float) -> None:
        """Sleeps for `seconds`, or until a signal comes."""
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
