"""Bad input through the real command line: one clear line, a failure, and nothing overwritten."""

from __future__ import annotations

import ctypes
import os
import shutil

import gin
import pytest

from rigl_rl.errors import ConfigError
from rigl_rl.runs import config
from rigl_rl.tfagents import dqn_train_eval


def the_line(completed) -> str:
    """The only line on standard error, without a traceback."""
    assert completed.returncode not in (0, None)
    (line,) = completed.stderr.splitlines()
    assert line.startswith("error: ")
    assert completed.stdout == ""
    return line


# Flags, and what the line must name: the value, and what is allowed.
CASES = {
    "unknown method": (
        ["--gin_bindings=mask_updater.update_alg = 'magic'"],
        ["mask_updater.update_alg", "'magic'", "'set'", "'rigl'", "'rigl_inverted'"],
    ),
    "sparsity 1.2": (["--gin_bindings=SPARSITY = 1.2"], ["sparsity", "1.2", "[0, 1)"]),
    "sparsity -0.1": (["--gin_bindings=SPARSITY = -0.1"], ["sparsity", "-0.1", "[0, 1)"]),
    "update interval 0": (
        ["--gin_bindings=mask_updater.update_freq = 0"],
        ["mask_updater.update_freq is 0", "at least 1"],
    ),
    "misspelled gin name": (
        ["--gin_bindings=train_eval.num_iteration = 300"],
        ["num_iteration'", "did you mean 'num_iterations'?"],
    ),
    "missing gin file": (["--gin_file=no/such.gin"], ["'no/such.gin'", "does not exist"]),
    "unknown environment": (
        ["--gin_bindings=train_eval.env_name = 'CartPole-v77'"],
        ["environment", "'CartPole-v77'"],
    ),
    "a binding that cannot be parsed": (
        ["--gin_bindings=train_eval.num_iterations = [3"],
        ["train_eval.num_iterations = [3"],
    ),
    "a flag's value without its flag": (["rigl.gin"], ["unexpected argument 'rigl.gin'"]),
}


@pytest.fixture(scope="module")
def failing(pool, train, configs, tmp_path_factory):
    """All failing commands, two at a time in the background."""
    folder = tmp_path_factory.mktemp("failing")

    def start(name, flags):
        root_dir = folder / name.replace(" ", "_")
        file = f"--gin_file={configs}/rigl.gin"
        return root_dir, pool.submit(train, file, *flags, f"--root_dir={root_dir}")

    return {name: start(name, flags) for name, (flags, _) in CASES.items()}


@pytest.mark.parametrize("case", CASES)
def test_one_line_names_the_value_and_what_is_allowed(failing, case):
    root_dir, completed = failing[case]
    line = the_line(completed.result())
    for part in CASES[case][1]:
        assert part in line
    assert not root_dir.exists()


def _as_an_ordinary_user():
    """Drops root's capability to write anywhere; takes effect at exec."""
    if os.geteuid() == 0:
        drop_bounding_capability, may_override_permissions = 24, 1
        ctypes.CDLL(None).prctl(drop_bounding_capability, may_override_permissions, 0, 0, 0)


@pytest.mark.parametrize("existing", [False, True], ids=["new", "interrupted run"])
def test_a_read_only_place(train, rigl_flags, interrupted, contents, tmp_path, existing):
    place = tmp_path / "read_only"
    place.mkdir()
    root_dir = shutil.copytree(interrupted, place / "run") if existing else place / "run"
    before = contents(place)
    paths = [place, *place.rglob("*")]
    modes = [path.stat().st_mode for path in paths]
    for path, mode in zip(paths, modes):
        path.chmod(mode & 0o555)
    completed = train(*rigl_flags, f"--root_dir={root_dir}", preexec_fn=_as_an_ordinary_user)
    for path, mode in zip(paths, modes):
        path.chmod(mode)
    line = the_line(completed)
    assert f"run directory '{root_dir}' cannot be written" in line
    assert "give a writable directory" in line
    assert contents(place) == before


def test_the_root_dir_of_another_configuration(trainings, train, rigl_flags, contents):
    root_dir = trainings["rigl"]
    before = contents(root_dir)
    completed = train(*rigl_flags, "--gin_bindings=SPARSITY = 0.8", f"--root_dir={root_dir}")
    line = the_line(completed)
    assert str(root_dir) in line
    assert "- SPARSITY = 0.9 | + SPARSITY = 0.8" in line
    assert contents(root_dir) == before


def test_truncated_checkpoints(interrupted, train, rigl_flags, contents, tmp_path):
    root_dir = shutil.copytree(interrupted, tmp_path / "run")
    for variables in root_dir.glob("checkpoints/*/variables.data*"):
        os.truncate(variables, variables.stat().st_size // 2)
    before = contents(root_dir)
    completed = train(*rigl_flags, f"--root_dir={root_dir}")
    assert completed.returncode not in (0, None)
    *warnings, line = completed.stderr.splitlines()
    assert [warning.split()[:2] for warning in warnings] == 2 * [["warning:", "checkpoint"]]
    assert f"error: all checkpoints in '{root_dir / 'checkpoints'}' are damaged" in line
    assert contents(root_dir).items() >= before.items()


# The function that the command calls, without the wait for a new process.
@pytest.mark.parametrize(
    ("bindings", "parts"),
    [
        (["train_eval.num_iterations = 0"], ["num_iterations is 0", "at least 1"]),
        (["train_eval.num_iterations = 300.5"], ["num_iterations is 300.5", "whole number"]),
        (["train_eval.eval_interval = 'often'"], ["eval_interval is 'often'"]),
        (["train_eval.eval_episodes = True"], ["eval_episodes is True"]),
        (["train_eval.policy_save_interval = -1"], ["policy_save_interval is -1", "at least 0"]),
        (["train_eval.batch_size = -128"], ["batch_size is -128"]),
        (["train_eval.gamma = 99"], ["gamma is 99", "[0, 1]"]),
        (["train_eval.epsilon_greedy = -0.1"], ["epsilon_greedy is -0.1", "[0, 1]"]),
        (
            ["train_eval.train_mode = 'spars'"],
            ["train_mode is 'spars'", "'dense', 'sparse'"],
        ),
        (["train_eval.width = 0"], ["train_eval.width is 0", "within (0, 100]"]),
        (["train_eval.env_name = 'Pendulum-v1'"], ["'Pendulum-v1'", "discrete actions"]),
        (
            ["wrap_all_layers.mode = 'prun'"],
            ["mode is 'prun'", "'constant', 'prune'"],
        ),
        (["wrap_all_layers.mode = 'prune'", "SPARSITY = 1.0"], ["sparsity", "1.0", "[0, 1)"]),
        (
            ["wrap_all_layers.mode = 'prune'", "wrap_all_layers.frequency = 0"],
            ["frequency is 0"],
        ),
        (["DISTRIBUTION = 'erk'"], ["'erk'", "erdos_renyi_kernel", "uniform"]),
        (["mask_updater.schedule_alg = 'sine'"], ["'sine'", "cosine", "constant"]),
        (
            ["mask_updater.init_drop_fraction = 1.5"],
            ["init_drop_fraction is 1.5", "[0, 1)"],
        ),
        (["log_snr.freq = -1"], ["log_snr.freq is -1", "at least 0"]),
        (["SPARSITTY = 0.5"], ["'SPARSITTY'", "did you mean 'SPARSITY'?"]),
    ],
    ids=lambda value: value[-1] if " = " in value[-1] else "",
)
def test_other_values(configs, tmp_path, bindings, parts):
    root_dir = tmp_path / "run"

    def start():
        config.parse([str(configs / "rigl.gin")], bindings)
        dqn_train_eval.train_eval(str(root_dir), seed=0, config_text=gin.config_str())

    with pytest.raises(ConfigError) as caught:
        start()
    line, *by_gin = str(caught.value).splitlines()  # the command shows the first line
    assert [added for added in by_gin if "In call to configurable" not in added] == []
    for part in parts:
        assert part in line
    assert not root_dir.exists()
