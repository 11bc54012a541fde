"""`--configs`: runs with edited gin files are not confused with runs of the standard ones."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

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
        (runs_dir / name).mkdir(parents=True)
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
