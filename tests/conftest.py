import os

# As `make test` does, for the processes that tests start. TF-Agents would set it to 1.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import contextlib
import subprocess
import sys
from pathlib import Path

import gin
import pytest

from rigl_rl.errors import ConfigError

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def gin_cleared():
    """Clears gin's bindings before and after each test."""
    gin.clear_config()
    yield
    gin.clear_config()


@pytest.fixture(autouse=True)
def seeded():
    """Seeds what a test draws from TensorFlow, NumPy and Python; without TensorFlow none draws."""
    if "tensorflow" in sys.modules:
        sys.modules["tensorflow"].keras.utils.set_random_seed(0)


@pytest.fixture(scope="session")
def refused():
    """Expects a ConfigError of one line that names every part: `with refused("width is -1"): ...`.

    called_by_gin: gin may add lines that say what it called; commands do not show them.
    """

    @contextlib.contextmanager
    def expect(*parts: str, called_by_gin: bool = False):
        with pytest.raises(ConfigError) as caught:
            yield
        line, *more = str(caught.value).split("\n")
        if called_by_gin:
            more = [added for added in more if "In call to configurable" not in added]
        assert more == []
        for part in parts:
            assert part in line

    return expect


@pytest.fixture(scope="session")
def with_own():
    """Runs a command that finds the modules of a folder: with_own(folder, "launch", "list")."""

    def run(folder: Path, *arguments: str) -> None:
        paths = [str(folder), os.environ.get("PYTHONPATH", "")]
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        completed = subprocess.run(
            [sys.executable, "-m", *arguments], cwd=ROOT, env=env, capture_output=True, text=True
        )
        assert completed.returncode == 0, completed.stderr

    return run
