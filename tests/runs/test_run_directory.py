"""Run directories that belong to another configuration, another process, or something else."""

import errno
import json
import os

import numpy as np
import pandas as pd
import pytest

from rigl_rl.errors import ConfigError, RiglRlError
from rigl_rl.runs import run_directory
from rigl_rl.runs.history import History
from rigl_rl.runs.run_directory import RunDirectory

CONFIG = "# seed = 0\nmask_updater.update_freq = 1000\ntrain_eval.width = 1.0\n"


def contents(directory) -> dict:
    return {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in directory.rglob("*") if p.is_file()}


def refusal(root_dir, config=CONFIG, error=ConfigError) -> str:
    """The error line for a refused directory; nothing in it may change."""
    before = contents(root_dir) if root_dir.is_dir() else None
    with pytest.raises(error) as caught:
        RunDirectory(str(root_dir), config)
    assert before is None or contents(root_dir) == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_it_is_made_and_opened_again_for_the_same_configuration(tmp_path):
    root_dir = tmp_path / "deep" / "run"
    first = RunDirectory(str(root_dir), CONFIG)
    assert (root_dir / "config.gin").read_text() == CONFIG
    del first
    assert not RunDirectory(str(root_dir), CONFIG).finished


def test_another_configuration_is_refused_with_the_difference(tmp_path):
    RunDirectory(str(tmp_path / "run"), CONFIG)
    line = refusal(tmp_path / "run", CONFIG.replace("1000", "250"))
    assert "belongs to another configuration" in line
    assert "- mask_updater.update_freq = 1000 | + mask_updater.update_freq = 250" in line
    assert "width" not in line
    assert str(tmp_path / "run") in line


def test_another_seed_is_another_configuration(tmp_path):
    RunDirectory(str(tmp_path / "run"), CONFIG)
    line = refusal(tmp_path / "run", CONFIG.replace("seed = 0", "seed = 1"))
    assert "- # seed = 0 | + # seed = 1" in line


def test_a_directory_that_is_no_run_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    line = refusal(tmp_path)
    assert "not a run directory" in line
    assert "thesis.txt" in line


def test_a_file_is_refused(tmp_path):
    (tmp_path / "run").write_text("a file")
    assert "is not a directory" in refusal(tmp_path / "run")
    assert (tmp_path / "run").read_text() == "a file"


@pytest.mark.parametrize("name", ["checkpoints", "policies", "tensorboard"])
def test_a_file_where_a_run_has_a_directory_is_refused(tmp_path, name):
    RunDirectory(str(tmp_path), CONFIG)
    (tmp_path / name).write_text("a file")
    assert f"{name}' is a file where a run has a directory; move it away" in refusal(tmp_path)


@pytest.mark.parametrize("text", ["", '{"final_ret', "[]", "{}", "\0", '{"final_return": "x"}'])
def test_a_result_that_cannot_be_read_is_none(tmp_path, capsys, text):
    run = tmp_path / "run"
    RunDirectory(str(run), CONFIG)
    (run / "result.json").write_text(text)
    (run / "checkpoints" / "000000010").mkdir(parents=True)
    directory = RunDirectory(str(run), CONFIG)
    assert not directory.finished
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"warning: {run}: result.json")
    assert line.endswith("; the run is not finished")
    directory.finish({"final_return": 1.0})
    del directory
    assert RunDirectory(str(run), CONFIG).finished


def test_checkpoints_that_a_finished_run_did_not_come_to_delete_are_deleted(tmp_path):
    run = tmp_path / "run"
    RunDirectory(str(run), CONFIG).finish({"final_return": 1.0})
    (run / "checkpoints" / "000000010").mkdir(parents=True)
    assert RunDirectory(str(run), CONFIG).finished
    assert not (run / "checkpoints").exists()


def test_a_run_without_its_checkpoints_says_that_it_starts_over(tmp_path, capsys):
    run = tmp_path / "run"
    RunDirectory(str(run), CONFIG)
    assert capsys.readouterr().err == ""
    (run / "evals.csv").write_text("env_step\n")
    RunDirectory(str(run), CONFIG)
    line = f"warning: {run} has evaluations, but no checkpoint; the run starts over\n"
    assert capsys.readouterr().err == line
    (run / "checkpoints" / "000000010").mkdir(parents=True)
    RunDirectory(str(run), CONFIG)
    assert capsys.readouterr().err == ""


def test_a_policy_is_complete_or_absent(tmp_path):
    directory = RunDirectory(str(tmp_path / "run"), CONFIG)

    def write(path):
        (tmp_path / path / "variables").mkdir()
        (tmp_path / path / "saved_model.pb").write_text("new")

    def half(path):
        write(path)
        raise OSError(errno.ENOSPC, "No space left on device")

    policies = tmp_path / "run" / "policies"
    with pytest.raises(OSError, match="No space left"):
        directory.save_policy(10, half)
    assert list(policies.iterdir()) == []
    directory.save_policy(10, write)
    with pytest.raises(OSError, match="No space left"):
        directory.save_policy(10, half)
    directory.save_policy(10, write)  # a resumed run saves it again
    assert [path.name for path in policies.iterdir()] == ["000000010"]
    assert (policies / "000000010" / "saved_model.pb").read_text() == "new"


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    line = refusal(tmp_path / "file" / "run")  # a file for a parent
    assert "cannot be written" in line
    assert str(tmp_path / "file" / "run") in line


@pytest.mark.parametrize(
    ("number", "bad_input"),
    [(errno.EROFS, True), (errno.EACCES, True), (errno.ENOSPC, False), (errno.EIO, False)],
)
def test_only_a_bad_place_is_bad_input(tmp_path, monkeypatch, number, bad_input):
    def fail(path, content):
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(run_directory, "write_text", fail)
    with pytest.raises(RiglRlError, match=os.strerror(number)) as caught:
        RunDirectory(str(tmp_path / "run"), CONFIG)
    assert isinstance(caught.value, ConfigError) == bad_input
    assert ("give a writable directory" in str(caught.value)) == bad_input


def test_a_name_that_is_too_long_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="too long.*; give a writable directory"):
        RunDirectory(str(tmp_path / ("x" * 300)), CONFIG)


def test_an_empty_directory_is_taken(tmp_path):
    RunDirectory(str(tmp_path), CONFIG)
    assert (tmp_path / "config.gin").read_text() == CONFIG


def test_two_at_work_in_one_directory_are_one_too_many(tmp_path):
    holder = RunDirectory(str(tmp_path / "run"), CONFIG)
    assert "another process is running" in refusal(tmp_path / "run", error=RiglRlError)
    del holder
    RunDirectory(str(tmp_path / "run"), CONFIG)


def test_finishing_writes_the_result_and_drops_the_checkpoints(tmp_path):
    directory = RunDirectory(str(tmp_path / "run"), CONFIG)
    (directory.checkpoints.path / "000000010").mkdir(parents=True)
    assert not directory.finished
    directory.finish({"final_return": 1 / 3})
    assert directory.finished
    assert json.loads((tmp_path / "run" / "result.json").read_text()) == {"final_return": 1 / 3}
    assert not directory.checkpoints.path.exists()


def test_a_result_that_cannot_be_written_costs_no_checkpoint(tmp_path, monkeypatch):
    directory = RunDirectory(str(tmp_path / "run"), CONFIG)
    checkpoint = directory.checkpoints.path / "000000010"
    checkpoint.mkdir(parents=True)

    def full_disk(source, target):
        raise OSError(errno.ENOSPC, "No space left on device", str(target))

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full_disk)
        with pytest.raises(OSError, match="No space left"):
            directory.finish({"final_return": 0.0})
    assert not directory.finished
    assert checkpoint.exists()


@pytest.mark.parametrize(
    "result",
    [
        {"final_return": float("nan")},
        {"final_return": float("inf")},
        {"final_return": np.float32(1.0)},  # JSON does not know it
        {"final_return": 1.0, "width": "wide"},
        {"width": 1.0},
    ],
)
def test_a_result_that_would_not_finish_the_run_costs_no_checkpoint(tmp_path, result):
    directory = RunDirectory(str(tmp_path / "run"), CONFIG)
    (directory.checkpoints.path / "000000010").mkdir(parents=True)
    with pytest.raises(RiglRlError, match="cannot be finished: result.json.*are intact$"):
        directory.finish(result)
    assert not directory.finished
    assert directory.checkpoints.exist
    assert not (tmp_path / "run" / "result.json").exists()


def test_the_result_is_on_the_disk_before_the_checkpoints_go(tmp_path, disk):
    directory = RunDirectory(str(tmp_path / "run"), CONFIG)
    (directory.checkpoints.path / "000000010").mkdir(parents=True)
    del disk[:]
    directory.finish({"final_return": 0.0})
    assert disk == [
        ("sync", f".result.{os.getpid()}.json"),
        ("rename", "result.json"),
        ("sync", "run"),
        ("remove", "checkpoints"),
    ]


def test_the_history_is_written_row_by_row(tmp_path):
    directory = RunDirectory(str(tmp_path / "run"), CONFIG)
    history = History()
    history.add_evaluation(1000, 0, [1.0, 3.0], 2.5)
    directory.write_history(history)
    assert not (tmp_path / "run" / "snr.csv").exists()
    history.add_evaluation(3000, 2000, [10.0, 20.0], 5.0)
    history.add_snr(1500, 500, "q", 0.25)
    directory.write_history(history)
    evals = pd.read_csv(tmp_path / "run" / "evals.csv")
    assert evals.to_dict("list") == {
        "env_step": [1000, 3000],
        "train_step": [0, 2000],
        "avg_return": [2.0, 15.0],
        "std_return": [1.0, 5.0],
        "episodes": [2, 2],
        "wall_s": [2.5, 5.0],
    }
    snr = pd.read_csv(tmp_path / "run" / "snr.csv")
    assert snr.to_dict("records") == [
        {"env_step": 1500, "train_step": 500, "network": "q", "snr": 0.25}
    ]


def test_a_value_that_json_does_not_know_is_written_as_text(tmp_path):
    directory = RunDirectory(str(tmp_path / "run"), CONFIG)
    directory.finish({"final_return": 0.0, "hyperparameters": {"of_a_users_method": range(3)}})
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["hyperparameters"] == {"of_a_users_method": "range(0, 3)"}
    del directory
    assert RunDirectory(str(tmp_path / "run"), CONFIG).finished
