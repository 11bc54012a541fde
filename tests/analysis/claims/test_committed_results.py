"""The claims committed in results/ are those that the committed table of runs bears out."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from analysis.claims import __main__ as claims

RESULTS = Path(__file__).resolve().parents[3] / "results"


def test_committed_claims_are_drawn_from_the_committed_runs(tmp_path):
    out = tmp_path / "claims.csv"
    claims.main(["--runs", str(RESULTS / "classic_control.parquet"), "--out", str(out)])
    committed = pd.read_csv(RESULTS / "classic_control.claims.csv")
    pd.testing.assert_frame_equal(pd.read_csv(out), committed, rtol=1e-6)
