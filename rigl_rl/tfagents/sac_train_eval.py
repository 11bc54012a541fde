r"""Trains and evaluates a dense or sparse SAC agent on a task with continuous actions.

python -m rigl_rl.tfagents.sac_train_eval --root_dir runs/sac_rigl \
    --gin_file gin_configs/sac_mujoco/rigl.gin --seed 1

Hyperparameters are gin bindings. gin_configs/sac_mujoco/base.gin has the paper's values
(Tables 2 and 8, section A.1).
"""

from __future__ import annotations

import gin
import tensorflow as tf
from tf_agents.policies import greedy_policy
from tf_agents.specs import tensor_spec

from rigl_rl.adapters.replay_tables import ReplayState
from rigl_rl.errors import ConfigError
from rigl_rl.runs.config import one_line
from rigl_rl.runs.random_state import Stream
from rigl_rl.tfagents import actor_critic, flags, parts, sac_agent, targets
from rigl_rl.tfagents.hyperparameters import SacHyperparameters
from rigl_rl.tfagents.start import Start, train_eval_with
from rigl_rl.tfagents.training_run import TrainingRun

hyperparameters = gin.external_configurable(
    SacHyperparameters, "train_eval", module="rigl_rl.tfagents.sac_train_eval"
)
"""Makes the hyperparameters from the bindings of the original's names, `train_eval.*`."""


def training_run(start: Start[SacHyperparameters]) -> TrainingRun:
    """Makes the agent and the other parts of its run."""
    given = start.given
    if tensor_spec.is_discrete(start.env.action_spec()):
        raise ConfigError(
            f"SAC needs continuous actions, which env_name {given.env_name!r} does not have"
        )
    with one_line():
        agent = sac_agent.make_agent(
            start.env, start.step, given, *start.sparse, seed=start.mask_seed
        )
    replay = parts.replay_buffer(agent, given)
    policy = greedy_policy.GreedyPolicy(agent.policy)
    optimizers = {"actor": agent.actor_optimizer, "critic": agent.critic_optimizer}
    return TrainingRun(
        **start.shared(),
        **parts.of_replay(
            start,
            agent,
            replay,
            optimizers,
            targets.target_masker(
                agent.critic_optimizer,
                agent.critics_and_targets,
                start.step,
                given.target_update_tau,
                given.target_update_period,
            ),
        ),
        labels={
            "agent": "sac",
            **parts.labels(start, optimizers.values()),
            **actor_critic.labels(given, "critic", *start.sparse),
        },
        networks={"actor": agent.actor_network, **agent.critic_networks},
        # The agent's own variables include its optimizers and the entropy weight.
        variables=tf.train.Checkpoint(
            agent=agent, replay=ReplayState(replay), step=start.step, random=start.random
        ),
        policy=policy,
        evaluate=parts.evaluation(policy, start.py_env.task, given.eval_episodes, start.seed),
        snr=parts.snr_of_replay(agent, replay, start, Stream.SNR_ACTOR_CRITIC),
    )


train_eval = train_eval_with(hyperparameters, actor_critic.settings_of_both, training_run)

if __name__ == "__main__":
    flags.main(train_eval)
