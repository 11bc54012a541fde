"""The claims committed in results/ are those that the committed table of runs bears out."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rliable import metrics

from analysis.claims import __main__ as claims

RESULTS = Path(__file__).resolve().parents[3] / "results"


@pytest.fixture(scope="module")
def committed():
    return pd.read_csv(RESULTS / "claims.csv")


def test_committed_claims_are_drawn_from_the_committed_runs(tmp_path, committed, capsys):
    out = tmp_path / "claims.csv"
    claims.main(["--runs", str(RESULTS / "runs.parquet"), "--out", str(out)])
    pd.testing.assert_frame_equal(pd.read_csv(out), committed, rtol=1e-6)
    said = [line.split(": ", 2)[2] for line in capsys.readouterr().err.splitlines()]
    assert any("--steps" in each for each in said)
    assert len(said) == len(set(said))  # also what several claims leave out


@pytest.mark.parametrize(
    ("claim", "first", "second"),
    [
        ("pruning-is-best", ["prune"], ["set", "rigl"]),
        ("dynamic-beats-static", ["set", "rigl"], ["static"]),
    ],
)
def test_pairwise_numbers_are_those_of_rliable_alone(committed, claim, first, second):
    runs = pd.read_parquet(RESULTS / "runs.parquet")
    runs = runs[(runs["suite"] == "classic") & (runs["distribution"] == "erdos_renyi_kernel")]
    runs = runs[~runs["path"].str.contains("-drop|-every|-aware|-init")]  # changed hyperparameters
    runs = runs.drop_duplicates(["env", "target_sparsity", "method", "seed"])
    settings = ["target_sparsity", "method"]
    tasks = []
    for _, task in runs.groupby("env"):
        scores = {key: own["final_return"].to_numpy() for key, own in task.groupby(settings)}
        pairs = [(x, y) for x in scores for y in scores if x[0] == y[0]]
        pairs = [(x, y) for x, y in pairs if x[1] in first and y[1] in second]
        of_pair = [
            metrics.probability_of_improvement(scores[x][:, None], scores[y][:, None])
            for x, y in pairs
        ]
        tasks.append(np.mean(of_pair))
    found = committed.set_index(["claim", "agent"]).loc[claim, "DQN classic"]
    assert found["value"] == pytest.approx(np.mean(tasks))
    assert found["worst"] == pytest.approx(min(tasks))
