"""Evaluates each run in its own process and turns any failure there into one line."""

import multiprocessing
import pathlib
import signal
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import pandas as pd

from rigl_rl.errors import RiglRlError


def evaluate(run: pathlib.Path, **options: Any) -> pd.DataFrame | str:
    """The table of a run, or one line that says why it failed.

    A process per run separates runs: in gin, where the agents' mains share a name; in the user's
    modules that they import; and if one of them runs out of memory.

    Args:
      run: the run's directory.
      options: options of `under_noise.evaluate_run`.
    """
    try:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, context, initializer=_end_at_ctrl_c) as pool:
            return pool.submit(_evaluate, run, options).result()
    except BrokenProcessPool:
        return f"run {str(run)!r}: its process was killed, perhaps because memory ran out"


def _end_at_ctrl_c() -> None:
    """Ctrl-C also reaches this process; the command itself reports it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _evaluate(run: pathlib.Path, options: dict[str, Any]) -> pd.DataFrame | str:
    try:
        from rigl_rl.robustness import under_noise  # takes seconds to load

        return under_noise.evaluate_run(run, **options)
    except Exception as error:  # after any error, the other runs continue
        kind = "" if isinstance(error, (RiglRlError, OSError)) else f"{type(error).__name__}: "
        return f"run {str(run)!r}: {kind}{' '.join(str(error).split())}"
