"""Which runs a command applies to: studies, a preset, and options that narrow or change them.

Every launch is recorded in its directory of runs, so that `launch status` knows what was requested.
"""

import argparse
import dataclasses
import functools
import json
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from launch import gin_files
from launch.runs import Run
from launch.studies.all_studies import STUDIES, expand
from launch.studies.presets import PRESETS
from rigl_rl.command_line import positive, sparsity
from rigl_rl.errors import ConfigError, warn

_RECORD = "launches.jsonl"


@dataclasses.dataclass(frozen=True)
class Selection:
    """Runs of some studies; empty fields have no effect."""

    studies: tuple[str, ...]
    preset: str
    seeds: int | None = None
    sparsities: tuple[float, ...] = ()
    methods: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    configs: tuple[str, ...] = ()
    """Gin files that replace standard ones (`gin_files.edited`)."""
    skip_table: bool = False
    """Without runs that only the directory's table holds (`table`)."""

    def runs(self, study: str | None = None, *, strict: bool = False) -> list[Run]:
        """The runs of a study, by default of all studies together.

        Args:
          study: one of the studies.
          strict: whether all of `agents`, `tasks`, `methods` and `sparsities` must occur, and no
            other sparsities.

        Raises:
          ConfigError: one that must occur does not, or a study always trains at others.
        """
        preset = PRESETS[self.preset].narrowed(self.seeds, self.sparsities, self.methods)
        runs = expand([study] if study else self.studies, preset)
        for name in ("agent", "task"):
            wanted = getattr(self, f"{name}s")
            if strict:
                self._require(f"{name}s", "on", (getattr(run, name) for run in runs))
            if wanted:
                runs = [run for run in runs if getattr(run, name) in wanted]
        if strict:
            self._require("methods", "of", (run.method for run in runs))
            self._require("sparsities", "at", self._sparsities())
        return self._from_configs(runs) if self.configs else runs

    def _require(self, option: str, joined: str, known: Iterable[Any]) -> None:
        """Raises ConfigError unless all values given for an option are known."""
        wanted = getattr(self, option)
        known = list(dict.fromkeys(known)) if wanted else []
        if unknown := [each for each in wanted if each not in known]:
            raise ConfigError(
                f"argument --{option}: no runs {joined} {_listed(unknown)} in "
                f"{', '.join(self.studies)} (choose from {_listed(known) or 'none'})"
            )

    def _sparsities(self) -> Iterator[float]:
        """The sparsities of all sparse runs, whatever the methods.

        Raises ConfigError if some were not asked for: a study may have fixed ones.
        """
        for study in self.studies:
            runs = dataclasses.replace(self, seeds=1, methods=()).runs(study)
            trained = sorted({run.sparsity for run in runs if run.sparsity is not None})
            if not set(trained) <= set(self.sparsities):
                raise ConfigError(
                    f"argument --sparsities: {study} always trains at {_listed(trained)}; launch "
                    f"it without --sparsities"
                )
            yield from trained

    def _from_configs(self, runs: Iterable[Run]) -> list[Run]:
        folder_of = {file: folder for folder, file in (each.split("/", 1) for each in self.configs)}
        folders = (folder_of.get(f"{run.agent}/{run.method}.gin") for run in runs)
        return [run.from_configs(name) if name else run for run, name in zip(runs, folders)]

    @functools.cached_property
    def names(self) -> frozenset[str]:
        """The names of all runs of the studies together."""
        return frozenset(run.name for run in self.runs())

    @property
    def options(self) -> str:
        """What narrows or changes the preset's runs: `--tasks CartPole-v0 --sparsities 0.5 0.9`."""
        words: list[str] = []
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name in ("studies", "preset") or not value:
                continue
            if field.name == "configs":  # of each file only the folder
                value = dict.fromkeys(each.split("/")[0] for each in value)
            values = [] if value is True else [value] if isinstance(value, int) else value
            words += [f"--{field.name}", *map(str, values)]
        return shlex.join(words)

    def record(self, runs_dir: Path) -> None:
        """Adds the selection to the directory's list of launches, if it is not there yet."""
        given = {name: value for name, value in dataclasses.asdict(self).items() if value}
        line = json.dumps(given) + "\n"
        path = runs_dir / _RECORD
        if not path.exists() or line not in path.read_text().splitlines(keepends=True):
            with open(path, "a") as file:
                file.write(line)


def add_arguments(parser: argparse.ArgumentParser, *, studies: str, required: bool) -> None:
    """Adds the arguments that select runs.

    Args:
      parser: the command's parser.
      studies: `+` or `*`, how many studies must be named.
      required: whether a preset must be given.
    """
    parser.add_argument("studies", nargs=studies, metavar="STUDY", help="see `launch list`")
    parser.add_argument("--preset", choices=list(PRESETS), required=required)
    parser.add_argument("--seeds", type=positive, help="number of seeds; default: the preset's")
    parser.add_argument(
        "--sparsities",
        type=sparsity,
        nargs="+",
        metavar="S",
        help="default: the preset's; for studies without fixed sparsities",
    )
    parser.add_argument(
        "--methods",
        nargs="+",
        metavar="METHOD",
        help="sparse methods (names of gin files) instead of the studies'; dense networks stay",
    )
    parser.add_argument("--agents", nargs="+", metavar="AGENT", help="only these, like ppo_mujoco")
    parser.add_argument("--tasks", nargs="+", metavar="TASK", help="only these tasks")
    parser.add_argument(
        "--configs",
        type=Path,
        metavar="DIR",
        help="your gin files, DIR/AGENT/METHOD.gin (AGENT such as dqn_classic); for missing ones, "
        "gin_configs is used. Runs of edited standard files get the folder's name",
    )
    parser.add_argument(
        "--skip_table",
        action="store_true",
        help="without the runs that are only in the table RUNS.parquet next to --runs RUNS",
    )


def of_arguments(args: argparse.Namespace) -> Selection:
    """The selection that the arguments describe.

    Raises:
      ConfigError: there is no such study.
    """
    if unknown := [study for study in args.studies if study not in STUDIES]:
        raise ConfigError(
            f"argument STUDY: invalid choice: {unknown[0]!r} (choose from {', '.join(STUDIES)})"
        )
    return Selection(
        tuple(args.studies or STUDIES),
        args.preset,
        args.seeds,
        tuple(args.sparsities or ()),
        _names("--methods", args.methods),
        _names("--agents", args.agents),
        _names("--tasks", args.tasks),
        gin_files.edited(args.configs),
        args.skip_table,
    )


def is_given(args: argparse.Namespace) -> bool:
    """Whether any argument selects runs."""
    return bool(args.studies or args.preset or _options(args))


def _options(args: argparse.Namespace) -> list[str]:
    """The options given that narrow or change the runs of a preset."""
    names = [field.name for field in dataclasses.fields(Selection)]
    return [name for name in names if name not in ("studies", "preset") and getattr(args, name)]


def launched(args: argparse.Namespace) -> list[tuple[Selection, str]]:
    """The studies of the launches recorded in `args.runs`, only those named if any are.

    With a preset: those of the selection that the arguments describe.

    Raises:
      ConfigError: no such launch is recorded, or the arguments do not fit together.
    """
    selection = of_arguments(args)
    if args.preset:
        return [(selection, study) for study in selection.studies]
    for name in _options(args):
        raise ConfigError(f"--{name} needs --preset")
    recorded = _recorded(args.runs / _RECORD)
    found = [
        (each, study) for each in recorded for study in each.studies if study in selection.studies
    ]
    if not found:
        of = f" of {', '.join(args.studies)}" if args.studies else ""
        raise ConfigError(
            f"no launch{of} is recorded in {args.runs}; say what to look for with --preset"
        )
    return found


def _recorded(path: Path) -> Iterator[Selection]:
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            given = {name: _tuples(value) for name, value in json.loads(line).items()}
            selection = Selection(**given)
            known = {*selection.studies} <= {*STUDIES} and selection.preset in PRESETS
        except (AttributeError, TypeError, ValueError):
            known = False
        if known:
            yield selection
        else:
            warn(f"{path}: a launch that this version does not know is left out: {line}")


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(map(str, values))


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _names(flag: str, given: Sequence[str] | None) -> tuple[str, ...]:
    """Names, separated by spaces or commas, each once.

    Raises:
      ConfigError: the flag is given, but without a name (`--tasks "$UNSET"`).
    """
    names: Iterable[str] = (name for text in given or () for name in text.split(","))
    found = tuple(dict.fromkeys(filter(None, names)))
    if given and not found:
        raise ConfigError(f"argument {flag}: expected at least one name")
    return found
