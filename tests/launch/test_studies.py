import ast
import subprocess
import sys
from pathlib import Path

import pytest

from launch import demo, studies

REPOSITORY = Path(__file__).resolve().parents[2]
PRESETS = studies.PRESETS
EVERYTHING = [
    *(run for preset in PRESETS.values() for run in studies.expand(studies.STUDIES, preset)),
    *demo.runs(),
]


@pytest.mark.parametrize(
    ("preset", "seeds", "sparsities", "snr_sparsities"),
    [("paper", 10, 6, 4), ("reduced", 3, 4, 4), ("smoke", 1, 1, 1)],
)
def test_number_of_runs(preset, seeds, sparsities, snr_sparsities):
    envs, methods, distributions = 3, 4, 2
    count = {study: len(studies.expand([study], PRESETS[preset])) for study in studies.STUDIES}
    sparse = methods * distributions * sparsities
    assert count == {
        "cartpole": seeds * (1 + methods),
        "figure8": seeds * envs * (1 + sparsities + sparse),
        "figure14_right": seeds * (1 + sparse),
        "figure5_left": seeds * envs * (1 + snr_sparsities),
    }


def test_paper_figure8_is_1650_runs_of_101000_steps():
    runs = studies.expand(["figure8"], PRESETS["paper"])
    assert len(runs) == 1650
    assert {run.env_steps for run in runs} == {101_000}
    assert {run.seed for run in runs} == set(range(10))


def test_paper_schedule_is_that_of_a1():
    for run in studies.expand(studies.STUDIES, PRESETS["paper"]):
        assert {
            "train_eval.num_iterations=100000",
            "train_eval.eval_interval=2000",
            "train_eval.eval_episodes=20",
            "train_eval.initial_collect_steps=1000",
        } <= set(run.bindings)


def test_equal_names_mean_equal_runs():
    assert len({run.name for run in EVERYTHING}) == len(set(EVERYTHING))


def test_names_are_stable():
    names = {run.name for run in EVERYTHING}
    assert {
        "dqn_classic/CartPole-v0/dense/seed0",
        "dqn_classic/CartPole-v0/dense-h116/seed9",
        "dqn_classic/CartPole-v0/rigl-erk-s0.90/seed0",
        "dqn_classic/MountainCar-v0/prune-uniform-s0.50/seed2",
        "dqn_classic/Acrobot-v1/rigl-erk-s0.95-snr/seed0",
        "dqn_classic/Acrobot-v1/dense-snr/seed0",
        "dqn_classic/Acrobot-v1/set-erk-s0.90-smoke/seed0",
        "dqn_classic/Acrobot-v1/rigl-erk-s0.90-snr-smoke/seed0",
        "dqn_classic/CartPole-v0/static-erk-s0.90-demo/seed0",
    } <= names


def test_figure14_is_part_of_figure8_and_adds_no_runs():
    for preset in PRESETS.values():
        figure8 = studies.expand(["figure8"], preset)
        assert set(studies.expand(["figure14_right"], preset)) < set(figure8)
        assert studies.expand(["figure14_right", "figure8"], preset) != []
        assert set(studies.expand(["figure14_right", "figure8"], preset)) == set(figure8)
        assert len(studies.expand(["figure14_right", "figure8"], preset)) == len(figure8)


def test_each_reduced_study_is_part_of_paper_and_takes_less_than_a_day_on_two_cores():
    for study in studies.STUDIES:
        reduced = studies.expand([study], PRESETS["reduced"])
        assert set(reduced) < set(studies.expand([study], PRESETS["paper"]))
        assert sum(run.core_seconds for run in reduced) / 2 < 24 * 3600


def test_snr_runs_differ_from_figure8_in_the_snr_alone():
    preset = PRESETS["paper"]
    figure8 = {run.name: run for run in studies.expand(["figure8"], preset)}
    for run in studies.expand(["figure5_left"], preset):
        twin = figure8[run.name.replace("-snr", "")]
        assert set(run.bindings) - set(twin.bindings) == {"log_snr.freq=2000"}
        assert set(twin.bindings) < set(run.bindings)


def test_each_seed_is_complete_before_the_next():
    seeds = [run.seed for run in studies.expand(studies.STUDIES, PRESETS["paper"])]
    assert seeds == sorted(seeds)


def test_smoke_has_every_environment_method_and_distribution():
    labels = {run.label for run in studies.expand(["figure8"], PRESETS["smoke"])}
    for env in ("CartPole-v0", "Acrobot-v1", "MountainCar-v0"):
        assert f"dqn_classic/{env}/dense-smoke" in labels
        for method in ("prune", "static", "set", "rigl"):
            for distribution in ("erk", "uniform"):
                assert f"dqn_classic/{env}/{method}-{distribution}-s0.90-smoke" in labels


def test_bindings_say_what_the_name_says():
    bindings = {run.label: run.bindings for run in EVERYTHING}
    rigl = bindings["dqn_classic/Acrobot-v1/rigl-uniform-s0.95"]
    assert {
        'train_eval.env_name="Acrobot-v1"',
        "SPARSITY=0.95",
        'DISTRIBUTION="uniform"',
    } <= set(rigl)
    assert 'DISTRIBUTION="erdos_renyi_kernel"' in bindings["dqn_classic/Acrobot-v1/set-erk-s0.50"]
    dense = bindings["dqn_classic/Acrobot-v1/dense"]
    assert not any("SPARSITY" in b or "DISTRIBUTION" in b or "width" in b for b in dense)


def test_width_bindings_give_the_units_of_the_name():
    matched = [run for run in EVERYTHING if "/dense-h" in run.name]
    assert matched
    for run in matched:
        (width,) = (b.split("=")[1] for b in run.bindings if b.startswith("train_eval.width="))
        units = int(run.label.split("/dense-h")[1].split("-")[0])
        assert int(512 * float(width) + 0.5) == units


def test_binding_values_are_literals():
    for run in EVERYTHING:
        for binding in run.bindings:
            ast.literal_eval(binding.split("=", 1)[1])


def test_gin_files_exist():
    for gin_file in {gin_file for run in EVERYTHING for gin_file in run.gin_files}:
        assert (REPOSITORY / gin_file).is_file()


def test_command():
    run = studies.dqn(
        "CartPole-v0", "rigl", 3, PRESETS["paper"].schedule, distribution="erk", sparsity=0.9
    )
    command = list(run.command(Path("/runs"), threads=2))
    assert command[:3] == [sys.executable, "-m", "rigl_rl.tfagents.dqn_train_eval"]
    root_dir = "/runs/dqn_classic/CartPole-v0/rigl-erk-s0.90/seed3"
    flags = list(zip(command[3:-1:2], command[4::2]))
    assert flags[0] == ("--root_dir", root_dir)
    assert flags[1] == ("--gin_file", "gin_configs/dqn_classic/rigl.gin")
    assert [value for flag, value in flags if flag == "--gin_bindings"] == list(run.bindings)
    assert flags[-2:] == [("--seed", "3"), ("--threads", "2")]
    assert command[-1] == "--noprogress"


def test_no_tensorflow_is_imported():
    code = "import sys, launch.__main__, launch.demo; sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True)
