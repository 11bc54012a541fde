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

from rigl_rl.errors import ConfigError
from rigl_rl.networks import sac
from rigl_rl.networks.width import scaled_units
from rigl_rl.parameters import parameter, with_default
from rigl_rl.sparsity import SparseSettings, sparsify_with
from rigl_rl.sparsity.gin_config import sparse_settings
from rigl_rl.tfagents import flags, parts, targets
from rigl_rl.tfagents.hyperparameters import OffPolicy
from rigl_rl.tfagents.start import Start, train_eval_with
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


def training_run(start: Start[Td3Hyperparameters]) -> TrainingRun:
    """Makes the agent and the other parts of its run."""
    given, env = start.given, start.env
    units = scaled_units(given.hidden_units, given.width)

    def networks(prefix: str) -> dict[str, Any]:
        made = {"actor": actor_network(env.action_spec(), units)}
        made["actor"].create_variables(env.observation_spec())
        for name in ("critic_1", "critic_2"):
            made[name] = sac.critic_network((), (), units, name=prefix + name)
            made[name].create_variables((env.observation_spec(), env.action_spec()))
        return made

    online, copies = networks(""), networks("target_")
    trained_by = {"actor": ("actor",), "critic": ("critic_1", "critic_2")}
    optimizers = {
        name: sparsify_with(
            sparse,
            {each: online[each] for each in names},
            tf.keras.optimizers.legacy.Adam(given.learning_rate),
            total_steps=given.train_steps,
            seed=start.mask_seed + number,
        )
        for number, (sparse, (name, names)) in enumerate(zip(start.sparse, trained_by.items()))
    }
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
        **given.of_td_learning,
        train_step_counter=start.step,
    )
    agent.initialize()

    # Targets that are soft copies keep traces of dropped weights, so they are masked too.
    maskers = [
        targets.target_masker(
            optimizers[name],
            {each: (online[each], copies[each]) for each in names},
            start.step,
            given.target_update_tau,
            given.target_update_period,
        )
        for name, names in trained_by.items()
    ]
    replay = parts.replay_buffer(agent, given)
    return TrainingRun(
        **start.shared(),
        **parts.of_replay(
            start, agent, replay, optimizers, lambda: [masker() for masker in maskers]
        ),
        labels={"agent": "td3", **parts.labels(start, optimizers.values())},
        networks=online,
        variables=tf.train.Checkpoint(
            agent=agent, replay=replay, step=start.step, random=start.random
        ),
        policy=agent.policy,
        evaluate=parts.evaluation(agent.policy, start.py_env.task, given.eval_episodes, start.seed),
    )


def sparse_settings_of_both(given: Td3Hyperparameters) -> list[SparseSettings]:
    """Settings of sparse training for the actor and the critics."""
    sparse = dataclasses.replace(
        sparse_settings(given.train_mode), sparse_output_layer=given.sparse_output_layer
    )
    return [sparse, sparse]


train_eval = train_eval_with(Td3Hyperparameters, sparse_settings_of_both, training_run)

if __name__ == "__main__":
    flags.main(train_eval)
