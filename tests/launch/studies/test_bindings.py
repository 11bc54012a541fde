"""The mains accept everything that is launched: every gin file with every set of bindings."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from launch.studies.all_studies import STUDIES, expand
from launch.studies.presets import PRESETS

REPOSITORY = Path(__file__).resolve().parents[3]
# The mains' `train_eval`s share a gin name, so each needs its own process.
PARSE = """
import ast, importlib, json, sys
import gin
from rigl_rl.runs import config

importlib.import_module(sys.argv[1])
for file, bindings in json.load(sys.stdin):
    gin.clear_config()
    config.parse([file], bindings)  # refuses what the main does not have
    for name, value in dict(binding.split("=", 1) for binding in bindings).items():
        if "." in name:  # no macro
            assert gin.query_parameter(name) == ast.literal_eval(value), (file, name)
"""


def kinds():
    """For each main, file and bindings of one run per kind; runs of a kind bind the same names."""
    found = {}
    for preset in PRESETS.values():
        for run in expand(STUDIES, preset):
            names = tuple(binding.split("=")[0] for binding in run.bindings)
            of_main = found.setdefault(run.main, {})
            of_main.setdefault((run.gin_file, names), (run.gin_file, run.bindings))
    return {main: list(of_main.values()) for main, of_main in found.items()}


KINDS = kinds()


def parse(main, configurations):
    return subprocess.run(
        [sys.executable, "-c", PARSE, main],
        input=json.dumps(configurations),
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
    )


@pytest.mark.parametrize("main", KINDS)
def test_gin_files_and_bindings_parse(main):
    result = parse(main, KINDS[main])
    assert result.returncode == 0, result.stderr


def test_a_name_that_the_main_does_not_have_is_refused():
    main, ((file, bindings), *_) = next(iter(KINDS.items()))
    result = parse(main, [(file, [*bindings, "train_eval.no_such_parameter=1"])])
    assert result.returncode
    assert "no_such_parameter" in result.stderr
