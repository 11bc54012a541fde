"""How commands end: one line and an exit code, whatever stops them."""

import errno
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import tensorflow as tf

from rigl_rl.command_line import Parser, exit_code, number
from rigl_rl.errors import ConfigError, NoRunsError

ROOT = Path(__file__).resolve().parents[1]


def ended(capsys, command, *argv) -> tuple[int, list[str]]:
    """Exit code and lines on standard error."""
    code = exit_code(command, list(argv))
    return code, capsys.readouterr().err.splitlines()


def raising(error):
    def command(argv):
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ConfigError("a is 1\n  In call to f"), 2, "a is 1"),
        (NoRunsError("no runs"), 1, "no runs"),
        (OSError(errno.ENOSPC, "No space left on device", "/x"), 1, "[Errno 28] No space left"),
        (MemoryError(), 1, "out of memory"),
        (MemoryError("cannot allocate 6 PiB"), 1, "out of memory: cannot allocate 6 PiB"),
        (KeyError("width"), 1, "KeyError: 'width'"),
        (AssertionError(), 1, "AssertionError"),
        (RecursionError("too\ndeep"), 1, "RecursionError: too"),
        (KeyboardInterrupt(), 130, "stopped by SIGINT; what was written before is intact"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_stops_a_command_is_one_line(capsys, error, code, line):
    found, (only,) = ended(capsys, raising(error))
    assert found == code
    assert only.startswith(f"error: {line}")
    assert "\n" not in only


def test_what_fails_in_a_graph_is_said(capsys):
    @tf.function
    def graph(x):
        return tf.ones(2) @ x

    code, (line,) = ended(capsys, lambda argv: graph(tf.ones(2)))
    assert code == 1
    assert line.startswith("error: ValueError: Shape must be rank 2 but is rank 1")


def test_debug_shows_where_an_error_comes_from(capsys):
    def command(argv):
        Parser().parse_args(argv)
        raise KeyError("width")

    code, lines = ended(capsys, command, "--debug")
    assert code == 1
    assert lines[0].startswith("Traceback")
    assert any("in command" in line for line in lines)
    assert lines[-1] == "error: KeyError: 'width'"
    assert ended(capsys, command) == (1, lines[-1:])


def test_debug_is_no_option_of_the_command():
    parser = Parser()
    parser.add_subparsers().add_parser("run").add_argument("--n", type=int)
    for argv in (["--debug", "run", "--n=1"], ["run", "--n=1", "--debug"]):
        assert vars(parser.parse_args(argv)) == {"n": 1}


SIGNALED = """
    import os, signal, sys
    from rigl_rl.command_line import exit_code
    def command(argv):
        os.kill(os.getpid(), signal.{name})
        print("went on")
    sys.exit(exit_code(command))
"""


def signaled(name: str, ignored=()) -> subprocess.CompletedProcess:
    def ignore():
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background jobs ignore it
        for signum in ignored:
            signal.signal(signum, signal.SIG_IGN)

    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SIGNALED.format(name=name))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        preexec_fn=ignore,
    )


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_is_one_line(name, code):
    done = signaled(name)
    assert done.returncode == code
    assert done.stderr == f"error: stopped by {name}; what was written before is intact\n"
    assert done.stdout == ""


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
@pytest.mark.parametrize(
    ("module", "library"),
    [
        ("rigl_rl.tfagents.dqn_train_eval", "numpy"),
        ("analysis.figures", "numpy"),
        ("benchmarks.finite", "numpy"),
        ("launch", "tqdm"),
    ],
)
def test_a_signal_is_one_line_while_a_command_loads(tmp_path, module, library, name, code):
    (tmp_path / f"{library}.py").write_text(
        f"import os, signal\nos.kill(os.getpid(), signal.{name})\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", module],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    line = f"error: stopped by {name}; what was written before is intact\n"
    assert (done.returncode, done.stdout, done.stderr) == (code, "", line)


def test_a_signal_that_is_ignored_stays_so():
    done = signaled("SIGTERM", [signal.SIGTERM])  # as in a job on SLURM
    assert (done.returncode, done.stdout, done.stderr) == (0, "went on\n", "")


def test_handlers_are_as_before_after_a_command():
    assert exit_code(lambda argv: 0, []) == 0
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.parametrize(
    ("kind", "allowed", "text", "words"),
    [
        ("int", {"low": 0}, "-1", "'-1' is not a whole number, at least 0"),
        ("int", {"low": 0}, "1.5", "'1.5' is not a whole number, at least 0"),
        ("float", {"low": 0}, "inf", "'inf' is not a number, at least 0"),
        ("float", {"low": 0, "high": 1}, "nan", "'nan' is not a number within [0, 1]"),
        ("float", {"low": 0, "high": 1}, "x", "'x' is not a number within [0, 1]"),
    ],
)
def test_numbers_of_a_command_line(kind, allowed, text, words):
    parser = Parser()
    parser.add_argument("--n", type=number(kind, **allowed))
    with pytest.raises(ConfigError) as caught:
        parser.parse_args([f"--n={text}"])
    assert words in str(caught.value)
    assert parser.parse_args(["--n=1"]).n == 1


def test_output_to_a_closed_pipe_does_not_end_in_a_traceback():
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "analysis.collect", "--help"],
        cwd=ROOT,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writer)
    assert "Traceback" not in done.stderr
