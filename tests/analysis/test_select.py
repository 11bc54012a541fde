"""Which SYNTHETIC runs may share a figure."""

import shutil

import pandas as pd
import pytest

from analysis.collect import collect, load, read, write
from analysis.select import comparable, configs_of
from launch.studies.all_studies import expand
from launch.studies.presets import PRESETS
from rigl_rl.errors import NoRunsError

RECORDED = {"gamma": 0.99, "learning_rate": 1e-3, "fc_layer_params": [512, 512], "clip": None}


def chosen(tmp_path, varied=()):
    """Paths of the runs that are compared, read from the directory."""
    return [*comparable(collect(tmp_path / "runs").runs, "figure8", varied)["path"]]


@pytest.mark.parametrize(
    ("changes", "pair"),
    [
        ({"gamma": 0.9}, "gamma than most of their setting: 0.9 instead of 0.99"),
        ({"learning_rate": 1e-4}, "learning_rate than most of their setting: 0.0001 instead of"),
        ({"fc_layer_params": [64]}, "fc_layer_params than most of their setting: [64] instead of"),
        ({"clip": 0.2}, "clip than most of their setting: 0.2 instead of None"),
    ],
)
def test_runs_with_other_hyperparameters_are_no_further_seeds(run, tmp_path, capsys, changes, pair):
    for seed in range(2):
        run(tmp_path / f"runs/z{seed}", seed=seed, hyperparameters=RECORDED)
    run(tmp_path / "runs/a7", seed=7, hyperparameters={**RECORDED, **changes})
    run(tmp_path / "runs/old", seed=3)  # records nothing
    assert chosen(tmp_path) == ["old", "z0", "z1"]
    message = f"figure8: left out 1 run(s) with another {pair}"
    error = capsys.readouterr().err
    assert message in error
    assert "(first: a7)" in error


def test_runs_with_other_bindings_of_a_library_are_no_further_seeds(run, tmp_path, capsys):
    bound = {"SparseDqnAgent.gradient_clipping": 1e-9}
    for seed, others in enumerate(({}, {}, bound)):
        own = {**RECORDED, "other_bindings": others}
        run(tmp_path / f"runs/z{seed}", seed=seed, hyperparameters=own)
    run(tmp_path / "runs/older", seed=3, hyperparameters=RECORDED)
    assert chosen(tmp_path) == ["older", "z0", "z1"]
    error = capsys.readouterr().err
    assert "left out 1 run(s) with another other_bindings than most" in error
    assert f"{bound} instead of {{}} (first: z2)" in error


def test_on_a_tie_the_first_by_path_stays_also_with_equal_seeds(run, tmp_path, capsys):
    run(tmp_path / "runs/a", hyperparameters=RECORDED)
    run(tmp_path / "runs/b", hyperparameters={**RECORDED, "gamma": 0.9}, returns=(1.0,))
    assert chosen(tmp_path) == ["a"]
    assert "another gamma" in capsys.readouterr().err


def test_runs_of_an_edited_gin_file_never_replace_the_standard_ones(run, tmp_path, capsys):
    edited = {**RECORDED, "gamma": 0.5}
    for seed in range(3):  # more than the standard ones, and first by path
        run(
            tmp_path / f"runs/rigl-erk-s0.90-from_half_gamma/seed{seed}",
            seed=seed,
            hyperparameters=edited,
        )
    for seed in range(2):
        run(tmp_path / f"runs/rigl-erk-s0.90/seed{seed}", seed=seed, hyperparameters=RECORDED)
    assert chosen(tmp_path) == ["rigl-erk-s0.90/seed0", "rigl-erk-s0.90/seed1"]
    for seed in range(2):
        shutil.rmtree(tmp_path / f"runs/rigl-erk-s0.90/seed{seed}")
    capsys.readouterr()
    assert len(chosen(tmp_path)) == 3
    assert "3 run(s) do not have the paper's hyperparameters" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("dqn_classic/CartPole-v0/rigl-erk-s0.90-from_half_gamma/seed0", "half_gamma"),
        ("dqn_classic/CartPole-v0/dense-h116-snr-from_a-from_b/seed12", "a-from_b"),
        ("dense-from_mine/seed0", "mine"),
        ("rigl-from_scratch/seed0", ""),
        ("copied-from_cluster/dqn_classic/CartPole-v0/rigl-erk-s0.90/seed0", ""),
        ("rigl-erk-s0.90-from_mine/more/seed0", ""),
        ("rigl-erk-s0.90-from_mine", ""),
    ],
)
def test_an_edited_gin_file_is_seen_in_the_launchers_names_alone(path, folder):
    assert configs_of(pd.DataFrame({"path": [path]})).tolist() == [folder]


def test_the_launchers_names_of_edited_gin_files_are_seen():
    runs = [run.from_configs("mine") for run in expand(["figure5_left"], PRESETS["smoke"])]
    paths = [run.name for run in runs] + [run.measured_name for run in runs if run.measured_name]
    assert set(configs_of(pd.DataFrame({"path": paths}))) == {"mine"}


OLD, NEW = ({"versions": {"rigl_rl": version}} for version in ("0.9.0", "0.10.0"))


@pytest.mark.parametrize(
    ("of_task", "counts"),
    [
        ((), "b"),  # the newer version
        ((OLD, {}, {}), "a-snr"),  # the one of most runs that record any
        ((OLD, NEW), "b"),
    ],
)
def test_a_repeated_run_counts_by_version_not_by_name(run, tmp_path, capsys, of_task, counts):
    run(tmp_path / "runs/a-snr", returns=(1.0,), snr=[(100, 0.1)], **OLD)
    run(tmp_path / "runs/b", returns=(2.0,), **NEW)
    for number, version in enumerate(of_task):
        run(tmp_path / f"runs/c{number}", method="set", seed=number, **{"versions": {}, **version})
    run(tmp_path / "runs/other_task", env="Acrobot-v1", **OLD)
    assert [path for path in chosen(tmp_path) if path in ("a-snr", "b")] == [counts]
    names = {"a-snr": "a-snr of version 0.9.0", "b": "b of version 0.10.0"}
    kept = names.pop(counts)
    message = "left out 1 run(s) that repeat another's setting and seed with another score (first: "
    assert f"{message}{names.popitem()[1]}; {kept} counts)" in capsys.readouterr().err


def test_repeated_runs_without_a_version_count_by_name(run, tmp_path, capsys):
    for name, score in (("b", 1.0), ("a", 2.0)):
        run(tmp_path / "runs" / name, returns=(score,), versions={})
    assert chosen(tmp_path) == ["a"]
    assert (
        "(first: b of an unknown version; a of an unknown version counts)"
        in capsys.readouterr().err
    )


def test_a_run_that_records_nothing_has_the_usual_values_of_its_method(run, tmp_path, capsys):
    """Of a setting with old runs only, a new run with another gamma is no further seed."""
    for seed in range(2):
        run(tmp_path / f"runs/old{seed}", seed=seed)
        run(tmp_path / f"runs/other{seed}", seed=seed, sparsity=0.5, hyperparameters=RECORDED)
    mine = {**RECORDED, "gamma": 0.5}
    run(tmp_path / "runs/mine", seed=5, hyperparameters=mine)
    assert chosen(tmp_path) == ["old0", "old1", "other0", "other1"]
    assert "gamma than most of their setting: 0.5 instead of 0.99" in capsys.readouterr().err


def test_settings_that_old_runs_do_not_record_are_not_taken_from_others(run, tmp_path, capsys):
    for seed in range(3):
        run(tmp_path / f"runs/{seed}", seed=seed, hyperparameters={**RECORDED, "sparsity": 0.9})
    run(tmp_path / "runs/old", sparsity=0.5)
    run(tmp_path / "runs/new", seed=1, sparsity=0.5, hyperparameters={**RECORDED, "sparsity": 0.5})
    assert chosen(tmp_path) == ["0", "1", "2", "new", "old"]
    assert capsys.readouterr().err == ""


def test_on_a_tie_the_values_of_most_runs_on_the_task_stay(run, tmp_path, capsys):
    run(tmp_path / "runs/a", seed=0, hyperparameters={**RECORDED, "gamma": 0.5})
    run(tmp_path / "runs/b", seed=1, hyperparameters=RECORDED)
    run(tmp_path / "runs/c", method="set", hyperparameters=RECORDED)
    assert chosen(tmp_path) == ["b", "c"]
    assert "0.5 instead of 0.99 (first: a)" in capsys.readouterr().err


def test_an_older_run_that_lacks_a_column_is_a_seed_of_newer_ones(run, tmp_path):
    """Even if the setting does not have the paper's best values."""
    for seed in range(4):
        own = {"weight_decay": 1e-3, **({"sparse_initializer": "glorot"} if seed > 1 else {})}
        run(tmp_path / f"runs/{seed}", seed=seed, hyperparameters=own)
    assert chosen(tmp_path) == ["0", "1", "2", "3"]


def test_other_records_differ_too(run, tmp_path, capsys):
    run(tmp_path / "runs/a", seed=0)
    run(tmp_path / "runs/b", seed=1, env_options={"max_episode_steps": 200})
    run(tmp_path / "runs/c", seed=2, env_options={"max_episode_steps": 500})
    run(tmp_path / "runs/d", seed=3, last_fraction=0.5)
    run(tmp_path / "runs/e", seed=4, total_params=1_000_000)
    run(tmp_path / "runs/f", seed=5, last_fraction=0.1)  # what older runs do not record
    assert chosen(tmp_path) == ["a", "b", "f"]
    error = capsys.readouterr().err
    for name in ("max_episode_steps", "last_fraction", "total_params"):
        assert f"left out 1 run(s) with another {name} than most" in error


def test_what_cannot_change_a_score_does_not_differ(run, tmp_path, capsys):
    dense = {**RECORDED, "sparse_output_layer": True}
    without_effect = {"eval_interval": 5, "checkpoint_interval": 7, "policy_save_interval": 9}
    run(tmp_path / "runs/a", seed=0, method="dense", hyperparameters=dense)
    other = {**dense, **without_effect, "sparse_output_layer": False}
    run(tmp_path / "runs/b", seed=1, method="dense", hyperparameters=other)
    assert chosen(tmp_path) == ["a", "b"]
    assert capsys.readouterr().err == ""


def test_what_the_figure_varies_does_not_differ(run, tmp_path, capsys):
    for seed, value in enumerate((0.0, 1e-6, 1e-4)):
        own = {**RECORDED, "weight_decay": value}
        run(tmp_path / f"runs/{seed}", hyperparameters=own)
    assert chosen(tmp_path, ["weight_decay"]) == ["0", "1", "2"]
    assert capsys.readouterr().err == ""


def test_an_agent_that_is_not_in_the_paper_is_not_pooled_over_a_sweep(run, tmp_path, capsys):
    for seed, value in enumerate((0.0, 0.0, 1e-4)):
        own = {**RECORDED, "weight_decay": value}
        run(tmp_path / f"runs/{seed}", seed=seed, suite="mine", hyperparameters=own)
    assert chosen(tmp_path) == ["0", "1"]
    assert (
        "another weight_decay than most of their setting: 0.0001 instead" in capsys.readouterr().err
    )


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_table_selects_as_its_directory(run, tmp_path, suffix):
    run(tmp_path / "runs/a", seed=0)
    for seed, gamma in enumerate((0.99, 0.99, 0.9)):
        run(tmp_path / f"runs/b{seed}", seed=seed, hyperparameters={**RECORDED, "gamma": gamma})
    table = tmp_path / f"runs{suffix}"
    write(collect(tmp_path / "runs"), table)
    assert [*comparable(read(table).runs, "figure8")["path"]] == ["a", "b1"]
    assert comparable(read(table).runs[:0], "figure8").empty


def test_tasks_of_different_lengths_are_reported(run, tmp_path, capsys):
    for env, steps in (("Acrobot-v1", 9_000), ("CartPole-v0", 100), ("MountainCar-v0", 9_000)):
        run(tmp_path / "runs" / env, env=env, steps=steps)
    assert len(chosen(tmp_path)) == 3
    assert capsys.readouterr().err == (
        "warning: figure8: dqn classic was not trained equally long: 100 steps on CartPole-v0; "
        "9,000 steps on Acrobot-v1, MountainCar-v0\n"
    )


def test_steps_selects_the_runs_of_one_length(run, tmp_path, capsys):
    for steps, seed in ((100, 0), (100, 1), (9_000, 2)):
        run(tmp_path / f"runs/{seed}", seed=seed, steps=steps, snr=[(50, 0.25)])
    usual, long = (load(tmp_path / "runs", steps=steps) for steps in (None, 9_000))
    assert sorted(comparable(usual.scored, "figure8")["seed"]) == [0, 1]
    assert "longer than 100 steps" in (error := capsys.readouterr().err)
    assert "--steps selects another length" in error
    assert [*comparable(long.scored, "figure8")["seed"]] == [2]
    assert set(long.evals["path"]) == {"2"}
    assert capsys.readouterr().err == ""
    with pytest.raises(NoRunsError, match="no run in .* is that long; lengths there: 100, 9000"):
        load(tmp_path / "runs", steps=5)
