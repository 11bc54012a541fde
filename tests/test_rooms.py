"""Rooms (packages and modules): which may import which, and limits on file and function size."""

import ast
import functools
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("rigl_rl", "launch", "analysis", "benchmarks")
MOST_LINES_OF_A_FILE = 300
MOST_LINES_OF_A_FUNCTION = 80

# Each room with the rooms it may import, all of them listed above it: imports flow one way.
BASE = {
    *("rigl_rl", "rigl_rl.loading"),
    *(f"rigl_rl.{name}" for name in ("quiet", "errors", "files", "paper", "final_score")),
    *("rigl_rl.parameters", "rigl_rl.record"),
}
SPARSE = BASE | {"rigl_rl.adapters", "rigl_rl.sparsity"}
AGENTS = {
    *SPARSE,
    *("rigl_rl.networks", "rigl_rl.environments", "rigl_rl.runs", "rigl_rl.command_line"),
}
OUTSIDE = BASE - {"rigl_rl.quiet"} | {"rigl_rl.command_line"}
ROOMS = {
    **dict.fromkeys(sorted(BASE - {"rigl_rl"}), set()),
    "rigl_rl": {"rigl_rl.loading"},
    "rigl_rl.parameters": {"rigl_rl.errors"},
    "rigl_rl.command_line": {"rigl_rl.loading", "rigl_rl.errors", "rigl_rl.parameters"},
    "rigl_rl.record": {"rigl_rl.errors", "rigl_rl.parameters"},
    "rigl_rl.adapters": {"rigl_rl.quiet"},
    "rigl_rl.sparsity": SPARSE,
    "rigl_rl.networks": SPARSE,
    "rigl_rl.environments": BASE | {"rigl_rl.adapters"},
    "rigl_rl.runs": SPARSE | {"rigl_rl.command_line"},
    "rigl_rl.tfagents": AGENTS,
    "rigl_rl.dopamine": AGENTS,
    "rigl_rl.export": SPARSE | {"rigl_rl.runs", "rigl_rl.command_line"},
    "rigl_rl.flops": AGENTS - {"rigl_rl.runs"},
    "rigl_rl.robustness": AGENTS | {"rigl_rl.dopamine"},
    # No training code: a run is a command in a separate process, and its files.
    "launch": OUTSIDE | {"rigl_rl.adapters", "rigl_rl.networks"},
    "analysis": OUTSIDE,
    "benchmarks": AGENTS | {"rigl_rl.tfagents", "rigl_rl.dopamine", "rigl_rl.flops"},
}
# From these two rooms, launch may import only these modules, which do not load TensorFlow.
OF_LAUNCH = {"rigl_rl.adapters.ctypes_calls", "rigl_rl.networks.width"}

FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in FILES}


class _ForTypesAlone(ast.NodeTransformer):
    """Drops code under `if TYPE_CHECKING`."""

    def visit_If(self, node):
        self.generic_visit(node)
        return None if ast.unparse(node.test) == "TYPE_CHECKING" else node


@functools.lru_cache(None)
def imports_of(name: str) -> frozenset[str]:
    """Our modules that a module imports, also within functions, but not just for types."""
    wanted = []
    tree = _ForTypesAlone().visit(ast.parse(MODULES[name].read_text()))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            wanted += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name} imports by a relative path"
            modules = [f"{node.module}.{alias.name}" for alias in node.names]
            wanted += [module if module in MODULES else node.module for module in modules]
    return frozenset(module for module in wanted if module in MODULES)


def room_of(module: str) -> str:
    """The innermost room that contains the module."""
    return max((room for room in ROOMS if f"{module}.".startswith(f"{room}.")), key=len)


def test_rooms_are_listed_from_the_ground_up():
    order = list(ROOMS)
    for room, allowed in ROOMS.items():
        assert all(order.index(other) <= order.index(room) for other in allowed), room


@pytest.mark.parametrize("name", MODULES)
def test_imports_flow_one_way(name):
    room = room_of(name)
    for module in imports_of(name):
        other = room_of(module)
        assert other == room or other in ROOMS[room], f"{name} imports {module}"
        if room == "launch" and other in ("rigl_rl.adapters", "rigl_rl.networks"):
            assert module in OF_LAUNCH, f"{name} imports {module}"


def test_no_modules_import_each_other_in_a_circle():
    graphlib.TopologicalSorter({name: imports_of(name) for name in MODULES}).prepare()


def test_launch_and_analysis_load_no_tensorflow():
    modules = [name for name in MODULES if name.split(".")[0] in ("launch", "analysis")]
    code = (
        "import importlib, sys\n"
        f"for name in {modules}:\n"
        "    try:\n"
        "        importlib.import_module(name)\n"
        "    except ModuleNotFoundError as error:\n"
        "        assert error.name == 'submitit', error  # an extra\n"
        "assert not {'tensorflow', 'tf_agents', 'dopamine', 'gin'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def too_long() -> set[str]:
    found = set()
    for path in FILES:
        text, where = path.read_text(), str(path.relative_to(ROOT))
        if text.count("\n") > MOST_LINES_OF_A_FILE:
            found.add(where)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                assert node.end_lineno is not None
                if node.end_lineno - node.lineno >= MOST_LINES_OF_A_FUNCTION:
                    found.add(f"{where}: {node.name}")
    return found


def test_files_and_functions_are_read_in_one_sitting():
    assert too_long() == set()


def test_packages_begin_with_no_code():
    for path in FILES:
        if path.name == "__init__.py":
            # dopamine's sets gin's names, and sparsity's has the names that users import.
            assert path.read_text().count("\n") <= 40, path
