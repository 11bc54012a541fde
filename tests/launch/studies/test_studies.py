import ast
import re
import sys
from pathlib import Path

import pytest

from analysis.select import MATCHES_WITHIN
from launch import demo
from launch.agent_runs import agent_run
from launch.agents import AGENTS, DQN, DQN_CNN, DQN_RESNET
from launch.costs import Costs
from launch.execution.jobs import job_of
from launch.selection import Selection
from launch.studies.all_studies import STUDIES, expand
from launch.studies.presets import PRESETS
from launch.widths import sparse_parameters
from rigl_rl import paper
from rigl_rl.errors import ConfigError

REPOSITORY = Path(__file__).resolve().parents[3]
SWEEPS = ("table1", "table2", "table3", "table4", "table5")
# Each study as if launched alone; together, runs that measure more replace those that need less.
EVERYTHING = list(
    dict.fromkeys(
        [
            *(
                run
                for preset in PRESETS.values()
                for study in STUDIES
                for run in expand([study], preset)
            ),
            *demo.runs(),
        ]
    )
)


@pytest.mark.parametrize(
    ("preset", "seeds", "sparsities", "below_99", "snr_networks"),
    # `paper` goes up to 99% (section 3); Figures 2 and 12 (their caption) and Ant (captions of
    # Figures 15 and 16) go up to 95%. SNR: ERK at five sparsities, uniform at four.
    [("paper", 10, 7, 6, 5 + 4), ("reduced", 3, 4, 4, 5 + 4), ("smoke", 1, 1, 1, 1 + 1)],
)
def test_number_of_runs(preset, seeds, sparsities, below_99, snr_networks):
    runs = {study: expand([study], PRESETS[preset]) for study in STUDIES}
    count = {
        study: sum(not run.label.startswith("dqn_atari") for run in of_study)
        for study, of_study in runs.items()
    }
    methods, distributions = 4, 2
    sparse = methods * sparsities
    matched_and_sparse = (1 + methods) * below_99
    expected = {
        "cartpole": 1 + methods,
        "mujoco": 3 * (1 + 2) + 1 + 3,
        "figure8": 3 * (1 + sparsities + distributions * sparse),
        "figure14_right": 1 + distributions * sparse,
        "figure5_left": 3 * (1 + snr_networks),
        "figure5_right": 3 * (1 + snr_networks),
        "figure2": 2 * 3 * (1 + matched_and_sparse),
        "figure9": 2 * (1 + matched_and_sparse) + 2 * (1 + sparsities + sparse),
        "figure3": 3 * (1 + (3 + 2) * {"paper": 9, "reduced": 5, "smoke": 2}[preset]),
        "figure12": 2 * 3 * (1 + matched_and_sparse),
        "figure1": 2 * 5 * (1 + 1 + methods),
        "figure4_left": 1 + distributions * sparse,
        "figure4_center": 4 * (1 + methods),
        "figure4_right": 2 * 2 * 3,
        "figure13": 5 * 2 + 5 * 3 + 5 * 5 - 3 - 2,  # the best values are in two or all three
        "figure14_left": 1 + 2 * distributions * sparse,
        **dict.fromkeys(
            ["pong", "figure6", "figure7", "figure10", "figure11", "figure17", "figure18"], 0
        ),
    }
    assert {study: count[study] / seeds for study in expected} == expected
    assert set(count) - set(expected) == {"figure15", "figure16", *SWEEPS}


@pytest.mark.parametrize(
    ("preset", "seeds", "decays", "intervals", "fractions", "resnet"),
    [("paper", 3, 4, 5, 5, 4 * 4), ("reduced", 1, 3, 2, 3, 2 * 2), ("smoke", 1, 2, 1, 2, 2 * 1)],
)
def test_sweeps_are_full_grids(preset, seeds, decays, intervals, fractions, resnet):
    aware = 2
    growing = decays * intervals * fractions * aware
    grid = decays + decays * intervals + decays * aware + 2 * growing
    count = {study: len(expand([study], PRESETS[preset])) for study in SWEEPS}
    games = 3
    assert count == {
        **dict.fromkeys(["table1", "table2", "table3"], seeds * grid),
        "table4": 0,
        "table5": seeds * games * resnet,
    }


def test_sweeps_hold_the_best_settings_of_the_tables():
    preset = PRESETS["paper"]
    for table, label in (
        ("table1", "dqn_classic/Acrobot-v1"),
        ("table2", "sac_mujoco/Walker2d-v2"),
        ("table3", "ppo_mujoco/Walker2d-v2"),
    ):
        labels = {run.label for run in expand([table], preset)}
        assert f"{label}/dense" in labels
        assert {f"{label}/{method}-erk-s0.90" for method in paper.METHODS} <= labels
        assert f"{label}/set-erk-s0.90-wd0.001-every5000-drop0.2-aware0" in labels
    resnet = {run.label: run for run in expand(["table5"], preset)}
    assert "dqn_atari_resnet/Pong/dense" in resnet
    assert {
        "SparseDQNAgent.weight_decay=0.0",
        "tf.train.AdamOptimizer.learning_rate=0.001",
    } <= set(resnet["dqn_atari_resnet/Pong/dense-wd0-lr0.001"].bindings)


@pytest.mark.parametrize(
    ("preset", "seeds", "captions", "games", "sparsities", "below_99", "iqm_sparsities", "shares"),
    [
        ("paper", 10, 9, 15, 7, 6, 4, 2),
        ("reduced", 1, 1, 3, 2, 2, 1, 2),
        ("smoke", 1, 1, 15, 1, 1, 1, 2),
    ],
)
def test_number_of_atari_runs(
    preset, seeds, captions, games, sparsities, below_99, iqm_sparsities, shares
):
    methods = 4
    count = {
        study: sum(run.label.startswith("dqn_atari") for run in expand([study], PRESETS[preset]))
        for study in STUDIES
    }
    assert {study: n for study, n in count.items() if n and study not in SWEEPS} == {
        "pong": {"paper": 10, "reduced": 3, "smoke": 1}[preset] * 2,
        "figure1": seeds * 2 * games * (1 + 1 + methods),
        "figure2": seeds * 3 * (1 + below_99 + methods * below_99),
        "figure6": seeds * 3 * (1 + shares + 2 * shares),
        "figure10": seeds * games * (1 + sparsities + methods * sparsities),
        "figure11": seeds * games * (1 + sparsities + methods * sparsities),
        "figure12": seeds * 3 * (1 + below_99 + methods * below_99),
        "figure17": captions * games * (1 + iqm_sparsities + methods * iqm_sparsities),
        "figure18": captions * games * (1 + iqm_sparsities + methods * iqm_sparsities),
    }


def sparsities_of(runs, kind=""):
    """Sparsities of the runs with `kind` in their label, in percent."""
    labels = {run.label for run in runs if kind in run.label and "-s0." in run.label}
    return {int(label.split("-s0.")[1][:2]) for label in labels}


@pytest.mark.parametrize(
    ("study", "kind", "highest"),
    [
        # Section 3: policies of 50% to 99%, unless a caption says otherwise.
        *((f"figure{name}", "", 99) for name in ("4_left", 10, 11, "14_left", "14_right")),
        ("figure8", "uniform", 99),
        ("figure9", "Hopper", 99),
        # Figure 12: "sparsities from 50% to 95%"; Figure 2 shows the same with ERK.
        *((f"figure{n}", kind, 95) for n in (2, 12) for kind in ("dqn_atari", "mujoco")),
        # Figures 15 and 16 have only HalfCheetah, Hopper and Walker2d at 99%.
        ("figure9", "Ant", 95),
    ],
)
def test_sparsities_reach_as_far_as_the_caption_or_section_3(study, kind, highest):
    found = sparsities_of(expand([study], PRESETS["paper"].narrowed(1)), kind)
    assert found == {50, 60, 70, 80, 90, 95, highest}


@pytest.mark.parametrize("preset", ["paper", "reduced"])
@pytest.mark.parametrize("study", ["figure5_left", "figure5_right"])
def test_snr_is_measured_with_both_distributions(preset, study):
    runs = expand([study], PRESETS[preset])
    assert sparsities_of(runs, "rigl-erk") == {50, 80, 90, 95, 99}
    assert sparsities_of(runs, "rigl-uniform") == {50, 80, 90, 95}
    assert len({run.label for run in runs if "/dense-snr" in run.label}) == 3
    assert all("log_snr.freq=2000" in run.bindings for run in runs)


def test_sparsities_of_the_users_choice_are_all_trained():
    preset = PRESETS["paper"].narrowed(1, (0.3, 0.99))
    for study, kind in (("figure2", "Humanoid"), ("figure9", "Ant"), ("figure12", "Pong")):
        assert sparsities_of(expand([study], preset), kind) == {30, 99}


def test_other_sparsities():
    preset = PRESETS["reduced"].narrowed(1, (0.6,))
    runs = expand(["figure8", "figure5_left", "figure15", "figure17"], preset)
    assert {run.label.split("-s0.")[1][:2] for run in runs if "-s0." in run.label} == {"60"}
    assert len(expand(["figure8"], preset)) == 3 * (1 + 1 + 2 * 4)


# Of these, the paper or the study's name determines the sparsities.
FIXED = {
    "cartpole": "0.9",
    "mujoco": "0.9",
    "pong": "0.9",
    "figure1": "0.9",
    "figure3": "0.8, 0.9",
    "figure4_center": "0.8",
    "figure4_right": "0.8",
    "figure6": "0.5, 0.9",
    "figure13": "0.8",
    "table1": "0.9",
    "table2": "0.9",
    "table3": "0.9",
}
NO_SPARSE = ("figure7", "table4", "table5")


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_trains_at_the_sparsities_of_the_users_choice_or_is_refused(study):
    selected = Selection((study,), "reduced", sparsities=(0.6,))
    if study in FIXED:
        why = f"--sparsities: {study} always trains at {FIXED[study]}; launch it without"
    elif study in NO_SPARSE:
        why = f"--sparsities: no runs at 0.6 in {study} (choose from none)"
    else:
        labels = {run.label for run in selected.runs(strict=True)}
        assert {s for label in labels for s in re.findall(r"-s(0\.\d+)", label)} == {"0.60"}
        return
    with pytest.raises(ConfigError, match=re.escape(why)):
        selected.runs(strict=True)


@pytest.mark.parametrize(
    ("studies", "sparsities", "tasks", "why"),
    [
        (("figure1",), (0.9,), (), ""),
        (("figure1", "figure8"), (0.5, 0.9), (), ""),
        (("figure1", "figure8"), (0.5,), ("CartPole-v0",), ""),  # none of Figure 1 left
        (("figure1", "figure8"), (0.5,), (), "figure1 always trains at 0.9"),
        (("figure6",), (0.9,), (), "figure6 always trains at 0.5, 0.9"),
        (("figure1", "pong"), (0.5, 0.9), (), "no runs at 0.5 in figure1, pong (choose from 0.9)"),
    ],
)
def test_fixed_sparsities_of_several_studies(studies, sparsities, tasks, why):
    selected = Selection(studies, "smoke", sparsities=sparsities, tasks=tasks)
    if why:
        with pytest.raises(ConfigError, match=re.escape(why)):
            selected.runs(strict=True)
    else:
        assert {run.sparsity for run in selected.runs(strict=True)} == {None, *sparsities}


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_trains_the_methods_of_the_users_choice_or_is_refused(study):
    selected = Selection((study,), "smoke", methods=("static", "my_method"))
    if study in NO_SPARSE:
        with pytest.raises(
            ConfigError, match=f"--methods: no runs of static, my_method in {study}"
        ):
            selected.runs(strict=True)
    else:
        sparse = {run.method for run in selected.runs(strict=True)} - {"dense"}
        assert sparse == {"static", "my_method"}


def test_captions_with_nine_seeds():
    preset = PRESETS["paper"]
    for study in ("figure16", "figure17", "figure18"):
        assert {run.seed for run in expand([study], preset)} == set(range(9))
        assert {run.seed for run in expand([study], preset.narrowed(12))} == set(range(12))


@pytest.mark.parametrize("preset", ["paper", "reduced"])
def test_atari_runs_of_other_figures_are_those_of_10_and_11(preset):
    preset = PRESETS[preset]
    whole = set(expand(["figure10", "figure11"], preset))
    for study in ("figure1", "figure2", "figure6", "figure17", "figure18"):
        runs = expand([study], preset)
        assert {run for run in runs if run.label.startswith("dqn_atari")} <= whole


def test_figure6_has_three_sizes_of_dense_and_two_of_rigl_and_set():
    runs = expand(["figure6"], PRESETS["reduced"])
    pacman = {run.label.split("/")[2] for run in runs if "/MsPacman/" in run.label}
    assert {label.split("-h")[0] for label in pacman} == {
        "dense-500k",
        "dense",
        "rigl-erk-s0.50-500k",
        "rigl-erk-s0.90-500k",
        "set-erk-s0.50-500k",
        "set-erk-s0.90-500k",
    }
    assert len(pacman) == 7
    assert {run.label.split("/")[1] for run in runs} == {"MsPacman", "Pong", "Qbert"}


def test_atari_runs_are_those_of_a1():
    (run,) = {
        run
        for run in expand(["figure11"], PRESETS["paper"])
        if run.name == "dqn_atari_resnet/Boxing/rigl-erk-s0.95/seed3"
    }
    assert run.main == "rigl_rl.dopamine.train"
    # 40,000,000 frames are 10,000,000 agent steps; evaluation every 1,000,000 frames.
    assert run.env_steps == 10_000_000
    assert run.bindings == (
        'atari_lib.create_atari_environment.game_name="Boxing"',
        "SparseTrainRunner.num_iterations=40",
        "SparseTrainRunner.training_steps=250000",
        "SparseTrainRunner.evaluation_steps=125000",
        "SPARSITY=0.95",
        'DISTRIBUTION="erdos_renyi_kernel"',
    )


def test_iqm_figures_leave_out_the_tasks_their_captions_leave_out():
    runs = expand(["figure15", "figure16"], PRESETS["paper"])
    at = {
        (agent, sparsity): {
            run.label.split("/")[1]
            for run in runs
            if run.label.startswith(agent) and f"-s{sparsity}" in run.label
        }
        for agent in ("sac", "ppo")
        for sparsity in ("0.50", "0.90", "0.95", "0.99")
    }
    three = {"HalfCheetah-v2", "Hopper-v2", "Walker2d-v2"}
    assert at["sac", "0.99"] == at["ppo", "0.99"] == three
    assert at["ppo", "0.95"] == three | {"Ant-v2"}
    assert all(len(tasks) == 5 for key, tasks in at.items() if key[1] in ("0.50", "0.90"))


def test_a_sweep_meets_the_standard_run_at_the_best_value():
    names = {run.name for run in expand(["figure4_center", "figure13"], PRESETS["paper"])}
    rigl = "sac_mujoco/HalfCheetah-v2/rigl-erk-s0.80"
    assert {f"{rigl}/seed0", f"{rigl}-wd0.0001/seed0", f"{rigl}-drop0.1/seed0"} <= names
    assert {f"{rigl}-every250/seed0", f"{rigl}-batch64/seed0"} <= names
    assert not any(name in names for name in (f"{rigl}-wd1e-06/seed0", f"{rigl}-batch256/seed0"))


@pytest.mark.parametrize("agent", paper.BEST)
@pytest.mark.parametrize("method", ["dense", *paper.METHODS])
def test_the_best_values_are_those_of_the_gin_files(agent, method):
    folder = REPOSITORY / "gin_configs" / agent
    text = (folder / "base.gin").read_text() + (folder / f"{method}.gin").read_text()
    bound = dict(
        line.split("#")[0].replace(" ", "").split("=", 1)
        for line in text.splitlines()
        if "=" in line.split("#")[0]
    )
    best = paper.BEST[agent][method]
    if agent.startswith("dqn_atari"):
        updater = {"set": "UpdatedSETOptimizer", "rigl": "UpdatedRigLOptimizer"}.get(method)
        decay, batch_size = "SparseDQNAgent.weight_decay", "WrappedReplayBuffer.batch_size"
        interval = "pruning.frequency" if method == "prune" else f"{updater}.frequency"
        fraction = f"{updater}.drop_fraction"
    else:
        decay = "train_eval.weight_decay"
        batch_size = f"train_eval.{'mini' * agent.startswith('ppo')}batch_size"
        interval = "wrap_all_layers.frequency" if method == "prune" else "mask_updater.update_freq"
        fraction = "mask_updater.init_drop_fraction"
    expected = {
        decay: best.weight_decay,
        batch_size: paper.BATCH_SIZE[agent],
        interval: best.update_freq,
        fraction: best.drop_fraction,
        # Pruning starts dense on Atari, and False is the default.
        "init_masks.fixed_sparse_init": best.sparsity_aware_init or None,
    }
    expected = {name: value for name, value in expected.items() if value is not None}
    assert {name: ast.literal_eval(bound[name]) for name in expected} == expected


def test_paper_figure8_is_1920_runs_of_101000_steps():
    runs = expand(["figure8"], PRESETS["paper"])
    # Seeds, tasks; a dense network, and at each of seven sparsities the matched dense one and four
    # methods with two distributions.
    assert len(runs) == 10 * 3 * (1 + 7 * (1 + 4 * 2))
    assert {run.env_steps for run in runs} == {101_000}
    assert {run.seed for run in runs} == set(range(10))


def test_paper_schedule_is_that_of_a1():
    runs = expand(["figure8", "figure5_left"], PRESETS["paper"])
    assert runs
    for run in runs:
        assert {
            "train_eval.num_iterations=100000",
            "train_eval.eval_interval=2000",
            "train_eval.eval_episodes=20",
            "train_eval.initial_collect_steps=1000",
        } <= set(run.bindings)


def test_every_game_of_a4_can_be_launched():
    assert len(paper.GAMES) == 15
    for agent in (DQN_CNN, DQN_RESNET):
        assert set(agent.tasks) == set(paper.GAMES)


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
        "dqn_atari_cnn/Pong/dense/seed0",
        "dqn_atari_cnn/Qbert/rigl-uniform-s0.90/seed9",
        "dqn_atari_resnet/Pong/prune-erk-s0.50-100k/seed0",
        "dqn_atari_resnet/VideoPinball/set-erk-s0.90-smoke/seed0",
    } <= names


def test_figure14_is_part_of_figure8_and_adds_no_runs():
    for preset in PRESETS.values():
        figure8 = expand(["figure8"], preset)
        assert set(expand(["figure14_right"], preset)) < set(figure8)
        assert expand(["figure14_right", "figure8"], preset) != []
        assert set(expand(["figure14_right", "figure8"], preset)) == set(figure8)
        assert len(expand(["figure14_right", "figure8"], preset)) == len(figure8)


def test_reduced_dqn_and_ppo_runs_are_the_papers_own():
    everything = set(expand(STUDIES, PRESETS["paper"]))
    reduced = set(expand(STUDIES, PRESETS["reduced"]))
    shorter = {run for run in reduced if run.label.startswith(("sac", "dqn_atari"))}
    assert shorter
    assert reduced - shorter
    assert reduced & everything == reduced - shorter


def test_each_reduced_study_fits_a_workstation():
    for study in STUDIES:
        reduced = expand([study], PRESETS["reduced"])
        atari = any(run.label.startswith("dqn_atari") for run in reduced)  # four days
        assert Costs().core_hours(reduced) / 2 < (96 if atari else 48)


def test_snr_runs_differ_from_figure8_in_the_snr_alone():
    preset = PRESETS["paper"]
    figure8 = {run.name: run for run in expand(["figure8"], preset)}
    runs = expand(["figure5_left"], preset)
    assert runs
    for run in runs:
        twin = figure8[run.name.replace("-snr", "")]
        assert set(run.bindings) - set(twin.bindings) == {"log_snr.freq=2000"}
        assert set(twin.bindings) < set(run.bindings)


def test_a_run_that_measures_more_is_trained_for_both_figures():
    preset = PRESETS["paper"]
    alone = {
        name: {run.name for run in expand([name], preset)} for name in ("figure8", "figure5_left")
    }
    together = {run.name for run in expand(alone, preset)}
    superfluous = {name.replace("-snr", "") for name in alone["figure5_left"]}
    assert superfluous < alone["figure8"]
    assert together == alone["figure5_left"] | (alone["figure8"] - superfluous)


def test_a_run_is_finished_where_one_that_measures_more_is(tmp_path):
    runs = {run.name: run for run in expand(["figure8"], PRESETS["smoke"])}
    with_snr, *_ = expand(["figure5_left"], PRESETS["smoke"])
    plain = runs[with_snr.name.replace("-snr", "")]
    jobs = [job_of(run, tmp_path, 1) for run in (plain, with_snr)]
    assert [job.finished for job in jobs] == [False, False]
    (tmp_path / with_snr.name).mkdir(parents=True)
    (tmp_path / with_snr.name / "result.json").write_text('{"final_return": 0}')
    assert [job.finished for job in jobs] == [True, True]
    # The other way around, there is still something to measure.
    (tmp_path / with_snr.name / "result.json").rename(tmp_path / "result.json")
    (tmp_path / plain.name).mkdir(parents=True)
    (tmp_path / "result.json").rename(tmp_path / plain.name / "result.json")
    assert [job.finished for job in jobs] == [True, False]


def test_each_seed_is_complete_before_the_next():
    seeds = [run.seed for run in expand(STUDIES, PRESETS["paper"])]
    assert seeds == sorted(seeds)


def test_smoke_has_every_environment_method_and_distribution():
    labels = {run.label for run in expand(["figure8"], PRESETS["smoke"])}
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
    assert 'train_eval.env_name="Acrobot-v1"' in dense
    assert not any("SPARSITY" in b or "DISTRIBUTION" in b or "width" in b for b in dense)


def test_width_bindings_give_the_units_of_the_name():
    matched = [run for run in EVERYTHING if "/dense-h" in run.name]
    assert matched
    for run in matched:
        (width,) = (b.split("=")[1] for b in run.bindings if ".width=" in b)
        full = AGENTS[run.label.split("/")[0]].units
        units = int(run.label.split("/dense-h")[1].split("-")[0])
        assert int(full * float(width) + 0.5) == units


def test_binding_values_are_literals():
    for run in EVERYTHING:
        for binding in run.bindings:
            ast.literal_eval(binding.split("=", 1)[1])


def test_runs_of_different_sparsity_have_different_names():
    preset = PRESETS["paper"].narrowed(sparsities=(0.99, 0.995, 0.999))
    runs = expand(["figure14_right"], preset)
    assert len({run.name for run in runs}) == len(runs)
    assert any(run.label.endswith("rigl-erk-s0.995") for run in runs)


@pytest.mark.parametrize("agent", AGENTS.values(), ids=AGENTS)
def test_matched_dense_networks_count_as_matched(agent):
    # Every agent, task and sparsity of the paper; on MuJoCo 99% is trained on three tasks.
    for task in agent.tasks:
        mujoco = agent.name.endswith("mujoco")
        sparsities = {*PRESETS["paper"].sparsities, *(paper.IQM_SPARSITIES if mujoco else ())}
        for sparsity in sparsities:
            if mujoco and task not in paper.tasks_at(agent.name, sparsity):
                continue
            nets = agent.nets(*agent.tasks[task])
            units = agent.matched_units(task, sparsity)
            dense = sparse_parameters(nets, units, 0.0)
            assert abs(dense / sparse_parameters(nets, agent.units, sparsity) - 1) < MATCHES_WITHIN


def test_gin_files_exist():
    for gin_file in {run.gin_file for run in EVERYTHING}:
        assert (REPOSITORY / gin_file).is_file()


def test_command():
    run = agent_run(
        DQN, "CartPole-v0", "rigl", 3, DQN.schedules["paper"], distribution="erk", sparsity=0.9
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


def test_command_of_dopamines_main():
    run = agent_run(DQN_CNN, "Pong", "dense", 3, DQN_CNN.schedules["paper"], units=256)
    command = list(run.command(Path("/runs")))
    assert command[:3] == [sys.executable, "-m", "rigl_rl.dopamine.train"]
    flags = list(zip(command[3:-1:2], command[4::2]))
    assert flags[0] == ("--base_dir", "/runs/dqn_atari_cnn/Pong/dense-h256/seed3")
    assert flags[1] == ("--gin_files", "gin_configs/dqn_atari_cnn/dense.gin")
    assert ("--gin_bindings", "NatureDQNNetwork.width=0.5") in flags
    assert flags[-2:] == [("--seed", "3"), ("--threads", "1")]
