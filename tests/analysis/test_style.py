from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from analysis import style


@pytest.mark.parametrize(
    ("count", "label"),
    [
        (950, "950"),
        (2000, "2k"),
        (5321, "5.3k"),
        (26547, "27k"),
        (133_000, "133k"),
        (4_100_000, "4.1M"),
    ],
)
def test_parameter_labels(count, label):
    assert style.short(count) == label


def test_every_method_has_its_own_colour_and_marker():
    assert len({look.color for look in style.METHODS.values()}) == len(style.METHODS)
    assert len({look.marker for look in style.METHODS.values()}) == len(style.METHODS)


def test_close_counts_share_a_tick():
    _, axes = plt.subplots()
    style.parameter_axis(axes, [26_000, 27_547, 133_000, 134_000, 266_242])
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["266k", "134k", "28k"]
    plt.close("all")


def test_a_failed_save_keeps_the_older_figure(tmp_path, monkeypatch):
    figure, _ = plt.subplots()
    old = tmp_path / "f.png"
    old.write_text("older")

    def fails(aside, **_):
        aside.write_text("half of a picture")
        raise OSError("disk full")

    monkeypatch.setattr(figure, "savefig", fails)
    with pytest.raises(OSError, match="disk full"):
        style.save(figure, pd.DataFrame({"x": [1]}), tmp_path, "f")
    assert old.read_text() == "older"
    assert list(tmp_path.iterdir()) == [old]
    plt.close("all")


def test_ticks_of_environment_steps_are_exact():
    assert [style.steps(n) for n in (0, 500, 12_500, 100_000, 1_000_000)] == [
        "0",
        "500",
        "12.5k",
        "100k",
        "1M",
    ]
