"""Runs every command in README, docs, docstrings and Makefile as a process, on tiny inputs.

`commands.yaml` maps documented commands to the ones that are run. A documented command without an
entry fails here, and so does a documented flag that the entry does not use.
"""

import ast
import dataclasses
import functools
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("rigl_rl", "launch", "analysis", "benchmarks")
VERBATIM = "{documented}"


@dataclasses.dataclass(frozen=True)
class Row:
    """An entry of `commands.yaml`, which explains the fields."""

    documented: str
    started: str
    says: str
    makes: tuple[str, ...] = ()
    err: str = "nothing"
    after: tuple[str, ...] = ()
    code: int = 0
    long: bool = False


TABLE = yaml.safe_load((ROOT / "tests" / "commands.yaml").read_text())
ROWS = {name: Row(**each) for name, each in TABLE.items()}

# Files in the directory where commands run, next to links to folders of the repository.
STAGE = {
    "mine.py": """
import gin, gymnasium

class Constant(gymnasium.RewardWrapper):
    def __init__(self, env, value):
        super().__init__(env)
        self.value = value

    def reward(self, reward):
        return self.value

@gin.configurable
def make_mine(reward=1.0):
    env = gymnasium.make("CartPole-v1", disable_env_checker=True).unwrapped
    return gymnasium.wrappers.TimeLimit(Constant(env, reward), 4)

gymnasium.register("Mine-v0", entry_point=make_mine, disable_env_checker=True)
""",
    "mine.gin": "import mine\ntrain_eval.env_name = 'Mine-v0'\nmake_mine.reward = 3.0\n",
}


def commands_in(text: str) -> list[str]:
    """The commands in code blocks and backquotes, without comments, each on one line."""
    blocks = "\n".join(re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S))
    spans = re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))
    lines = blocks.replace("\\\n", " ").splitlines() + spans
    lines = [" ".join(re.sub(r" +(#|> ).*", "", line).split()) for line in lines]
    return [line for line in lines if re.match(r"python -m \w|make \w", line)]


@functools.lru_cache(None)
def documented() -> tuple[str, ...]:
    """The commands in README and docs."""
    pages = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    return tuple(dict.fromkeys(c for page in pages for c in commands_in(page.read_text())))


def documented_file(name: str) -> str:
    """The block that extending.md says a file of this name holds."""
    page = (ROOT / "docs" / "extending.md").read_text()
    (text,) = re.findall(rf"`{re.escape(name)}`:\n\n```\n(.*?)^```", page, re.M | re.S)
    return text


@functools.lru_cache(None)
def mains() -> dict[str, list[str]]:
    """Every module that is a command, with the commands in its docstring and all their options."""
    found = {}
    for path in sorted(each for name in PACKAGES for each in (ROOT / name).rglob("*.py")):
        tree = ast.parse(path.read_text())
        if any("__main__" in ast.dump(node.test) for node in tree.body if isinstance(node, ast.If)):
            parts = path.relative_to(ROOT).with_suffix("").parts
            module = ".".join(part for part in parts if part != "__main__")
            usage = re.sub(r"\\\n|[][]", "", ast.get_docstring(tree) or "")
            found[module] = commands_in(f"```\n{usage}\n```")
    return found


def to_start(name: str) -> list[str]:
    """The commands to run for a row."""
    row = ROWS[name]
    if VERBATIM not in row.started:
        return [row.started.format(root=ROOT)]
    found = [command for command in documented() if re.fullmatch(row.documented, command)]
    return [row.started.replace(VERBATIM, command) for command in found]


class Stage:
    """A directory in which each command runs once."""

    def __init__(self, directory: Path):
        self.directory = directory
        self._done: dict[str, subprocess.CompletedProcess] = {}
        for name in ("gin_configs", "results"):
            (directory / name).symlink_to(ROOT / name)
        (directory / "my_methods").symlink_to(ROOT / "tests" / "own_methods")
        edited = directory / "half_gamma" / "dqn_classic"
        edited.mkdir(parents=True)
        (edited / "rigl.gin").write_text(documented_file("half_gamma/dqn_classic/rigl.gin"))
        for name, text in STAGE.items():
            (directory / name).write_text(text)

    def run(self, command: str) -> subprocess.CompletedProcess:
        if command not in self._done:
            # Without this process's imports and the shell's settings.
            env = {name: os.environ[name] for name in ("PATH", "HOME")}
            self._done[command] = subprocess.run(
                [sys.executable, *shlex.split(command)[1:]],
                cwd=self.directory,
                env={**env, "PYTHONPATH": str(ROOT)},
                capture_output=True,
                text=True,
            )
        return self._done[command]


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    return Stage(tmp_path_factory.mktemp("stage"))


@pytest.mark.parametrize("name", ROWS)
def test_command(stage, name):
    row = ROWS[name]
    if row.long and "RIGL_RL_RUN_BENCHMARKS" not in os.environ:
        pytest.skip("takes long: set RIGL_RL_RUN_BENCHMARKS=1, as .ci/run does")
    for earlier in row.after:
        assert stage.run(*to_start(earlier)).returncode == ROWS[earlier].code
    commands = to_start(name)
    assert commands
    for command in commands:
        completed = stage.run(command)
        assert completed.returncode == row.code, completed.stderr
        assert re.search(row.says, completed.stdout, re.M), completed.stdout
        for line in filter(str.strip, re.split("[\r\n]", completed.stderr)):
            assert re.fullmatch(row.err, line), completed.stderr
    for path in row.makes:
        assert (stage.directory / path).stat().st_size


def test_without_noise_a_policy_does_as_well_as_when_the_run_was_evaluated(stage):
    row = ROWS["robustness"]
    for earlier in row.after:
        stage.run(*to_start(earlier))
    stage.run(row.started)
    assert len(row.makes) == 4
    for path in row.makes:
        noisy = pd.read_csv(stage.directory / path)
        now, then = (
            noisy.iloc[0],
            pd.read_csv((stage.directory / path).with_name("evals.csv")).iloc[-1],
        )
        assert (now["sigma"], now["train_step"]) == (0, then["train_step"])
        error = sum(each["std_return"] ** 2 / each["episodes"] for each in (now, then)) ** 0.5
        assert abs(now["avg_return"] - then["avg_return"]) <= 5 * error, path


@pytest.mark.parametrize("name", ["dqn", "sac", "ppo", "pong"])
def test_an_exported_policy_acts_as_the_run_s_own(stage, name, tmp_path):
    # These take seconds to load.
    import tensorflow as tf
    from tf_agents.policies import py_tf_eager_policy
    from tf_agents.trajectories import time_step as ts

    from rigl_rl.export.__main__ import export
    from rigl_rl.export.formats import FILES
    from rigl_rl.export.policy import GreedyPolicy

    stage.run(*to_start(name))
    run = stage.directory / "runs" / name
    (path,) = (run / "policies").iterdir()
    policy = GreedyPolicy(path)
    table = export(policy, GreedyPolicy(path).fill(), FILES, tmp_path).set_index("file")
    assert {each.name for each in tmp_path.iterdir()} == {*FILES}

    observations = policy.observations(40, seed=5)
    if name != "pong":
        observations *= 3  # so that PPO also clips
    batch = observations[:, 0]
    if name == "pong":
        own = tf.saved_model.load(str(path))
        expected = own.q_values(batch).numpy().argmax(axis=1)
    else:
        own = py_tf_eager_policy.SavedModelPyTFEagerPolicy(
            str(path), load_specs_from_pbtxt=True, batch_time_steps=False
        )
        expected = own.action(ts.restart(batch, len(batch))).action.numpy()
    for file, each in FILES.items():
        if each.load:
            act = each.load(tmp_path / file)
            actions = np.concatenate([act(observation) for observation in observations])
            atol = 1e-5 if each.exact else 0.02
            np.testing.assert_allclose(actions, expected, rtol=0, atol=atol, err_msg=file)
            assert table["difference"][file] <= atol
    exported = tf.saved_model.load(str(tmp_path / "savedmodel"))
    together = exported.signatures["serving_default"](tf.constant(batch))
    np.testing.assert_allclose(together["action"], expected, rtol=0, atol=1e-5)

    size, dense = table["bytes"], table["dense bytes"]
    assert (
        size["policy_sparse.tflite"] < 0.4 * size["policy.tflite"] == 0.4 * dense["policy.tflite"]
    )
    assert dense["policy_sparse.tflite"] > 0.99 * dense["policy.tflite"]
    assert size["policy.npz"] < 0.5 * dense["policy.npz"]

    arrays = np.load(tmp_path / "policy.npz")
    layers = json.loads((run / "result.json").read_text())["layers"]
    masks = {each["name"]: arrays[each["name"] + "/mask"] for each in layers if in_policy(each)}
    assert len(masks) == len(policy.kernels)
    for each in filter(in_policy, layers):
        assert masks[each["name"]].sum() == each["active"]
    if name != "pong":
        page = (ROOT / "docs" / "export.md").read_text()
        code = re.search(r"```python\n(.*?)```", page, re.S)[1]
        names = {}
        exec(code.replace("exported", str(tmp_path)), names)
        np.testing.assert_allclose(names["act"](batch), expected, rtol=0, atol=1e-5)


def in_policy(layer: dict) -> bool:
    return layer["network"] in ("q", "actor")


@pytest.mark.parametrize("name", ["dqn", "sac", "ppo", "pong"])
def test_page_on_the_run_directory_names_all_that_a_run_writes(stage, name):
    stage.run(*to_start(name))
    run = stage.directory / "runs" / name
    page = (ROOT / "docs" / "run_directory.md").read_text()
    named = {text.rstrip("/") for text in re.findall(r"`([^`\n]+)`", page)}

    result = json.loads((run / "result.json").read_text())
    nested = ("env_options", "sparse_execution", "machine")  # the others are keyed by names
    fields = {*result, *result["layers"][0], *(key for n in nested for key in result.get(n, ()))}
    columns = {column for table in run.glob("*.csv") for column in pd.read_csv(table, nrows=0)}
    files = {path.name for path in run.iterdir()}
    assert fields | columns | files <= named

    patterns = [re.sub(r"<[a-z]+>", ".+", tag) for tag in named if "/" in tag]
    tags = tags_in(run / "tensorboard")
    assert {"train/loss", "eval/avg_return", "sparsity/total"} <= tags
    unnamed = {tag for tag in tags if not any(re.fullmatch(each, tag) for each in patterns)}
    assert not unnamed


def tags_in(directory: Path) -> set[str]:
    """The tags of TensorBoard's event files."""
    # Takes seconds to load; no other test in this file needs it.
    from tensorflow.python.summary.summary_iterator import summary_iterator

    files = map(str, directory.iterdir())
    return {
        value.tag
        for file in files
        for event in summary_iterator(file)
        for value in event.summary.value
    }


def flags(command: str) -> set[str]:
    return {word for word in shlex.split(command) if word.startswith("--")}


def check(command: str) -> None:
    """Checks that a documented command has one row with all its flags, and that its files exist."""
    rows = [row for row in ROWS.values() if re.fullmatch(row.documented, command)]
    assert len(rows) == 1, f"{command!r} is documented; commands.yaml has it {len(rows)} times"
    if VERBATIM not in rows[0].started:
        unused = flags(command) - flags(rows[0].started)
        assert not unused, f"{command!r} is documented; its row in commands.yaml lacks {unused}"
    for path in re.findall(r"gin_configs/[\w./]+", command):
        assert (ROOT / path).exists(), command


def test_every_documented_command_has_a_row():
    commands = [command for command in documented() if command.startswith("python")]
    assert len(commands) > 20
    for command in commands:
        check(command)


def test_every_main_says_how_it_is_started_and_has_a_row():
    for module, usage in mains().items():
        assert module in {command.split()[2] for command in usage}, f"{module}: docstring"
        for command in usage:
            check(command)
    assert {to_start(name)[0].split()[2] for name in ROWS} == {*mains(), "pytest"}


def test_make_runs_what_has_a_row(tmp_path):
    targets = {command.split()[1] for command in documented() if command.startswith("make")}
    assert targets == {"demo", "test", "figures", "bench", "lint"}
    for name in ("Makefile", "requirements.lock", "setup.py"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    (tmp_path / "runs").mkdir()
    (tmp_path / ".venv").mkdir()
    (tmp_path / "rigl_rl").symlink_to(ROOT / "rigl_rl")
    for done in (".ready", ".operation"):
        (tmp_path / ".venv" / done).touch()
    # `make test` would pass its flags and PYTHON on to this make.
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "PYTHON")}
    for target in (*sorted(targets), "figures RUNS=runs"):
        dry_run = ["make", "--no-print-directory", "-n", *target.split()]
        printed = subprocess.check_output(dry_run, cwd=tmp_path, env=env, text=True)
        assert printed
        for line in printed.splitlines():
            assert line.startswith(".venv/bin/")
            command = line[len(".venv/bin/") :]
            assert (Path(sys.executable).parent / command.split()[0]).exists()
            if command.startswith("python"):
                check(command)
