"""Dopamine's runner, with this project's run directory and exact resuming.

An iteration depends only on the checkpoint before it and on (seed, iteration): the emulator and
all random generators are reseeded when its training and its evaluation begin. A killed run
repeats its last iteration and gets the same result as an uninterrupted one.
"""

import math
import pathlib
import random
from typing import Any

import gin
import numpy as np
import tensorflow as tf
from dopamine.discrete_domains import checkpointer, run_experiment

from rigl_rl.dopamine.dqn_agents import SparseDQNAgent
from rigl_rl.dopamine.gin_config import INSTEAD
from rigl_rl.dopamine.hyperparameters import RunnerHyperparameters
from rigl_rl.dopamine.policy import save_policy
from rigl_rl.environments.observation_noise import NoisyAtari, PixelNoise
from rigl_rl.errors import RiglRlError, warn
from rigl_rl.final_score import LAST_FRACTION
from rigl_rl.parameters import record
from rigl_rl.runs import config, random_state, result, threads
from rigl_rl.runs.config import one_line
from rigl_rl.runs.history import Clock, History
from rigl_rl.runs.monitoring import Progress, TensorBoard
from rigl_rl.runs.random_state import Stream
from rigl_rl.runs.run_directory import RunDirectory
from rigl_rl.sparsity import execution


class SparseTrainRunner(run_experiment.Runner):
    """Starts, or resumes, one training run.

    Args:
      base_dir: run directory.
      seed, config_text, last_fraction, show_bar: see `runs.command.main`.
      given: hyperparameters; by default gin's bindings.
    """

    def __init__(
        self,
        base_dir: str,
        seed: int,
        config_text: str,
        last_fraction: float = LAST_FRACTION,
        show_bar: bool | None = None,
        given: RunnerHyperparameters | None = None,
    ):
        self._given = given = given or RunnerHyperparameters()
        self._seed = seed
        self._config_text = config_text
        self._last_fraction = last_fraction
        self._show_bar = show_bar
        self._progress: Progress | None = None
        self._history = History()

        def load_environment():
            environment = given.make_game()
            if given.observation_noise is None:
                return environment
            return NoisyAtari(environment, PixelNoise(given.observation_noise))

        def create_agent(session, environment, summary_writer):
            tf.keras.utils.set_random_seed(random_state.seed_from(seed, Stream.NETWORK))
            total = given.num_iterations * given.training_steps
            mask_seed = random_state.seed_from(seed, Stream.MASKS)
            agent = SparseDQNAgent(int(environment.action_space.n), total, mask_seed)
            _warn_of_a_short_run(agent, total)
            return agent

        with one_line():
            super().__init__(
                base_dir,
                create_agent,
                load_environment,
                num_iterations=given.num_iterations,
                training_steps=given.training_steps,
                evaluation_steps=given.evaluation_steps,
                max_steps_per_episode=given.max_steps_per_episode,
                clip_rewards=given.clip_rewards,
                use_legacy_logger=False,
                fine_grained_print_to_console=False,
            )
        self._clock = Clock()
        self._start_iteration = self._resume()

    # -- the run --------------------------------------------------------------------------------

    def run_experiment(self) -> None:
        """Runs to the end. Does nothing for a finished run."""
        if self._directory.finished:
            print(f"{self._base_dir} is finished; nothing to do", flush=True)
            return
        if self._start_iteration:
            print(f"resuming {self._base_dir} at iteration {self._start_iteration}", flush=True)
        if line := execution.describe([self._agent.optimizer.execution]):
            print(line, flush=True)
        self._directory.write_operative_config(gin.operative_config_str())
        self._tensorboard = TensorBoard(
            self._directory.tensorboard,
            {"q": self._agent.optimizer},
            [self._agent.online_network],
        )
        total = self._num_iterations * self._training_steps
        self._progress = Progress(total, self._agent.training_steps, self._show_bar)
        try:
            for iteration in range(self._start_iteration, self._num_iterations):
                self._run_one_iteration(iteration)
                every = self._given.policy_save_interval
                if every and (iteration + 1) % every == 0:
                    self._save_policy()
                self._checkpoint_experiment(iteration)
                self._directory.write_history(self._history)
                self._collector_dispatcher.flush()
        finally:
            self._progress.close()
        self._finish()

    def _run_one_iteration(self, iteration: int) -> dict[str, Any]:
        self._iteration = iteration
        statistics = super()._run_one_iteration(iteration)
        step, loss = self._agent.gradient_steps, self._agent.mean_loss()
        if not math.isfinite(loss):
            raise RiglRlError(
                f"the loss became infinite or NaN in iteration {iteration} of "
                f"{self._base_dir!r}; the last checkpoint is intact"
            )
        (speed,) = statistics["train_average_steps_per_second"]
        self._tensorboard.training(step, loss, speed)
        returns = statistics["eval_episode_returns"]
        self._history.add_evaluation(
            self._agent.training_steps, step, returns, self._clock.seconds()
        )
        row = self._history.evals[-1]
        self._tensorboard.evaluation(step, row)
        (train_return,) = statistics["train_average_return"]
        assert self._progress is not None
        self._progress.say(
            f"iteration {iteration}: return {row['avg_return']:.1f} +- {row['std_return']:.1f}, "
            f"in training {train_return:.1f}, {speed:.0f} steps/s"
        )
        return statistics

    def _run_train_phase(self, statistics):
        self._begin_phase(Stream.ATARI_TRAINING)
        return super()._run_train_phase(statistics)

    def _run_eval_phase(self, statistics):
        self._begin_phase(Stream.ATARI_EVALUATION)
        return super()._run_eval_phase(statistics)

    def _begin_phase(self, phase: Stream) -> None:
        seed = random_state.seed_from(self._seed, phase, self._iteration)
        self._environment.seed(seed)
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002, the replay buffer draws from the global generator

    def _run_one_phase(self, min_steps, statistics, run_mode_str):
        if run_mode_str == "train" or not self._given.atari_100k_eval:
            return super()._run_one_phase(min_steps, statistics, run_mode_str)
        steps, total = 0, 0.0
        for _ in range(self._given.num_eval_episodes):
            # At least one step, and so one episode.
            length, episode_return, _ = super()._run_one_phase(1, statistics, run_mode_str)
            steps, total = steps + length, total + episode_return
        return steps, total, self._given.num_eval_episodes

    def _run_one_episode(self):
        length, episode_return = super()._run_one_episode()
        if self._progress is not None and not self._agent.eval_mode:
            kernels = self._agent.optimizer.kernels
            self._progress.advance(length, episode_return, kernels)
        return length, episode_return

    def _make_labels(self) -> dict[str, Any]:
        """Entries of result.json that are known before training.

        Raises:
          ConfigError: the network, the optimizer or the environment lacks one.
        """
        agent, network = self._agent, self._agent.online_network
        needs = "result.json needs a network with `label` and `width` and a game with `game`"
        with one_line(needs, (Exception,)):
            hyperparameters = {**record(self._given), **agent.hyperparameters()}
            others = config.other_bindings({"width": network.width, **hyperparameters})
            return {
                "agent": "dqn",
                "suite": f"atari_{network.label}",
                "env": self._environment.game,
                **agent.sparse_settings.labels(),
                "width": network.width,
                "seed": self._seed,
                "hyperparameters": {**hyperparameters, "other_bindings": others},
            }

    # -- checkpoints: Dopamine's files, written elsewhere and renamed ------------------------------

    def _initialize_checkpointer_and_maybe_resume(self, checkpoint_file_prefix: str) -> None:
        # Dopamine calls it when it has made the game and the agent.
        self._prefix = checkpoint_file_prefix
        config.refuse_unused_bindings(later=["CollectorDispatcher"], instead=INSTEAD)
        # What cannot be recorded at the end is refused now, and leaves no directory behind.
        self._labels = self._make_labels()
        result.check({"q": self._agent.online_network}, self._labels)
        self._directory = RunDirectory(self._base_dir, self._config_text)

    def _resume(self) -> int:
        """Restores the newest checkpoint and returns the next iteration."""

        def read(path: pathlib.Path) -> dict[str, Any]:
            data = self._checkpointer_in(path).load_checkpoint(int(path.name))
            self._agent.unbundle(str(path), int(path.name), data)
            return data

        data = self._directory.checkpoints.restore_files(read)
        if data is None:
            return 0
        self._history.restore(data["logs"])
        self._clock.restore(data["wall_s"])
        self._directory.write_history(self._history)
        threads.warn_of_change(data.get("threads"))
        return data["current_iteration"] + 1

    def _checkpoint_experiment(self, iteration: int) -> None:
        def write(path: pathlib.Path) -> None:
            data = self._agent.bundle_and_checkpoint(str(path), iteration)
            data["current_iteration"] = iteration
            data["logs"] = self._history.state()
            data["wall_s"] = self._clock.seconds()
            data["threads"] = threads.number()
            self._checkpointer_in(path).save_checkpoint(iteration, data)

        self._directory.checkpoints.save_files(iteration, write)

    def _checkpointer_in(self, path: pathlib.Path) -> checkpointer.Checkpointer:
        return checkpointer.Checkpointer(str(path), self._prefix)

    # -- the end --------------------------------------------------------------------------------

    def _save_policy(self) -> None:
        network = self._agent.online_network
        self._directory.save_policy(
            self._agent.gradient_steps, lambda path: save_policy(network, path)
        )

    def _finish(self) -> None:
        self._save_policy()
        self._directory.write_operative_config(gin.operative_config_str())
        agent = self._agent
        self._directory.finish(
            result.of_run(
                self._labels,
                self._history,
                self._last_fraction,
                (agent.training_steps, agent.gradient_steps),
                {"q": agent.online_network},
                [agent.optimizer],
                (agent.training_steps, self._clock.seconds()),
            )
        )


def _warn_of_a_short_run(agent: SparseDQNAgent, steps: int) -> None:
    """Warns if a run of this many agent steps ends before its first gradient step, or before its
    last mask update, unless the configuration says when that is.
    """
    first = agent.given.min_replay_history
    gradient_steps = max(0, steps - first) // agent.given.update_period
    last_update = agent.optimizer.updater.times.end
    if not gradient_steps:
        warn(
            f"DQNAgent.min_replay_history is {first}, but the run has {steps} agent steps: it "
            "takes no gradient step"
        )
    elif agent.sparse_settings.last_update_step is None and last_update > gradient_steps:
        warn(
            f"mask updates end at gradient step {last_update}, but the run takes only about "
            f"{gradient_steps}; bind a lower DQNAgent.min_replay_history (it is {first}) or the "
            "last update's step"
        )
