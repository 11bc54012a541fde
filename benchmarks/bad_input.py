"""Gives all commands bad input and checks their response: one line, exit code, nothing written.

python -m benchmarks.bad_input [--every N] [--only TEXT]

`bad_input.yaml` lists the cases. Each runs in a separate process, forked from one that has loaded
TensorFlow but not started it. The exit code is 0 if all cases behave.
"""

import argparse
import ast
import collections
import dataclasses
import importlib
import itertools
import os
import re
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from benchmarks import ROOT
from benchmarks.short_runs import AGENTS
from rigl_rl.command_line import exit_code

SECONDS = 300
"""Time limit of a case."""


@dataclasses.dataclass(frozen=True)
class Case:
    """A command, and the expected response."""

    main: str
    args: tuple[str, ...]
    says: str
    """A pattern."""
    begins: str = ""
    files: tuple[tuple[str, str], ...] = ()
    code: str = "2"
    """A pattern."""

    def fault(self, code: int, out: str, err: str, made: set[str]) -> str | None:
        """Describes what is wrong with the command's behavior; None if nothing is."""
        lines = err.splitlines()
        if len(lines) != 1 or not lines[0].startswith("error: ") or out:
            return f"not one line: {(out + err)[-300:]!r}"
        if not lines[0].startswith(f"error: {self.begins}") or not re.search(self.says, lines[0]):
            return f"says {lines[0]!r}, not {self.begins}...{self.says!r}"
        if " at 0x" in lines[0]:
            return f"shows an address: {lines[0]!r}"
        if not re.fullmatch(self.code, str(code)):
            return f"exit code {code}, not {self.code}"
        return f"made {', '.join(sorted(made))}" if made else None


def cases() -> list[Case]:
    """All cases of the table."""
    rows = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text())
    return [case for row in rows for case in _cases_of(**row)]


def _cases_of(
    main: str,
    says: str,
    bind: Sequence[str] = (),
    to: Sequence[str] = (),
    args: Sequence[Sequence[str]] = (),
    files: dict[str, str] | None = None,
    code: object = "2",
) -> Iterator[Case]:
    made = tuple((files or {}).items())
    for name, value in itertools.product(bind, to):
        begins = f"{name} is {ast.literal_eval(value)!r}, but "
        # Words, with | between alternatives.
        words = "|".join(map(re.escape, says.split("|")))
        yield Case(main, (f"--gin_bindings={name} = {value}",), words, begins, made)
    for each in args:
        yield Case(main, tuple(each), _pattern(says), "", made, str(code))


def _pattern(says: str) -> str:
    """The literal text, unless it has alternatives."""
    return says if "|" in says else re.escape(says)


def run(case: Case) -> str | None:
    """Runs a case in a child of this process; returns what is wrong, or None."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        work = place / "work"
        work.mkdir()
        for name, text in case.files:
            (work / name).write_text(text)
        before = {path.name for path in work.iterdir()}
        pid = os.fork()
        if not pid:
            _become(case, place)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        out, err = ((place / name).read_text(errors="replace") for name in ("out", "err"))
        made = {path.name for path in work.iterdir()} - before - {"__pycache__"}
        return case.fault(code, out, err, made)


def _become(case: Case, place: Path) -> None:
    """Runs the case's command in this process, which ends with it."""
    signal.alarm(SECONDS)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(place / name, os.O_WRONLY | os.O_CREAT), number)
    code = 1
    try:
        os.chdir(place / "work")
        sys.path.insert(0, "")
        code = _command(case)
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    except BaseException:  # as the interpreter would
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _command(case: Case) -> int:
    if case.main in AGENTS:
        from rigl_rl.runs import command  # loads TensorFlow

        agent = AGENTS[case.main]
        module = importlib.import_module(agent.main)
        train = module.train if case.main == "atari" else module.train_eval
        sys.argv = [agent.main, f"{agent.directory_flag}=run"]
        sys.argv += [f"{agent.file_flag}={ROOT / agent.gin_file}", "--noprogress", *case.args]
        command.main(train, agent.directory_flag.lstrip("-"), agent.file_flag.lstrip("-"))
    sys.argv = [case.main, *case.args]
    package = importlib.import_module(case.main)
    module = (
        package if hasattr(package, "main") else importlib.import_module(f"{case.main}.__main__")
    )
    return exit_code(module.main, case.args)


def serve(main: str, chosen: Sequence[Case], report: int) -> None:
    """Runs the cases of one command and writes each that misbehaves to a file descriptor."""
    if main in AGENTS:
        importlib.import_module(AGENTS[main].main)
    for case in chosen:
        fault = run(case)
        os.write(report, f"{'!' if fault else '.'} {case.args} {fault}\n".encode())


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the cases, prints those that misbehave, and how many behave."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=1, help="only every Nth case (default 1)")
    parser.add_argument("--only", default="", help="only cases with this text in their arguments")
    options = parser.parse_args(argv)
    chosen: dict[str, list[Case]] = collections.defaultdict(list)
    for case in cases()[:: options.every]:
        if options.only in f"{case.main} {case.args}":
            chosen[case.main].append(case)
    total = behave = 0
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for name, of_main in chosen.items():
        # The agents' mains share gin's names, so each has a server.
        reader, writer = os.pipe()
        pid = os.fork()
        if not pid:
            serve(name, of_main, writer)
            os._exit(0)
        os.close(writer)
        with open(reader) as reports:
            lines = reports.read().splitlines()
        os.waitpid(pid, 0)
        good = sum(line.startswith(".") for line in lines)
        total, behave = total + len(of_main), behave + good
        print(f"{name}: {good} of {len(of_main)} cases behave", flush=True)
        for line in lines:
            if line.startswith("!"):
                print(f"  {line[2:]}", flush=True)
    print(f"{behave} of {total} cases behave")
    return int(behave < total)


if __name__ == "__main__":
    sys.exit(main())
