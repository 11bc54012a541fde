"""Each study trains the tasks, methods, distributions and sparsities of the paper's caption.

They are read from the names of the runs and from the values in their commands.
"""

import ast
import re
from pathlib import Path

import pytest

from launch.agent_runs import DISTRIBUTIONS
from launch.agents import AGENTS, PPO, SAC, sac_nets
from launch.studies.all_studies import STUDIES, expand
from launch.studies.presets import PRESETS
from rigl_rl import paper

REPOSITORY = Path(__file__).resolve().parents[3]
PAPER = PRESETS["paper"].narrowed(1)
DYNAMIC = {"set", "rigl"}
SPARSE = {"prune", "static", *DYNAMIC}
RANGE = {0.5, 0.6, 0.7, 0.8, 0.9, 0.95}  # "from 50% to 95%" (Figure 12); which ones is our choice
WHOLE = RANGE | {0.99}  # section 3, where the caption names no range
CLASSIC = {"CartPole-v0", "Acrobot-v1", "MountainCar-v0"}
CHEETAH, HUMANOID, WALKER = "HalfCheetah-v2", "Humanoid-v2", "Walker2d-v2"
MAIN, OTHERS = {CHEETAH, HUMANOID, WALKER}, {"Hopper-v2", "Ant-v2"}
GAMES = {"MsPacman", "Pong", "Qbert"}
BOTH = {"erk", "uniform"}

# Agents, tasks (Atari: all of section A.4), sparse methods, distributions, sparsities.
CONTENTS = {
    "cartpole": ("dqn_classic", {"CartPole-v0"}, SPARSE, {"erk"}, {0.9}),
    "mujoco": ("sac_mujoco ppo_mujoco", {CHEETAH, "Hopper-v2", WALKER}, SPARSE, {"erk"}, {0.9}),
    "pong": ("dqn_atari_cnn", {"Pong"}, {"rigl"}, {"erk"}, {0.9}),
    "figure1": (
        *("sac_mujoco ppo_mujoco dqn_atari_cnn dqn_atari_resnet", MAIN | OTHERS | {*paper.GAMES}),
        *(SPARSE, {"erk"}, {0.9}),
    ),
    "figure2": ("sac_mujoco ppo_mujoco dqn_atari_cnn", MAIN | GAMES, SPARSE, {"erk"}, RANGE),
    "figure3": ("sac_mujoco", MAIN, {"rigl"}, {"erk"}, {0.8, 0.9}),
    "figure4_left": ("sac_mujoco", {CHEETAH}, SPARSE, BOTH, WHOLE),
    "figure4_center": ("sac_mujoco", {CHEETAH}, SPARSE, {"erk"}, {0.8}),
    "figure4_right": ("sac_mujoco", {CHEETAH}, DYNAMIC | {"static"}, BOTH, {0.8}),
    "figure5_left": ("dqn_classic", CLASSIC, {"rigl"}, BOTH, {0.5, 0.8, 0.9, 0.95, 0.99}),
    "figure5_right": ("sac_mujoco", MAIN, {"rigl"}, BOTH, {0.5, 0.8, 0.9, 0.95, 0.99}),
    "figure6": ("dqn_atari_cnn", GAMES, DYNAMIC, {"erk"}, {0.5, 0.9}),
    "figure7": ("", set(), set(), set(), set()),
    "figure8": ("dqn_classic", CLASSIC, SPARSE, BOTH, WHOLE),
    "figure9": ("sac_mujoco ppo_mujoco", OTHERS, SPARSE, {"erk"}, WHOLE),
    "figure10": ("dqn_atari_cnn", {*paper.GAMES}, SPARSE, {"erk"}, WHOLE),
    "figure11": ("dqn_atari_resnet", {*paper.GAMES}, SPARSE, {"erk"}, WHOLE),
    "figure12": ("sac_mujoco ppo_mujoco dqn_atari_cnn", MAIN | GAMES, SPARSE, {"uniform"}, RANGE),
    "figure13": ("sac_mujoco", {CHEETAH}, SPARSE, {"erk"}, {0.8}),
    "figure14_left": ("sac_mujoco", {CHEETAH}, SPARSE, BOTH, WHOLE),
    "figure14_right": ("dqn_classic", {"Acrobot-v1"}, SPARSE, BOTH, WHOLE),
    "figure15": ("sac_mujoco", MAIN | OTHERS, SPARSE, {"erk"}, {0.5, 0.9, 0.95, 0.99}),
    "figure16": ("sac_mujoco ppo_mujoco", MAIN | OTHERS, SPARSE, {"erk"}, {0.5, 0.9, 0.95, 0.99}),
    "figure17": ("dqn_atari_cnn", {*paper.GAMES}, SPARSE, {"erk"}, {0.5, 0.8, 0.9, 0.95}),
    "figure18": ("dqn_atari_resnet", {*paper.GAMES}, SPARSE, {"erk"}, {0.5, 0.8, 0.9, 0.95}),
    "table1": ("dqn_classic", {"Acrobot-v1"}, SPARSE, {"erk"}, {0.9}),
    "table2": ("sac_mujoco", {WALKER}, SPARSE, {"erk"}, {0.9}),
    "table3": ("ppo_mujoco", {WALKER}, SPARSE, {"erk"}, {0.9}),
    "table4": ("", set(), set(), set(), set()),
    "table5": ("dqn_atari_resnet", GAMES, set(), set(), set()),
}


def bindings(run) -> dict:
    """A run's bound values, by name."""
    return {
        name: ast.literal_eval(value) for name, value in (b.split("=", 1) for b in run.bindings)
    }


def sparsity_of(run) -> float:
    """The sparsity in a run's name, such as '.../rigl-erk-s0.90-snr'."""
    (part,) = (p for p in run.label.split("/")[2].split("-") if p[0] == "s" and p[1:2].isdigit())
    return float(part[1:])


def test_every_study_is_here():
    assert list(CONTENTS) == list(STUDIES)


@pytest.mark.parametrize("study", CONTENTS)
def test_a_study_trains_what_the_caption_says(study):
    agents, tasks, methods, distributions, sparsities = CONTENTS[study]
    runs = expand([study], PAPER)
    assert {run.label.split("/")[0] for run in runs} == set(agents.split())
    assert {run.task for run in runs} == tasks
    sparse = [run for run in runs if not run.label.split("/")[2].startswith("dense")]
    assert {run.label.split("/")[2].split("-")[0] for run in sparse} == methods
    assert {run.label.split("/")[2].split("-")[1] for run in sparse} == distributions
    assert {sparsity_of(run) for run in sparse} == sparsities
    # The name agrees with the run's bindings.
    for run in sparse:
        bound = bindings(run)
        assert bound["SPARSITY"] == sparsity_of(run)
        assert bound["DISTRIBUTION"] == DISTRIBUTIONS[run.label.split("/")[2].split("-")[1]]
        method = run.label.split("/")[2].split("-")[0]
        assert run.gin_file == f"gin_configs/{run.label.split('/')[0]}/{method}.gin"


@pytest.mark.parametrize("study", ["cartpole", "mujoco"])
def test_a_study_is_part_of_the_figures_that_its_description_names(study):
    description = STUDIES[study].__doc__.splitlines()[0]  # as `launch list` shows it
    figures = [f"figure{n}" for n in re.findall(r"\d+", description.split("Figure")[1])]
    runs = {run.name for run in expand([study], PAPER)}
    parts = [runs & {run.name for run in expand([figure], PAPER)} for figure in figures]
    assert all(parts)
    assert set().union(*parts) == runs


@pytest.mark.parametrize("task", sorted(MAIN))
def test_figure3_shares_each_budget_among_actor_and_critics(task):
    runs = [run for run in expand(["figure3"], PAPER) if run.task == task]
    nets = sac_nets(*SAC.tasks[task])
    total = sum(net.parameters(256) for net in nets)
    found = {"dense": [], "rigl": []}
    for run in runs:
        bound = bindings(run)
        if text := bound.get("train_eval.actor_critic_widths_str"):
            actor, critic = (round(256 * float(width)) for width in text.split("_"))
            sizes = [net.parameters(units) for net, units in zip(nets, (actor, critic, critic))]
            method = "dense"
        elif text := bound.get("train_eval.actor_critic_sparsities_str"):
            actor, critic = map(float, text.split("_"))
            sizes = [
                (1 - sparsity) * net.kernel_parameters(256) + net.other_parameters(256)
                for net, sparsity in zip(nets, (actor, critic, critic))
            ]
            method = "rigl"
            # The sparsity in the run's name is that of its budget.
            assert sum(sizes) / total == pytest.approx(1 - bound["SPARSITY"], abs=1e-3)
        else:
            assert run.label.endswith("/dense")
            continue
        found[method].append((round(sum(sizes) / total, 1), round(sizes[0] / sum(sizes), 1)))
    shares = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    assert sorted(found["dense"]) == [(b, s) for b in (0.1, 0.2, 1.0) for s in shares]
    assert sorted(found["rigl"]) == [(b, s) for b in (0.1, 0.2) for s in shares]


@pytest.mark.parametrize("agent", AGENTS.values(), ids=AGENTS)
def test_the_papers_schedule_and_units_are_those_of_the_gin_files(agent):
    lines = (REPOSITORY / "gin_configs" / agent.name / "base.gin").read_text().splitlines()
    given = dict(line.split("#")[0].split("=", 1) for line in lines if "=" in line.split("#")[0])
    given = {name.strip(): value.strip() for name, value in given.items()}
    schedule = agent.schedules["paper"]
    assert schedule.bindings
    for binding in schedule.bindings:
        name, value = binding.split("=")
        assert given[name] == value
    assert given[agent.gin.width] == "1.0"
    task = given[agent.gin.task].strip("'")
    assert task in agent.tasks
    if agent is PPO:
        assert given["train_eval.collect_sequence_length"] == str(schedule.steps_per_iteration)
    layers = {v for name, v in given.items() if "fc_layer" in name and v != "None"}
    atari = agent.name.startswith("dqn_atari")  # whose networks say so in code
    assert layers == (set() if atari else {str((agent.units, agent.units))})
