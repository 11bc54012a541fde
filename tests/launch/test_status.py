"""`launch status`, `launch list --runs` and the record of launches, on directories of runs."""

import argparse
import dataclasses
import fcntl
import json
import shlex

import pytest

from launch import __main__ as main
from launch import selection
from launch.costs import START_UP_SECONDS, Costs
from launch.execution import local, slurm_queue
from launch.execution.jobs import job_of, lock
from launch.studies.all_studies import STUDIES, expand
from launch.studies.presets import PRESETS
from rigl_rl.errors import ConfigError, RiglRlError

CARTPOLE = expand(["cartpole"], PRESETS["smoke"])  # five runs, each of 1,200 environment steps
OPTIONS = {
    "seeds": ["2"],
    "sparsities": ["0.9"],
    "methods": ["rigl"],
    "agents": ["dqn_classic"],
    "tasks": ["CartPole-v0"],
    "configs": ["."],
    "skip_table": [],
}


@pytest.fixture(autouse=True)
def own_signals(monkeypatch):
    monkeypatch.setattr(main.signal, "signal", lambda *_: None)  # SIGPIPE stays this process's


def finish(run, runs_dir, seconds, steps=None, name=None):
    directory = runs_dir / (name or run.name)
    directory.mkdir(parents=True)
    result = {"env_steps": steps or run.env_steps, "wall_s": seconds, "final_return": 0.0}
    (directory / "result.json").write_text(json.dumps(result))


def begin(run, runs_dir, log):
    job = job_of(run, runs_dir, 1)
    job.run_dir.mkdir(parents=True)
    job.log.parent.mkdir(parents=True, exist_ok=True)
    job.log.write_text(log)
    (job.run_dir / ".lock").touch()
    return job


def status(capsys, *args):
    assert main.main(["status", *map(str, args)]) == 0
    return capsys.readouterr().out.splitlines()


def cells(row):
    """Counts of finished, running, failed and waiting runs, hours spent and to come, time left."""
    return row.split()[2:]


def test_each_state_of_a_run(tmp_path, capsys):
    finished, by_launcher, by_hand, failed, waiting = CARTPOLE
    finish(finished, tmp_path, 3600.0)  # a third of a step per second: 1,200 steps take an hour
    held = lock(begin(by_launcher, tmp_path, "$ command\n"))
    (tmp_path / by_launcher.name / "evals.csv").write_text("env_step,wall_s\n0,0\n900,1800.0\n")
    begin(by_hand, tmp_path, "")
    by_hand_lock = open(tmp_path / by_hand.name / ".lock")  # noqa: SIM115
    fcntl.flock(by_hand_lock, fcntl.LOCK_EX)
    begin(failed, tmp_path, "$ command\nstep 10\nerror: the loss became NaN\n\n")
    header, row, failure = status(capsys, "--runs", tmp_path, "cartpole", "--preset", "smoke")
    for file in (held, by_hand_lock):
        file.close()
    assert header.split()[2:6] == ["finished", "running", "failed", "waiting"]
    # To come: a quarter hour, and an hour for each of three runs, plus 15 seconds to start.
    to_come = 3.25 + 4 * START_UP_SECONDS / 3600
    # Two at a time, by as many as run now.
    assert cells(row) == ["1", "2", "1", "1", "1.5", f"{to_come:.1f}", f"{to_come / 2:.1f}", "h"]
    assert failure.startswith(f"FAILED {failed.name}: error: the loss became NaN; log: ")

    _, row, *failures = status(capsys, "--runs", tmp_path, "cartpole", "--preset", "smoke")
    assert cells(row)[:4] == ["1", "0", "3", "1"]
    assert cells(row)[-1] == "-"
    assert len(failures) == 3


def test_what_was_launched_is_known(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(local, "launch", lambda *_: 0)
    run = ["run", "--preset", "smoke", "--runs", str(tmp_path)]
    for launch in (
        ["figure8", "figure14_right", "--sparsities", "0.5", "0.8"],
        ["figure16", "--agents", "ppo_mujoco", "--methods", "rigl,set", "--tasks", "Ant-v2"],
        ["figure16", "--agents", "ppo_mujoco", "--methods", "rigl,set", "--tasks", "Ant-v2"],
    ):
        main.main([*run, *launch])
    _, *rows = status(capsys, "--runs", tmp_path)
    # Three tasks with a dense network, and at each sparsity a matched one and eight sparse ones.
    # PPO on Ant: a dense network, a matched one, and two methods.
    assert [(row.split()[0], cells(row)[3]) for row in rows] == [
        ("figure8", str(3 * (1 + 2 * 9))),
        ("figure14_right", str(1 + 2 * 8)),
        ("figure16", "4"),
        ("all", str(3 * (1 + 2 * 9) + 4)),  # all of figure14_right is part of figure8
    ]
    (row,) = status(capsys, "--runs", tmp_path, "figure16")[1:]
    assert cells(row)[3] == "4"
    with (tmp_path / "launches.jsonl").open("a") as file:
        file.write('{"studies": ["figure99"], "preset": "smoke"}\nnot json\n[1]\n')
    main.main(["status", "--runs", str(tmp_path)])
    captured = capsys.readouterr()
    assert captured.out.splitlines()[1:] == rows
    assert captured.err.count("a launch that this version does not know is left out") == 3


def test_rows_say_what_narrows_or_changes_each_study(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(local, "launch", lambda *_: 0)
    folder = tmp_path / "half gamma" / "dqn_classic"
    folder.mkdir(parents=True)
    (folder / "rigl.gin").write_text("include 'gin_configs/dqn_classic/rigl.gin'\n")
    (folder / "set.gin").write_text("include 'gin_configs/dqn_classic/set.gin'\n")
    given = [
        "",
        "--seeds 2 --sparsities 0.5 0.9 --tasks CartPole-v0",
        "--seeds 2 --sparsities 0.5 0.9 --tasks Acrobot-v1",
        "--methods rigl --agents dqn_classic",
        f"--configs {tmp_path}/half\\ gamma",
    ]
    runs_dir = tmp_path / "runs"
    for options in given:
        study = ["figure8", "--preset", "smoke", "--runs", str(runs_dir)]
        main.main(["run", *study, *shlex.split(options)])
    capsys.readouterr()
    _, *rows, every = status(capsys, "--runs", runs_dir)
    shown = [*given[:-1], "--configs half_gamma"]
    assert ["  ".join(row.split()[9:]) for row in rows] == ["  ".join(x.split()) for x in shown]
    assert every.endswith("each run once")
    for row, options in zip(rows[:-1], given):
        study = ["figure8", "--preset", "smoke", *options.split()]
        assert status(capsys, "--runs", runs_dir, *study)[1] == row
    study = ["cartpole", "--preset", "smoke", "--skip_table"]
    assert status(capsys, "--runs", runs_dir, *study)[1].endswith("  --skip_table")


def test_commands_that_print_record_nothing(tmp_path, capsys):
    main.main(["run", "cartpole", "--preset", "smoke", "--runs", str(tmp_path), "--dry_run"])
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConfigError, match="no launch of cartpole is recorded in .*--preset"):
        main.main(["status", "cartpole", "--runs", str(tmp_path)])


def test_a_run_that_measures_more_counts_for_the_plain_one(tmp_path, capsys):
    run = CARTPOLE[0]
    finish(run, tmp_path, 7200.0, name=run.measured_name)
    _, row = status(capsys, "--runs", tmp_path, "cartpole", "--preset", "smoke")
    assert cells(row)[0] == "1"
    assert cells(row)[4] == "2.0"


def test_a_run_that_two_studies_share_counts_once_measured_or_not(tmp_path, capsys, monkeypatch):
    """Figure 8's RigL and standard dense runs are those of Figure 5, which measures them."""
    monkeypatch.setattr(local, "launch", lambda *_: 0)
    both = ["figure8", "figure5_left", "--preset", "smoke"]
    main.main(["run", *both, "--runs", str(tmp_path)])
    runs = expand(["figure8", "figure5_left"], PRESETS["smoke"])
    measured = expand(["figure5_left"], PRESETS["smoke"])
    finish(measured[0], tmp_path, 3600.0)
    held = lock(begin(measured[1], tmp_path, "$ command\n"))
    begin(measured[2], tmp_path, "$ command\nerror: broken\n")
    expected = {
        "figure8": ["1", "1", "1", str(30 - 3), "1.0"],
        "figure5_left": ["1", "1", "1", str(9 - 3), "1.0"],
    }
    assert (len(runs), len(measured)) == (30, 9)
    for given in ([], both):
        _, *rows, failure = status(capsys, "--runs", tmp_path, *given)
        found = {row.split()[0]: cells(row)[:5] for row in rows}
        assert found == {**expected, "all": expected["figure8"]}
        assert failure.startswith(f"FAILED {measured[2].name}: error: broken")
    # Launched together, but only one is asked for.
    _, row, _ = status(capsys, "--runs", tmp_path, "figure8")
    assert cells(row)[:5] == expected["figure8"]
    held.close()


def test_plain_runs_that_were_trained_count_beside_the_measured_ones(tmp_path, capsys):
    plain = CARTPOLE[0]
    finish(plain, tmp_path, 3600.0)
    study = ["--runs", tmp_path, "cartpole", "figure5_left", "--preset", "smoke"]
    _, cartpole, figure5, every = status(capsys, *study)
    assert (cells(cartpole)[0], cells(figure5)[0], cells(every)[0]) == ("1", "0", "1")
    finish(plain, tmp_path, 1800.0, name=plain.measured_name)
    _, cartpole, figure5, every = status(capsys, *study)
    assert [cells(row)[4] for row in (cartpole, figure5, every)] == ["1.0", "0.5", "1.5"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["status", "--runs", "absent"], "there is no directory absent"),
        (["list", "--runs", "absent"], "there is no directory absent"),
        (["cancel", "--runs", "absent"], "there is no directory absent"),
        (["status", "figure99", "--runs", "."], "invalid choice: 'figure99'"),
        *(
            ([command, *study, "--runs", ".", f"--{flag}", *value], f"--{flag} needs --preset")
            for command in ("status", "cancel")
            for study in ([], ["figure8"])
            for flag, value in OPTIONS.items()
        ),
        *(
            (
                ["cancel", "--runs", ".", "--preset", "smoke", f"--{flag}", ""],
                f"--{flag}: expected at least one name",
            )
            for flag in ("methods", "agents", "tasks")
        ),
        (["status"], "--runs"),
        (
            ["run", "figure16", "--preset", "smoke", "--runs", "r", "--agents", "dqn_classic,ppo"],
            r"--agents: no runs on dqn_classic, ppo in figure16 .*sac_mujoco, ppo_mujoco",
        ),
        (
            [
                *["run", "figure16", "--preset", "smoke", "--runs", "r"],
                *["--agents", "ppo_mujoco", "--methods", "rigl,fly"],
            ],
            "ppo_mujoco has no method 'fly'",
        ),
    ],
)
def test_bad_input(args, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=words):
        main.main(args)
    assert list(tmp_path.iterdir()) == []


def test_every_option_that_selects_is_part_of_a_selection():
    parser = argparse.ArgumentParser()
    selection.add_arguments(parser, studies="*", required=False)
    given = {action.dest for action in parser._actions} - {"help"}
    assert given == {field.name for field in dataclasses.fields(selection.Selection)}
    assert given == {"studies", "preset", *OPTIONS}


def test_agents_narrow_a_study():
    both = selection.Selection(("figure16",), "reduced")
    ppo = selection.Selection(("figure16",), "reduced", agents=("ppo_mujoco",))
    assert ppo.runs(strict=True) == [run for run in both.runs() if run.agent == "ppo_mujoco"]
    assert {run.agent for run in both.runs()} == {"ppo_mujoco", "sac_mujoco"}


def test_costs_are_those_of_runs_like_it(tmp_path):
    (cartpole, *others) = CARTPOLE
    acrobot = expand(["figure14_right"], PRESETS["smoke"])[0]
    paper = expand(["cartpole"], PRESETS["paper"])[0]
    declared = START_UP_SECONDS + cartpole.env_steps / cartpole.steps_per_second
    assert Costs(tmp_path).core_seconds(cartpole) == declared

    def steps_per_second(run):
        return run.env_steps / (Costs(tmp_path).core_seconds(run) - START_UP_SECONDS)

    finish(acrobot, tmp_path, seconds=600.0)  # 2 steps per second
    assert [steps_per_second(run) for run in CARTPOLE] == pytest.approx([2.0] * 5)
    finish(others[0], tmp_path, seconds=300.0)  # 4 on this task
    assert [steps_per_second(run) for run in CARTPOLE] == pytest.approx([4.0] * 5)
    finish(cartpole, tmp_path, 150.0, name=f"{cartpole.label}/seed7")  # 8, but for the seed
    assert steps_per_second(cartpole) == pytest.approx(8.0)
    # The others: 2,400 steps in 450 seconds.
    assert steps_per_second(others[1]) == pytest.approx(2400 / 450)
    # Runs of 1,200 steps say nothing about one of 101,000.
    assert steps_per_second(paper) == pytest.approx(paper.steps_per_second)
    finish(paper, tmp_path, 101_000 / 16)
    assert steps_per_second(paper) == pytest.approx(16.0)
    ppo = expand(["figure16"], PRESETS["smoke"])[-1]
    assert Costs(tmp_path).core_seconds(ppo) == Costs().core_seconds(ppo)
    # The part that is left, which starts again.
    half = Costs(tmp_path).core_seconds(paper, paper.env_steps // 2)
    assert half == pytest.approx(START_UP_SECONDS + 101_000 / 32)


@pytest.mark.parametrize("text", ["", "[]", '{"env_steps": 5}', '{"env_steps": 9, "wall_s": 0}'])
def test_results_without_costs_are_passed_over(tmp_path, text):
    run = CARTPOLE[0]
    (tmp_path / run.name).mkdir(parents=True)
    (tmp_path / run.name / "result.json").write_text(text)
    assert Costs(tmp_path).core_seconds(run) == Costs().core_seconds(run)


def test_list_of_a_preset_describes_its_studies(tmp_path, capsys):
    cartpole = CARTPOLE[0]
    finish(cartpole, tmp_path, seconds=7200.0)
    assert main.main(["list", "--preset", "smoke", "--runs", str(tmp_path)]) == 0
    _, *rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows] == [*STUDIES, "all"]
    assert {row.split()[1] for row in rows} == {"smoke"}
    (row,) = (row for row in rows if row.startswith("cartpole "))
    hours = 5 * (7200 + START_UP_SECONDS) / 3600
    assert row.split()[2:5] == ["5", "6,000", f"{hours:.1f}"]
    for row in rows[3:-1]:  # those of the paper name their figure or table
        assert row.split("  ")[-1].strip().endswith((".", ")")), row
    assert max(map(len, rows)) < 160


def test_status_without_slurm_says_so(tmp_path, capsys, monkeypatch):
    (tmp_path / "slurm" / "first").mkdir(parents=True)
    (tmp_path / "slurm" / "first" / "runs.txt").write_text(f"{CARTPOLE[0].name}\n")
    monkeypatch.setenv("PATH", "")
    args = ["--runs", str(tmp_path), "cartpole", "--preset", "smoke"]
    assert main.main(["status", *args]) == 0
    captured = capsys.readouterr()
    assert cells(captured.out.splitlines()[1])[:4] == ["0", "0", "0", "5"]
    assert captured.err == (
        "warning: cannot tell what SLURM's jobs are doing: there is no squeue on this machine\n"
    )
    with pytest.raises(RiglRlError, match="there is no squeue"):
        main.main(["cancel", "--runs", str(tmp_path)])


def test_only_a_study_s_jobs_are_canceled(tmp_path, capsys, monkeypatch):
    other = expand(["figure14_right"], PRESETS["smoke"])[0]
    array = tmp_path / "slurm" / "first"
    array.mkdir(parents=True)
    names = [other.name, *(run.name for run in CARTPOLE[:3])]
    (array / "runs.txt").write_text("".join(f"{name}\n" for name in names))
    asked = []

    def ask(*command):
        asked.append(command)
        states = ["first 17 0 RUNNING", "first 17 1 RUNNING", "first 17 3 PENDING"]
        return "\n".join(states) if command[0] == "squeue" else ""

    monkeypatch.setattr(slurm_queue, "ask", ask)
    args = ["cancel", "--runs", str(tmp_path)]
    assert main.main([*args, "cartpole", "--preset", "smoke"]) == 0
    assert asked[-1] == ("scancel", "17_1", "17_3")
    assert capsys.readouterr().err.startswith("canceled 2 jobs, 1 of them running")
    assert main.main(args) == 0
    assert asked[-1] == ("scancel", "17_0", "17_1", "17_3")


def test_a_study_s_measured_jobs_are_canceled(tmp_path, capsys, monkeypatch):
    plain, finished, *_ = (run for run in CARTPOLE if run.method in ("dense", "rigl"))
    array = tmp_path / "slurm" / "first"
    array.mkdir(parents=True)
    names = [plain.measured_name, finished.measured_name, finished.name]
    (array / "runs.txt").write_text("".join(f"{name}\n" for name in names))
    asked = []

    def ask(*command):
        asked.append(command)
        states = [f"first 17 {task} RUNNING" for task in range(2)]
        return "\n".join(states) if command[0] == "squeue" else ""

    monkeypatch.setattr(slurm_queue, "ask", ask)
    finish(finished, tmp_path, 1.0)  # so the measured one is only Figure 5's
    assert main.main(["cancel", "--runs", str(tmp_path), "cartpole", "--preset", "smoke"]) == 0
    assert asked[-1] == ("scancel", "17_0")
