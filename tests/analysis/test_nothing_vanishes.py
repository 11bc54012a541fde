"""SYNTHETIC runs in a directory with all kinds of trouble: shown, or said to be left out."""

import re

import pytest

from analysis import collect, style
from analysis.figures import __main__ as figures
from analysis.report import __main__ as report
from rigl_rl.command_line import exit_code


@pytest.fixture
def troubled(launched, run, tmp_path):
    """Runs of two agents, of which one is longer, one broken, one unfinished; and an old table of
    the first of them, cut short. Yields the table's path.
    """
    for seed in range(3):
        for method, score in (("dense", 150.0), ("set", 120.0), ("rigl", 130.0)):
            launched(method=method, seed=seed, returns=(score, score))
    table = tmp_path / "runs.parquet"
    assert exit_code(collect.main, ["--runs", str(tmp_path / "runs"), "--out", str(table)]) == 0
    table.write_bytes(table.read_bytes()[:-100])
    launched(method="set", preset="smoke", seed=3, steps=9_000, returns=(1.0,))
    (launched(method="rigl", seed=4) / "result.json").write_text('{"agent": ')
    (launched(method="rigl", seed=5) / "result.json").unlink()
    started = launched(method="rigl", seed=6)
    (started / "config.gin").write_text("")  # killed before its first evaluation
    (started / "result.json").unlink()
    (started / "evals.csv").unlink()
    run(tmp_path / "runs" / "mine", agent="ppo", suite="mujoco", env="Hopper-v2", method="dense")
    return table


def said(text):
    """What the runs' directory holds and is not shown, each by a part of its message."""
    return {
        "longer": "left out 1 dqn CartPole-v0 run(s) longer than 100 steps" in text,
        "broken": "seed4: result.json is broken" in text,
        "unfinished": "seed5: unfinished (no result.json)" in text,
        "not evaluated": "seed6: unfinished (no result.json)" in text,
    }


def test_nothing_vanishes(troubled, tmp_path, capsys, monkeypatch):
    runs = str(tmp_path / "runs")
    capsys.readouterr()
    assert exit_code(collect.main, ["--runs", runs, "--out", str(troubled)]) == 0
    printed, error = capsys.readouterr()
    assert "11 finished runs" in printed
    assert f"rebuilding {troubled}" in error
    of_reading = {**said("everything"), "broken": True, "unfinished": True, "not evaluated": True}
    assert said(error) == of_reading

    noted = []
    save = style.save

    def saved(figure, *rest):
        noted.append(figure.legends[0].get_title().get_text().replace("\n", " "))
        return save(figure, *rest)

    monkeypatch.setattr(style, "save", saved)
    for source in (runs, str(troubled)):
        argv = ["--runs", source, "--out", str(tmp_path / "figures"), "--only", "8"]
        assert exit_code(figures.main, argv) == 0
        assert all(said(capsys.readouterr().err).values()), source
        assert said(noted.pop())["longer"]

        page = tmp_path / "report.html"
        assert exit_code(report.main, ["--runs", source, "--out", str(page)]) == 0
        assert all(said(capsys.readouterr().err).values()), source
        html = page.read_text()
        assert all(said(re.sub("<[^>]+>", " ", html)).values()), source
        # All others are shown: nine of CartPole, and the other agent's.
        seeds = re.findall(r'<td class="number">(\d+)</td></tr>', html)
        assert sum(map(int, seeds)) == 9 + 1, source
