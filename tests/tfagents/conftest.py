"""Small but real runs of the training command, shared by the tests in this folder."""

import contextlib
import fcntl
import json
import os
import pickle
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import gin
import numpy as np
import pandas as pd
import pytest
from tensorflow.python.autograph.pyct import transpiler

from benchmarks.kill_and_resume import evaluations
from rigl_rl.environments.evaluation import Evaluator
from rigl_rl.environments.gymnasium_environment import GymnasiumEnvironment
from rigl_rl.runs.run_directory import RunDirectory
from rigl_rl.tfagents import parts, start

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "gin_configs" / "dqn_classic"


@pytest.fixture
def assert_converted(monkeypatch):
    """Checks what AutoGraph converts from here on: a loop, but no agent, policy or optimizer.

    Converting them took most of the time to the first train step.
    """
    modules: set[str] = set()
    convert = transpiler.PyToPy.transform_function

    def noted(self, function, context):
        modules.add(function.__module__)
        return convert(self, function, context)

    monkeypatch.setattr(transpiler.PyToPy, "transform_function", noted)

    def check(loop: ModuleType) -> None:
        assert loop.__name__ in modules
        unwanted = ("tf_agents.agents", "tf_agents.policies", "rigl_rl.sparsity")
        assert not [name for name in modules if name.startswith(unwanted)]

    return check


@pytest.fixture(scope="session")
def assert_independent():
    """Checks that two sparse kernels of 64 x 64 weights share no more than chance would have it."""

    def check(one, other) -> None:
        both = one.mask.numpy() * other.mask.numpy() > 0
        # Independent masks share about this many connections; equal ones would share all.
        expected = int(one.active()) * int(other.active()) / 64**2
        assert both.sum() == pytest.approx(expected, abs=5 * expected**0.5)
        assert both.sum() > 10
        assert abs(np.corrcoef(one.kernel.numpy()[both], other.kernel.numpy()[both])[0, 1]) < 0.5

    return check


# Everything that a run does, within seconds: 21 evaluations, mask updates up to step 320 of 400.
SMALL = (
    "train_eval.fc_layer_params = (32, 32)",
    "train_eval.num_iterations = 400",
    "train_eval.initial_collect_steps = 200",
    "train_eval.initial_epsilon_greedy = 1.0",
    "train_eval.epsilon_decay_period = 200",
    "train_eval.target_update_period = 70",
    "train_eval.eval_interval = 20",
    "train_eval.eval_episodes = 3",
    "mask_updater.update_freq = 20",
    "wrap_all_layers.frequency = 20",
)

LOGGED = ("log_snr.freq = 50", "log_sparsities.log_images = True")


def arguments(method: str, bindings=SMALL, seed: int = 0, *more: str) -> list[str]:
    """Flags of a run, all but its root_dir."""
    flags = [f"--gin_file={CONFIGS / method}.gin", f"--seed={seed}", *more]
    return [*flags, *(f"--gin_bindings={binding}" for binding in bindings)]


def main_command(*flags: str) -> list[str]:
    return [sys.executable, "-m", "rigl_rl.tfagents.dqn_train_eval", *flags]


def run_main(*flags: str, **options) -> subprocess.CompletedProcess:
    """Runs the training command to its end."""
    # As at a user's prompt: without settings of our shell that silence TensorFlow.
    env = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.run(
        main_command(*flags), cwd=ROOT, env=env, capture_output=True, text=True, **options
    )


class Trainings:
    """Runs by name; the first worker that needs a run trains it."""

    def __init__(self, folder: Path, flags: dict[str, list[str]]):
        self._folder = folder
        self._flags = flags

    def __getitem__(self, name: str) -> Path:
        """The finished run's directory."""
        completed = self.completed(name)
        assert completed.returncode == 0, completed.stderr
        return self._folder / name

    def completed(self, name: str) -> subprocess.CompletedProcess:
        """The finished run's exit code and output."""
        record = self._folder / f"{name}.pickle"
        with open(self._folder / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not record.exists():
                completed = run_main(*self._flags[name], f"--root_dir={self._folder / name}")
                record.write_bytes(pickle.dumps(completed))
            return pickle.loads(record.read_bytes())


@pytest.fixture(scope="session")
def pool():
    with ThreadPoolExecutor(max_workers=2) as executor:
        yield executor
        executor.shutdown(cancel_futures=True)


@pytest.fixture(scope="session")
def trainings(tmp_path_factory, worker_id):
    alone = tmp_path_factory.getbasetemp()
    folder = (alone if worker_id == "master" else alone.parent) / "trainings"
    folder.mkdir(exist_ok=True)
    original = Path(__file__).with_name("original_names.gin")
    flags = {
        "rigl": arguments("rigl"),
        "rigl logged": arguments("rigl", (*SMALL, *LOGGED)),
        "rigl seed 1": arguments("rigl", seed=1),
        "dense": arguments("dense", (*SMALL, "train_eval.width = 0.5")),
        "prune": arguments("prune"),
        "static": arguments("static"),
        "set": arguments("set"),
        "original": [f"--gin_file={original}", "--is_classic=True", "--average_last_fraction=0.5"],
    }
    return Trainings(folder, flags)


@pytest.fixture(scope="session")
def interrupted(tmp_path_factory):
    """The 'rigl' run, killed after two checkpoints. Copy it; do not change it."""
    root_dir = tmp_path_factory.mktemp("interrupted") / "run"
    process = subprocess.Popen(
        main_command(*arguments("rigl"), f"--root_dir={root_dir}"),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None and len(list(root_dir.glob("checkpoints/[0-9]*"))) < 2:
        time.sleep(0.001)
    process.kill()
    assert process.wait() < 0
    return root_dir


@pytest.fixture(scope="session")
def train():
    """Runs the training command: train(*flags)."""
    return run_main


@pytest.fixture(scope="session")
def rigl_flags():
    """Flags of the 'rigl' run, all but its root_dir."""
    return arguments("rigl")


@pytest.fixture(scope="session")
def rigl_command(rigl_flags):
    """The command of the 'rigl' run, all but its root_dir."""
    return main_command(*rigl_flags)


@pytest.fixture(scope="session")
def configs():
    """The folder of the gin files."""
    return CONFIGS


@pytest.fixture(scope="session")
def sac_configs():
    """The folder of SAC's gin files."""
    return ROOT / "gin_configs" / "sac_mujoco"


@pytest.fixture(scope="session")
def contents():
    """Returns every file in a directory with its time and bytes, to check that none changes."""

    def of(directory: Path) -> dict:
        files = (path for path in directory.rglob("*") if path.is_file())
        return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}

    return of


@pytest.fixture(scope="session")
def assert_same_outcome():
    """Asserts that two runs have equal evaluations and results, apart from their clocks."""
    clock = {"wall_s", "steps_per_s", "peak_memory_mb"}

    def check(run: Path, uninterrupted: Path) -> None:
        pd.testing.assert_frame_equal(evaluations(run), evaluations(uninterrupted))
        results = [json.loads((each / "result.json").read_text()) for each in (run, uninterrupted)]
        one, other = ({k: v for k, v in r.items() if k not in clock} for r in results)
        assert one == other

    return check


class Watched:
    """Records what a main does with its parts while it runs in this process."""

    def __init__(self):
        self.agent = None
        self.training_seeds: list[int] = []
        self.evaluation_seeds: list[int] = []
        self.at_the_end: set[str] = set()
        """Contents of the run directory just before the result is written."""

    def assert_evaluations_are_of_episodes_of_their_own(self, evaluations: int) -> None:
        (training,) = self.training_seeds
        # Several policies may play in one evaluation.
        seeds = set(self.evaluation_seeds)
        assert len(seeds) == evaluations
        assert training not in seeds

    def assert_the_result_came_last(self) -> None:
        assert "result.json" not in self.at_the_end
        expected = {"operative_config.gin", "evals.csv", "policies", "checkpoints", "tensorboard"}
        assert expected <= self.at_the_end


@pytest.fixture(scope="session")
def watching():
    """Records what a run does: `with watching(sac_agent) as watched: ...`."""

    @contextlib.contextmanager
    def watch(agents):
        watched = Watched()

        class Environment(GymnasiumEnvironment):
            def __init__(self, name, seed, *args):
                watched.training_seeds.append(seed)
                super().__init__(name, seed, *args)

        class Evaluation(Evaluator):
            def run(self, policy, seed):
                watched.evaluation_seeds.append(seed)
                return super().run(policy, seed)

        make_agent, finish = agents.make_agent, RunDirectory.finish

        def make(*args, **settings):
            watched.agent = make_agent(*args, **settings)
            return watched.agent

        def look(self, result):
            watched.at_the_end = {path.name for path in self.path.iterdir()}
            finish(self, result)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(start, "GymnasiumEnvironment", Environment)
            patch.setattr(parts, "Evaluator", Evaluation)
            patch.setattr(agents, "make_agent", make)
            patch.setattr(RunDirectory, "finish", look)
            yield watched

    return watch


@pytest.fixture(autouse=True, scope="module")
def one_main(request):
    """Makes gin know only the main that the test module imports; the others share its name."""
    registry = gin.config._REGISTRY
    mains = {selector: registry[selector] for selector in registry.matching_selectors("train_eval")}
    for selector in mains:
        if not hasattr(request.module, selector.split(".")[-2]):
            registry.pop(selector)
    yield
    for selector, main in mains.items():
        registry[selector] = main
