"""Which runs a figure needs, as data.

A study is a function from a seed and a preset to its runs; `expand` joins several of them. A run's
name holds everything that distinguishes it (task, method, distribution, sparsity, width, changed
hyperparameters, schedule, seed). A run that two figures need therefore has one name and one
directory, and is trained once.
"""

import inspect
from collections.abc import Callable, Iterable

from launch.runs import Run
from launch.studies import figures, results_page, sweeps
from launch.studies.presets import Preset

STUDIES: dict[str, Callable[[int, Preset], list[Run]]] = {
    name: study
    for module in (results_page, figures, sweeps)
    for name, study in vars(module).items()
    if inspect.isfunction(study) and study.__module__ == module.__name__ and name[0] != "_"
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
