r"""Trains and evaluates a dense or sparse DQN on a task with discrete actions.

python -m rigl_rl.tfagents.dqn_train_eval --root_dir runs/dqn_rigl \
    --gin_file gin_configs/dqn_classic/rigl.gin --seed 1

Hyperparameters are gin bindings. gin_configs/dqn_classic/base.gin has the paper's values
(Tables 1 and 6, section A.1).
"""

from __future__ import annotations

from collections.abc import Callable

import gin
import numpy as np
import tensorflow as tf
from tf_agents.policies import epsilon_greedy_policy, tf_policy
from tf_agents.specs import tensor_spec

from rigl_rl.errors import ConfigError
from rigl_rl.runs.config import one_line
from rigl_rl.runs.random_state import Stream
from rigl_rl.sparsity.gin_config import sparse_settings
from rigl_rl.tfagents import dqn_agent, flags, parts, targets
from rigl_rl.tfagents.hyperparameters import DqnHyperparameters
from rigl_rl.tfagents.start import Start, train_eval_with
from rigl_rl.tfagents.training_run import TrainingRun

hyperparameters = gin.external_configurable(
    DqnHyperparameters, "train_eval", module="rigl_rl.tfagents.dqn_train_eval"
)
"""Makes the hyperparameters from the bindings of the original's names, `train_eval.*`."""


def training_run(start: Start[DqnHyperparameters]) -> TrainingRun:
    """Makes the agent and the other parts of its run."""
    given = start.given
    action_spec = start.env.action_spec()
    if not tensor_spec.is_discrete(action_spec) or action_spec.shape.rank:
        raise ConfigError(
            f"DQN needs discrete actions, which env_name {given.env_name!r} does not have"
        )
    with one_line():
        agent = dqn_agent.make_agent(
            start.env, start.step, given, *start.sparse, seed=start.mask_seed
        )
    replay = parts.replay_buffer(agent, given)
    optimizers = {"q": agent.optimizer}
    networks = {"q": (agent.q_network, agent.target_q_network)}
    evaluation = _evaluation_by_epsilon(agent.policy, start)
    return TrainingRun(
        **start.shared(),
        **parts.of_replay(
            start,
            agent,
            replay,
            optimizers,
            targets.target_masker(
                agent.optimizer,
                networks,
                start.step,
                given.target_update_tau,
                given.target_update_period,
            ),
        ),
        labels={"agent": "dqn", **parts.labels(start, optimizers.values())},
        networks={"q": agent.q_network},
        variables=tf.train.Checkpoint(
            agent=agent,
            optimizer=agent.optimizer,
            replay=replay,
            step=start.step,
            random=start.random,
        ),
        policy=agent.policy,
        evaluate=evaluation(given.eval_epsilon_greedy),
        evaluate_greedily=evaluation(0.0),
        snr=parts.snr_of_replay(agent, replay, start, Stream.SNR),
    )


def _evaluation_by_epsilon(
    policy: tf_policy.TFPolicy, start: Start[DqnHyperparameters]
) -> Callable[[float], Callable[[int], np.ndarray]]:
    """Returns a function from an epsilon to `evaluate(train step)`; all share one graph."""
    epsilon = tf.Variable(0.0, trainable=False)
    policy = epsilon_greedy_policy.EpsilonGreedyPolicy(policy, epsilon)
    evaluate = parts.evaluation(policy, start.py_env.task, start.given.eval_episodes, start.seed)

    def evaluation(value: float):
        def run(step: int) -> np.ndarray:
            epsilon.assign(value)
            return evaluate(step)

        return run

    return evaluation


train_eval = train_eval_with(
    hyperparameters, lambda given: [sparse_settings(given.train_mode)], training_run
)

if __name__ == "__main__":
    flags.main(train_eval)
