"""Trains dense or sparse TD3, an agent of TF-Agents that this project does not have.

python -m td3_train_eval --root_dir runs/td3 --gin_file td3.gin --seed 1
"""

from __future__ import annotations

import dataclasses
from typing import Any

import gin
import tensorflow as tf
from tf_agents.agents.td3 import td3_agent
from tf_agents.networks import sequential
from tf_agents.policies import policy_saver
from tf_agents.replay_buffers import tf_uniform_replay_buffer

from rigl_rl.adapters.in_graph_environment import InGraphEnvironment
from rigl_rl.environments import saving
from rigl_rl.errors import ConfigError
from rigl_rl.networks import sac
from rigl_rl.networks.width import scaled_units
from rigl_rl.parameters import parameter, with_default
from rigl_rl.runs import random_state
from rigl_rl.runs.random_state import Stream
from rigl_rl.runs.run_directory import RunDirectory
from rigl_rl.sparsity import sparsify_with
from rigl_rl.sparsity.gin_config import sparse_settings
from rigl_rl.tfagents import flags, off_policy_loop, parts, targets
from rigl_rl.tfagents.hyperparameters import OffPolicy
from rigl_rl.tfagents.training_run import TrainingRun


@gin.configurable("train_eval", module="td3_train_eval")
@dataclasses.dataclass(frozen=True)
class Td3Hyperparameters(OffPolicy):
    """TD3's hyperparameters; gin binds them as `train_eval.*`."""

    train_mode: str = parameter("dense", "'sparse' trains as the other bindings say")
    hidden_units: tuple = parameter((256, 256), "units of each hidden layer")
    learning_rate: float = parameter(3e-4, "Adam's, for all networks", low=0)
    exploration_noise: float = parameter(0.1, "standard deviation of noise on actions", low=0)
    target_update_period: int = with_default(OffPolicy, "target_update_period", 2)
    target_update_tau: float = with_default(OffPolicy, "target_update_tau", 0.005)
    weight_decay: float = with_default(OffPolicy, "weight_decay", 0.0)

    def __post_init__(self):
        super().__post_init__()
        if self.weight_decay:
            raise ConfigError("weight_decay must be 0: TF-Agents' TD3 adds no such loss")


def actor_network(action_spec, hidden_units):
    """ReLU layers, and actions within their bounds."""
    middle = (action_spec.maximum + action_spec.minimum) / 2
    half = (action_spec.maximum - action_spec.minimum) / 2
    return sequential.Sequential(
        [
            *(tf.keras.layers.Dense(units, activation="relu") for units in hidden_units),
            tf.keras.layers.Dense(action_spec.shape[0], activation="tanh"),
            tf.keras.layers.Lambda(lambda each: middle + half * each),
        ]
    )


def train_eval(
    root_dir: str,
    seed: int,
    config_text: str,
    last_fraction: float = 0.1,
    show_bar: bool | None = None,
) -> None:
    """Runs, or resumes, one training run in `root_dir`."""
    given = Td3Hyperparameters()
    py_env = parts.training_environment(given, seed)
    env = InGraphEnvironment(py_env)
    saving.prepare(py_env, given.allow_inexact_resume)
    tf.keras.utils.set_random_seed(random_state.seed_from(seed, Stream.NETWORK))

    units = scaled_units(given.hidden_units, given.width)

    def networks(prefix: str) -> dict[str, Any]:
        made = {"actor": actor_network(env.action_spec(), units)}
        made["actor"].create_variables(env.observation_spec())
        for name in ("critic_1", "critic_2"):
            made[name] = sac.critic_network((), (), units, name=prefix + name)
            made[name].create_variables((env.observation_spec(), env.action_spec()))
        return made

    online, copies = networks(""), networks("target_")
    sparse = dataclasses.replace(
        sparse_settings(given.train_mode), sparse_output_layer=given.sparse_output_layer
    )
    trained_by = {"actor": ("actor",), "critic": ("critic_1", "critic_2")}
    optimizers = {
        name: sparsify_with(
            sparse,
            {each: online[each] for each in names},
            tf.keras.optimizers.legacy.Adam(given.learning_rate),
            total_steps=given.train_steps,
            seed=random_state.seed_from(seed, Stream.MASKS) + number,
        )
        for number, (name, names) in enumerate(trained_by.items())
    }
    step = tf.Variable(0, dtype=tf.int64, name="train_step", trainable=False)
    agent = td3_agent.Td3Agent(
        env.time_step_spec(),
        env.action_spec(),
        actor_network=online["actor"],
        critic_network=online["critic_1"],
        critic_network_2=online["critic_2"],
        target_actor_network=copies["actor"],
        target_critic_network=copies["critic_1"],
        target_critic_network_2=copies["critic_2"],
        actor_optimizer=optimizers["actor"],
        critic_optimizer=optimizers["critic"],
        exploration_noise_std=given.exploration_noise,
        target_update_tau=given.target_update_tau,
        target_update_period=given.target_update_period,
        gamma=given.gamma,
        reward_scale_factor=given.reward_scale_factor,
        train_step_counter=step,
    )
    agent.initialize()

    # Targets that are soft copies keep traces of dropped weights, so they are masked too.
    maskers = [
        targets.target_masker(
            optimizers[name],
            {each: (online[each], copies[each]) for each in names},
            step,
            given.target_update_tau,
            given.target_update_period,
        )
        for name, names in trained_by.items()
    ]
    replay = tf_uniform_replay_buffer.TFUniformReplayBuffer(
        agent.collect_data_spec, batch_size=1, max_length=given.replay_capacity
    )
    random = random_state.generator(seed, Stream.TRAINING)
    TrainingRun(
        directory=RunDirectory(root_dir, config_text),
        hyperparameters=given,
        labels={
            "agent": "td3",
            **parts.labels(given, [(sparse, optimizers["critic"])], py_env, seed),
        },
        networks=online,
        optimizers=optimizers,
        variables=tf.train.Checkpoint(agent=agent, replay=replay, step=step, random=random),
        env=py_env,
        collect_initially=off_policy_loop.initial_collection(
            env, replay, given.initial_collect_steps, random
        ),
        advance=off_policy_loop.make_train_loop(
            env,
            agent,
            replay,
            given.batch_size,
            random,
            after_train=lambda: [masker() for masker in maskers],
            executions=[optimizer.execution for optimizer in optimizers.values()],
        ),
        evaluate=parts.evaluation(agent.policy, py_env.task, given.eval_episodes, seed),
        env_step=lambda train_step: given.initial_collect_steps + train_step,
        save_policy=lambda path: policy_saver.PolicySaver(agent.policy).save(path),
        last_fraction=last_fraction,
        show_bar=show_bar,
    ).run()


if __name__ == "__main__":
    flags.main(train_eval)
