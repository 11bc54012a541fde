import json
import os
import shutil
import time

import numpy as np
import pandas as pd
import pytest

from analysis import collect as module
from analysis.collect import collect, load, main, read, write
from analysis.run_files import read_run
from rigl_rl.command_line import exit_code
from rigl_rl.errors import ConfigError
from rigl_rl.files import replacing


def test_a_run_becomes_a_row_and_its_curves(run, tmp_path):
    run(tmp_path / "study/a/seed0", seed=0, returns=(1.0, 2.0, 6.0), snr=[(50, 0.25), (100, 0.5)])
    run(tmp_path / "b", method="dense", seed=3)
    tables = collect(tmp_path)
    row = tables.runs.set_index("path").loc["study/a/seed0"]
    assert row["final_return"] == 6.0
    assert row["versions.tensorflow"] == "2.15.1"
    assert row["kernel_params"] == 4 * 512 + 512 * 512 + 512 * 2
    assert row["total_params"] == row["kernel_params"] + 512 + 512 + 2
    assert json.loads(row["layers"])[0]["shape"] == [4, 512]
    assert tables.runs.set_index("path").loc["b", "distribution"] is None
    evals = tables.evals[tables.evals["path"] == "study/a/seed0"]
    assert evals["avg_return"].tolist() == [1.0, 2.0, 6.0]
    assert evals["env_step"].tolist() == [10, 60, 110]
    assert tables.snr[["path", "train_step", "network", "snr"]].to_numpy().tolist() == [
        ["study/a/seed0", 50, "q", 0.25],
        ["study/a/seed0", 100, "q", 0.5],
    ]


@pytest.mark.parametrize(
    ("breakage", "reason"),
    [
        (lambda d: (d / "result.json").unlink(), "unfinished"),
        (lambda d: (d / "result.json").write_text('{"agent": '), "result.json is broken"),
        (lambda d: (d / "result.json").write_bytes(b"\xff\xfe"), "result.json is broken"),
        (lambda d: (d / "result.json").write_text("[]"), "holds no object"),
        (lambda d: (d / "result.json").write_text("{}"), "result.json lacks agent, suite"),
        (lambda d: (d / "result.json").write_text(""), "result.json is broken"),
        (lambda d: (d / "result.json").write_text("[" * 100_000), "result.json is broken"),
        (lambda d: (d / "evals.csv").write_text("env_step\n1\n"), "evals.csv lacks the column"),
        (lambda d: (d / "evals.csv").write_text(""), "evals.csv is broken"),
        (
            lambda d: (d / "evals.csv").write_text(
                (d / "evals.csv").read_text().replace("30.", "x")
            ),
            "evals.csv: avg_return is not a number everywhere",
        ),
        (lambda d: (d / "evals.csv").write_text('a,b\n1,2,3,4\n"'), "evals.csv is broken"),
    ],
)
def test_a_broken_run_is_reported_in_one_line_and_left_out(run, tmp_path, capsys, breakage, reason):
    run(tmp_path / "good")
    breakage(run(tmp_path / "bad"))
    assert collect(tmp_path).runs["path"].tolist() == ["good"]
    line, count = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: left out bad: ")
    assert reason in line
    unfinished = int("unfinished" in reason)
    expected = f"1 of 2 runs left out: {unfinished} unfinished, {1 - unfinished} damaged"
    assert count == f"warning: {expected}"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"final_return": float("nan")}, "final_return is nan, but must be a number"),
        ({"final_return": None}, "final_return is None"),
        (
            {"final_return_greedy": "best"},
            "final_return_greedy is 'best', but must be a number or",
        ),
        (
            {"active_params": "many"},
            "active_params is 'many', but must be a whole number",
        ),
        ({"layers": [{"name": "q"}]}, "layers is not a list of kernels"),
        (
            {"layers": [{"shape": [10**30]}]},
            "size of layers is 1000000000000000000",
        ),
        ({"agent": ["dqn"]}, "agent is ['dqn'], but must be a text"),
        ({"distribution": 3}, "distribution is 3, but must be a text or None"),
        ({"final_return": 10**400}, "at most 3.4e+38"),
        ({"active_params": 10**30}, "at most 9223372036854775807"),
        ({"seed": True}, "seed is True, but must be a whole number"),
        ({"seed": 1.5}, "seed is 1.5, but must be a whole number"),
        ({"target_sparsity": 1.7}, "target_sparsity is 1.7, but must be a number within [0, 1)"),
        ({"width": -1}, "width is -1, but must be a number above 0"),
        ({"seed": 10**29}, "seed is 100000"),
        ({"method": ["rigl"]}, "method is ['rigl'], but must be a text"),
        ({"hyperparameters": [1]}, "hyperparameters is [1], but must be an object"),
        ({"hyperparameters": {"weight_decay": [0.1]}}, "weight_decay is [0.1], but must be a numb"),
        ({"hyperparameters": {"sparse_output_layer": "no"}}, "sparse_output_layer is 'no', but"),
        ({"agent": "\udcff"}, "can't encode"),
        ({"total_params": 0}, "total_params is 0, but must be a whole number, at least 1"),
    ],
)
def test_a_result_that_makes_no_sense_is_left_out(run, tmp_path, capsys, change, reason):
    run(tmp_path / "bad", **change)
    assert collect(tmp_path).runs.empty
    assert reason in capsys.readouterr().err


def test_whatever_reading_raises_leaves_out_one_run_alone(run, tmp_path, capsys, monkeypatch):
    run(tmp_path / "good")
    run(tmp_path / "odd")
    read = module.read_run

    def raising(directory, files):
        if directory.name == "odd":
            raise AttributeError("nobody thought of this")
        return read(directory, files)

    monkeypatch.setattr(module, "read_run", raising)
    assert collect(tmp_path).runs["path"].tolist() == ["good"]
    assert "left out odd: AttributeError: nobody thought of this" in capsys.readouterr().err


def test_a_name_that_is_not_utf_8_is_left_out(run, tmp_path, capsys):
    run(tmp_path / "good")
    os.rename(run(tmp_path / "bad"), os.fsencode(tmp_path) + b"/b\xffd")
    tables = collect(tmp_path)
    assert tables.runs["path"].tolist() == ["good"]
    assert "left out b\\xffd: " in capsys.readouterr().err


def test_a_key_may_be_a_number_here_and_a_text_there(run, tmp_path):
    run(tmp_path / "a", extra=1, deep={"x": [1, {"y": 2}]}, large=10**30)
    run(tmp_path / "b", extra="one", deep={"x": 3}, large=2)
    write(collect(tmp_path), tmp_path / "t.parquet")
    found = read(tmp_path / "t.parquet").runs.set_index("path")
    assert found["extra"].tolist() == ["1", "one"]
    assert found["deep.x"].tolist() == ['[1, {"y": 2}]', "3"]
    assert found["large"].tolist() == [str(10**30), "2"]


def test_a_missing_field_is_named(run, tmp_path, capsys):
    path = run(tmp_path / "bad") / "result.json"
    result = json.loads(path.read_text())
    del result["width"], result["distribution"]
    path.write_text(json.dumps(result))
    assert collect(tmp_path).runs.empty
    assert "result.json lacks distribution, width" in capsys.readouterr().err


def test_a_score_that_its_evaluations_do_not_give_is_noticed(run, tmp_path, capsys):
    run(tmp_path / "a", returns=(1.0, 2.0), final_return=1.5)
    assert len(collect(tmp_path).runs) == 1
    assert "a: final_return is 1.5 in result.json, but" in capsys.readouterr().err


def test_links_are_followed_once_and_insides_of_runs_are_not_read(run, tmp_path):
    root = tmp_path / "runs"
    run(root / "a")
    for inside in ("checkpoints", "policies", "tensorboard"):
        shutil.copytree(root / "a", tmp_path / "copy", dirs_exist_ok=True)
        shutil.copytree(tmp_path / "copy", root / "a" / inside / "saved")
    run(tmp_path / "elsewhere/b")
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    (root / "again").symlink_to(root / "a")
    (root / "a/loop").symlink_to(root)
    (root / "dangling").symlink_to(tmp_path / "nowhere")
    (root / "itself").symlink_to(root / "itself")
    assert len(collect(root).runs) == 2


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_tables_read_back_are_those_written(run, tmp_path, name):
    run(tmp_path / "runs/a", snr=[(50, 0.1)], noise=[(0.0, 9.0), (5.0, 7.0)])
    run(tmp_path / "runs/b", method="dense")
    tables = collect(tmp_path / "runs")
    paths = write(tables, tmp_path / name)
    back = load(tmp_path / name)
    suffix = paths[0].suffix
    names = ["t", "t.evals", "t.snr", "t.robustness"]
    assert [path.name for path in paths] == [f"{name}{suffix}" for name in names]
    for ours, theirs in (
        (tables.runs, back.runs),
        (tables.evals, back.evals),
        (tables.snr, back.snr),
        (tables.robustness, back.robustness),
    ):
        pd.testing.assert_frame_equal(ours.fillna("-"), theirs.fillna("-"), check_dtype=False)


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_numbers_keep_every_bit(run, tmp_path, name):
    """Pandas' default reader is off in the last bit of many numbers."""
    returns = [float(x) for x in np.random.default_rng(0).normal(300.0, 100.0, size=300)]
    run(tmp_path / "runs/a", returns=returns, snr=enumerate(returns), final_return=returns[0])
    tables = collect(tmp_path / "runs")
    assert tables.evals["avg_return"].tolist() == returns
    assert tables.snr["snr"].tolist() == returns
    write(tables, tmp_path / name)
    back = read(tmp_path / name)
    assert back.evals["avg_return"].tolist() == returns
    assert back.runs["final_return"].tolist() == returns[:1]


def test_a_table_without_its_curves_still_has_its_runs(run, tmp_path):
    run(tmp_path / "runs/a")
    write(collect(tmp_path / "runs"), tmp_path / "t.csv")
    (tmp_path / "t.snr.csv").unlink()
    assert read(tmp_path / "t.csv").snr.empty
    assert len(read(tmp_path / "t.csv").runs) == 1


def test_a_foreign_table_is_refused(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ConfigError, match="lacks the column"):
        read(tmp_path / "t.csv")
    (tmp_path / "t.parquet").write_text("no parquet")
    with pytest.raises(ConfigError, match="t.parquet"):
        read(tmp_path / "t.parquet")


@pytest.mark.parametrize(
    ("runs", "out", "reason", "code"),
    [
        ("nowhere", "t.csv", "no such directory", 2),
        ("empty", "t.csv", "no finished run", 1),
        ("full", "t.xlsx", "ends in .parquet or .csv", 2),
        ("full", "blocked/t.csv", "blocked", 1),
    ],
)
def test_command_line_errors_are_one_line(run, tmp_path, capsys, runs, out, reason, code):
    (tmp_path / "empty").mkdir()
    (tmp_path / "blocked").write_text("a file")
    run(tmp_path / "full/a")
    argv = ["--runs", str(tmp_path / runs), "--out", str(tmp_path / out)]
    assert exit_code(main, argv) == code
    error = capsys.readouterr().err
    assert reason in error
    assert error.count("\n") == 1
    assert not (tmp_path / out).exists()


def test_what_has_not_changed_is_not_read_again(run, tmp_path, monkeypatch, capsys):
    for seed in range(3):
        run(tmp_path / f"runs/{seed}", seed=seed, snr=[(10, 0.5)], noise=[(0, 1.0)])
    argv = ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "t.parquet")]
    assert main(argv) == 0
    before = read(tmp_path / "t.parquet")

    # One run is new, one is gone, one has its robustness measured anew.
    run(tmp_path / "runs/00", seed=7)
    shutil.rmtree(tmp_path / "runs/1")
    noise = tmp_path / "runs/2/robustness.csv"
    noise.write_text(noise.read_text().replace(",1.0,", ",2.0,"))
    seen = []
    monkeypatch.setattr(
        module, "read_run", lambda path, files: seen.append(path.name) or read_run(path, files)
    )
    assert main(argv) == 0
    assert sorted(seen) == ["00", "2"]

    after, anew = read(tmp_path / "t.parquet"), collect(tmp_path / "runs")
    assert list(after.runs["path"]) == ["0", "00", "2"]
    for ours, whole in zip(after[:4], anew[:4]):
        pd.testing.assert_frame_equal(ours[whole.columns], whole, check_dtype=False)
    kept = before.runs[before.runs["path"] == "0"].reset_index(drop=True)
    pd.testing.assert_frame_equal(after.runs[:1], kept[after.runs.columns])
    capsys.readouterr()


@pytest.mark.parametrize(
    "name", ["result.json", "operative_config.gin", "evals.csv", "snr.csv", "robustness.csv"]
)
def test_a_run_is_read_again_when_any_of_its_files_has_changed(run, tmp_path, monkeypatch, name):
    for path in ("changed", "same"):
        run(
            tmp_path / "runs" / path,
            returns=(1.0, 7.0),
            snr=[(10, 7.0)],
            noise=[(0, 7.0)],
            parameters={"train_eval.weight_decay": 7.0},
        )
    argv = ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "t.parquet")]
    assert main(argv) == 0
    before = read(tmp_path / "t.parquet")
    file = tmp_path / "runs" / "changed" / name
    file.write_text(file.read_text().replace("7.0", "7.25"))
    seen = []
    monkeypatch.setattr(
        module, "read_run", lambda path, files: seen.append(path.name) or read_run(path, files)
    )
    assert main(argv) == 0
    assert seen == ["changed"]
    after, anew = read(tmp_path / "t.parquet"), collect(tmp_path / "runs")
    for ours, whole in zip(after[:4], anew[:4]):
        pd.testing.assert_frame_equal(ours[whole.columns], whole, check_dtype=False)
    assert any("7.25" in table.to_string() for table in after[:4])
    assert not any("7.25" in table.to_string() for table in before[:4])


def test_runs_without_a_finished_directory_stay_if_asked_for(run, tmp_path, capsys):
    """Their directory is gone, damaged, or that of the same run trained again and interrupted."""
    gone = ["again", "damaged", "one"]
    for name in (*gone, "two"):
        run(tmp_path / name, snr=[(50, 0.25)], noise=[(0.5, 1.0)])
    table = tmp_path / "runs.parquet"
    arguments = ["--runs", str(tmp_path), "--out", str(table)]
    assert main(arguments) == 0
    before = read(table)
    for name in ("again", "one"):
        shutil.rmtree(tmp_path / name)
    (run(tmp_path / "again", returns=(1.0, 2.0)) / "result.json").unlink()
    (tmp_path / "damaged" / "result.json").write_text("{")
    run(tmp_path / "three")
    run(tmp_path / "four")
    (run(tmp_path / "new") / "result.json").unlink()
    assert main([*arguments, "--keep"]) == 0
    error = capsys.readouterr().err
    assert "kept the earlier row of damaged: result.json is broken" in error
    assert "kept the earlier row of again: unfinished" in error
    assert "kept the earlier row of 2 run(s) that are not finished again" in error
    assert "left out new: unfinished" in error
    assert "1 of 4 runs left out: 1 unfinished, 0 damaged" in error
    kept = read(table)
    assert kept.runs["path"].tolist() == ["again", "damaged", "four", "one", "three", "two"]
    for old, new in zip(before[:4], kept[:4]):
        those = [each[each["path"].isin(gone)].reset_index(drop=True) for each in (old, new)]
        pd.testing.assert_frame_equal(*those, check_dtype=False)
        assert set(those[1]["path"]) == set(gone)
    assert main(arguments) == 0
    assert read(table).runs["path"].tolist() == ["four", "three", "two"]
    error = capsys.readouterr().err
    assert f"{table}: 3 of its 6 runs leave it" in error
    assert "(first: again); --keep keeps" in error


@pytest.mark.parametrize("keep", [[], ["--keep"]])
def test_a_row_that_another_run_replaces_is_reported(run, tmp_path, capsys, keep):
    for root, method, score in (("first", "prune", 30.0), ("second", "static", 7.5)):
        run(tmp_path / root / "a", method=method, returns=(score,))
        run(tmp_path / root / "b", returns=(1.0,))
        run(tmp_path / root / "c" / root, returns=(1.0,))
    table = tmp_path / "t.parquet"
    assert main(["--runs", str(tmp_path / "first"), "--out", str(table), *keep]) == 0
    again = ["--runs", str(tmp_path / "second"), "--out", str(table), *keep]
    assert main(again) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "replaced" in line]
    (line,) = lines
    assert "1 row(s) replaced by runs with another score (first: a, 30 before, 7.5 in " in line
    assert main(again) == 0
    assert "replaced" not in capsys.readouterr().err


@pytest.mark.parametrize("other", [True, False])
def test_a_table_does_not_lose_most_of_its_runs(run, tmp_path, capsys, other):
    for seed in range(3):
        run(tmp_path / f"runs/{seed}", seed=seed)
    run(tmp_path / "others/3", seed=3)
    table = tmp_path / "t.parquet"
    assert main(["--runs", str(tmp_path / "runs"), "--out", str(table)]) == 0
    before = table.read_bytes()
    for seed in (1, 2):
        shutil.rmtree(tmp_path / f"runs/{seed}")
    argv = ["--runs", str(tmp_path / ("others" if other else "runs")), "--out", str(table)]
    assert exit_code(main, argv) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {table}: {3 if other else 2} of its 3 runs leave it")
    assert "--keep" in error
    assert table.read_bytes() == before
    assert main([*argv, "--keep"]) == 0
    assert len(read(table).runs) == (4 if other else 3)


@pytest.mark.parametrize("keep", [[], ["--keep"]])
def test_complaints_of_an_earlier_time_are_not_repeated(run, tmp_path, capsys, keep):
    run(tmp_path / "runs/good")
    (run(tmp_path / "runs/bad") / "result.json").write_text("{")
    table = tmp_path / "t.parquet"
    argv = ["--runs", str(tmp_path / "runs"), "--out", str(table), *keep]
    assert main(argv) == 0
    assert "left out bad" in capsys.readouterr().err
    load(table)
    assert "left out bad" in capsys.readouterr().err
    shutil.rmtree(tmp_path / "runs/bad")
    assert main(argv) == 0
    assert capsys.readouterr().err == ""
    load(table)
    assert capsys.readouterr().err == ""


def test_a_damaged_table_is_not_made_anew_if_its_runs_may_be_nowhere_else(run, tmp_path, capsys):
    run(tmp_path / "one")
    table = tmp_path / "runs.parquet"
    arguments = ["--runs", str(tmp_path), "--out", str(table)]
    assert main(arguments) == 0
    os.truncate(table, table.stat().st_size // 2)
    before = table.read_bytes()
    assert exit_code(main, [*arguments, "--keep"]) == 2
    assert capsys.readouterr().err.startswith(f"error: {table}: ")
    assert table.read_bytes() == before


def test_curves_that_are_missing_are_read_again(run, tmp_path):
    run(tmp_path / "runs/a")
    argv = ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "t.csv")]
    assert main(argv) == 0
    (tmp_path / "t.evals.csv").unlink()
    assert main(argv) == 0
    assert set(read(tmp_path / "t.csv").evals["path"]) == {"a"}


def test_interrupted_writing_costs_no_curves(run, tmp_path, monkeypatch):
    run(tmp_path / "runs/a")
    argv = ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "t.csv")]
    assert main(argv) == 0
    run(tmp_path / "runs/b")
    for number in range(4):  # which file is the last
        written = []

        def full_disk(path, written=written, number=number):
            written.append(path)
            if len(written) > number:
                raise OSError("No space left on device")
            return replacing(path)

        with monkeypatch.context() as patch:
            patch.setattr(module, "replacing", full_disk)
            assert exit_code(main, argv) == 1
    assert main(argv) == 0
    tables = read(tmp_path / "t.csv")
    assert set(tables.runs["path"]) == set(tables.evals["path"]) == {"a", "b"}


def test_numbers_of_a_table_are_checked(run, tmp_path, capsys):
    for name in "ab":
        run(tmp_path / "runs" / name)
    table = tmp_path / "t.csv"
    write(collect(tmp_path / "runs"), table)
    runs = pd.read_csv(table)
    runs.assign(final_return=[1.0, float("nan")]).to_csv(table, index=False)
    assert read(table).runs["path"].tolist() == ["a"]
    assert "left out b: not all of its numbers" in capsys.readouterr().err
    runs.assign(final_return=["1.0", "many"]).to_csv(table, index=False)
    with pytest.raises(ConfigError, match="t.csv: final_return is not a number everywhere"):
        read(table)


@pytest.mark.parametrize("damaged", ["t.parquet", "t.evals.parquet", "t.csv", "t.snr.csv"])
@pytest.mark.parametrize("part", [0.0, 0.3, 0.9])
def test_a_damaged_table_is_made_anew(run, tmp_path, capsys, damaged, part):
    for name in "abcdefgh":
        run(tmp_path / "runs" / name, snr=[(50, 0.1), (100, 0.2)])
    out = tmp_path / f"t{(tmp_path / damaged).suffix}"
    argv = ["--runs", str(tmp_path / "runs"), "--out", str(out)]
    assert main(argv) == 0
    whole = read(out)
    file = tmp_path / damaged
    file.write_bytes(file.read_bytes()[: int(part * file.stat().st_size)])
    if damaged == "t.csv" and not part:
        assert exit_code(main, argv) == 2  # an empty file says nothing about whose it is
        return
    assert main(argv) == 0
    for before, after in zip(whole[:4], read(out)[:4]):
        pd.testing.assert_frame_equal(before, after)


def test_a_table_of_an_older_version_is_made_anew(run, tmp_path, capsys):
    run(tmp_path / "runs/a")
    argv = ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "t.parquet")]
    assert main(argv) == 0
    runs = pd.read_parquet(tmp_path / "t.parquet")
    runs.drop(columns="kernel_params").to_parquet(tmp_path / "t.parquet", index=False)
    assert main(argv) == 0
    assert "lacks the column(s) kernel_params; " in capsys.readouterr().err
    assert "kernel_params" in read(tmp_path / "t.parquet").runs


def test_a_table_without_a_hyperparameter_of_later_versions_is_read(run, tmp_path, capsys):
    run(tmp_path / "runs/a")
    table = tmp_path / "t.parquet"
    assert main(["--runs", str(tmp_path / "runs"), "--out", str(table)]) == 0
    pd.read_parquet(table).drop(columns="sparse_initializer").to_parquet(table, index=False)
    assert read(table).runs["sparse_initializer"].isna().all()
    assert capsys.readouterr().err == ""


def test_a_method_that_is_not_the_papers_is_not_left_out(run, tmp_path, capsys):
    run(tmp_path / "a")
    run(tmp_path / "b", method="mine")
    assert set(load(tmp_path).runs["method"]) >= {"mine"}
    assert capsys.readouterr().err == ""


def test_a_file_that_is_no_such_table_is_not_overwritten(run, tmp_path, capsys):
    run(tmp_path / "runs/a")
    (tmp_path / "t.csv").write_text("my,own\n1,2\n")
    argv = ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "t.csv")]
    assert exit_code(main, argv) == 2
    assert "lacks the column" in capsys.readouterr().err
    assert (tmp_path / "t.csv").read_text() == "my,own\n1,2\n"


def test_hundreds_of_runs_take_a_moment(run, tmp_path):
    # 5,000 in less than a minute is 12 ms a run; half of that leaves room for a slow machine.
    for seed in range(300):
        run(tmp_path / f"{seed}", seed=seed, returns=tuple(range(51)))
    start = time.process_time()
    assert len(collect(tmp_path).runs) == 300
    assert time.process_time() - start < 300 * 0.012


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_the_greedy_score_is_carried_along_where_there_is_one(run, tmp_path, name):
    run(tmp_path / "runs/a", returns=(1.0, 2.0), greedy=(3.0, 4.0))
    run(tmp_path / "runs/b", returns=(1.0, 2.0))
    run(tmp_path / "runs/c", returns=(1.0, 2.0), final_return_greedy=None)
    write(collect(tmp_path / "runs"), tmp_path / name)
    for tables in (collect(tmp_path / "runs"), read(tmp_path / name)):
        runs = tables.runs.set_index("path")
        assert runs["final_return"].tolist() == [2.0, 2.0, 2.0]
        assert runs["final_return_greedy"].isna().tolist() == [False, True, True]
        assert runs.loc["a", "final_return_greedy"] == 4.0
        greedy = tables.evals.groupby("path")["greedy_return"].apply(list)
        assert greedy["a"] == [3.0, 4.0]
        assert pd.isna(greedy["b"]).all()
        assert tables.evals["avg_return"].tolist() == [1.0, 2.0] * 3


def test_a_greedy_score_that_its_evaluations_do_not_give_is_noticed(run, tmp_path, capsys):
    run(tmp_path / "a", returns=(1.0, 2.0), greedy=(3.0, 4.0), final_return_greedy=3.5)
    collect(tmp_path)
    error = capsys.readouterr().err
    assert "a: final_return_greedy is 3.5 in result.json, but the last 10% of greedy_ret" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_a_table_from_before_there_were_greedy_scores(run, tmp_path, name):
    run(tmp_path / "runs/a", greedy=(3.0, 4.0, 5.0))
    argv = ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / name)]
    assert main(argv) == 0
    old = read(tmp_path / name)
    stamps = old.runs["stamp"].str.replace(r"^v\d+ ", "", regex=True)
    assert not stamps.eq(old.runs["stamp"]).any()
    old = old._replace(
        runs=old.runs.assign(stamp=stamps).drop(columns="final_return_greedy"),
        evals=old.evals.drop(columns="greedy_return"),
    )
    write(old, tmp_path / name)
    # It is readable as it is ...
    tables = read(tmp_path / name)
    assert tables.runs["final_return_greedy"].isna().all()
    assert tables.evals["greedy_return"].isna().all()
    # ... and collecting again reads what it lacks, though no file of the run has changed.
    assert main(argv) == 0
    assert read(tmp_path / name).runs["final_return_greedy"].tolist() == [5.0]
    assert read(tmp_path / name).evals["greedy_return"].tolist() == [3.0, 4.0, 5.0]
