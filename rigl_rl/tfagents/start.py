"""How a run of any TF-Agents agent starts: hyperparameters, environment, seeds, directory."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import tensorflow as tf

from rigl_rl.adapters.in_graph_environment import InGraphEnvironment
from rigl_rl.environments import saving
from rigl_rl.environments.gymnasium_environment import GymnasiumEnvironment
from rigl_rl.final_score import LAST_FRACTION
from rigl_rl.parameters import check
from rigl_rl.runs import config, monitoring, random_state
from rigl_rl.runs.config import one_line
from rigl_rl.runs.random_state import Stream
from rigl_rl.runs.run_directory import RunDirectory
from rigl_rl.sparsity import SparseSettings
from rigl_rl.tfagents.hyperparameters import Hyperparameters
from rigl_rl.tfagents.training_run import TrainingRun

Given = TypeVar("Given", bound=Hyperparameters)


@dataclasses.dataclass(frozen=True)
class Start(Generic[Given]):
    """What the parts of a run are made from.

    Attributes:
      given: the hyperparameters, resolved.
      sparse: settings of sparse training, one for each part of the agent that has its own.
      seed: the run's.
      py_env: the environment to train in, not yet reset.
      env: the same for the graph.
      step: train steps taken, int64.
      random: the source of all random numbers in training.
      open_directory: makes or reopens the run directory.
      options: further fields of the `TrainingRun`.
    """

    given: Given
    sparse: Sequence[SparseSettings]
    seed: int
    py_env: GymnasiumEnvironment
    env: InGraphEnvironment
    step: tf.Variable
    random: tf.random.Generator
    open_directory: Callable[[], RunDirectory]
    options: dict[str, Any]

    @property
    def mask_seed(self) -> int:
        """The seed of masks and sparsity-aware weights."""
        return random_state.seed_from(self.seed, Stream.MASKS)

    def shared(self) -> dict[str, Any]:
        """The fields of a `TrainingRun` that do not depend on the agent.

        Call it when every hyperparameter has been used.

        Raises:
          ConfigError: a binding has no effect.
        """
        config.refuse_unused_bindings()
        return dict(
            open_directory=self.open_directory,
            hyperparameters=self.given,
            env=self.py_env,
            **self.options,
        )


def train_eval_with(
    hyperparameters: Callable[..., Given],
    settings: Callable[[Given], Sequence[SparseSettings]],
    training_run: Callable[[Start[Given]], TrainingRun],
) -> Callable[..., None]:
    """Makes an agent's `train_eval`.

    Args:
      hyperparameters: makes the hyperparameters from gin's bindings and keywords.
      settings: makes the settings of sparse training.
      training_run: makes the parts of a run.
    """

    def train_eval(
        root_dir: str,
        seed: int,
        config_text: str,
        last_fraction: float = LAST_FRACTION,
        show_bar: bool | None = None,
        **values: Any,
    ) -> None:
        """Runs, or resumes, one training run in `root_dir`.

        Args:
          root_dir, seed, config_text, last_fraction, show_bar: see `runs.command.main`.
          **values: hyperparameters that override gin's bindings.

        Raises:
          ConfigError: a value is not allowed.
        """
        given = hyperparameters(**values).resolved()
        with one_line():
            sparse = settings(given)
            snr_interval = monitoring.snr_interval()
            if snr_interval:
                check(
                    f"{given.BATCH} (log_snr.freq > 0)", getattr(given, given.BATCH), "int", low=2
                )
        py_env = GymnasiumEnvironment(
            given.task(config.imported_modules()),
            random_state.seed_from(seed, Stream.TRAIN_ENV),
            given.bootstrap_at_time_limit,
        )
        env = InGraphEnvironment(py_env)
        saving.prepare(py_env, given.allow_inexact_resume)
        tf.keras.utils.set_random_seed(random_state.seed_from(seed, Stream.NETWORK))
        start = Start(
            given,
            sparse,
            seed,
            py_env,
            env,
            step=tf.Variable(0, dtype=tf.int64, name="train_step", trainable=False),
            random=random_state.generator(seed, Stream.TRAINING),
            open_directory=lambda: RunDirectory(root_dir, config_text),
            options=dict(snr_interval=snr_interval, last_fraction=last_fraction, show_bar=show_bar),
        )
        training_run(start).run()

    return train_eval
