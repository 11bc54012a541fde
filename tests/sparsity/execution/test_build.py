"""Building the operation: with a compiler once, without one not at all, in one line either way."""

import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rigl_rl.sparsity.execution import build

ROOT = Path(__file__).resolve().parents[3]

# Writes what is asked for and notes that it ran, or says what is wrong as compilers do.
COMPILER = """#!/bin/sh
echo run >> "{log}"
sleep {seconds}
while [ "$1" != -o ]; do shift; done
echo compiled > "$2"
"""
FAILING = "#!/bin/sh\necho 'ops.cc:1:1: error: unknown type' >&2\necho more >&2\nexit 1\n"


@pytest.fixture
def directory(tmp_path):
    """Not there yet: a build makes it."""
    return tmp_path / "new" / "operation"


def compiler(tmp_path: Path, text: str) -> str:
    path = tmp_path / "compiler"
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def command(cxx: str, directory: Path) -> dict:
    """Arguments of a process that builds as `make` does."""
    environment = {**os.environ, "CXX": cxx, "RIGL_RL_OPERATION": str(directory)}
    return {
        "args": [sys.executable, ROOT / "rigl_rl/sparsity/execution/build.py"],
        "env": environment,
        "text": True,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "there is no C++ compiler ({cxx})"),
        (FAILING, "{cxx} fails: ops.cc:1:1: error: unknown type"),
    ],
)
def test_without_a_working_compiler_setup_continues_and_says_so_in_one_line(
    tmp_path, directory, text, reason
):
    cxx = compiler(tmp_path, text) if text else str(tmp_path / "none")
    done = subprocess.run(**command(cxx, directory), check=False)
    assert (done.returncode, done.stderr) == (0, "")
    line = "Sparse execution is off, training runs dense: " + reason.format(cxx=cxx)
    assert done.stdout == line + "\n"
    assert not list(directory.glob("*"))


def test_several_processes_build_at_once_and_nobody_builds_again(tmp_path, directory):
    log = tmp_path / "log"
    cxx = compiler(tmp_path, COMPILER.format(log=log, seconds=0.2))
    together = [subprocess.Popen(**command(cxx, directory)) for _ in range(3)]
    seen = set()
    while any(process.poll() is None for process in together):
        for file in directory.glob("*.so"):
            seen.add(file.read_text())
        time.sleep(0.01)
    lines = {process.communicate()[0] for process in together}
    (built,) = directory.iterdir()  # no scratch is left
    assert lines == {f"Built {built}\n"}
    assert seen <= {"compiled\n"}  # at no time half of it
    runs = len(log.read_text().split())
    again = subprocess.run(**command(cxx, directory), check=False)
    assert again.stdout in lines
    assert len(log.read_text().split()) == runs


def test_another_source_or_version_is_another_file(monkeypatch, tmp_path):
    shutil.copytree(build.SOURCES, tmp_path / "op")
    monkeypatch.setattr(build, "SOURCES", tmp_path / "op")
    name = build.file_name("2.15.1")
    assert build.file_name("2.15.2") != name
    with open(tmp_path / "op" / "kernels.cc", "a") as source:
        source.write("// changed\n")
    assert build.file_name("2.15.1") != name


@pytest.mark.parametrize("works", [True, False])
def test_pip_builds_where_it_can(tmp_path, works):
    log = tmp_path / "log"
    cxx = compiler(tmp_path, COMPILER.format(log=log, seconds=0) if works else FAILING)
    shutil.copytree(
        ROOT / "rigl_rl",
        tmp_path / "source/rigl_rl",
        ignore=lambda _, names: {name for name in names if name.endswith((".so", "__pycache__"))},
    )
    shutil.copy(ROOT / "setup.py", tmp_path / "source")
    done = subprocess.run(
        [sys.executable, "setup.py", "--quiet", "build_py", "--build-lib", tmp_path / "lib"],
        cwd=tmp_path / "source",
        env={**os.environ, "CXX": cxx},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    installed = tmp_path / "lib/rigl_rl/sparsity/execution"
    assert (installed / "op/kernels.cc").exists()
    assert len(list(installed.glob("*.so"))) == works
    assert ("rigl_rl is installed without sparse execution" in done.stdout) != works
