"""Runs that are damaged in every way we could think of, among runs that are not."""

import json
import os

import pytest

from analysis import collect, learning_curves
from analysis.claims.__main__ import main as claims_main
from rigl_rl.command_line import exit_code

HEADER = "env_step,train_step,avg_return,std_return,episodes,wall_s\n"


def change(**values):
    def damage(run):
        path = run / "result.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))

    return damage


def replace(name, content):
    def damage(run):
        (run / name).unlink(missing_ok=True)
        if content is None:
            (run / name).mkdir()
        elif isinstance(content, bytes):
            (run / name).write_bytes(content)
        else:
            (run / name).write_text(content)

    return damage


DAMAGE = {
    "result empty": replace("result.json", ""),
    "result cut short": lambda run: os.truncate(run / "result.json", 100),
    "result a list": replace("result.json", "[1, 2]"),
    "result a number": replace("result.json", "3"),
    "result of nothing": replace("result.json", "{}"),
    "result not UTF-8": replace("result.json", b"\xff\xfe{}"),
    "result nested too deep": replace("result.json", "[" * 50_000),
    "result a directory": replace("result.json", None),
    "seed of 30 digits": change(seed=10**29),
    "seed a text": change(seed="0"),
    "method a list": change(method=["rigl"]),
    "distribution an object": change(distribution={"erk": 1}),
    "return infinite": change(final_return=float("inf")),
    "no width": change(width=None),
    "sparsity of 2": change(target_sparsity=2),
    "fewer than no parameters": change(active_params=-1),
    "layers a text": change(layers="three"),
    "hyperparameters a list": change(hyperparameters=["weight_decay"]),
    "weight decay a list": change(hyperparameters={"weight_decay": [1e-4]}),
    "share of evaluations a text": change(last_fraction="a tenth"),
    "name that is no text": change(env="\udc80"),
    "time below 0": change(wall_s=-5),
    "evaluations empty": replace("evals.csv", ""),
    "no evaluation": replace("evals.csv", HEADER),
    "evaluations without columns": replace("evals.csv", "a,b\n1,2\n"),
    "evaluations of words": replace("evals.csv", HEADER + "a,b,c,d,e,f\n"),
    "evaluations not UTF-8": replace("evals.csv", b"\xff\xfe\x00"),
    "configuration not UTF-8": replace("operative_config.gin", b"\xff"),
    "ratios of words": replace("snr.csv", "env_step,train_step,network,snr\n1,1,q,much\n"),
}


@pytest.fixture
def damaged(run, tmp_path):
    """The directory of all runs."""
    root = tmp_path / "runs"
    for seed in range(3):
        for method in ("rigl", "set", "dense"):
            run(root / f"good/{method}{seed}", method=method, seed=seed)
    for name, damage in DAMAGE.items():
        damage(run(root / name))
    return root


def test_each_is_named_and_counted_and_the_others_are_read(damaged, tmp_path, capsys):
    assert len(DAMAGE) >= 20
    table = tmp_path / "table.parquet"
    assert exit_code(collect.main, ["--runs", str(damaged), "--out", str(table)]) == 0
    output = capsys.readouterr()
    assert output.out.startswith("9 finished runs")
    *lines, count = output.err.splitlines()
    named = [line.removeprefix("warning: left out ").partition(": ")[0] for line in lines]
    assert sorted(named) == sorted(DAMAGE)
    # A directory by the name of a result is no result.
    out, unfinished = len(DAMAGE), 1
    assert count == (
        f"warning: {out} of {out + 9} runs left out: {unfinished} unfinished, "
        f"{out - unfinished} damaged"
    )
    assert len(collect.read(table).runs) == 9


@pytest.mark.parametrize("main", [learning_curves.main, claims_main], ids=["curves", "claims"])
def test_every_tool_goes_on_without_them(damaged, tmp_path, capsys, main):
    out = tmp_path / ("claims.csv" if main is claims_main else "out")
    assert exit_code(main, ["--runs", str(damaged), "--out", str(out)]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert all(line.startswith("warning: ") for line in lines)
    assert any(f"{len(DAMAGE)} of {len(DAMAGE) + 9} runs left out" in line for line in lines)
    assert out.exists()
