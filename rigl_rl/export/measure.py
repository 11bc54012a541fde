"""The cost of an exported policy: bytes on disk, and time for one action."""

import pathlib
import statistics
import time
from collections.abc import Sequence

import numpy as np

from rigl_rl.export.formats import Act


def size(path: pathlib.Path) -> int:
    """Bytes of a file, or of all files in a directory."""
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return sum(each.stat().st_size for each in files)


def latencies(acts: Sequence[Act], observations: np.ndarray) -> list[float]:
    """Median seconds that each of the policies takes for one action.

    The policies alternate, so that other work on the machine slows all of them.

    Args:
      acts: the policies.
      observations: (number, 1, ...); each policy acts once on each.
    """
    seconds: list[list[float]] = [[] for _ in acts]
    for observation in observations:
        for act, own in zip(acts, seconds):
            started = time.perf_counter()
            act(observation)
            own.append(time.perf_counter() - started)
    return [statistics.median(own) for own in seconds]


def difference(act: Act, actions: np.ndarray, observations: np.ndarray) -> float:
    """The largest difference between a policy's actions and `actions`, (number, 1, ...)."""
    own = np.stack([act(observation) for observation in observations])
    return float(np.abs(own - actions).max())
