"""Trains and evaluates a dense or sparse SAC on a task with continuous actions.

python -m rigl_rl.tfagents.sac_train_eval --root_dir runs/rigl \
    --gin_file gin_configs/sac_mujoco/rigl.gin --seed 1

Hyper-parameters: Table 2, Table 8 and section A.1 of the paper.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Optional

import gin
import numpy as np
import tensorflow as tf
from tf_agents.policies import greedy_policy, policy_saver
from tf_agents.replay_buffers import tf_uniform_replay_buffer
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import time_step as ts

from rigl_rl.adapters.in_graph_environment import InGraphEnvironment
from rigl_rl.adapters.replay_tables import ReplayState
from rigl_rl.environments import saving
from rigl_rl.environments.evaluation import Evaluator
from rigl_rl.environments.gymnasium_environment import GymnasiumEnvironment
from rigl_rl.environments.tasks import Task
from rigl_rl.errors import ConfigError, check_counts, check_within
from rigl_rl.runs import config, monitoring, random_state
from rigl_rl.runs.config import one_line
from rigl_rl.runs.run_directory import RunDirectory
from rigl_rl.sparsity import snr
from rigl_rl.tfagents import (
    actor_critic,
    flags,
    off_policy_loop,
    sac_agent,
    targets,
)
from rigl_rl.tfagents.replay import LEAST_CAPACITY
from rigl_rl.tfagents.training_run import TrainingRun

# Independent streams of random numbers, all determined by the run's seed.
_NETWORK, _MASKS, _TRAIN_ENV, _TRAINING, _EVAL_ENVS, _SNR = range(6)


def initial_steps(env_name: str) -> int:
    """Random environment steps before the first train step (Table 8)."""
    return 10_000 if env_name.startswith(("HalfCheetah", "Ant")) else 1_000


@gin.configurable
def train_eval(
    root_dir: str,
    seed: int,
    config_text: str,
    last_fraction: float = 0.1,
    show_bar: Optional[bool] = None,
    env_name: str = "HalfCheetah-v2",
    bootstrap_at_time_limit: bool = True,
    max_episode_steps: Optional[int] = None,
    contact_forces: Optional[bool] = None,
    allow_inexact_resume: bool = False,
    num_iterations: int = 1_000_000,
    initial_collect_steps: Optional[int] = None,
    actor_fc_layers: Sequence[int] = (256, 256),
    critic_obs_fc_layers: Optional[Sequence[int]] = None,
    critic_action_fc_layers: Optional[Sequence[int]] = None,
    critic_joint_fc_layers: Sequence[int] = (256, 256),
    width: float = 1.0,
    actor_critic_widths_str: str = "",
    train_mode_actor: str = "dense",
    train_mode_value: str = "dense",
    actor_critic_sparsities_str: str = "",
    sparse_output_layer: bool = True,
    weight_decay: float = 1e-4,
    target_update_period: int = 1,
    target_update_tau: float = 0.005,
    batch_size: int = 256,
    actor_learning_rate: float = 3e-4,
    critic_learning_rate: float = 3e-4,
    alpha_learning_rate: float = 3e-4,
    gamma: float = 0.99,
    reward_scale_factor: float = 0.1,
    replay_capacity: int = 1_000_000,
    eval_interval: int = 10_000,
    eval_episodes: int = 30,
    checkpoint_interval: int = 50_000,
    policy_save_interval: int = 0,
) -> None:
    """Runs, or resumes, one training run in `root_dir`.

    Args:
      root_dir: run directory.
      seed: determines the run.
      config_text: identifies the configuration in the run directory.
      last_fraction: share of the evaluations, the last ones, in the final score.
      show_bar: whether to draw a progress bar; by default on a terminal.
      env_name: what `gymnasium.make` takes, with bounded continuous actions ('module:Mine-v0'), or
        one of the paper's -v2 names.
      bootstrap_at_time_limit: False makes the time limit terminal.
      max_episode_steps: at which an episode is truncated, in training and evaluation; by default
        what the environment is registered with.
      contact_forces: of MuJoCo tasks: True simulates them, False leaves them at zero; by default
        zero under the -v2 names of Ant and Humanoid, real under others.
      allow_inexact_resume: trains even in an environment that cannot be saved exactly: resumed, the
        run starts a new episode.
      num_iterations: train steps, each after one environment step.
      initial_collect_steps: random environment steps before the first train step; by default 10,000
        for HalfCheetah and Ant, 1,000 for the others.
      actor_fc_layers: the actor's hidden units before `width`.
      critic_obs_fc_layers, critic_action_fc_layers, critic_joint_fc_layers: the critics' hidden
        units on observations, on actions, and on both together.
      width: multiplier of the hidden layers, for parameter-matched dense networks.
      actor_critic_widths_str: 'actor_critic' multipliers in its place, such as '0.5_0.7'.
      train_mode_actor, train_mode_value: 'dense', or 'sparse' for what `wrap_all_layers`,
        `init_masks` and `mask_updater` are bound to.
      actor_critic_sparsities_str: 'actor_critic' sparsities in place of a common one, such as
        '0.9_0.8'.
      sparse_output_layer: whether the output layers are sparse too.
      weight_decay: coefficient of sum(w^2) over kernels in the losses.
      target_update_period: train steps between target updates.
      target_update_tau: share of the online weights in a target update.
      batch_size: transitions per train step.
      actor_learning_rate, critic_learning_rate, alpha_learning_rate: of Adam.
      gamma: discount.
      reward_scale_factor: multiplies rewards in the loss.
      replay_capacity: frames; one between two episodes counts too.
      eval_interval: train steps between evaluations.
      eval_episodes: episodes per evaluation, run side by side.
      checkpoint_interval: train steps between checkpoints, each taken right after an evaluation. A
        full replay buffer takes seconds to write. What a killed run did since is repeated exactly.
      policy_save_interval: train steps between saved policies; 0: only the trained one.
    """
    if initial_collect_steps is None:
        initial_collect_steps = initial_steps(env_name)
    check_counts(
        num_iterations=num_iterations,
        initial_collect_steps=initial_collect_steps,
        batch_size=batch_size,
        target_update_period=target_update_period,
        eval_interval=eval_interval,
        eval_episodes=eval_episodes,
        checkpoint_interval=checkpoint_interval,
    )
    check_counts(0, policy_save_interval=policy_save_interval)
    check_counts(LEAST_CAPACITY, replay_capacity=replay_capacity)
    check_within(
        0,
        math.inf,
        actor_learning_rate=actor_learning_rate,
        critic_learning_rate=critic_learning_rate,
        alpha_learning_rate=alpha_learning_rate,
        weight_decay=weight_decay,
        reward_scale_factor=reward_scale_factor,
    )
    check_within(0, 1, target_update_tau=target_update_tau, gamma=gamma)
    task = Task(env_name, max_episode_steps, contact_forces, config.imported_modules())
    py_env = GymnasiumEnvironment(
        task, random_state.seed_from(seed, _TRAIN_ENV), bootstrap_at_time_limit
    )
    env = InGraphEnvironment(py_env)
    if tensor_spec.is_discrete(env.action_spec()):
        raise ConfigError(
            f"SAC needs continuous actions, which env_name {env_name!r} does not have"
        )
    saving.prepare(py_env, allow_inexact_resume)

    tf.keras.utils.set_random_seed(random_state.seed_from(seed, _NETWORK))
    step = tf.Variable(0, dtype=tf.int64, name="train_step", trainable=False)
    with one_line():
        sparse_actor, sparse_critic = actor_critic.settings_of_both(
            train_mode_actor, train_mode_value, actor_critic_sparsities_str
        )
        actor_width, critic_width = actor_critic.widths_of_both(width, actor_critic_widths_str)
        snr_interval = monitoring.snr_interval()
        agent = sac_agent.make_agent(
            env,
            step,
            sparse_actor,
            sparse_critic,
            total_steps=num_iterations,
            seed=random_state.seed_from(seed, _MASKS),
            actor_fc_layers=actor_fc_layers,
            critic_obs_fc_layers=critic_obs_fc_layers,
            critic_action_fc_layers=critic_action_fc_layers,
            critic_joint_fc_layers=critic_joint_fc_layers,
            actor_width=actor_width,
            critic_width=critic_width,
            sparse_output_layer=sparse_output_layer,
            weight_decay=weight_decay,
            actor_learning_rate=actor_learning_rate,
            critic_learning_rate=critic_learning_rate,
            alpha_learning_rate=alpha_learning_rate,
            target_update_tau=target_update_tau,
            target_update_period=target_update_period,
            gamma=gamma,
            reward_scale_factor=reward_scale_factor,
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
            agent.critic_optimizer,
            agent.critics_and_targets,
            step,
            target_update_tau,
            target_update_period,
        ),
        executions=[agent.actor_optimizer.execution, agent.critic_optimizer.execution],
    )
    greedy = greedy_policy.GreedyPolicy(agent.policy)

    def collect_initially():
        py_env.reset()
        off_policy_loop.collect_at_random(env, replay, initial_collect_steps, training_random)

    with one_line():
        directory = RunDirectory(root_dir, config_text)
    sparse = sparse_critic if train_mode_value == "sparse" else sparse_actor
    TrainingRun(
        directory=directory,
        labels={
            "agent": "sac",
            "suite": "mujoco",
            "env": env_name,
            "env_options": py_env.task.options(),
            **sparse.labels(),
            "actor_sparsity": sparse_actor.sparsity,
            "critic_sparsity": sparse_critic.sparsity,
            "width": width,
            "actor_width": actor_width,
            "critic_width": critic_width,
            "seed": seed,
        },
        networks={"actor": agent.actor_network, **agent.critic_networks},
        optimizers={"actor": agent.actor_optimizer, "critic": agent.critic_optimizer},
        # The agent brings its optimizers and the entropy's weight along.
        variables=tf.train.Checkpoint(
            agent=agent, replay=ReplayState(replay), step=step, random=training_random
        ),
        env=py_env,
        collect_initially=collect_initially,
        advance=train,
        evaluate=evaluation(greedy, py_env.task, eval_episodes, seed),
        env_step=lambda train_step: initial_collect_steps + train_step,
        save_policy=lambda path: policy_saver.PolicySaver(greedy).save(path),
        snr=_snr_measurement(agent, replay, batch_size, seed),
        num_iterations=num_iterations,
        eval_interval=eval_interval,
        checkpoint_interval=checkpoint_interval,
        snr_interval=snr_interval,
        policy_save_interval=policy_save_interval,
        last_fraction=last_fraction,
        show_bar=show_bar,
    ).run()


def evaluation(policy, task, episodes, seed):
    """`evaluate(step)`: returns of a policy without randomness, a function of weights and step."""
    evaluator = Evaluator(task, episodes)

    @tf.function
    def act(observations):
        return policy.action(ts.restart(observations, episodes)).action

    def evaluate(step: int) -> np.ndarray:
        env_seed = random_state.seed_from(seed, _EVAL_ENVS, step)
        return evaluator.run(lambda observations: act(observations).numpy(), env_seed)

    return evaluate


def _snr_measurement(agent, replay, batch_size, seed):
    """`measure(step)`: signal-to-noise ratios of a batch's gradients (section 7, Figure 5)."""
    random = random_state.generator(0)

    @tf.function
    def of_a_batch():
        # Its own random numbers: looking does not change the run.
        with random_state.draws_from(random):
            now, action_step, after = off_policy_loop.sample_transitions(replay, batch_size)
            td_targets = agent.td_targets(after)
            noise = random.normal(tf.shape(action_step.action))
        actor = snr.batch_snr(
            lambda sample: agent.actor_losses(*sample),
            agent.actor_network.trainable_variables,
            (now.observation, noise),
            chunk_size=32,
        )
        critic = snr.batch_snr(
            lambda sample: agent.critic_losses(*sample),
            [v for each in agent.critic_networks.values() for v in each.trainable_variables],
            (now.observation, action_step.action, td_targets),
            chunk_size=32,
        )
        return actor, critic

    def measure(step: int) -> dict[str, float]:
        random_state.reseed(random, seed, _SNR, step)
        actor, critic = of_a_batch()
        return {"actor": float(actor), "critic": float(critic)}

    return measure


if __name__ == "__main__":
    flags.main(train_eval)
