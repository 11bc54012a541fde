"""Packaging of rigl_rl. requirements.lock has the exact versions of everything below."""

import re
import runpy
import sys
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

# With python_requires alone, a 3.12 user would only see pip fail to find a TensorFlow wheel.
if not (3, 10) <= sys.version_info[:2] <= (3, 11):
    sys.exit(
        "rigl_rl needs Python 3.10 or 3.11: TensorFlow 2.15 or MuJoCo 3.17 has no wheels for "
        f"{sys.version_info[0]}.{sys.version_info[1]}"
    )

ROOT = Path(__file__).resolve().parent
# Read, not imported: the package's dependencies are not installed yet.
VERSION = re.search(r'^__version__ = "(.+)"$', (ROOT / "rigl_rl/__init__.py").read_text(), re.M)[1]

INSTALL_REQUIRES = [
    "absl-py>=1.4",
    "ale-py>=0.10",  # with ROMs
    "dopamine-rl==4.0.9",  # 4.1 lacks the TensorFlow agents, or needs a newer TensorFlow
    "gin-config>=0.5",
    "gym==0.23.*",  # the newest that TF-Agents accepts; Dopamine also imports it
    "gym-notices",
    "gymnasium>=1.0,<1.4",  # 1.3 is the newest known to keep CartPole-v0 and the MuJoCo -v4 tasks
    "imageio>=2",  # gymnasium imports it with every MuJoCo task
    "jinja2>=3",
    "matplotlib>=3.7",
    "mujoco>=3,<4",  # 4 prints a warning for each of gymnasium's models
    "numpy>=1.23.5,<2",  # TensorFlow 2.15's range
    "opencv-python-headless<4.12",  # replaces Dopamine's opencv-python, which needs libGL
    "pandas>=2.0,<3",  # arch, which rliable needs, breaks with pandas 3
    "pillow>=9",
    "pyarrow>=14,<26",  # 26 needs NumPy 2 without saying so in its metadata
    "pyyaml>=6",
    "rliable>=1.2,<2",
    "scipy>=1.9,<2",
    "setuptools>=70.1,<80.9",  # TensorBoard 2.15 imports pkg_resources: 80.9 warns, 82 lacks it
    "tensorflow>=2.15,<2.16",
    "tensorflow-probability==0.23.*",
    "tf-agents==0.19.*",
    "tqdm>=4.60",
]

EXTRAS_REQUIRE = {
    "test": ["mypy>=1.10", "pytest>=8", "pytest-timeout>=2.3", "pytest-xdist>=3", "ruff>=0.9"],
    "cluster": ["submitit>=1.5"],
}

EXECUTION = "rigl_rl/sparsity/execution"


class BuildWithOperation(build_py):
    """Also compiles sparse execution's operation, if there are a compiler and TensorFlow."""

    def run(self):
        """Copies the package, then builds into the copy. If that fails, training runs dense."""
        super().run()
        if self.editable_mode:  # `make` builds it in place
            return
        build = runpy.run_path(str(ROOT / EXECUTION / "build.py"))
        try:
            build["build"](Path(self.build_lib).resolve() / EXECUTION)
        except (build["BuildError"], OSError) as error:
            print(f"rigl_rl is installed without sparse execution: {error}")


setup(
    name="rigl_rl",
    version=VERSION,
    description="Sparse training for deep reinforcement learning in TensorFlow",
    long_description=(ROOT / "README.md").read_text() if (ROOT / "README.md").exists() else "",
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10,<3.12",
    package_data={
        "analysis": ["*.csv"],
        "analysis.figures": ["*.csv"],
        "analysis.report": ["*.jinja"],
        "benchmarks": ["*.yaml"],
        "rigl_rl.sparsity.execution": ["op/*.cc", "op/*.h"],
    },
    cmdclass={"build_py": BuildWithOperation},
    packages=find_packages(
        include=[
            f"{name}{suffix}"
            for name in ("rigl_rl", "launch", "analysis", "benchmarks")
            for suffix in ("", ".*")
        ]
    ),
    install_requires=INSTALL_REQUIRES,
    extras_require=EXTRAS_REQUIRE,
    classifiers=[
        "License :: OSI Approved :: Apache Software License",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
