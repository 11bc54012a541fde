"""Trains and evaluates a dense or sparse DQN on a task with discrete actions.

python -m rigl_rl.tfagents.dqn_train_eval --root_dir runs/rigl \
    --gin_file gin_configs/dqn_classic/rigl.gin --seed 1

Hyper-parameters: Table 1, Table 6 and section A.1 of the paper.
"""

from __future__ import annotations

from typing import Any

import gin
import tensorflow as tf
from tf_agents.policies import epsilon_greedy_policy, policy_saver
from tf_agents.specs import tensor_spec

from rigl_rl.adapters.in_graph_environment import InGraphEnvironment
from rigl_rl.environments import saving
from rigl_rl.errors import ConfigError
from rigl_rl.runs import monitoring, random_state
from rigl_rl.runs.config import one_line
from rigl_rl.runs.random_state import Stream
from rigl_rl.runs.run_directory import RunDirectory
from rigl_rl.sparsity.gin_config import sparse_settings
from rigl_rl.tfagents import dqn_agent, flags, off_policy_loop, parts, targets
from rigl_rl.tfagents.hyperparameters import DqnHyperparameters
from rigl_rl.tfagents.training_run import TrainingRun

hyperparameters = gin.external_configurable(
    DqnHyperparameters, "train_eval", module="rigl_rl.tfagents.dqn_train_eval"
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
        sparse = sparse_settings(given.train_mode)
        snr_interval = monitoring.snr_interval()
    py_env = parts.training_environment(given, seed)
    env = InGraphEnvironment(py_env)
    action_spec = env.action_spec()
    if not tensor_spec.is_discrete(action_spec) or action_spec.shape.rank:
        raise ConfigError(
            f"DQN needs discrete actions, which env_name {given.env_name!r} does not have"
        )
    saving.prepare(py_env, given.allow_inexact_resume)

    tf.keras.utils.set_random_seed(random_state.seed_from(seed, Stream.NETWORK))
    step = tf.Variable(0, dtype=tf.int64, name="train_step", trainable=False)
    mask_seed = random_state.seed_from(seed, Stream.MASKS)
    with one_line():
        agent = dqn_agent.make_agent(env, step, given, sparse, seed=mask_seed)
    replay = parts.replay_buffer(agent, given)
    training_random = random_state.generator(seed, Stream.TRAINING)
    nets = {"q": (agent.q_network, agent.target_q_network)}
    methods = [(sparse, agent.optimizer)]

    evaluate_with = _evaluation_by_epsilon(agent.policy, py_env.task, given.eval_episodes, seed)
    with one_line():
        directory = RunDirectory(root_dir, config_text)
    TrainingRun(
        directory=directory,
        hyperparameters=given,
        labels={"agent": "dqn", **parts.labels(given, methods, py_env, seed)},
        networks={"q": agent.q_network},
        optimizers={"q": agent.optimizer},
        variables=tf.train.Checkpoint(
            agent=agent, optimizer=agent.optimizer, replay=replay, step=step, random=training_random
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
                agent.optimizer, nets, step, given.target_update_tau, given.target_update_period
            ),
            executions=[agent.optimizer.execution],
        ),
        evaluate=evaluate_with(given.eval_epsilon_greedy),
        evaluate_greedily=evaluate_with(0.0),
        env_step=lambda train_step: given.initial_collect_steps + train_step,
        save_policy=lambda path: policy_saver.PolicySaver(agent.policy).save(path),
        snr=parts.snr_of_replay(agent, replay, given.batch_size, seed, Stream.SNR),
        snr_interval=snr_interval,
        last_fraction=last_fraction,
        show_bar=show_bar,
    ).run()


def _evaluation_by_epsilon(policy, task, episodes, seed):
    """Returns a function from an epsilon to `evaluate(train step)`; all share one graph."""
    epsilon = tf.Variable(0.0, trainable=False)
    policy = epsilon_greedy_policy.EpsilonGreedyPolicy(policy, epsilon)
    evaluate = parts.evaluation(policy, task, episodes, seed)

    def evaluate_with(value: float):
        def run(step: int):
            epsilon.assign(value)
            return evaluate(step)

        return run

    return evaluate_with


if __name__ == "__main__":
    flags.main(train_eval)
