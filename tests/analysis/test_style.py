import matplotlib.pyplot as plt
import pandas as pd
import pytest

from analysis import plotting, style


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


def test_every_method_has_its_own_color_and_marker():
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


@pytest.mark.parametrize(
    ("seeds", "words"),
    [
        ([[5, 5], [5, 5]], "shades: 95% t interval over seeds"),
        ([[5], [4]], "bars: 95% t interval over seeds"),
        ([[5, 5], [5]], "shades and bars: 95% t interval over seeds"),
        ([[2, 5, 1], [1]], "bars: 95% t interval over seeds; no interval below 3 seeds"),
        ([[2, 2], [1]], "no interval below 3 seeds"),
    ],
)
def test_the_note_says_how_the_intervals_are_drawn_that_there_are(seeds, words):
    figure, [axes] = style.panels(1, 2)
    for numbers in seeds:
        line = pd.DataFrame({"mean": 1.0, "low": 0.5, "high": 1.5, "n_seeds": numbers})
        line.loc[line["n_seeds"] < 3, ["low", "high"]] = float("nan")
        plotting.points(axes[0], list(range(len(line))), line, 5, "black")
    style.finish(figure, [], pd.Series([n for line in seeds for n in line]), "point")
    note = figure.legends[0].get_title().get_text()
    assert note.partition("; ")[2] == words
    plt.close("all")


def test_an_interval_between_points_without_one_is_a_bar():
    _, axes = plt.subplots()
    no = float("nan")
    plotting.band(axes, [0, 1, 2, 3], [no, 1, no, no], [no, 3, 4, no], "black")
    (bar,) = axes.collections
    assert [path.vertices.tolist() for path in bar.get_paths()] == [[[1.0, 1.0], [1.0, 3.0]]]
    plt.close("all")
