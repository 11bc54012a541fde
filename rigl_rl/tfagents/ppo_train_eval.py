"""Trains and evaluates a dense or sparse PPO agent on a task with real or discrete actions.

python -m rigl_rl.tfagents.ppo_train_eval --root_dir runs/rigl \
    --gin_file gin_configs/ppo_mujoco/rigl.gin --seed 1

Hyper-parameters: Table 3, Table 9 and section A.1 of the paper.
"""

from __future__ import annotations

from typing import Any

import gin
import tensorflow as tf
from tf_agents.policies import policy_saver

from rigl_rl.adapters.in_graph_environment import InGraphEnvironment
from rigl_rl.environments import saving
from rigl_rl.runs import monitoring, random_state
from rigl_rl.runs.config import one_line
from rigl_rl.runs.random_state import Stream
from rigl_rl.runs.run_directory import RunDirectory
from rigl_rl.tfagents import actor_critic, flags, on_policy_loop, parts, ppo_agent
from rigl_rl.tfagents.hyperparameters import PpoHyperparameters
from rigl_rl.tfagents.training_run import TrainingRun

hyperparameters = gin.external_configurable(
    PpoHyperparameters, "train_eval", module="rigl_rl.tfagents.ppo_train_eval"
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
    saving.prepare(py_env, given.allow_inexact_resume)

    tf.keras.utils.set_random_seed(random_state.seed_from(seed, Stream.NETWORK))
    step = tf.Variable(0, dtype=tf.int64, name="train_step", trainable=False)
    mask_seed = random_state.seed_from(seed, Stream.MASKS)
    with one_line():
        agent = ppo_agent.make_agent(env, step, given, *sparse, seed=mask_seed)
    training_random = random_state.generator(seed, Stream.TRAINING)
    collect_steps, minibatch_size = given.collect_sequence_length, given.minibatch_size
    loop = on_policy_loop.Loop(
        env, agent, collect_steps, given.num_epochs, minibatch_size, training_random
    )

    def snr_of_a_minibatch(experience):
        order = tf.random.shuffle(tf.range(collect_steps))
        return agent.gradient_snr(on_policy_loop.take(experience, order[:minibatch_size]))

    methods = [(each, agent.optimizer) for each in sparse]
    with one_line():
        directory = RunDirectory(root_dir, config_text)
    TrainingRun(
        directory=directory,
        hyperparameters=given,
        labels={
            "agent": "ppo",
            **parts.labels(given, methods[::-1], py_env, seed),
            **actor_critic.labels(given, "value", *sparse),
        },
        networks={"actor": agent.actor_net, "value": agent.value_net},
        optimizers={"actor_and_value": agent.optimizer},
        variables=tf.train.Checkpoint(
            agent=agent, optimizer=agent.optimizer, step=step, random=training_random
        ),
        env=py_env,
        collect_initially=py_env.reset,
        advance=loop.train,
        evaluate=parts.evaluation(agent.policy, py_env.task, given.eval_episodes, seed),
        env_step=lambda train_step: train_step // given.steps_per_iteration * collect_steps,
        save_policy=lambda path: policy_saver.PolicySaver(agent.policy).save(path),
        # Uses the last iteration's experience and the weights after it.
        snr=parts.snr_measurement(
            snr_of_a_minibatch, seed, Stream.SNR_ACTOR_CRITIC, lambda: (loop.experience,)
        ),
        snr_interval=snr_interval,
        last_fraction=last_fraction,
        show_bar=show_bar,
    ).run()


if __name__ == "__main__":
    flags.main(train_eval)
