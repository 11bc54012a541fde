"""Which runs a figure needs, as data.

A study is a function from a seed and a preset to its runs; `expand` joins several of them. A run's
name holds everything that distinguishes it (task, method, distribution, sparsity, width, changed
hyperparameters, schedule, seed). A run that two figures need therefore has one name and one
directory, and is trained once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Callable

from launch.runs import Run
from launch.studies import figures, readme, sweeps
from launch.studies.presets import Preset

STUDIES: dict[str, Callable[[int, Preset], list[Run]]] = {
    study.__name__: study
    for study in (
        readme.cartpole,
        readme.mujoco,
        readme.pong,
        figures.figure1,
        figures.figure2,
        figures.figure3,
        figures.figure4_left,
        figures.figure4_center,
        figures.figure4_right,
        figures.figure5_left,
        figures.figure5_right,
        figures.figure6,
        figures.figure7,
        figures.figure8,
        figures.figure9,
        figures.figure10,
        figures.figure11,
        figures.figure12,
        figures.figure13,
        figures.figure14_left,
        figures.figure14_right,
        figures.figure15,
        figures.figure16,
        figures.figure17,
        figures.figure18,
        sweeps.table1,
        sweeps.table2,
        sweeps.table3,
        sweeps.table4,
        sweeps.table5,
    )
}


def expand(studies: Iterable[str], preset: Preset) -> list[Run]:
    """The runs of several studies without duplicates, all runs of one seed before the next seed.

    This order makes an unfinished launch useful: it has every point of the figure, with fewer
    seeds. If only one of two studies needs a run's SNR, the run is trained once, with the SNR.
    """
    runs = dict.fromkeys(
        run
        for seed in range(preset.seeds)
        for study in studies
        if seed < preset.seeds_of.get(study, preset.seeds)
        for run in STUDIES[study](seed, preset)
    )
    names = {run.name for run in runs}
    return [run for run in runs if run.measured_name not in names]
