"""Runs that are only in the table next to their directory: `launch run` and `status`."""

import json
import shutil

import pandas as pd
import pytest

from launch import __main__ as main
from launch.execution import local
from launch.studies.all_studies import expand
from launch.studies.presets import PRESETS
from rigl_rl.errors import ConfigError

CARTPOLE = expand(["cartpole"], PRESETS["smoke"])  # five runs
MEASURED = next(run for run in CARTPOLE if run.measured_name and run.method == "rigl")
PLAIN = next(run for run in CARTPOLE if run.method == "static")
DONE = next(run for run in CARTPOLE if run.method == "prune")
CALL = ["cartpole", "--preset", "smoke"]


@pytest.fixture(autouse=True)
def own_signals(monkeypatch):
    monkeypatch.setattr(main.signal, "signal", lambda *_: None)  # SIGPIPE stays this process's


@pytest.fixture
def runs_dir(tmp_path):
    """A table with three of five runs, one of them measured; one of the three has a directory."""
    runs_dir = tmp_path / "runs"
    finish(DONE, runs_dir)
    (runs_dir / PLAIN.name).mkdir(parents=True)  # its training has begun again
    rows = [MEASURED.measured_name, PLAIN.name, DONE.name, "dqn_classic/others/a/seed0"]
    pd.DataFrame({"path": rows, "seed": 0}).to_parquet(tmp_path / "runs.parquet")
    return runs_dir


def finish(run, runs_dir):
    (runs_dir / run.name).mkdir(parents=True, exist_ok=True)
    result = {"final_return": 0.0, "wall_s": 1.0, "env_steps": run.env_steps}
    (runs_dir / run.name / "result.json").write_text(json.dumps(result))


def trained(monkeypatch, *args):
    """The names of the runs that a launch trains."""
    launched = []
    monkeypatch.setattr(local, "launch", lambda runs, *_: launched.extend(runs) or 0)
    assert main.main(["run", *CALL, "--runs", *map(str, args)]) == 0
    return [run.name for run in launched]


def test_they_are_trained_again_but_not_without_a_word(runs_dir, capsys, monkeypatch):
    message = f"2 of the 4 runs left are in {runs_dir}.parquet without a finished directory"
    assert trained(monkeypatch, runs_dir) == [run.name for run in CARTPOLE]
    assert capsys.readouterr().err.startswith(f"{message} and are trained again; --skip_table")
    assert main.main(["run", *CALL, "--runs", str(runs_dir), "--dry_run"]) == 0
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 4
    assert printed.err.startswith(message)


def test_they_are_left_out_if_asked_for(runs_dir, capsys, monkeypatch):
    left = [run.name for run in CARTPOLE if run not in (MEASURED, PLAIN)]
    assert trained(monkeypatch, runs_dir, "--skip_table") == left
    assert capsys.readouterr().err == f"2 runs are left out: they are in {runs_dir}.parquet\n"
    assert main.main(["run", *CALL, "--runs", str(runs_dir), "--dry_run", "--skip_table"]) == 0
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 2
    assert "3 runs, 1 already finished; the 2 left" in printed.err


def test_status_counts_what_the_launch_trains(runs_dir, capsys, monkeypatch):
    shutil.rmtree(runs_dir / PLAIN.name)
    for more, waiting in ([], "4"), (["--skip_table"], "2"):
        trained(monkeypatch, runs_dir, *more)
        capsys.readouterr()
        main.main(["status", "--runs", str(runs_dir)])
        _, row, *rest = capsys.readouterr().out.splitlines()
        assert row.split()[2:6] == ["1", "0", "0", waiting]
        assert rest == ([] if more else [rest[0]])
        assert more or rest[0].startswith(f"2 of the 4 runs left are in {runs_dir}.parquet")
        main.main(["status", *CALL, "--runs", str(runs_dir), *more])
        assert capsys.readouterr().out.splitlines()[1] == row
        (runs_dir / "launches.jsonl").unlink()


def test_without_a_table_nothing_is_said_or_left_out(runs_dir, capsys, monkeypatch):
    runs_dir.with_suffix(".parquet").unlink()
    assert len(trained(monkeypatch, runs_dir)) == 5
    assert capsys.readouterr().err == ""
    with pytest.raises(ConfigError, match="--skip_table: there is no table .*runs.parquet"):
        trained(monkeypatch, runs_dir, "--skip_table")


@pytest.mark.parametrize("cut", [True, False])
def test_a_file_that_is_no_table_of_runs_stops_only_skip_table(cut, runs_dir, capsys, monkeypatch):
    table = runs_dir.with_suffix(".parquet")
    if cut:
        table.write_bytes(table.read_bytes()[:100])
    else:
        pd.DataFrame({"a": [1]}).to_parquet(table)
    assert len(trained(monkeypatch, runs_dir)) == 5
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"warning: {table} is not a table of runs: ")
    with pytest.raises(ConfigError, match="--skip_table: .* is not a table of runs"):
        trained(monkeypatch, runs_dir, "--skip_table")
