"""Trains and evaluates a dense or sparse PPO agent on a task with real or discrete actions.

python -m rigl_rl.tfagents.ppo_train_eval --root_dir runs/rigl \
    --gin_file gin_configs/ppo_mujoco/rigl.gin --seed 1

Hyper-parameters: Table 3, Table 9 and section A.1 of the paper.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Optional

import gin
import numpy as np
import tensorflow as tf
from tf_agents.policies import policy_saver
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
from rigl_rl.tfagents import actor_critic, flags, on_policy_loop, ppo_agent
from rigl_rl.tfagents.training_run import TrainingRun

# Independent streams of random numbers, all determined by the run's seed.
_NETWORKS, _MASKS, _TRAIN_ENV, _TRAINING, _EVAL_ENVS, _SNR = range(6)


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
    num_iterations: int = 489,
    collect_sequence_length: int = 2048,
    minibatch_size: int = 64,
    num_epochs: int = 10,
    actor_fc_layers: Sequence[int] = (64, 64),
    value_fc_layers: Sequence[int] = (64, 64),
    width: float = 1.0,
    actor_critic_widths_str: str = "",
    train_mode_actor: str = "dense",
    train_mode_value: str = "dense",
    actor_critic_sparsities_str: str = "",
    sparse_output_layer: bool = True,
    weight_decay: float = 1e-6,
    learning_rate: float = 3e-4,
    discount_factor: float = 0.99,
    importance_ratio_clipping: float = 0.2,
    use_gae: bool = True,
    lambda_value: float = 0.95,
    entropy_regularization: float = 0.0,
    value_pred_loss_coef: float = 0.5,
    gradient_clipping: float = 0.5,
    use_td_lambda_return: bool = True,
    value_clipping: Optional[float] = None,
    eval_interval: int = 2_000,
    eval_episodes: int = 20,
    policy_save_interval: int = 0,
) -> None:
    """Runs, or resumes, one training run in `root_dir`.

    An iteration takes `num_epochs * collect_sequence_length / minibatch_size` train steps. What is
    due at a train step within it takes place at its end.

    Args:
      root_dir: run directory.
      seed: determines the run.
      config_text: identifies the configuration in the run directory.
      last_fraction: share of the evaluations, the last ones, in the final score.
      show_bar: whether to draw a progress bar; by default on a terminal.
      env_name: what `gymnasium.make` takes ('module:Mine-v0'), or one of the paper's -v2 names,
        with bounded real actions or one discrete action.
      bootstrap_at_time_limit: False makes the time limit terminal, as in the original.
      max_episode_steps: at which an episode is truncated, in training and evaluation; by default
        what the environment is registered with.
      contact_forces: of MuJoCo tasks: True simulates them, False leaves them at zero; by default
        zero under the -v2 names of Ant and Humanoid, real under others.
      allow_inexact_resume: trains even in an environment that cannot be saved exactly: resumed, the
        run starts a new episode.
      num_iterations: of collecting and learning.
      collect_sequence_length: environment steps of an iteration.
      minibatch_size: environment steps per train step; a divisor of `collect_sequence_length`.
      num_epochs: passes over an iteration's steps.
      actor_fc_layers: the actor's hidden units before `width`.
      value_fc_layers: the value network's.
      width: multiplier of the hidden layers, for parameter-matched dense networks.
      actor_critic_widths_str: 'actor_critic' widths in place of `width`, such as '0.5_1.0'.
      train_mode_actor: 'dense', or 'sparse' for what `wrap_all_layers`, `init_masks` and
        `mask_updater` are bound to.
      train_mode_value: the same for the value network.
      actor_critic_sparsities_str: 'actor_critic' sparsities in place of a common one, such as
        '0.9_0.8'.
      sparse_output_layer: whether the output layers are sparse too.
      weight_decay: coefficient of sum(w^2) over kernels in the loss.
      learning_rate: of Adam in the first iteration; it falls linearly to 0 after the last.
      discount_factor: gamma.
      importance_ratio_clipping: epsilon of the clipped surrogate loss.
      use_gae: False takes returns to the end of the episode or iteration: lambda is 1.
      lambda_value: of advantages and of the value network's targets.
      entropy_regularization: coefficient of the entropy in the loss.
      value_pred_loss_coef: coefficient of the squared value error in the loss.
      gradient_clipping: largest global norm of the gradient of both networks.
      use_td_lambda_return: False makes values learn returns to the end of the episode or iteration.
      value_clipping: largest change of a value in an iteration that the loss rewards; None: any.
      eval_interval: train steps between evaluations.
      eval_episodes: episodes per evaluation, run side by side.
      policy_save_interval: train steps between saved policies; 0: only the trained one.
    """
    check_counts(
        num_iterations=num_iterations,
        collect_sequence_length=collect_sequence_length,
        minibatch_size=minibatch_size,
        num_epochs=num_epochs,
        eval_interval=eval_interval,
        eval_episodes=eval_episodes,
    )
    check_counts(0, policy_save_interval=policy_save_interval)
    check_within(
        0,
        math.inf,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        importance_ratio_clipping=importance_ratio_clipping,
        entropy_regularization=entropy_regularization,
        value_pred_loss_coef=value_pred_loss_coef,
        gradient_clipping=gradient_clipping,
    )
    check_within(0, 1, discount_factor=discount_factor, lambda_value=lambda_value)
    if value_clipping is not None:
        check_within(0, math.inf, value_clipping=value_clipping)
    if collect_sequence_length % minibatch_size:
        raise ConfigError(
            f"minibatch_size is {minibatch_size}, but must divide collect_sequence_length, "
            f"{collect_sequence_length}"
        )
    task = Task(env_name, max_episode_steps, contact_forces, config.imported_modules())
    py_env = GymnasiumEnvironment(
        task, random_state.seed_from(seed, _TRAIN_ENV), bootstrap_at_time_limit
    )
    env = InGraphEnvironment(py_env)
    discrete = tensor_spec.is_discrete(env.action_spec())
    saving.prepare(py_env, allow_inexact_resume)

    tf.keras.utils.set_random_seed(random_state.seed_from(seed, _NETWORKS))
    step = tf.Variable(0, dtype=tf.int64, name="train_step", trainable=False)
    steps_per_iteration = num_epochs * collect_sequence_length // minibatch_size
    with one_line():
        sparse_actor, sparse_value = actor_critic.settings_of_both(
            train_mode_actor, train_mode_value, actor_critic_sparsities_str
        )
        actor_width, value_width = actor_critic.widths_of_both(width, actor_critic_widths_str)
        snr_interval = monitoring.snr_interval()
        agent = ppo_agent.make_agent(
            env,
            step,
            sparse_actor,
            sparse_value,
            total_steps=num_iterations * steps_per_iteration,
            steps_per_iteration=steps_per_iteration,
            seed=random_state.seed_from(seed, _MASKS),
            actor_fc_layers=actor_fc_layers,
            value_fc_layers=value_fc_layers,
            actor_width=actor_width,
            value_width=value_width,
            sparse_output_layer=sparse_output_layer,
            weight_decay=weight_decay,
            learning_rate=learning_rate,
            importance_ratio_clipping=importance_ratio_clipping,
            lambda_value=lambda_value if use_gae else 1.0,
            discount_factor=discount_factor,
            entropy_regularization=entropy_regularization,
            value_pred_loss_coef=value_pred_loss_coef,
            gradient_clipping=gradient_clipping,
            use_td_lambda_return=use_td_lambda_return,
            value_clipping=value_clipping,
        )
    training_random = random_state.generator(seed, _TRAINING)
    loop = on_policy_loop.Loop(
        env, agent, collect_sequence_length, num_epochs, minibatch_size, training_random
    )
    with one_line():
        directory = RunDirectory(root_dir, config_text)
    sparse = sparse_value if train_mode_value == "sparse" else sparse_actor
    TrainingRun(
        directory=directory,
        labels={
            "agent": "ppo",
            "suite": "classic" if discrete else "mujoco",
            "env": env_name,
            "env_options": py_env.task.options(),
            **sparse.labels(),
            "actor_sparsity": sparse_actor.sparsity,
            "critic_sparsity": sparse_value.sparsity,
            "width": width,
            "actor_width": actor_width,
            "critic_width": value_width,
            "seed": seed,
        },
        networks={"actor": agent.actor_net, "value": agent.value_net},
        optimizers={"actor_and_value": agent.optimizer},
        variables=tf.train.Checkpoint(
            agent=agent, optimizer=agent.optimizer, step=step, random=training_random
        ),
        env=py_env,
        collect_initially=py_env.reset,
        advance=loop.train,
        evaluate=_evaluation(agent, py_env.task, eval_episodes, seed),
        env_step=lambda train_step: train_step // steps_per_iteration * collect_sequence_length,
        save_policy=lambda path: policy_saver.PolicySaver(agent.policy).save(path),
        snr=_snr_measurement(agent, loop, minibatch_size, seed),
        num_iterations=num_iterations * steps_per_iteration,
        steps_at_once=steps_per_iteration,
        eval_interval=eval_interval,
        snr_interval=snr_interval,
        policy_save_interval=policy_save_interval,
        last_fraction=last_fraction,
        show_bar=show_bar,
    ).run()


def _evaluation(agent, task, episodes, seed):
    """`evaluate(step)`: returns of the policy's most likely actions, by weights and step alone."""
    evaluator = Evaluator(task, episodes)

    @tf.function
    def act(observations):
        return agent.policy.action(ts.restart(observations, episodes)).action

    def evaluate(step: int) -> np.ndarray:
        env_seed = random_state.seed_from(seed, _EVAL_ENVS, step)
        return evaluator.run(lambda observations: act(observations).numpy(), env_seed)

    return evaluate


def _snr_measurement(agent, loop, minibatch_size, seed):
    """`measure(step)`: signal-to-noise ratio of a minibatch's gradients (section 7).

    The minibatch is of the last iteration's experience, the weights are those after it.
    """
    random = random_state.generator(0)
    networks = {"actor": agent.actor_net, "value": agent.value_net}

    @tf.function
    def of_a_minibatch(experience):
        # Its own random numbers: looking does not change the run.
        with random_state.draws_from(random):
            order = tf.random.shuffle(tf.range(loop.collect_steps))
        batch = on_policy_loop.take(experience, order[:minibatch_size])
        info = {
            **batch.policy_info,
            "advantage": ppo_agent.normalized(batch.policy_info["advantage"]),
        }
        batch = batch.replace(policy_info=info)
        return {
            name: snr.batch_snr(agent.sample_losses, network.trainable_variables, batch)
            for name, network in networks.items()
        }

    def measure(step: int) -> dict[str, float]:
        random_state.reseed(random, seed, _SNR, step)
        return {name: float(ratio) for name, ratio in of_a_minibatch(loop.experience).items()}

    return measure


if __name__ == "__main__":
    flags.main(train_eval)
