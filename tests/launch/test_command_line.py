import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from launch import __main__ as main
from launch import demo
from launch.costs import Costs
from launch.execution import local
from launch.runs import Run
from launch.studies.all_studies import STUDIES, expand
from launch.studies.presets import PRESETS
from rigl_rl import record

REPOSITORY = Path(__file__).resolve().parents[2]
SMOKE = ("run", "figure8", "--preset", "smoke", "--runs", "r")


def launch(*args, module="launch", cwd=REPOSITORY):
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, args)],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def recorder(tmp_path, monkeypatch):
    """The name of a main that trains nothing, but records how it was started."""
    name = "rigl_rl_fake_main"
    (tmp_path / f"{name}.py").write_text(
        "import json, os, pathlib, sys\n"
        "root = pathlib.Path(sys.argv[2])\n"
        "root.mkdir(parents=True)\n"
        "started = os.getcwd() + ' ' + ' '.join(sys.argv[1:])\n"
        "(root / 'result.json').write_text(json.dumps(dict(final_return=0, started=started)))\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return name


def started(root):
    """The directory and the flags that the recorder was started with."""
    return record.read(root, ["started"])["started"]


def test_list_shows_every_study_in_every_preset():
    result = launch("list")
    assert result.returncode == 0
    rows = {tuple(line.split()[:3]) for line in result.stdout.splitlines()}
    assert {
        ("figure8", "paper", "1,920"),
        ("figure14_right", "paper", "570"),
        ("figure5_left", "paper", "300"),
        ("all", "paper", f"{len(expand(STUDIES, PRESETS['paper'])):,}"),
    } <= rows
    (shared,) = re.findall(r"figure14_right +paper .* (\d+) shared", result.stdout)
    assert shared == "570"


def test_dry_run_prints_the_commands_of_unfinished_runs(tmp_path):
    runs = expand(["figure8", "figure5_left"], PRESETS["smoke"])
    done = tmp_path / runs[4].name
    done.mkdir(parents=True)
    (done / "result.json").write_text('{"final_return": 0}')
    result = launch(
        "run", "figure8", "figure5_left", "--preset", "smoke", "--runs", tmp_path, "--dry_run"
    )
    assert result.returncode == 0
    commands = [tuple(shlex.split(line)) for line in result.stdout.splitlines()]
    assert commands == [run.command(tmp_path) for run in runs if run is not runs[4]]
    assert "30 runs, 1 already finished; the 29 left" in result.stderr


def test_tasks_narrow_a_study(tmp_path, capsys):
    tasks = ["--tasks", "Acrobot-v1", "HalfCheetah-v2"]
    args = ["run", "figure8", "figure2", "--preset", "smoke", "--runs", str(tmp_path)]
    assert main.main([*args, *tasks, "--dry_run"]) == 0
    commands = [tuple(shlex.split(line)) for line in capsys.readouterr().out.splitlines()]
    runs = expand(["figure8", "figure2"], PRESETS["smoke"])
    chosen = [run for run in runs if {"Acrobot-v1", "HalfCheetah-v2"} & set(run.name.split("/"))]
    assert commands == [run.command(tmp_path) for run in chosen]
    # For each task and agent: the standard dense network, the matched one, and four methods, with
    # two distributions for DQN.
    assert len(commands) == (2 + 4 * 2) + 2 * (2 + 4)


def test_on_commands_is_the_same(tmp_path):
    args = ["run", "figure14_right", "--preset", "smoke", "--runs", tmp_path]
    printed = launch(*args, "--on", "commands").stdout
    assert len(printed.splitlines()) == 9
    for other in ([], ["--on", "slurm", "--cluster", "nothing.yaml"]):
        assert launch(*args, "--dry_run", *other).stdout == printed


def test_commands_printed_elsewhere_go_to_the_repository(tmp_path):
    args = ["run", "figure14_right", "--preset", "smoke", "--runs", "my runs", "--threads", "2"]
    result = launch(*args, "--dry_run", cwd=tmp_path)
    runs = expand(["figure14_right"], PRESETS["smoke"])
    assert [tuple(shlex.split(line)) for line in result.stdout.splitlines()] == [
        ("cd", str(REPOSITORY), "&&", *run.command(tmp_path / "my runs", threads=2)) for run in runs
    ]
    assert not (tmp_path / "my runs").exists()


def test_commands_are_lines_for_xargs(tmp_path, recorder, monkeypatch, capsys):
    runs = [Run("label", recorder, "a.gin", ('x="y z"',), s, 1, 1.0) for s in range(3)]
    monkeypatch.chdir(tmp_path)
    main.print_commands(runs, tmp_path / "my runs", threads=1)
    subprocess.run(
        ["xargs", "-d", "\\n", "-P", "2", "-n", "1", "sh", "-c"],
        input=capsys.readouterr().out,
        text=True,
        check=True,
    )
    for run in runs:
        root = tmp_path / "my runs" / run.name
        flags = f'--gin_file a.gin --gin_bindings x="y z" --seed {run.seed}'
        assert started(root).startswith(f"{REPOSITORY} --root_dir {root} {flags} ")


def test_every_study_in_full_expands_quickly(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(main.signal, "signal", lambda *_: None)  # SIGPIPE stays this process's
    argv = ["run", *STUDIES, "--preset", "paper", "--runs", str(tmp_path), "--dry_run"]
    before = time.process_time()
    main.main([*argv, "--seeds", "20"])
    # 69,400 runs: 4 s on an idle core, several times that on a busy or slow one.
    assert time.process_time() - before < 40
    runs = expand(STUDIES, PRESETS["paper"].narrowed(20))
    assert len(capsys.readouterr().out.splitlines()) == len(runs)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["run", "figure99", "--preset", "smoke", "--runs", "r"], ["'figure99'", "figure8"]),
        (["run", "figure8", "--preset", "huge", "--runs", "r"], ["'huge'", "paper", "reduced"]),
        (["run", "figure8", "--preset", "smoke"], ["--runs"]),
        (["run", "figure8", "--preset", "smoke", "--runs", "r", "--workers", "0"], ["'0'"]),
        (["run", "figure8", "--preset", "smoke", "--runs", "r", "--seeds", "-1"], ["--seeds"]),
        (
            ["run", "figure8", "--preset", "smoke", "--runs", "r", "--sparsities", "0.5", "1.2"],
            ["--sparsities", "'1.2' is not a number within (0, 1)"],
        ),
        ([*SMOKE, "--tasks", "CartPole-v0", "Pong"], ["figure8", "on Pong", "MountainCar-v0"]),
        (["run", "figure8", "--preset", "smoke", "--runs", "/dev/null/r"], ["/dev/null/r"]),
        (["fly"], ["'fly'", "list"]),
        ([*SMOKE, "--on", "moon"], ["'moon'", "local", "slurm", "commands"]),
        ([*SMOKE, "--on", "slurm"], ["--cluster FILE"]),
        ([*SMOKE, "--wait"], ["--wait", "--on slurm"]),
        ([*SMOKE, "--cluster", "c.yaml"], ["--cluster", "--on slurm"]),
        ([*SMOKE, "--on", "slurm", "--cluster", "c", "--workers", "3"], ["max_parallel"]),
    ],
)
def test_bad_input_gets_one_line(args, words, tmp_path):
    result = launch(*args, cwd=tmp_path)
    assert result.returncode == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert all(word in result.stderr for word in words)
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_cannot_be_used_is_one_line(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").mkdir()
    (tmp_path / "file" / "logs").touch()
    for runs in ("loop", "file"):
        result = launch("run", "figure14_right", "--preset", "smoke", "--runs", tmp_path / runs)
        assert result.returncode != 0
        *_, line = result.stderr.splitlines()
        assert line.startswith("error: ")
        assert str(tmp_path / runs) in line
        assert "Traceback" not in result.stderr


def test_finished_study_ends_at_once(tmp_path):
    for run in expand(["figure14_right"], PRESETS["smoke"]):
        (tmp_path / run.name).mkdir(parents=True)
        (tmp_path / run.name / "result.json").write_text('{"final_return": 0}')
    result = launch("run", "figure14_right", "--preset", "smoke", "--runs", tmp_path)
    assert result.returncode == 0
    assert "9 of 9 runs finished, 0 failed" in result.stderr


def test_a_launched_run_is_given_its_command_and_the_repository(tmp_path, recorder, capsys):
    run = Run("label", recorder, "a.gin", ("x='y'",), seed=7, env_steps=1, steps_per_second=1.0)
    assert local.launch([run], tmp_path / "runs", workers=1) == 0
    root = tmp_path / "runs" / "label" / "seed7"
    flags = "--gin_file a.gin --gin_bindings x='y' --seed 7 --threads 1 --noprogress"
    assert started(root) == f"{REPOSITORY} --root_dir {root} {flags}"
    assert (tmp_path / "runs" / "logs" / "label" / "seed7.log").exists()
    assert "1 of 1 runs finished" in capsys.readouterr().err


def test_demo_runs():
    names = [run.name.split("/")[2] for run in demo.runs()]
    assert names == [
        "dense-demo",
        "prune-erk-s0.90-demo",
        "static-erk-s0.90-demo",
        "set-erk-s0.90-demo",
        "rigl-erk-s0.90-demo",
        # 26,522 weights and 1,026 biases; h*h + 8h + 2 = 27,557 for h = 162, 27,890 for 163.
        "dense-h162-demo",
    ]
    assert Costs().core_hours(demo.runs()) / 2 < 8 / 60


def test_demo_draws_after_training(tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr(local, "launch", lambda *args: done.append(args) or 0)
    monkeypatch.setattr(demo, "draw", lambda *args: done.append(args) or 7)
    assert demo.main(["--out", str(tmp_path), "--workers", "3"]) == 7
    runs_dir = tmp_path / "runs"
    assert done == [
        (demo.runs(), runs_dir, 3),
        (runs_dir, tmp_path),
    ]


def test_demo_without_a_finished_run_is_one_line(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(local, "launch", lambda jobs, runs_dir, workers: runs_dir.mkdir() or 0)
    assert demo.main(["--out", str(tmp_path)]) == 1
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "no finished run" in lines[0]


def test_demo_with_a_failed_run_ends_with_its_exit_code(tmp_path, monkeypatch):
    monkeypatch.setattr(local, "launch", lambda *args: 1)
    monkeypatch.setattr(demo, "draw", lambda *args: pytest.fail("drawn"))
    assert demo.main(["--out", str(tmp_path)]) == 1


def test_sparse_execution_is_handed_to_every_run(tmp_path, capsys):
    main.main([*SMOKE[:-1], str(tmp_path), "--dry_run", "--sparse_execution", "dense"])
    lines = capsys.readouterr().out.splitlines()
    assert lines
    assert all('sparse_execution.mode="dense"' in shlex.split(line) for line in lines)
