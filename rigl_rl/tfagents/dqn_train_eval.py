"""Trains and evaluates a dense or sparse DQN on a task with discrete actions.

python -m rigl_rl.tfagents.dqn_train_eval --root_dir runs/rigl \
    --gin_file gin_configs/dqn_classic/rigl.gin --seed 1

Hyper-parameters: Table 1, Table 6 and section A.1 of the paper.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Optional

import gin
import numpy as np
import tensorflow as tf
from tf_agents.policies import epsilon_greedy_policy, policy_saver
from tf_agents.replay_buffers import tf_uniform_replay_buffer
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import time_step as ts

from rigl_rl.adapters.in_graph_environment import InGraphEnvironment
from rigl_rl.environments import saving
from rigl_rl.environments.evaluation import Evaluator
from rigl_rl.environments.gymnasium_environment import GymnasiumEnvironment
from rigl_rl.environments.tasks import Task
from rigl_rl.errors import ConfigError, check_counts, check_within
from rigl_rl.runs import config, monitoring, random_state
from rigl_rl.runs.config import one_line
from rigl_rl.runs.run_directory import RunDirectory
from rigl_rl.sparsity import snr
from rigl_rl.sparsity.gin_config import sparse_settings
from rigl_rl.tfagents import dqn_agent, flags, off_policy_loop, targets
from rigl_rl.tfagents.replay import LEAST_CAPACITY
from rigl_rl.tfagents.training_run import TrainingRun

# Independent streams of random numbers, all determined by the run's seed.
_NETWORK, _MASKS, _TRAIN_ENV, _TRAINING, _EVAL_ENVS, _EVAL_POLICY, _SNR = range(7)


@gin.configurable
def train_eval(
    root_dir: str,
    seed: int,
    config_text: str,
    last_fraction: float = 0.1,
    show_bar: Optional[bool] = None,
    env_name: str = "CartPole-v0",
    bootstrap_at_time_limit: bool = True,
    max_episode_steps: Optional[int] = None,
    allow_inexact_resume: bool = False,
    num_iterations: int = 100_000,
    initial_collect_steps: int = 1_000,
    fc_layer_params: Sequence[int] = (512, 512),
    width: float = 1.0,
    train_mode: str = "dense",
    sparse_output_layer: bool = True,
    weight_decay: float = 1e-6,
    decay_output_layer: bool = True,
    target_update_period: int = 100,
    target_update_tau: float = 1.0,
    batch_size: int = 128,
    learning_rate: float = 1e-3,
    gamma: float = 0.99,
    reward_scale_factor: float = 1.0,
    replay_capacity: int = 100_000,
    initial_epsilon_greedy: Optional[float] = None,
    epsilon_greedy: float = 0.1,
    epsilon_decay_period: int = 25_000,
    eval_epsilon_greedy: float = 0.1,
    eval_interval: int = 2_000,
    eval_episodes: int = 20,
    policy_save_interval: int = 0,
) -> None:
    """Runs, or resumes, one training run in `root_dir`.

    Args:
      root_dir: run directory.
      seed: determines the run.
      config_text: identifies the configuration in the run directory.
      last_fraction: share of the evaluations, the last ones, in the final score.
      show_bar: whether to draw a progress bar; by default on a terminal.
      env_name: what `gymnasium.make` takes, with discrete actions ('module:Mine-v0').
      bootstrap_at_time_limit: False makes the time limit terminal, as in the original.
      max_episode_steps: at which an episode is truncated, in training and evaluation; by default
        what the environment is registered with.
      allow_inexact_resume: trains even in an environment that cannot be saved exactly: resumed, the
        run starts a new episode.
      num_iterations: train steps, each after one environment step.
      initial_collect_steps: random environment steps before the first train step.
      fc_layer_params: hidden units before `width`.
      width: multiplier of the hidden layers, for parameter-matched dense networks.
      train_mode: 'dense', or 'sparse' for what `wrap_all_layers`, `init_masks` and `mask_updater`
        are bound to.
      sparse_output_layer: whether the output layer is sparse too.
      weight_decay: coefficient of sum(w^2) over kernels in the loss.
      decay_output_layer: whether the output layer's kernel is one of them; in the original, no.
      target_update_period: train steps between target updates.
      target_update_tau: share of the online weights in a target update.
      batch_size: transitions per train step.
      learning_rate: of Adam.
      gamma: discount.
      reward_scale_factor: multiplies rewards in the loss.
      replay_capacity: frames; one between two episodes counts too.
      initial_epsilon_greedy: epsilon of the collect policy at the first train step; by default
        `epsilon_greedy`, so that it is constant.
      epsilon_greedy: final epsilon of the collect policy.
      epsilon_decay_period: train steps over which epsilon goes linearly from its first to its
        final value.
      eval_epsilon_greedy: epsilon in evaluation. Each evaluation also plays as many episodes
        greedily: the second score.
      eval_interval: train steps between evaluations.
      eval_episodes: episodes per evaluation, run side by side.
      policy_save_interval: train steps between saved policies; 0: only the trained one.
    """
    if initial_epsilon_greedy is None:
        initial_epsilon_greedy = epsilon_greedy
    check_counts(
        num_iterations=num_iterations,
        initial_collect_steps=initial_collect_steps,
        batch_size=batch_size,
        target_update_period=target_update_period,
        epsilon_decay_period=epsilon_decay_period,
        eval_interval=eval_interval,
        eval_episodes=eval_episodes,
    )
    check_counts(0, policy_save_interval=policy_save_interval)
    check_counts(LEAST_CAPACITY, replay_capacity=replay_capacity)
    check_within(
        0,
        math.inf,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        reward_scale_factor=reward_scale_factor,
    )
    check_within(
        0,
        1,
        target_update_tau=target_update_tau,
        gamma=gamma,
        initial_epsilon_greedy=initial_epsilon_greedy,
        epsilon_greedy=epsilon_greedy,
        eval_epsilon_greedy=eval_epsilon_greedy,
    )
    task = Task(env_name, max_episode_steps, modules=config.imported_modules())
    py_env = GymnasiumEnvironment(
        task, random_state.seed_from(seed, _TRAIN_ENV), bootstrap_at_time_limit
    )
    env = InGraphEnvironment(py_env)
    action_spec = env.action_spec()
    if not tensor_spec.is_discrete(action_spec) or action_spec.shape.rank:
        raise ConfigError(f"DQN needs discrete actions, which env_name {env_name!r} does not have")
    saving.prepare(py_env, allow_inexact_resume)

    tf.keras.utils.set_random_seed(random_state.seed_from(seed, _NETWORK))
    step = tf.Variable(0, dtype=tf.int64, name="train_step", trainable=False)
    with one_line():
        sparse = sparse_settings(train_mode)
        snr_interval = monitoring.snr_interval()
        agent = dqn_agent.make_agent(
            env,
            step,
            sparse,
            total_steps=num_iterations,
            seed=random_state.seed_from(seed, _MASKS),
            fc_layer_params=fc_layer_params,
            width=width,
            sparse_output_layer=sparse_output_layer,
            weight_decay=weight_decay,
            decay_output_layer=decay_output_layer,
            learning_rate=learning_rate,
            target_update_tau=target_update_tau,
            target_update_period=target_update_period,
            gamma=gamma,
            reward_scale_factor=reward_scale_factor,
            initial_epsilon_greedy=initial_epsilon_greedy,
            epsilon_greedy=epsilon_greedy,
            epsilon_decay_period=epsilon_decay_period,
        )
    replay = tf_uniform_replay_buffer.TFUniformReplayBuffer(
        agent.collect_data_spec, batch_size=1, max_length=replay_capacity
    )
    training_random = random_state.generator(seed, _TRAINING)
    train = off_policy_loop.make_train_loop(
        env,
        agent,
        replay,
        batch_size,
        training_random,
        after_train=targets.target_masker(
            agent.optimizer,
            {"q": (agent.q_network, agent.target_q_network)},
            step,
            target_update_tau,
            target_update_period,
        ),
        executions=[agent.optimizer.execution],
    )

    def collect_initially():
        py_env.reset()
        off_policy_loop.collect_at_random(env, replay, initial_collect_steps, training_random)

    with one_line():
        directory = RunDirectory(root_dir, config_text)
    TrainingRun(
        directory=directory,
        labels={
            "agent": "dqn",
            "suite": "classic",
            "env": env_name,
            "env_options": py_env.task.options(),
            **sparse.labels(),
            "width": width,
            "seed": seed,
        },
        networks={"q": agent.q_network},
        optimizers={"q": agent.optimizer},
        variables=tf.train.Checkpoint(
            agent=agent, optimizer=agent.optimizer, replay=replay, step=step, random=training_random
        ),
        env=py_env,
        collect_initially=collect_initially,
        advance=train,
        evaluate=_evaluation(agent, py_env.task, eval_episodes, eval_epsilon_greedy, seed),
        evaluate_greedily=_evaluation(agent, py_env.task, eval_episodes, 0.0, seed),
        env_step=lambda train_step: initial_collect_steps + train_step,
        save_policy=lambda path: policy_saver.PolicySaver(agent.policy).save(path),
        snr=_snr_measurement(agent, replay, batch_size, seed),
        num_iterations=num_iterations,
        eval_interval=eval_interval,
        snr_interval=snr_interval,
        policy_save_interval=policy_save_interval,
        last_fraction=last_fraction,
        show_bar=show_bar,
    ).run()


def _evaluation(agent, task, episodes, epsilon, seed):
    """`evaluate(step)`: returns of the epsilon-greedy policy, a function of weights and step."""
    policy = epsilon_greedy_policy.EpsilonGreedyPolicy(agent.policy, epsilon)
    random = random_state.generator(0)
    evaluator = Evaluator(task, episodes)

    @tf.function
    def act(observations):
        with random_state.draws_from(random):
            return policy.action(ts.restart(observations, episodes)).action

    def evaluate(step: int) -> np.ndarray:
        random_state.reseed(random, seed, _EVAL_POLICY, step)
        env_seed = random_state.seed_from(seed, _EVAL_ENVS, step)
        return evaluator.run(lambda observations: act(observations).numpy(), env_seed)

    return evaluate


def _snr_measurement(agent, replay, batch_size, seed):
    """`measure(step)`: signal-to-noise ratio of a batch's TD-error gradients (section 7)."""
    random = random_state.generator(0)

    @tf.function
    def of_a_batch():
        # Its own random numbers: looking does not change the run.
        with random_state.draws_from(random):
            batch = off_policy_loop.sample_transitions(replay, batch_size)
        variables = agent.q_network.trainable_variables
        return snr.batch_snr(agent.td_losses, variables, batch, chunk_size=32)

    def measure(step: int) -> dict[str, float]:
        random_state.reseed(random, seed, _SNR, step)
        return {"q": float(of_a_batch())}

    return measure


if __name__ == "__main__":
    flags.main(train_eval)
