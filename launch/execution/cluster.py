"""The file with the settings for jobs on a SLURM cluster.

    time: 4:00:00        # per job; a longer run continues in the next
    mem: 4G
    partition: cpu
    account: my-lab
    max_parallel: 100    # concurrent runs
    cpus: 2              # per run; default: its threads
    setup:               # shell commands before the training
      - module load glibc
    sbatch:              # any other option of sbatch
      qos: low
      exclusive:         # one without a value

YAML, with SLURM's names and notations. Only `time` is required.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from rigl_rl.errors import ConfigError

OURS = (
    "array",
    "chdir",
    "cpus-per-task",
    "dependency",
    "error",
    "job-name",
    "open-mode",
    "output",
    "requeue",
    "signal",
)
"""Options of sbatch that the launcher sets itself."""

_TIME = re.compile(r"(?:(?P<d>\d+)-)?(?P<a>\d+)(?::(?P<b>\d{1,2}))?(?::(?P<c>\d{1,2}))?")


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Settings for the jobs of a launch; None leaves a choice to the cluster."""

    time: int
    """Time limit of a job, in minutes."""
    mem: str | None = None
    partition: str | None = None
    account: str | None = None
    cpus: int | None = None
    """CPUs per run; None: the threads of a run."""
    max_parallel: int | None = None
    setup: tuple[str, ...] = ()
    sbatch: Mapping[str, str | bool] = dataclasses.field(default_factory=dict)


def read(path: Path) -> Cluster:
    """Reads and checks the file.

    Raises:
      ConfigError: the file cannot be read, or something in it is wrong; the message is one line
          that names the value and what is allowed.
    """
    settings: dict[str, Any] = {}
    for line, name, value in _entries(path):
        where = f"{path}, line {line}"
        if name not in _SETTINGS:
            raise ConfigError(
                f"{where}: unknown setting {name!r}; choose from {', '.join(_SETTINGS)}"
            )
        if name in settings:
            raise ConfigError(f"{where}: {name!r} is set twice")
        try:
            settings[name] = _SETTINGS[name](value)
        except ValueError as error:
            raise ConfigError(f"{where}: {name} is {value!r}, but {error}") from None
    if "time" not in settings:
        raise ConfigError(f"{path} lacks 'time', the time limit of a job, such as 'time: 4:00:00'")
    return Cluster(**settings)


def _entries(path: Path) -> list[tuple[int, str, Any]]:
    """Line, name and value of each setting."""
    try:
        # BaseLoader keeps every value as text: others turn 4:00:00 into the number 14400.
        loader = yaml.BaseLoader(path.read_text(encoding="utf-8"))
        root = loader.get_single_node()
        if not isinstance(root, yaml.MappingNode):
            raise ConfigError(f"{path} must hold lines such as 'time: 4:00:00'")
        return [
            (name.start_mark.line + 1, str(name.value), loader.construct_object(value, deep=True))
            for name, value in root.value
        ]
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from error


def _minutes(value: Any) -> int:
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match:
        days, a, b, c = (int(match[group] or 0) for group in "dabc")
        if match["d"]:
            seconds = days * 86_400 + a * 3600 + b * 60 + c
        elif match["c"]:
            seconds = a * 3600 + b * 60 + c
        else:
            seconds = a * 60 + b
        if seconds:
            return -(-seconds // 60)  # SLURM also rounds up to minutes
    raise ValueError(
        "must be a time limit: minutes, minutes:seconds, hours:minutes:seconds, days-hours, "
        "days-hours:minutes or days-hours:minutes:seconds"
    )


def _memory(value: Any) -> str:
    if isinstance(value, str) and re.fullmatch(r"[1-9]\d*[KMGT]?", value):
        return value
    raise ValueError("must be a whole number with K, M, G or T, such as 4G (no letter: megabytes)")


def _count(value: Any) -> int:
    if isinstance(value, str) and re.fullmatch(r"[1-9]\d*", value):
        return int(value)
    raise ValueError("must be a whole number of at least 1")


def _word(value: Any) -> str:
    if isinstance(value, str) and re.fullmatch(r"\S+", value):
        return value
    raise ValueError("must be one word")


def _commands(value: Any) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(line, str) and line for line in value):
        return tuple(value)
    raise ValueError("must be a list of shell commands, each on a line '- COMMAND'")


def _options(value: Any) -> dict[str, str | bool]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise ValueError("must hold lines such as 'qos: low'")
    for name in value:
        if name.replace("_", "-") in OURS:
            raise ValueError(f"the launcher itself sets {name}")
        if name in _SETTINGS:
            raise ValueError(f"{name} belongs outside 'sbatch'")
    return {name: text or True for name, text in value.items()}


_SETTINGS: dict[str, Callable[[Any], Any]] = {
    "time": _minutes,
    "mem": _memory,
    "partition": _word,
    "account": _word,
    "cpus": _count,
    "max_parallel": _count,
    "setup": _commands,
    "sbatch": _options,
}
