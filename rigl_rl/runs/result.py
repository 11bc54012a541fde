"""What result.json says of a finished run besides its scores."""

from __future__ import annotations

import importlib.metadata
import os
import pathlib
import platform
import resource
from typing import Any

import rigl_rl

_PACKAGES = (
    "tensorflow",
    "tensorflow-probability",
    "tf-agents",
    "dopamine-rl",
    "gin-config",
    "gymnasium",
    "ale-py",
    "mujoco",
    "numpy",
)


def versions() -> dict[str, str]:
    """Versions of Python, of this package and of those that decide a run's numbers."""
    found = {"rigl_rl": rigl_rl.__version__, "python": platform.python_version()}
    for package in _PACKAGES:
        found[package] = importlib.metadata.version(package)
    return found


def machine() -> dict[str, Any]:
    """The processor's name and the number of cores this process may use."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    except OSError:  # not Linux
        names = []
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
    }


def peak_memory_mb() -> float:
    """Largest resident size of this process so far, in MB (2^20 bytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
