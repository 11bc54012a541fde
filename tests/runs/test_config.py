"""Gin files and bindings: where they are found, and how they fail."""

from __future__ import annotations

import gin
import pytest

from rigl_rl.errors import ConfigError
from rigl_rl.runs import config
from rigl_rl.sparsity import gin_config


@pytest.fixture
def gin_file(tmp_path):
    def write(text: str, name: str = "run.gin") -> str:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return str(path)

    return write


def refusal(files=(), bindings=()) -> str:
    with pytest.raises(ConfigError) as caught:
        config.parse(files, bindings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_later_files_and_bindings_win(gin_file):
    first = gin_file("SPARSITY = 0.5\ninit_masks.sparsity = %SPARSITY\nmask_updater.update_freq=1")
    second = gin_file("mask_updater.update_freq = 2\nmask_updater.update_alg = 'set'", "two.gin")
    config.parse([first, second], ["SPARSITY = 0.75", "mask_updater.update_alg = 'rigl'"])
    assert gin_config.init_masks()["sparsity"] == 0.75
    assert gin_config.mask_updater()["update_freq"] == 2
    assert gin_config.mask_updater()["method"] == "rigl"


def test_an_include_is_looked_up_beside_its_file_first(gin_file, tmp_path, monkeypatch):
    gin_file("mask_updater.update_freq = 17", "configs/base.gin")
    path = gin_file("include 'base.gin'", "configs/run.gin")
    gin_file("mask_updater.update_freq = 99", "base.gin")
    monkeypatch.chdir(tmp_path)  # where another base.gin lies
    config.parse([path], [])
    assert gin_config.mask_updater()["update_freq"] == 17
    gin.clear_config()
    config.parse(["configs/run.gin"], [])
    assert gin_config.mask_updater()["update_freq"] == 17


def test_missing_file():
    assert refusal(["no/such.gin"]) == "gin file 'no/such.gin' does not exist"


def test_missing_include(gin_file):
    line = refusal([gin_file("include 'gone.gin'")])
    assert "gone.gin" in line
    assert "run.gin" in line


def test_misspelt_configurable():
    line = refusal(bindings=["mask_updatr.update_freq = 3"])
    assert "mask_updatr" in line
    assert "did you mean 'mask_updater'?" in line


def test_misspelt_parameter():
    line = refusal(bindings=["mask_updater.update_frq = 3"])
    assert "update_frq" in line
    assert "did you mean 'update_freq'?" in line


def test_misspelt_parameter_in_a_file_names_the_file(gin_file):
    path = gin_file("mask_updater.update_frq = 3")
    line = refusal([path])
    assert path in line
    assert "update_frq" in line


def test_misspelt_macro(gin_file):
    line = refusal([gin_file("SPARSITY = 0.9\ninit_masks.sparsity = %SPARSITY")], ["SPARSTY = 0.5"])
    assert "'SPARSTY'" in line
    assert "did you mean 'SPARSITY'?" in line


def test_a_module_that_cannot_be_imported(gin_file):
    line = refusal([gin_file("import no_such_module")])
    assert "run.gin': No module named 'no_such_module'" in line
    assert "PYTHONPATH" in line
    assert "no_such_module" in refusal(bindings=["import no_such_module"])


def test_the_modules_that_a_configuration_imports_are_part_of_its_text(gin_file):
    config.parse([gin_file("import colorsys")], ["import sched", "mask_updater.update_freq = 5"])
    text = config.text(3)
    assert text.startswith("# seed = 3\nimport colorsys\nimport sched\n")
    # Parsed again, as to evaluate a run's policy later, it is the same configuration.
    gin.clear_config()
    config.parse([gin_file(text)], [])
    assert config.text(3) == text


def test_arguments_are_those_that_are_bound_over_the_defaults():
    bindings = ["FREQUENCY = 5", "mask_updater.update_freq = %FREQUENCY"]
    config.parse([], [*bindings, "mask_updater.update_alg = 'set'"])
    defaults = {"init_drop_fraction": 0.5, "schedule_alg": "cosine"}
    found = config.arguments(gin_config.mask_updater)
    assert {"update_freq": 5, "update_alg": "set", **defaults}.items() <= found.items()


@pytest.mark.parametrize(
    "binding",
    [
        "mask_updater.update_freq =",
        "mask_updater.update_freq",
        "= 3",
        "mask_updater.update_freq = [1",
    ],
)
def test_a_binding_that_cannot_be_parsed(binding):
    assert repr(binding) in refusal(bindings=[binding])


def test_a_reference_to_a_macro_that_nothing_defines(gin_file):
    path = gin_file("SPARSITY = 0.9\ninit_masks.sparsity = %SPARSITY")
    line = refusal([path], ["wrap_all_layers.final_sparsity = %SPARSTY"])
    assert "SPARSTY" in line
    assert "did you mean 'SPARSITY'?" in line


def test_one_line_keeps_the_first_sentence():
    with pytest.raises(ConfigError) as caught, config.one_line("gin file 'a'"):
        raise ValueError("bad\nvalue 3\n  In call to configurable 'f' (<function f>)")
    assert str(caught.value) == "gin file 'a': bad value 3"


def test_the_text_tells_configurations_and_seeds_apart():
    def text(seed, *bindings):
        gin.clear_config()
        config.parse([], bindings)
        return config.text(seed)

    one = text(1, "mask_updater.update_freq = 3")
    assert one == text(1, "mask_updater.update_freq = 2", "mask_updater.update_freq = 3")
    assert one != text(2, "mask_updater.update_freq = 3")
    assert one != text(1, "mask_updater.update_freq = 4")
