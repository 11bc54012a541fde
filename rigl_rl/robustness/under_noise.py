"""Plays a finished run's policy as in the run's own evaluations, but with noisy observations."""

import importlib
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import gin
import numpy as np
import pandas as pd
import tensorflow as tf

from rigl_rl import record
from rigl_rl.environments.atari_evaluation import AtariEvaluator
from rigl_rl.environments.evaluation import Evaluator
from rigl_rl.environments.tasks import Task
from rigl_rl.errors import ConfigError
from rigl_rl.parameters import check
from rigl_rl.robustness import EPISODES
from rigl_rl.runs import config, random_state, saved_policies

LABELS = ("env", "method", "sparsity", "seed")
"""The first columns of the table."""

ATARI_SIGMAS = (0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0)
SIGMAS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)

AGENTS = ("dqn", "sac", "ppo")
"""The TF-Agents agents."""
# (sigma, seed) -> returns of the episodes
Evaluate = Callable[[float, int], np.ndarray]
# (observations (episodes, ...), source of exploration) -> actions (episodes, ...)
Act = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def evaluate_run(
    run: pathlib.Path,
    sigmas: Sequence[float] | None = None,
    episodes: int = EPISODES,
    seed: int = 0,
    step: int | None = None,
    epsilon: float | None = None,
) -> pd.DataFrame:
    """Measures the returns of a run's policy by strength of noise.

    This replaces gin's bindings with those of the run. In gin, the mains of several agents have the
    same name, so a process can evaluate runs of only one agent.

    Args:
      run: directory of a finished run.
      sigmas: strengths of noise, at least 0; by default the paper's range on Atari, and up to one
        standard deviation elsewhere.
      episodes: episodes per strength, played side by side.
      seed: determines environments, exploration and noise.
      step: train step of the policy; by default the last saved one.
      epsilon: probability of a random action; by default as in the run's own evaluations.

    Returns:
      One row per sigma, with `LABELS`, `record.ROBUSTNESS_COLUMNS` and `record.NOISE_SETTINGS`.

    Raises:
      ConfigError: a value is not allowed, the run has no (such) policy, its policy samples actions,
        or its configuration needs something that does not exist here.
    """
    check("episodes", episodes, "int", low=1)
    check("seed", seed, "int", low=0)
    check("epsilon", epsilon, "float | None", low=0, high=1)
    result = record.read(run, saved_policies.LABELS)
    path = saved_policies.policy_of(run, step)
    atari = result["suite"].startswith("atari")
    sigmas = sigmas or (ATARI_SIGMAS if atari else SIGMAS)
    for sigma in sigmas:
        check("sigma", sigma, "float", low=0)
    if atari:
        evaluate, epsilon = _atari(run, path, episodes, epsilon)
    else:
        evaluate, epsilon = _gymnasium(run, result, path, episodes, epsilon)
    labels = [result[name] for name in LABELS]
    rows = []
    for sigma in sigmas:
        returns = evaluate(sigma, random_state.seed_from(seed, int(path.name)))
        scores = (float(np.mean(returns)), float(np.std(returns)), len(returns))
        rows.append((*labels, int(path.name), sigma, *scores, epsilon, seed))
    columns = [*LABELS, *record.ROBUSTNESS_COLUMNS, *record.NOISE_SETTINGS]
    return pd.DataFrame(rows, columns=columns)


def _bind(run: pathlib.Path) -> None:
    """Binds the run's configuration, which also imports its modules."""
    gin.clear_config()
    config.parse([str(run / "config.gin")], [])


def _atari(
    run: pathlib.Path, path: pathlib.Path, episodes: int, epsilon: float | None
) -> tuple[Evaluate, float]:
    # Before any binding: the main registers all gin names.
    from rigl_rl.dopamine import hyperparameters, run_experiment  # noqa: F401

    _bind(run)
    if epsilon is None:
        epsilon = hyperparameters.AgentHyperparameters().epsilon_eval
    runner = hyperparameters.RunnerHyperparameters()
    evaluator = AtariEvaluator(runner.make_game, episodes, epsilon, runner.max_steps_per_episode)
    policy = tf.saved_model.load(str(path))
    saved_policies.refuse_sampling(policy.q_values.concrete_functions[0])

    def evaluate(sigma: float, seed: int) -> np.ndarray:
        return evaluator.run(lambda states: policy.q_values(states).numpy(), seed, sigma)

    return evaluate, epsilon


def _gymnasium(
    run: pathlib.Path,
    result: dict[str, Any],
    path: pathlib.Path,
    episodes: int,
    epsilon: float | None,
) -> tuple[Evaluate, float]:
    agent = result["agent"]
    if agent not in AGENTS:
        raise ConfigError(f"agent {agent!r} is not one of {', '.join(AGENTS)}")
    main = importlib.import_module(f"rigl_rl.tfagents.{agent}_train_eval")
    _bind(run)
    if epsilon is None:
        epsilon = getattr(main.hyperparameters(), "eval_epsilon_greedy", 0.0)  # DQN's
    evaluator = Evaluator(Task.of_run(result), episodes)
    return with_scaled_noise(evaluator, _saved_policy(path, epsilon)), epsilon


def _saved_policy(path: pathlib.Path, epsilon: float) -> Act:
    """The actions of a policy saved by TF-Agents, random with probability `epsilon`."""
    # Not for Atari: TF-Agents and Dopamine have gin names in common, such as AtariPreprocessing.
    from tf_agents.policies import py_tf_eager_policy
    from tf_agents.specs import tensor_spec
    from tf_agents.trajectories import time_step as ts

    policy = py_tf_eager_policy.SavedModelPyTFEagerPolicy(
        str(path), load_specs_from_pbtxt=True, batch_time_steps=False
    )
    saved_policies.refuse_sampling(policy.signatures["action"])
    spec = policy.action_spec
    if epsilon and not tensor_spec.is_discrete(spec):
        raise ConfigError(f"epsilon is {epsilon}, but must be 0 for actions that are real numbers")

    def act(observations: np.ndarray, random: np.random.Generator) -> np.ndarray:
        actions = policy.action(ts.restart(observations, len(observations))).action.numpy()
        at_random = random.random(len(actions)) < epsilon
        if at_random.any():
            low, high = spec.minimum, spec.maximum
            actions[at_random] = random.integers(low, high, at_random.sum(), endpoint=True)
        return actions

    return act


def with_scaled_noise(evaluator: Evaluator, act: Act) -> Evaluate:
    """Adds noise in units of each observation's own standard deviation.

    Args:
      evaluator: plays the environment.
      act: the policy. The first call also runs it without noise, to measure the deviations.
    """
    seen: list[np.ndarray] = []

    def play(observe: Callable[[np.ndarray], np.ndarray], seed: int, exploration: int):
        random = np.random.default_rng(exploration)
        return evaluator.run(lambda observations: act(observe(observations), random), seed)

    def look(observations: np.ndarray) -> np.ndarray:
        # An episode that is over keeps its last observation while others continue.
        seen.append(observations[evaluator.running])
        return observations

    def evaluate(sigma: float, seed: int) -> np.ndarray:
        exploration, noise_seed = map(int, np.random.SeedSequence(seed).generate_state(2))
        if not seen:
            play(look, seed, exploration)
        scale = sigma * np.concatenate(seen).std(axis=0)
        noise = np.random.default_rng(noise_seed)

        def add_noise(observations: np.ndarray) -> np.ndarray:
            added = scale * noise.standard_normal(observations.shape)
            return (observations + added).astype(np.float32)

        return play(add_noise, seed, exploration)

    return evaluate
