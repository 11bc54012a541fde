"""Compiles sparse execution's operation.

python -m rigl_rl.sparsity.execution.build [--sanitize]

Needs a C++ compiler ($CXX, or g++; the vector code needs GCC's extensions) and the headers of the
installed TensorFlow. Imports only the standard library, so that setup.py can use it. The result is
written next to this file, or to the directory in the environment variable RIGL_RL_OPERATION. Its
name is derived from its sources and TensorFlow's version, so an existing file of that name is up to
date, and several processes may build at once.
"""

import argparse
import concurrent.futures
import hashlib
import importlib.util
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCES = HERE / "op"
# Name of each processor family, floats per vector, and compiler flags.
PROCESSORS = {
    "any": (4, []),
    "avx2": (8, ["-mavx2", "-mfma"]),
    "avx512": (16, ["-mavx512f", "-mavx512dq", "-mavx512vl", "-mfma"]),
}
COMMON = ["-std=c++17", "-fPIC", "-Wall", "-Wextra"]
# Square roots of negative numbers are NaN; a product and a sum may be rounded once.
ARITHMETIC = ["-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"]


class BuildError(Exception):
    """The operation cannot be built here; the message says why, in one line."""


def file_name(tensorflow_version: str) -> str:
    """The operation's file name for a version of TensorFlow, such as '2.15.1'."""
    digest = hashlib.sha256()
    for source in sorted(SOURCES.glob("*.*")):
        digest.update(source.read_bytes())
    digest.update(repr((PROCESSORS, COMMON, ARITHMETIC)).encode())
    return f"sparse_products-tf{tensorflow_version}-{digest.hexdigest()[:12]}.so"


def home() -> Path:
    """The directory of the operation."""
    return Path(os.environ.get("RIGL_RL_OPERATION") or HERE)


def build(directory: Path | None = None, extra: Sequence[str] = ()) -> Path:
    """Compiles the operation into `directory` unless it exists. Returns the file.

    Args:
      directory: by default `home()`.
      extra: extra compiler arguments, such as '-fsanitize=address'. With them, the operation is
        compiled even if it exists.

    Raises:
      BuildError: there is no compiler or no TensorFlow, or the compiler fails.
    """
    directory = directory or home()
    tensorflow = tensorflow_directory()
    built = directory / file_name(version_of(tensorflow))
    if built.exists() and not extra:
        return built
    compiler = compiler_command()
    x86 = platform.machine().lower() in ("x86_64", "amd64")
    headers = [f"-isystem{tensorflow / 'include'}", "-D_GLIBCXX_USE_CXX11_ABI=1"]
    headers += ["-DEIGEN_MAX_ALIGN_BYTES=64"]
    jobs = [
        ("ops.o", ["ops.cc", "-O2", *headers]),
        ("dispatch.o", ["dispatch.cc", "-O2", *(["-DRIGL_RL_X86"] if x86 else [])]),
    ]
    for name, (width, flags) in PROCESSORS.items():
        if x86 or name == "any":
            definitions = [f"-DRIGL_RL_PROCESSOR={name}", f"-DRIGL_RL_WIDTH={width}"]
            jobs.append((f"{name}.o", ["kernels.cc", *ARITHMETIC, *flags, *definitions]))
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory) as scratch:
        objects = [os.path.join(scratch, name) for name, _ in jobs]
        with concurrent.futures.ThreadPoolExecutor() as pool:
            commands = [
                [*compiler, *COMMON, "-c", str(SOURCES / source), *flags, *extra, "-o", target]
                for target, (_, (source, *flags)) in zip(objects, jobs)
            ]
            list(pool.map(_run, commands))
        linked = os.path.join(scratch, "linked.so")
        framework = next(iter(sorted(tensorflow.glob("libtensorflow_framework.*"))), None)
        if framework is None:
            raise BuildError(f"no libtensorflow_framework in {tensorflow}")
        _run([*compiler, "-shared", *objects, *extra, str(framework), "-o", linked])
        os.replace(linked, built)
    return built


def tensorflow_directory() -> Path:
    """The installed TensorFlow, which an isolated build cannot import but has nearby."""
    spec = importlib.util.find_spec("tensorflow")
    found = [*(spec.submodule_search_locations or [])] if spec else []
    installed = [sysconfig.get_path(name) for name in ("purelib", "platlib")]
    found += [os.path.join(directory, "tensorflow") for directory in installed]
    for directory in map(Path, found):
        if (directory / "include/tensorflow/core/public/version.h").exists():
            return directory
    raise BuildError("TensorFlow is not installed here, whose headers it needs")


def version_of(tensorflow: Path) -> str:
    """Version of the TensorFlow in a directory, such as '2.15.1'."""
    text = (tensorflow / "include/tensorflow/core/public/version.h").read_text()
    names = [f"TF_{part}_VERSION" for part in ("MAJOR", "MINOR", "PATCH")]
    numbers = dict(re.findall(r"#define (TF_\w+_VERSION) (\d+)", text))
    return ".".join(numbers[name] for name in names)


def compiler_command() -> list[str]:
    """$CXX if it is set, else g++."""
    command = shlex.split(os.environ.get("CXX", "")) or ["g++"]
    if not shutil.which(command[0]):
        raise BuildError(f"there is no C++ compiler ({command[0]})")
    return command


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error" in line] or ["no message"]
        raise BuildError(f"{command[0]} fails: {lines[0]}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds and reports success or the reason for failure. Always 0: the operation is optional."""
    parser = argparse.ArgumentParser(
        prog="python -m rigl_rl.sparsity.execution.build",
        description="Compile the operation behind sparse execution.",
    )
    parser.add_argument(
        "--sanitize", action="store_true", help="with AddressSanitizer, for the operation's tests"
    )
    options = parser.parse_args(arguments)
    extra = ["-fsanitize=address", "-fno-omit-frame-pointer", "-g"] if options.sanitize else []
    try:
        print(f"Built {build(extra=extra)}")
    except (BuildError, OSError) as error:
        print(f"Sparse execution is off, training runs dense: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
