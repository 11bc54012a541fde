"""FLOPs that sparsity saves in the Atari networks (appendix A.2, Figure 7)."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rigl_rl import flops
from rigl_rl.command_line import exit_code


@pytest.fixture(scope="module")
def flops_table():
    return flops.sparsity_table(num_actions=6)


def test_flops_by_hand(flops_table):
    table = flops_table.set_index(["network", "distribution", "sparsity"])["flops"]
    c1, c2, c3, dense, output = 2444, 4887, 6296, 387889, 3072  # active weights of each layer
    # A convolution's weight is used once per pixel of its output, 21 x 21 or 11 x 11.
    by_hand = 2 * (441 * c1 + 121 * (c2 + c3) + dense + output)
    assert table["cnn", "erdos_renyi_kernel", 0.9] == by_hand
    dense_cnn = 2 * (441 * 8192 + 121 * (32768 + 36864) + 3964928 + 3072)
    assert table["cnn", "uniform", 0.5] == dense_cnn / 2
    # 84 x 84 at the first stack's first convolution, then 42, 21 and 11.
    dense_resnet = 2 * (
        84**2 * 1152
        + 42**2 * (4 * 9216 + 18432)
        + 21**2 * 5 * 36864
        + 11**2 * 4 * 36864
        + 3964928
        + 3072
    )
    assert table["resnet", "uniform", 0.5] == dense_resnet / 2


def test_erk_takes_about_twice_uniforms_flops():
    table = flops.sparsity_table()  # MsPacman
    ratio = flops.erk_to_uniform(table)
    assert list(ratio.index) == [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99]
    assert ratio["cnn"].between(1.5, 1.8).all()
    assert ratio["resnet"].between(1.8, 2.8).all()
    assert np.exp(np.log(ratio.to_numpy()).mean()) == pytest.approx(2.0, abs=0.1)
    # The same number of weights, to within two per layer.
    params = table.pivot_table("active_params", ["network", "sparsity"], "distribution")
    assert (params["erdos_renyi_kernel"] - params["uniform"]).abs().max() <= 2 * 17


def test_figure7_is_drawn_from_what_the_command_writes(tmp_path, capsys):
    out = tmp_path / "flops.csv"
    assert exit_code(flops.main, ["--out", str(out)]) == 0
    committed = Path(__file__).resolve().parents[1] / "analysis" / "figures" / "atari_flops.csv"
    pd.testing.assert_frame_equal(pd.read_csv(out), pd.read_csv(committed))
    assert "0.90      1.76    2.57" in capsys.readouterr().out
    assert exit_code(flops.main, ["--out", str(out / "table.csv")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert re.match("error: .*flops.csv", line)
