"""Finds a method's gin file: in a folder given by the user, or in gin_configs/AGENT/."""

from pathlib import Path

from launch.execution.jobs import REPOSITORY
from launch.runs import Run
from rigl_rl.errors import ConfigError


def found(run: Run, folder: Path | None) -> Run:
    """The run with its method's gin file, from `folder` if it is there.

    Raises ConfigError if there is no such file.
    """
    agent = run.agent
    name = f"{agent}/{run.method}.gin"
    if folder is not None and (folder / name).is_file():
        return run.with_gin_file(str((folder / name).absolute()))
    if not (REPOSITORY / run.gin_files[0]).is_file():
        places = [run.gin_files[0]] if folder is None else [str(folder / name), run.gin_files[0]]
        known = sorted(path.stem for path in (REPOSITORY / "gin_configs" / agent).glob("*.gin"))
        known = [each for each in known if each not in ("base", "original")]
        raise ConfigError(
            f"argument --methods: {agent} has no method {run.method!r}: no file "
            f"{' or '.join(places)} (choose from {', '.join(known)})"
        )
    return run
