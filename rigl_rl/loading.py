"""Ctrl-C and SIGTERM while a command of this project loads its libraries: one line, no traceback.

Loading TensorFlow takes seconds. Afterwards, `rigl_rl.command_line.exit_code` takes over.
"""

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

PACKAGES = ("rigl_rl", "launch", "analysis", "benchmarks")
DEFAULTS = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}


def stopped(signum: int) -> str:
    """The message of a command that a signal stops."""
    return f"stopped by {signal.Signals(signum).name}; what was written before is intact"


def begin() -> None:
    """Has an effect only in a process started as `python -m` with a module of this project."""
    arguments = getattr(sys, "orig_argv", [])
    module = arguments[arguments.index("-m") + 1] if "-m" in arguments[:-1] else ""
    if module.partition(".")[0] in PACKAGES:
        _exchange(DEFAULTS, dict.fromkeys(DEFAULTS, _stop))


def end() -> None:
    """Restores Python's own handlers."""
    _exchange(dict.fromkeys(DEFAULTS, _stop), DEFAULTS)


def _exchange(old: dict, new: dict) -> None:
    for signum in DEFAULTS:
        # Jobs on SLURM ignore SIGTERM, a shell's background jobs SIGINT, and must continue to.
        if signal.getsignal(signum) == old[signum]:
            signal.signal(signum, new[signum])


def _stop(signum: int, frame: FrameType | None) -> NoReturn:
    print(f"error: {stopped(signum)}", file=sys.stderr, flush=True)
    os._exit(128 + signum)
