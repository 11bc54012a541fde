"""Setup on a fresh machine: an unsuitable Python, an interrupted setup, the lock file."""

import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import setuptools
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PYTHONS = ("3.10", "3.11")


def _script(path: Path, body: str) -> str:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def _make(directory: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    # `make test` would pass its flags and PYTHON on to this make.
    inherited = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "PYTHON")}
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=directory,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def _one_line(completed: subprocess.CompletedProcess) -> str:
    assert completed.returncode != 0
    assert completed.stdout == ""
    (line,) = completed.stderr.splitlines()
    return line


@pytest.fixture
def clone(tmp_path):
    for name in ("Makefile", "setup.py", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


@pytest.mark.parametrize("target", ["demo", "test", "bench", "lint", "figures"])
def test_every_target_refuses_an_unsuitable_python_in_one_line(clone, target):
    line = _one_line(_make(clone, target, f"PYTHON={_script(clone / 'newer', 'echo 3.12')}"))
    assert "rigl_rl needs Python 3.10 or 3.11" in line
    assert "TensorFlow 2.15 or MuJoCo 3.17 has no wheels for 3.12" in line
    assert not (clone / ".venv").exists()


def test_an_unsuitable_python_is_refused_though_the_environment_stands(clone):
    (clone / ".venv").mkdir()
    (clone / ".venv" / ".ready").touch()
    assert "3.9" in _one_line(_make(clone, "lint", PYTHON=_script(clone / "older", "echo 3.9")))
    assert (clone / ".venv" / ".ready").exists()


def test_a_python_that_does_not_run_is_named(clone):
    line = _one_line(_make(clone, "test", "PYTHON=no-such-python"))
    assert "'no-such-python' does not run" in line


def test_without_a_suitable_python_on_the_path_the_version_found_is_named(clone):
    path = clone / "bin"
    path.mkdir()
    for tool in ("sh", "make"):
        (path / tool).symlink_to(shutil.which(tool))
    _script(path / "python3", "echo 3.13")
    assert "no wheels for 3.13" in _one_line(_make(clone, "test", PATH=str(path)))


def test_a_failed_setup_does_not_look_finished(clone):
    # This Python's `-m venv` makes an environment in which pip fails, as without a network.
    python = _script(
        clone / "python",
        'case "$1" in -c) echo 3.11;; *) mkdir -p .venv/bin; '
        "printf '#!/bin/sh\\nexit 1\\n' > .venv/bin/python; chmod +x .venv/bin/python;; esac",
    )
    for _ in range(2):
        completed = _make(clone, "test", f"PYTHON={python}")
        assert completed.returncode != 0
        assert "Making .venv" in completed.stdout  # the second time as well
        assert not (clone / ".venv" / ".ready").exists()


def test_help_is_the_default_and_needs_no_environment(clone):
    completed = _make(clone)
    assert completed.returncode == 0
    listed = re.findall(r"^make (\w+)", completed.stdout, re.M)
    assert listed == ["help", "demo", "test", "bench", "lint", "figures", "clean"]
    assert not (clone / ".venv").exists()


def test_each_directory_of_runs_has_a_table_of_its_own(clone):
    (clone / ".venv").mkdir()
    (clone / ".venv" / ".ready").touch()
    for directory in ("runs", "mine/runs"):
        (clone / directory).mkdir(parents=True)
    (clone / "some.parquet").touch()
    tables = {}
    for runs in ("runs", "runs/", "mine/runs", "some.parquet"):
        printed = _make(clone, "-n", "figures", f"RUNS={runs}").stdout
        (tables[runs],) = set(re.findall(r"analysis\.figures --runs (\S+)", printed))
        assert (f"collect --runs {runs} --out {tables[runs]}" in printed) == (runs[-1] != "t")
    assert list(tables.values()) == [
        "figures/runs.parquet",
        "figures/runs.parquet",
        "figures/mine_runs.parquet",
        "some.parquet",
    ]


@pytest.mark.parametrize("version", [(3, 9, 18), (3, 12, 0)])
def test_setup_py_refuses_other_pythons(monkeypatch, version):
    monkeypatch.setattr(sys, "version_info", version)
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(ROOT / "setup.py"))
    message = str(stop.value)
    assert message.endswith(
        f"TensorFlow 2.15 or MuJoCo 3.17 has no wheels for {version[0]}.{version[1]}"
    )
    assert "\n" not in message


@pytest.fixture(scope="module")
def metadata():
    """The keyword arguments that setup.py passes to setuptools.setup."""
    arguments: dict = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setattr(setuptools, "setup", lambda **given: arguments.update(given))
        runpy.run_path(str(ROOT / "setup.py"))
    return arguments


def _locked(python: str) -> dict[str, str]:
    """{package: version} in the lock for a Linux x86-64 machine with this Python."""
    machine = {
        "python_version": python,
        "python_full_version": f"{python}.5",
        "sys_platform": "linux",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
    }
    versions = {}
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        requirement = Requirement(line)
        (pin,) = requirement.specifier
        assert pin.operator == "==", line
        assert "*" not in pin.version, line
        if requirement.marker is None or requirement.marker.evaluate(machine):
            name = canonicalize_name(requirement.name)
            assert name not in versions, f"{name} is locked twice for Python {python}"
            versions[name] = pin.version
    return versions


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_meets_every_requirement_exactly_once(metadata, python):
    locked = _locked(python)
    for text in metadata["install_requires"] + metadata["extras_require"]["test"]:
        requirement = Requirement(text)
        version = locked[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{text}, but {version} is locked"


def test_the_lock_names_no_index_and_no_path():
    assert not re.search(
        r"://|--(extra-)?index|--find-links|file:|/(home|tmp|root)/",
        (ROOT / "requirements.lock").read_text(),
    )


def test_this_environment_can_import_what_the_lock_installs():
    # pyarrow 26 passed `pip check` but failed here: it needs NumPy 2 without saying so.
    code = "import gin, gymnasium, matplotlib.pyplot, pandas, pyarrow, rliable.library, tf_agents"
    environment = {k: v for k, v in os.environ.items() if k != "DISPLAY"}
    completed = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
    assert completed.returncode == 0, completed.stderr.decode()


def test_the_version_has_one_source(metadata):
    import rigl_rl

    assert metadata["version"] == rigl_rl.__version__
    assert f"version: {rigl_rl.__version__}\n" in (ROOT / "CITATION.cff").read_text()
