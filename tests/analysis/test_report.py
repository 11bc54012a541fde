"""The report, from SYNTHETIC runs."""

import base64
import re
import subprocess

import pandas as pd
import pytest

from analysis.collect import collect, read, write
from analysis.figures.catalog import FIGURES
from analysis.report import __main__ as report
from analysis.report import summary
from analysis.report.pictures import rests_on, title
from rigl_rl.command_line import exit_code


@pytest.fixture
def page(launched, tmp_path):
    for seed in range(10):
        for method, score in (("dense", 150.0), ("prune", 190.0), ("set", 120.0)):
            launched(method=method, seed=seed, returns=(score,))
    out = tmp_path / "report.html"
    assert exit_code(report.main, ["--runs", str(tmp_path / "runs"), "--out", str(out)]) == 0
    return out.read_text()


def test_the_page_needs_nothing_else(page):
    assert "<script" not in page
    sources = re.findall(r'(?:src|href)="([^":]+)', page)
    anchors = {source for source in sources if source.startswith("#")}
    assert set(sources) - anchors == {"data"}
    assert {"#figure8", "#versions", "#claims", "#left_out"} <= anchors
    assert all(f'id="{anchor[1:]}"' in page for anchor in anchors)
    assert 'name="viewport"' in page
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    assert len(pictures) == 3  # Figures 7 and 8, learning curves
    assert all(base64.b64decode(each).startswith(b"\x89PNG") for each in pictures)


def test_each_figure_is_there_or_said_to_be_missing(page):
    for name in FIGURES:
        assert f"<td>{title(f'figure{name}')}</td>" in page or f'id="figure{name}"' in page
    assert "30 runs, 10 seeds per setting" in page
    assert "launch run figure8 --preset reduced --runs" in page
    assert "tensorflow 2.15.1" in page
    assert "--runs DIR" not in page


def test_figures_and_findings_without_data_name_all_that_makes_it(page):
    """Figure 6 and the findings about noise need more than training; Figure 7 needs no runs."""
    rows = [row for row in re.findall("<tr>.*?</tr>", page, re.DOTALL) if "run figure6 " in row]
    assert {title("figure6"), "SET is less robust to strong observation noise than RigL."} <= {
        cell for row in rows for cell in re.findall("<td>([^<]+)</td>", row)
    }
    root = re.search(r"launch run figure6 --preset reduced --runs ([^ ,]+),", page).group(1)
    then = f", then: python -m rigl_rl.robustness --run {root}/dqn_atari_cnn/*/*/seed*</code>"
    assert all(then in row for row in rows)
    assert "<code>python -m rigl_rl.flops --out analysis/figures/atari_flops.csv</code>" in page
    assert "launch run figure7" not in page


def test_pictures_are_described_by_their_numbers(page):
    words = {alt.partition(". ")[0]: alt for alt in re.findall('alt="([^"]+)"', page)}
    told = (
        "Over active parameters, DQN, CartPole-v0: Dense 150 at 266k, Pruning 190 at 28k, SET 120"
    )
    assert told in words["Figure 8"]
    assert "Pruning 90% (28k) 190 at 10" in words["Learning curves, DQN, classic control"]
    assert 'id="figure8_full"' in page
    assert 'href="#figure8_full"' in page


def test_claims_and_scores_are_those_of_the_runs(page):
    text = " ".join(re.sub("<[^>]+>", " ", page).split())
    assert "DQN classic: supported , probability 1.00 [0.9" in text
    assert "Pruning against SET and RigL on 1 task: 1 pair of settings, 20 runs." in text
    assert "CartPole-v0 Pruning 90%" in text
    assert "190.0 [190.0, 190.0] 10" in text
    for verdict in ("supported", "contradicted", "undecided", "too few seeds"):
        shown = len(re.findall(rf'<span class="verdict [a-z]+">{verdict}</span>', page))
        assert f" {shown} {verdict}" in text
    assert "30 runs of 3 settings, 10 seeds each. Training took 0.0 core-hours." in text
    assert "Trained on machines that are not named (30 older runs)." in text


def test_what_is_left_out_is_on_the_page(launched, tmp_path):
    for seed in range(3):
        for method in ("dense", "set"):
            launched(method=method, seed=seed, returns=(100.0,))
    launched(method="set", preset="smoke", seed=9, steps=9_000, returns=(1.0,))
    (launched(method="rigl", returns=(1.0,)) / "result.json").unlink()
    out = tmp_path / "report.html"
    assert exit_code(report.main, ["--runs", str(tmp_path / "runs"), "--out", str(out)]) == 0
    text = " ".join(re.sub("<[^>]+>", " ", out.read_text()).split())
    # Under the figure, its note is a picture; under the curves; in the list at the end.
    assert text.count("left out 1 dqn CartPole-v0 run(s) longer than 100 steps") == 3
    assert "/rigl-erk-s0.90/seed0: unfinished (no result.json)" in text
    assert "7 runs of 3 settings, 1 to 3 seeds each." in text


def test_runs_of_a_setting_differ_in_their_seed_alone(launched, tmp_path):
    aware, fixed = ({"init_masks.fixed_sparse_init": value} for value in (True, False))
    for seed in range(2):
        launched(seed=seed, parameters=aware)
        launched(seed=seed, parameters=fixed)
        launched(seed=seed, parameters=aware, preset="smoke", steps=900)
        launched(seed=seed, parameters=aware, snr=[(0, 1.0)])  # trains alike
    launched(seed=2)  # as older runs, without a record: the paper's initialization is aware
    runs = collect(tmp_path / "runs").runs
    edited = runs.assign(path=runs["path"].str.replace("/seed", "-from_mine/seed"))
    for own, settings in ((runs, 3), (pd.concat([runs, edited], ignore_index=True), 6)):
        line = summary.summary(pd.DataFrame(columns=["cells", "verdict", "claim"]), own)[1]
        assert f"{len(own)} runs of {settings} settings, 2 to 3 seeds each" in line


def test_what_a_figure_rests_on():
    points = pd.DataFrame(
        {"method": ["a", "a", "b"], "env_step": [1, 2, 1], "n_seeds": [3, 4, 2], "mean": 0.0}
    )
    assert rests_on(points) == "6 runs, 2 to 4 seeds per setting"
    assert rests_on(points.assign(n_tasks=5)) == "30 runs, 2 to 4 seeds per setting"
    assert rests_on(points.drop(columns="n_seeds")) == "counted, no runs"


def test_runs_in_several_panels_are_counted_once():
    # An IQM figure shows the standard dense network beside each sparsity ...
    bars = pd.DataFrame(
        {
            "label": ["Dense: 100%", "SET"] * 2,
            "target_sparsity": [0.5, 0.5, 0.9, 0.9],
            "iqm": 1.0,
            "n_seeds": 3,
            "n_tasks": [5, 5, 4, 4],
        }
    )
    assert rests_on(bars).startswith(f"{3 * 5 + 3 * 5 + 3 * 4} runs")
    # ... Figure 13 the best hyperparameters (Table 2) in each one's panel.
    points = pd.DataFrame(
        {
            "column": ["drop_fraction", "drop_fraction", "update_freq", "update_freq"],
            "value": [0.3, 0.5, 1000.0, 250.0],
            "method": "set",
            "mean": 1.0,
            "n_seeds": 2,
        }
    )
    assert rests_on(points).startswith("6 runs")


def test_every_figure_has_a_caption_of_its_own():
    captions = [figure.caption for figure in FIGURES.values()]
    assert len(set(captions)) == len(captions)
    assert all(re.fullmatch(r"[A-Z].{15,}\.", caption) for caption in captions)


def test_the_page_names_the_commit_and_the_machines(tmp_path):
    def git(*words):
        command = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=b", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    assert summary.commit(tmp_path) == ""
    git("init")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "-m", "first")
    assert summary.commit(tmp_path) == git("rev-parse", "--short", "HEAD")
    (tmp_path / "file").write_text("two")
    assert summary.commit(tmp_path).endswith(" with changes")
    (tmp_path / "inside").mkdir()
    assert summary.commit(tmp_path / "inside") == ""  # another project's
    runs = pd.DataFrame({"machine.processor": ["X", "X", None], "machine.cores": [2, 2, None]})
    assert summary.machines(runs) == (
        "X with 2 cores (2 runs), machines that are not named (1 older runs)"
    )


def test_commands_name_the_directory_that_a_table_was_made_of(launched, tmp_path):
    launched()
    tables = collect(tmp_path / "runs")
    write(tables, tmp_path / "t.parquet")
    write(tables, tmp_path / "t.csv")
    assert read(tmp_path / "t.parquet").command("figure8").endswith(f"--runs {tmp_path / 'runs'}")
    assert read(tmp_path / "t.csv").command("figure8").endswith("--runs runs")  # README's


def test_without_runs_there_is_no_page(tmp_path, capsys):
    (tmp_path / "runs").mkdir()
    argv = ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "report.html")]
    assert exit_code(report.main, argv) == 1
    assert not (tmp_path / "report.html").exists()
    assert len(capsys.readouterr().err.splitlines()) == 1
