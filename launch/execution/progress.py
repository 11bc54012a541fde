"""One progress bar for a whole launch."""

import io
import os
import sys
import time

from tqdm import tqdm

# With tqdm's monitor thread, every child would be forked from a multithreaded process.
tqdm.monitor_interval = 0


class LaunchProgress:
    """One bar for all runs: redrawn on a terminal, one line per ended run elsewhere."""

    def __init__(self, total: int, finished: int) -> None:
        # Some CI systems have terminals of 0 columns, with no room for a bar.
        self._terminal = (
            sys.stderr.isatty() and os.get_terminal_size(sys.stderr.fileno()).columns > 0
        )
        self._drawn_at = 0.0
        self._bar = tqdm(
            total=total,
            initial=finished,
            unit="run",
            smoothing=0,  # Runs end in bursts, one per worker.
            file=sys.stderr if self._terminal else io.StringIO(),
            dynamic_ncols=self._terminal,
        )

    def show(self, ended: int, counts: str) -> None:
        """Draws the bar with `ended` runs and the counts, once a second or when a run ends."""
        now = time.monotonic()
        step = ended - self._bar.n
        if not step and now - self._drawn_at < 1:
            return
        self._bar.set_postfix_str(counts, refresh=False)
        self._bar.n = ended
        if self._terminal:
            self._bar.refresh()
        elif step or not self._drawn_at:
            print(self._bar, file=sys.stderr, flush=True)
        self._drawn_at = now

    def close(self) -> None:
        """Leaves the bar in place, with the cursor below it."""
        self._bar.close()
