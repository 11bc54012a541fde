"""Gin files and bindings: where they are found, and how they fail."""

import pathlib

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
    monkeypatch.chdir(tmp_path)  # which has another base.gin
    config.parse([path], [])
    assert gin_config.mask_updater()["update_freq"] == 17
    gin.clear_config()
    config.parse(["configs/run.gin"], [])
    assert gin_config.mask_updater()["update_freq"] == 17


def test_an_include_within_an_included_file_is_looked_up_beside_that_one(
    gin_file, tmp_path, monkeypatch
):
    """For example, `include 'gin_configs/dqn_classic/rigl.gin'`, which itself includes base.gin."""
    gin_file("mask_updater.update_freq = 17", "configs/base.gin")
    gin_file("include 'base.gin'\nmask_updater.update_alg = 'set'", "configs/set.gin")
    top = gin_file("include 'configs/set.gin'\ninclude 'more.gin'", "mine.gin")
    gin_file("init_masks.sparsity = 0.5", "more.gin")  # next to the first file again
    gin_file("mask_updater.update_freq = 99", "base.gin")
    (tmp_path / "elsewhere").mkdir()
    for folder in (tmp_path, tmp_path / "elsewhere"):
        gin.clear_config()
        monkeypatch.chdir(folder)
        config.parse([top], [])
        assert gin_config.mask_updater()["update_freq"] == 17
        assert gin_config.mask_updater()["method"] == "set"
        assert gin_config.init_masks()["sparsity"] == 0.5


def test_an_include_may_be_found_in_the_working_directory(gin_file, tmp_path, monkeypatch):
    gin_file("mask_updater.update_freq = 17", "configs/base.gin")
    path = gin_file("include 'configs/base.gin'", "mine/run.gin")
    monkeypatch.chdir(tmp_path)
    config.parse([path], [])
    assert gin_config.mask_updater()["update_freq"] == 17


def test_a_file_of_the_project_can_be_included():
    root = pathlib.Path(__file__).resolve().parents[2]
    names = sorted(str(path) for path in (root / "gin_configs" / "dqn_classic").glob("*.gin"))
    assert names
    for name in names:
        # It and its base.gin are found. They bind a main; if no other test of this process has
        # imported it, or several have, that is refused.
        line = "train_eval"
        try:
            config.parse([], [f"include '{name}'"])
        except ConfigError as error:
            line = str(error)
        assert "train_eval" in line
        gin.clear_config()


def test_the_same_file_may_be_included_twice(gin_file):
    gin_file("mask_updater.update_freq = 17", "base.gin")
    config.parse([gin_file("include 'base.gin'\ninclude 'base.gin'")], [])
    assert gin_config.mask_updater()["update_freq"] == 17


@pytest.mark.parametrize("via", ["run.gin", "other.gin"])
def test_files_that_include_each_other_in_a_circle(gin_file, via):
    gin_file("include 'run.gin'", "other.gin")
    path = gin_file(f"include '{via}'")
    line = refusal([path])
    assert "include each other in a circle" in line
    assert line.count("run.gin") == 3  # the given file, and both ends of the circle
    assert ("other.gin" in line) == (via == "other.gin")


def test_gin_finds_files_as_ever_afterwards(gin_file):
    before = gin.config._FILE_READERS[:], gin.config._LOCATION_PREFIXES[:]
    config.parse([gin_file("mask_updater.update_freq = 17")], [])
    refusal([gin_file("include 'gone.gin'")])
    assert before == (gin.config._FILE_READERS, gin.config._LOCATION_PREFIXES)


def test_modules_are_imported_and_known_by_name(gin_file, tmp_path, monkeypatch):
    (tmp_path / "my_module_of_gin.py").write_text("import gin\nIMPORTED = True\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert config.imported_modules() == ()
    config.parse([gin_file("import my_module_of_gin")], ["from os import path"])
    assert config.imported_modules() == ("my_module_of_gin", "os.path")
    assert "import my_module_of_gin" in config.text(0)


def test_missing_file():
    assert refusal(["no/such.gin"]) == "gin file 'no/such.gin' does not exist"


def test_missing_include(gin_file):
    line = refusal([gin_file("include 'gone.gin'")])
    assert "gone.gin" in line
    assert "run.gin" in line


def test_misspelled_configurable():
    line = refusal(bindings=["mask_updatr.update_freq = 3"])
    assert "mask_updatr" in line
    assert "did you mean 'mask_updater'?" in line


def test_misspelled_parameter():
    line = refusal(bindings=["mask_updater.update_frq = 3"])
    assert "update_frq" in line
    assert "did you mean 'update_freq'?" in line


def test_misspelled_parameter_in_a_file_names_the_file(gin_file):
    path = gin_file("mask_updater.update_frq = 3")
    line = refusal([path])
    assert path in line
    assert "update_frq" in line


def test_misspelled_macro(gin_file):
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
    # Parsed again, for example to evaluate a run's policy later, it is the same configuration.
    gin.clear_config()
    config.parse([gin_file(text)], [])
    assert config.text(3) == text


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


@pytest.mark.parametrize(
    ("bindings", "words"),
    [
        (["A = %A", "init_masks.sparsity = %A"], "init_masks.sparsity: its macro refers to itself"),
        (["init_masks.sparsity = 1.5"], "init_masks.sparsity is 1.5, but must be a number within"),
        (["A = 1.5", "init_masks.sparsity = %A"], "init_masks.sparsity is 1.5, but must be"),
        (["mask_updater.update_freq = @mask_updater"], "update_freq is @mask_updater, but must be"),
        (["init_masks.update_freq = 5"], "did you mean 'mask_updater.update_freq'?"),
        (["init_masks.sparsty = 5"], "did you mean 'sparsity'?"),
    ],
)
def test_values_and_names_are_checked_when_they_are_bound(bindings, words):
    assert words in refusal(bindings=bindings)


@gin.configurable
def five() -> int:
    return 5


def test_what_a_function_returns_is_checked_when_it_is_asked_for():
    config.parse([], ["init_masks.sparsity = @five()"])
    assert gin_config.sparse_settings("dense").sparsity == 0.0  # does not ask
    with pytest.raises(ConfigError, match="sparsity is 5, but must be a number within"):
        gin_config.sparse_settings("sparse")


def test_an_import_may_raise_anything(tmp_path, monkeypatch):
    (tmp_path / "broken_module.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(str(tmp_path))
    line = refusal(bindings=["import broken_module"])
    assert line == "gin binding 'import broken_module': ZeroDivisionError: division by zero"


def test_the_text_tells_configurations_and_seeds_apart():
    def text(seed, *bindings):
        gin.clear_config()
        config.parse([], bindings)
        return config.text(seed)

    one = text(1, "mask_updater.update_freq = 3")
    assert one == text(1, "mask_updater.update_freq = 2", "mask_updater.update_freq = 3")
    assert one != text(2, "mask_updater.update_freq = 3")
    assert one != text(1, "mask_updater.update_freq = 4")
