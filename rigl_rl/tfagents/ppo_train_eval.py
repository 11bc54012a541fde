r"""Trains and evaluates a dense or sparse PPO agent on a task with real or discrete actions.

python -m rigl_rl.tfagents.ppo_train_eval --root_dir runs/ppo_rigl \
    --gin_file gin_configs/ppo_mujoco/rigl.gin --seed 1

Hyperparameters are gin bindings. gin_configs/ppo_mujoco/base.gin has the paper's values
(Tables 3 and 9, section A.1).
"""

from __future__ import annotations

import gin
import tensorflow as tf

from rigl_rl.runs.config import one_line
from rigl_rl.runs.random_state import Stream
from rigl_rl.tfagents import actor_critic, flags, on_policy_loop, parts, ppo_agent
from rigl_rl.tfagents.hyperparameters import PpoHyperparameters
from rigl_rl.tfagents.start import Start, train_eval_with
from rigl_rl.tfagents.training_run import TrainingRun

hyperparameters = gin.external_configurable(
    PpoHyperparameters, "train_eval", module="rigl_rl.tfagents.ppo_train_eval"
)
"""Makes the hyperparameters from the bindings of the original's names, `train_eval.*`."""


def training_run(start: Start[PpoHyperparameters]) -> TrainingRun:
    """Makes the agent and the other parts of its run."""
    given = start.given
    with one_line():
        agent = ppo_agent.make_agent(
            start.env, start.step, given, *start.sparse, seed=start.mask_seed
        )
    collect_steps, minibatch_size = given.collect_sequence_length, given.minibatch_size
    loop = on_policy_loop.Loop(
        start.env, agent, collect_steps, given.num_epochs, minibatch_size, start.random
    )

    def snr_of_a_minibatch(experience):
        order = tf.random.shuffle(tf.range(collect_steps))
        return agent.gradient_snr(on_policy_loop.take(experience, order[:minibatch_size]))

    return TrainingRun(
        **start.shared(),
        labels={
            "agent": "ppo",
            **parts.labels(start, 2 * [agent.optimizer]),
            **actor_critic.labels(given, "value", *start.sparse),
        },
        networks={"actor": agent.actor_net, "value": agent.value_net},
        optimizers={"actor_and_value": agent.optimizer},
        variables=tf.train.Checkpoint(
            agent=agent, optimizer=agent.optimizer, step=start.step, random=start.random
        ),
        collect_initially=start.py_env.reset,
        advance=loop.train,
        env_step=lambda train_step: train_step // given.steps_per_iteration * collect_steps,
        policy=agent.policy,
        evaluate=parts.evaluation(agent.policy, start.py_env.task, given.eval_episodes, start.seed),
        # Uses the last iteration's experience and the weights after it.
        snr=parts.snr_measurement(
            snr_of_a_minibatch, start.seed, Stream.SNR_ACTOR_CRITIC, lambda: (loop.experience,)
        ),
    )


train_eval = train_eval_with(hyperparameters, actor_critic.settings_of_both, training_run)

if __name__ == "__main__":
    flags.main(train_eval)
