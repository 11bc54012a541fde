"""One training run of any agent: train, evaluate, log, checkpoint, resume, finish.

An agent's main provides the parts that differ (how to advance, how to evaluate, what to save); this
module orders the events. Checkpoints are taken right after an evaluation, so everything later
depends only on the checkpoint, and a killed run repeats it exactly, evaluations included.
"""

import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import gin
import numpy as np
import tensorflow as tf
from tf_agents.policies import policy_saver, tf_policy

from rigl_rl.environments import saving
from rigl_rl.environments.gymnasium_environment import GymnasiumEnvironment
from rigl_rl.errors import RiglRlError
from rigl_rl.final_score import LAST_FRACTION
from rigl_rl.runs import result, threads
from rigl_rl.runs.config import one_line
from rigl_rl.runs.history import Clock, History
from rigl_rl.runs.monitoring import LOG_EVERY, Progress, TensorBoard
from rigl_rl.runs.run_directory import RunDirectory
from rigl_rl.sparsity import SparseOptimizer, execution
from rigl_rl.tfagents.hyperparameters import Hyperparameters


@dataclasses.dataclass
class TrainingRun:
    """The parts of a run.

    Attributes:
      open_directory: makes or reopens the run directory, where everything is recorded.
      hyperparameters: how long it trains, and how often it evaluates and saves.
      labels: the configuration in result.json ('env', 'method', ...).
      networks: {name: network} for all trained networks.
      optimizers: {name: sparse optimizer}.
      variables: all TensorFlow state of the run.
      env: the training environment; its state is saved with the variables.
      collect_initially: fills the replay buffer before the first train step.
      advance: n -> mean loss; takes n train steps.
      evaluate: train step -> returns (episodes,).
      evaluate_greedily: the same for the greedy policy, if `evaluate` explores.
      env_step: train step -> environment steps taken.
      policy: saved at the end, and every `policy_save_interval` train steps unless that is 0.
      snr: train step -> {network: mean SNR of its gradients}, called every `snr_interval`.
    """

    open_directory: Callable[[], RunDirectory]
    hyperparameters: Hyperparameters
    labels: Mapping[str, Any]
    networks: Mapping[str, tf.keras.layers.Layer]
    optimizers: Mapping[str, SparseOptimizer]
    variables: tf.train.Checkpoint
    env: GymnasiumEnvironment
    collect_initially: Callable[[], None]
    advance: Callable[[int], float]
    evaluate: Callable[[int], np.ndarray]
    env_step: Callable[[int], int]
    policy: tf_policy.TFPolicy
    snr: Callable[[int], dict[str, float]] = lambda train_step: {}
    snr_interval: int = 0
    evaluate_greedily: Callable[[int], np.ndarray] | None = None
    last_fraction: float = LAST_FRACTION
    show_bar: bool | None = None

    def run(self) -> None:
        """Starts or resumes the run and finishes it. Does nothing for a finished run.

        Raises:
          ConfigError: the run cannot be recorded, or not in this directory. Nothing was written.
        """
        result.check(self.networks, self.labels)
        with one_line():
            self.directory = self.open_directory()
        if self.directory.finished:
            print(f"{self.directory.path} is finished; nothing to do", flush=True)
            return
        self._clock = Clock()
        self._history = History()
        self._next_checkpoint = 0
        self._kernels = [k for o in self.optimizers.values() for k in o.kernels]
        self._tensorboard = TensorBoard(
            self.directory.tensorboard, self.optimizers, self.networks.values()
        )
        self._executions = [optimizer.execution for optimizer in self.optimizers.values()]
        step = self._resume()
        if line := execution.describe(self._executions):
            print(line, flush=True)
        given = self.hyperparameters
        self._progress = Progress(given.train_steps, step, self.show_bar)
        if step == 0 and not self._history.evals:
            self._collect_initially()
            self._evaluate(0)
            self.directory.write_operative_config(gin.operative_config_str())
        try:
            while step < given.train_steps:
                before, step = step, self._train_until_next_event(step)
                if _is_due(self.snr_interval, before, step):
                    self._measure_snr(step)
                if _is_due(given.policy_save_interval, before, step):
                    self._save_policy(step)
                if _is_due(given.eval_interval, before, step) or step == given.train_steps:
                    self._evaluate(step)
        finally:
            self._progress.close()
        self._finish()

    def _resume(self) -> int:
        """Restores the newest checkpoint and returns its train step."""
        restored = self.directory.checkpoints.restore(self.variables)
        if restored is None:
            return 0
        step, host = restored
        self.env.set_state(host["env"])
        self._history.restore(host["history"])
        self._clock.restore(host["wall_s"])
        self._next_checkpoint = step + self.hyperparameters.checkpoint_interval
        self.directory.write_history(self._history)
        print(f"resuming {self.directory.path} at step {step}", flush=True)
        saving.warn_of_break(self.env, step)
        threads.warn_of_change(host.get("threads"))
        return step

    def _collect_initially(self) -> None:
        try:
            self.collect_initially()
        except tf.errors.OpError:
            if self.env.failure:
                raise self.env.failure from self.env.failure.__cause__
            raise

    def _train_until_next_event(self, step: int) -> int:
        given = self.hyperparameters
        intervals = (
            LOG_EVERY,
            given.eval_interval,
            self.snr_interval,
            given.policy_save_interval,
        )
        after = min((step // every + 1) * every for every in intervals if every)
        together = given.steps_per_iteration
        after = step + math.ceil((after - step) / together) * together
        after = min(after, given.train_steps)
        started = time.monotonic()
        when = f"between train steps {step} and {after}; the last checkpoint is intact"
        try:
            loss = self.advance(after - step)
        except tf.errors.OpError as error:
            if self.env.failure:
                raise RiglRlError(f"{self.env.failure} {when}") from self.env.failure
            # TF-Agents checks the loss in the graph.
            if "inf or nan" in str(error).lower():
                raise RiglRlError(f"the loss became infinite or NaN {when}") from error
            raise
        rate = (after - step) / (time.monotonic() - started)
        self._tensorboard.training(after, loss, rate)
        self._progress.advance(after - step, self._history.evals[-1]["avg_return"], self._kernels)
        return after

    def _measure_snr(self, step: int) -> None:
        for network, value in self.snr(step).items():
            self._history.add_snr(self.env_step(step), step, network, value)
            self._tensorboard.snr(step, network, value)

    def _evaluate(self, step: int) -> None:
        returns = self.evaluate(step)
        greedy = self.evaluate_greedily(step) if self.evaluate_greedily else None
        self._history.add_evaluation(
            self.env_step(step), step, returns, self._clock.seconds(), greedy
        )
        row = self._history.evals[-1]
        self._tensorboard.evaluation(step, row)
        self._progress.say(
            f"step {step}: return {row['avg_return']:.1f} +- {row['std_return']:.1f}"
        )
        if step >= self._next_checkpoint:
            host = {
                "env": self.env.get_state(),
                "history": self._history.state(),
                "wall_s": self._clock.seconds(),
                "threads": threads.number(),
            }
            self.directory.checkpoints.save(step, self.variables, host)
            self._next_checkpoint = step + self.hyperparameters.checkpoint_interval
        self.directory.write_history(self._history)

    def _save_policy(self, step: int) -> None:
        saver = policy_saver.PolicySaver(self.policy)
        self.directory.save_policy(step, saver.save)

    def _finish(self) -> None:
        self._save_policy(self.hyperparameters.train_steps)
        self.directory.write_operative_config(gin.operative_config_str())
        train_steps = self.hyperparameters.train_steps
        self.directory.finish(
            result.of_run(
                {**self.labels, "inexact_resumes": self.env.breaks},
                self._history,
                self.last_fraction,
                (self.env_step(train_steps), train_steps),
                self.networks,
                self.optimizers.values(),
                (train_steps, self._clock.seconds()),
            )
        )


def _is_due(interval: int, before: int, step: int) -> bool:
    """Whether a multiple of `interval` lies within (before, step]; 0: never."""
    return interval > 0 and step // interval > before // interval
