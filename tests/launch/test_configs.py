"""`--configs`: runs with edited gin files are not confused with runs of the standard ones."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from analysis.run_files import run_directories
from launch import __main__ as main
from launch.execution import local, slurm_queue
from launch.studies.all_studies import expand
from launch.studies.presets import PRESETS
from rigl_rl.errors import ConfigError

REPOSITORY = Path(__file__).resolve().parents[2]
STANDARD = expand(["cartpole"], PRESETS["smoke"].narrowed(methods=("rigl",)))
EDITED = "dqn_classic/CartPole-v0/rigl-erk-s0.90-smoke-from_half_gamma/seed0"


@pytest.fixture(autouse=True)
def own_signals(monkeypatch):
    monkeypatch.setattr(main.signal, "signal", lambda *_: None)  # SIGPIPE stays this process's


@pytest.fixture
def configs(tmp_path):
    """A folder with an edited copy of RigL's file."""
    folder = tmp_path / "half gamma"
    (folder / "dqn_classic").mkdir(parents=True)
    standard = REPOSITORY / "gin_configs" / "dqn_classic" / "rigl.gin"
    text = standard.read_text() + "\ntrain_eval.gamma = 0.5\n"
    (folder / "dqn_classic" / "rigl.gin").write_text(text)
    return folder


def finish(runs_dir, names):
    for name in names:
        (runs_dir / name).mkdir(parents=True, exist_ok=True)
        (runs_dir / name / "result.json").write_text('{"final_return": 0, "wall_s": 1.0}')


def call(command, configs, runs_dir, *more):
    flags = ["--preset", "smoke", "--methods", "rigl", "--runs", str(runs_dir), *more]
    return main.main([command, "cartpole", *flags, "--configs", str(configs)])


def test_a_finished_standard_run_is_not_the_edited_one(configs, tmp_path, capsys):
    finish(tmp_path, [run.name for run in STANDARD])
    assert call("run", configs, tmp_path, "--dry_run") == 0
    printed = capsys.readouterr()
    (line,) = printed.out.splitlines()
    argv = shlex.split(line)
    assert argv[argv.index("--root_dir") + 1] == str(tmp_path / EDITED)
    assert argv[argv.index("--gin_file") + 1] == str(configs / "dqn_classic" / "rigl.gin")
    assert "2 runs, 1 already finished; the 1 left" in printed.err  # the dense run is standard
    finish(tmp_path, [EDITED])
    call("run", configs, tmp_path, "--dry_run")
    assert capsys.readouterr().out == ""


def test_status_and_cancel_find_the_edited_runs(configs, tmp_path, capsys, monkeypatch):
    runs_dir = tmp_path / "runs"
    monkeypatch.setattr(local, "launch", lambda *_: 0)
    call("run", configs, runs_dir)
    array = runs_dir / "slurm" / "first"
    array.mkdir(parents=True)
    (array / "runs.txt").write_text(f"{STANDARD[1].name}\n{EDITED}\n")
    asked = []

    def ask(*command):
        asked.append(command)
        return "first 17 0 RUNNING\nfirst 17 1 RUNNING" if command[0] == "squeue" else ""

    monkeypatch.setattr(slurm_queue, "ask", ask)
    for cancel in (
        lambda: main.main(["cancel", "cartpole", "--runs", str(runs_dir)]),
        lambda: call("cancel", configs, runs_dir),
    ):
        cancel()
        assert asked[-1] == ("scancel", "17_1")
    finish(runs_dir, [EDITED])
    shutil.rmtree(configs)  # as on another machine
    capsys.readouterr()
    main.main(["status", "--runs", str(runs_dir)])
    _, row = capsys.readouterr().out.splitlines()
    assert row.split()[2:6] == ["1", "0", "0", "1"]


def test_measured_runs_are_told_apart_too(configs, tmp_path, capsys):
    study = ["run", "figure5_left", "figure8", "--preset", "smoke", "--runs", str(tmp_path)]
    main.main([*study, "--methods", "rigl", "--configs", str(configs), "--dry_run"])
    roots = re.findall(r"--root_dir \S+/(rigl\S+)/seed0", capsys.readouterr().out)
    assert roots
    rest = "s0.90-snr-smoke-from_half_gamma"  # figure8's plain runs are the measured ones
    assert set(roots) == {f"rigl-{distribution}-{rest}" for distribution in ("erk", "uniform")}


def test_no_folder_s_name_makes_a_standard_label():
    """A run of the paper's length with the file in `smoke/` is not one of the smoke preset."""
    run = expand(["cartpole"], PRESETS["paper"])[-1]
    smoke = expand(["cartpole"], PRESETS["smoke"])[-1]
    assert f"{run.label}-smoke" == smoke.label
    assert run.from_configs("smoke").label != smoke.label
    assert f"{run.label}-snr" == run.measured_label
    assert run.from_configs("snr").label != run.measured_label


def test_own_methods_and_the_standard_folder_keep_their_labels(tmp_path, capsys):
    call("run", REPOSITORY / "gin_configs", tmp_path, "--dry_run")
    own = REPOSITORY / "tests" / "own_methods"
    call("run", own, tmp_path, "--dry_run", "--methods", "magnitude_random")
    roots = re.findall(r"--root_dir \S+/CartPole-v0/(\S+)/seed0", capsys.readouterr().out)
    rest = "erk-s0.90-smoke"
    assert roots == ["dense-smoke", f"rigl-{rest}", "dense-smoke", f"magnitude_random-{rest}"]


def test_a_folder_that_has_no_effect_is_refused(configs, tmp_path):
    with pytest.raises(ConfigError, match="--configs: there is no directory .*absent"):
        call("run", tmp_path / "absent", tmp_path, "--dry_run")
    (configs / "dqn_classic").rename(configs / "dqn")
    words = "has no gin file for these runs: none of dqn_classic/dense.gin, dqn_classic/rigl.gin"
    with pytest.raises(ConfigError, match=words):
        call("run", configs, tmp_path, "--dry_run")
    args = ["run", "figure7", "--preset", "smoke", "--runs", str(tmp_path), "--dry_run"]
    assert main.main([*args, "--configs", str(configs)]) == 0  # a study without runs


@pytest.fixture
def launched(monkeypatch):
    """The runs that launches train, which end at once."""
    launched = []

    def train(runs, runs_dir, *_):
        launched.extend(run.name for run in runs)
        finish(runs_dir, [run.name for run in runs])
        return 0

    monkeypatch.setattr(local, "launch", train)
    return launched


def own_method(folder, text):
    """A folder with a gin file of an own method."""
    file = folder / "dqn_classic" / "mine.gin"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return file


def test_another_file_of_the_same_name_does_not_pass_for_the_trained_one(
    configs, tmp_path, launched
):
    """Edited later, or in another folder of the same name; so for own methods, and for includes."""
    runs_dir = tmp_path / "runs"
    base = configs / "shared.gin"
    base.write_text("train_eval.gamma = 0.5\n")
    file = configs / "dqn_classic" / "rigl.gin"
    file.write_text("include 'gin_configs/dqn_classic/rigl.gin'\ninclude '../shared.gin'\n")
    other = shutil.copytree(configs, tmp_path / "b" / configs.name)
    call("run", configs, runs_dir)
    call("run", other, runs_dir)  # the same content
    assert EDITED in launched
    kept = runs_dir / "configs" / "half_gamma"
    assert (kept / "dqn_classic" / "rigl.gin").read_text() == file.read_text()
    assert (kept / "shared.gin").read_text() == base.read_text()
    assert sorted(kept.rglob("*.gin")) == [kept / "dqn_classic" / "rigl.gin", kept / "shared.gin"]
    launched.clear()
    (other / "dqn_classic" / "rigl.gin").write_text(file.read_text() + "train_eval.width = 0.5\n")
    base.write_text("train_eval.gamma = 0.3\n")
    for folder, at_fault in ((configs, "shared.gin"), (other, "dqn_classic/rigl.gin")):
        words = (
            rf"--configs: {folder}/{at_fault} is not the file that runs -from_half_gamma in "
            rf"{runs_dir} were trained with \({kept}/{at_fault}\); give the folder another name"
        )
        for more in ([], ["--dry_run"], ["--on", "commands"]):
            with pytest.raises(ConfigError, match=words):
                call("run", folder, runs_dir, *more)
    assert not launched
    assert (kept / "shared.gin").read_text() == "train_eval.gamma = 0.5\n"
    other.rename(tmp_path / "b" / "narrow")
    call("run", tmp_path / "b" / "narrow", runs_dir)
    assert EDITED.replace("half_gamma", "narrow") in launched


def test_two_versions_of_an_own_method_do_not_pass_for_one(tmp_path, launched):
    runs_dir, flags = tmp_path / "runs", ["--methods", "mine"]
    text = "include 'gin_configs/dqn_classic/rigl.gin'\n"
    first = own_method(tmp_path / "a", text)
    second = own_method(tmp_path / "b", text + "train_eval.gamma = 0.9\n")
    call("run", tmp_path / "a", runs_dir, *flags)
    assert "dqn_classic/CartPole-v0/mine-erk-s0.90-smoke/seed0" in launched
    copy = runs_dir / "configs" / "_own" / "mine" / "dqn_classic" / "mine.gin"
    assert copy.read_text() == first.read_text()
    for folder in (tmp_path / "b", tmp_path / "a"):
        words = f"{folder}/.*/mine.gin is not the file that runs of mine in .*give the method anot"
        with pytest.raises(ConfigError, match=words):
            call("run", folder, runs_dir, *flags)
        first.write_text(second.read_text())


def test_a_file_may_change_until_a_run_has_begun(configs, tmp_path, monkeypatch):
    monkeypatch.setattr(local, "launch", lambda *_: 1)  # for example because of a misspelled name
    file = configs / "dqn_classic" / "rigl.gin"
    call("run", configs, tmp_path / "runs")
    file.write_text(file.read_text() + "train_eval.width = 0.5\n")
    call("run", configs, tmp_path / "runs")
    copy = tmp_path / "runs" / "configs" / "half_gamma" / "dqn_classic" / "rigl.gin"
    assert copy.read_text() == file.read_text()
    run_dir = tmp_path / "runs" / EDITED
    run_dir.mkdir(parents=True)
    (run_dir / "config.gin").touch()
    file.write_text(file.read_text() + "train_eval.width = 0.25\n")
    with pytest.raises(ConfigError, match="were trained with"):
        call("run", configs, tmp_path / "runs")


def test_a_printing_launch_writes_nothing(configs, tmp_path):
    call("run", configs, tmp_path / "runs", "--dry_run")
    assert not (tmp_path / "runs").exists()


def test_copies_are_no_runs(configs, tmp_path, launched):
    runs_dir = tmp_path / "runs"
    call("run", configs, runs_dir)
    found = {str(path.relative_to(runs_dir)) for path, _ in run_directories(runs_dir)}
    assert found == set(launched)


def test_a_copied_standard_folder_is_not_edited(configs, tmp_path, capsys):
    """Its files count as the standard ones until one of them, or one they include, changes."""
    copied = tmp_path / "copied"
    shutil.copytree(REPOSITORY / "gin_configs" / "dqn_classic", copied / "dqn_classic")
    finish(tmp_path / "runs", [run.name for run in STANDARD])
    call("run", copied, tmp_path / "runs", "--dry_run")
    assert capsys.readouterr().out == ""
    base = copied / "dqn_classic" / "base.gin"
    base.write_text(base.read_text().replace("gamma = 0.99", "gamma = 0.9"))
    call("run", copied, tmp_path / "runs", "--dry_run")
    roots = re.findall(r"--root_dir \S+/CartPole-v0/(\S+)/seed0", capsys.readouterr().out)
    assert roots == ["dense-smoke-from_copied", "rigl-erk-s0.90-smoke-from_copied"]
