"""Trains and evaluates a dense or sparse SAC agent on a task with continuous actions.

python -m rigl_rl.tfagents.sac_train_eval --root_dir runs/rigl \
    --gin_file gin_configs/sac_mujoco/rigl.gin --seed 1

Hyper-parameters: Table 2, Table 8 and section A.1 of the paper.
"""

from __future__ import annotations

from typing import Any

import gin
import tensorflow as tf
from tf_agents.policies import greedy_policy, policy_saver
from tf_agents.specs import tensor_spec

from rigl_rl.adapters.in_graph_environment import InGraphEnvironment
from rigl_rl.adapters.replay_tables import ReplayState
from rigl_rl.environments import saving
from rigl_rl.errors import ConfigError
from rigl_rl.runs import monitoring, random_state
from rigl_rl.runs.config import one_line
from rigl_rl.runs.random_state import Stream
from rigl_rl.runs.run_directory import RunDirectory
from rigl_rl.tfagents import (
    actor_critic,
    flags,
    off_policy_loop,
    parts,
    sac_agent,
    targets,
)
from rigl_rl.tfagents.hyperparameters import SacHyperparameters
from rigl_rl.tfagents.training_run import TrainingRun

hyperparameters = gin.external_configurable(
    SacHyperparameters, "train_eval", module="rigl_rl.tfagents.sac_train_eval"
)
"""Makes the hyper-parameters from the bindings of the original's names, `train_eval.*`."""


def train_eval(
    root_dir: str,
    seed: int,
    config_text: str,
    last_fraction: float = 0.1,
    show_bar: bool | None = None,
    **values: Any,
) -> None:
    """Runs, or resumes, one training run in `root_dir`.

    Args:
      root_dir, seed, config_text, last_fraction, show_bar: see `runs.command.main`.
      **values: hyper-parameters that override gin's bindings.

    Raises:
      ConfigError: a value is not allowed.
    """
    given = hyperparameters(**values).resolved()
    with one_line():
        sparse = actor_critic.settings_of_both(given)
        snr_interval = monitoring.snr_interval()
    py_env = parts.training_environment(given, seed)
    env = InGraphEnvironment(py_env)
    if tensor_spec.is_discrete(env.action_spec()):
        raise ConfigError(
            f"SAC needs continuous actions, which env_name {given.env_name!r} does not have"
        )
    saving.prepare(py_env, given.allow_inexact_resume)

    tf.keras.utils.set_random_seed(random_state.seed_from(seed, Stream.NETWORK))
    step = tf.Variable(0, dtype=tf.int64, name="train_step", trainable=False)
    mask_seed = random_state.seed_from(seed, Stream.MASKS)
    with one_line():
        agent = sac_agent.make_agent(env, step, given, *sparse, seed=mask_seed)
    replay = parts.replay_buffer(agent, given)
    training_random = random_state.generator(seed, Stream.TRAINING)
    tau, period = given.target_update_tau, given.target_update_period
    greedy = greedy_policy.GreedyPolicy(agent.policy)
    optimizers = {"actor": agent.actor_optimizer, "critic": agent.critic_optimizer}
    methods = list(zip(sparse, optimizers.values()))
    with one_line():
        directory = RunDirectory(root_dir, config_text)
    TrainingRun(
        directory=directory,
        hyperparameters=given,
        labels={
            "agent": "sac",
            **parts.labels(given, methods[::-1], py_env, seed),
            **actor_critic.labels(given, "critic", *sparse),
        },
        networks={"actor": agent.actor_network, **agent.critic_networks},
        optimizers=optimizers,
        # The agent's own variables include its optimizers and the entropy weight.
        variables=tf.train.Checkpoint(
            agent=agent, replay=ReplayState(replay), step=step, random=training_random
        ),
        env=py_env,
        collect_initially=off_policy_loop.initial_collection(
            env, replay, given.initial_collect_steps, training_random
        ),
        advance=off_policy_loop.make_train_loop(
            env,
            agent,
            replay,
            given.batch_size,
            training_random,
            after_train=targets.target_masker(
                agent.critic_optimizer, agent.critics_and_targets, step, tau, period
            ),
            executions=[optimizer.execution for optimizer in optimizers.values()],
        ),
        evaluate=parts.evaluation(greedy, py_env.task, given.eval_episodes, seed),
        env_step=lambda train_step: given.initial_collect_steps + train_step,
        save_policy=lambda path: policy_saver.PolicySaver(greedy).save(path),
        snr=parts.snr_of_replay(agent, replay, given.batch_size, seed, Stream.SNR_ACTOR_CRITIC),
        snr_interval=snr_interval,
        last_fraction=last_fraction,
        show_bar=show_bar,
    ).run()


if __name__ == "__main__":
    flags.main(train_eval)
