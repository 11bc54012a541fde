"""Figures of the full SYNTHETIC grid, and of few runs: no text on another, all of it inside."""

import itertools

import matplotlib.pyplot as plt
import pytest

from analysis import learning_curves, notes
from analysis.figures.catalog import FIGURES


@pytest.fixture
def drawn(monkeypatch):
    """Draws a figure without writing it."""
    kept = []
    monkeypatch.setattr("analysis.style.save", lambda figure, *_: kept.append(figure) or [])

    def draw(figure, tables, out):
        with notes.heard():
            figure.draw(tables, out)
        kept[-1].draw_without_rendering()
        return kept[-1]

    yield draw
    plt.close("all")


def texts_of(figure):
    """(text, box) of all that is written in a figure."""
    found = [*figure.texts]
    for legend in figure.legends:
        found += [legend.get_title(), *legend.get_texts()]
    for axes in figure.axes:
        if not axes.axison:
            continue
        found += [axes.title, axes.xaxis.label, axes.yaxis.label, *axes.texts]
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                if low <= tick.get_loc() <= high and tick.label1.get_visible():
                    found.append(tick.label1)
    return [(t.get_text(), t.get_window_extent()) for t in found if t.get_text().strip()]


def overlaps(figure):
    texts = texts_of(figure)
    assert len(texts) > 10
    return [
        (one, other)
        for (one, box), (other, its) in itertools.combinations(texts, 2)
        if box.padded(-0.5).overlaps(its.padded(-0.5))
    ]


def outside(figure):
    return [
        text
        for text, box in texts_of(figure)
        if box.x0 < 0 or box.y0 < 0 or box.x1 > figure.bbox.x1 or box.y1 > figure.bbox.y1
    ]


def hidden(figure):
    """Points that lie outside of their panel."""
    return [
        (axes.get_title(), *place)
        for axes in figure.axes
        for line in axes.lines
        if line.get_marker() not in ("None", None, "")
        for place in line.get_transform().transform(line.get_xydata())
        if not axes.bbox.padded(0.5).contains(*place)
    ]


def some(tables, keep):
    """The tables with the runs alone that `keep` is true of."""
    runs = tables.runs[keep(tables.runs)].reset_index(drop=True)
    curves = [table[table["path"].isin(runs["path"])] for table in tables[1:4]]
    return tables._replace(runs=runs, **dict(zip(tables._fields[1:4], curves)))


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_lies_on_another(full_grid, drawn, tmp_path, name):
    figure = drawn(FIGURES[name], full_grid, tmp_path)
    assert overlaps(figure) == []
    assert outside(figure) == []


@pytest.mark.parametrize("name", ["1", "16", "2", "4_left", "8", "14_left", "14_right", "3", "13"])
def test_nor_where_seeds_differ_and_sparsities_are_few(full_grid, drawn, tmp_path, name):
    def keep(runs):
        few = runs["target_sparsity"].isin([0.0, 0.8, 0.9])
        seeds = runs["method"].map({"dense": 4, "prune": 1, "static": 2, "set": 3, "rigl": 1})
        return few & (runs["seed"] < seeds)

    figure = drawn(FIGURES[name], some(full_grid, keep), tmp_path)
    assert any("n=" in text for text, _ in texts_of(figure)) or name in ("3", "13")
    assert hidden(figure) == []
    assert overlaps(figure) == []
    assert outside(figure) == []


def test_nor_where_a_panel_has_fewer_seeds(full_grid, drawn, tmp_path):
    def keep(runs):
        few = (runs["env"] == "MountainCar-v0") & (runs["distribution"] == "uniform")
        return ~few | (runs["seed"] < 2)

    figure = drawn(FIGURES["8"], some(full_grid, keep), tmp_path)
    assert any(text.startswith("MountainCar") and "(n = 2)" in text for text, _ in texts_of(figure))
    assert overlaps(figure) == []
    assert outside(figure) == []


def test_single_points_lie_side_by_side_within_their_panel(full_grid, drawn, tmp_path):
    one = some(full_grid, lambda runs: runs["target_sparsity"].isin([0.0, 0.9]))
    for name in ("8", "14_right"):
        figure = drawn(FIGURES[name], one, tmp_path)
        assert hidden(figure) == []
        places = [
            tuple(line.get_transform().transform(line.get_xydata())[0])
            for line in figure.axes[0].lines
            if len(line.get_xydata()) == 1
        ]
        assert len({round(x) for x, _ in places}) == len(places) > 3


def test_nor_in_learning_curves(full_grid, drawn, tmp_path):
    tables = some(full_grid, lambda runs: (runs["suite"] == "classic") & runs["width"].eq(1.0))
    tables = some(tables, lambda runs: runs["target_sparsity"].isin([0.0, 0.9]))
    runs = learning_curves.labeled(tables)

    class Curves:
        @staticmethod
        def draw(tables, out):
            learning_curves.draw(learning_curves.data(runs, tables), out)

    figure = drawn(Curves, tables, tmp_path)
    assert overlaps(figure) == []


@pytest.mark.parametrize(("name", "shared"), [("3", "y"), ("8", "y"), ("13", "y"), ("15", "x")])
def test_what_is_compared_has_one_axis(full_grid, drawn, tmp_path, name, shared):
    figure = drawn(FIGURES[name], full_grid, tmp_path)
    rows, columns = figure.axes[0].get_gridspec().get_geometry()
    groups = {}
    for axes in figure.axes:
        column = axes.get_subplotspec().colspan.start
        limits = axes.get_ylim() if shared == "y" else axes.get_xlim()
        groups.setdefault(column if rows > 1 else 0, set()).add(limits)
    assert all(len(limits) == 1 for limits in groups.values())
    assert len({axes.get_title() for axes in figure.axes}) == len(figure.axes)


def test_the_note_says_what_is_left_out(full_grid, drawn, tmp_path):
    runs = full_grid.runs.copy()
    longer = runs.index[(runs["env"] == "CartPole-v0") & (runs["method"] == "rigl")][0]
    runs.loc[longer, "train_steps"] *= 2
    figure = drawn(FIGURES["8"], full_grid._replace(runs=runs), tmp_path)
    note = figure.legends[0].get_title().get_text()
    assert "left out 1 dqn CartPole-v0 run(s) longer than 1,000 steps" in note.replace("\n", " ")
    assert "of sweeps" not in note
    assert "95% t interval over seeds" in note


def test_figure_2_ends_where_its_caption_does(full_grid):
    points = FIGURES["2"].data(full_grid)
    least = points[points["method"] != "dense"].groupby(["agent", "env"])["params"].min()
    dense = points[points["method"] == "dense"].groupby(["agent", "env"])["params"].min()
    assert (dense > 0.9 * least).all()


def test_overlaps_are_seen():
    figure, axes = plt.subplots(figsize=(5, 4))
    axes.set_xticks([0, 0.02, 1], ["95%", "99%", "100%"])
    axes.text(0.5, 0.5, "one")
    axes.text(0.51, 0.5, "another")
    figure.text(0.99, 0.5, "beyond the edge")
    figure.draw_without_rendering()
    assert overlaps(figure) == [("one", "another"), ("95%", "99%")]
    assert outside(figure) == ["beyond the edge"]
    plt.close(figure)
