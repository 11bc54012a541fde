"""The hyperparameters of DQN on Atari, under the names of Dopamine and the original.

Each is written once, with its meaning and range. Gin binds `SparseTrainRunner.num_iterations`,
`DQNAgent.gamma`, `SparseDQNAgent.mode`, `WrappedReplayBuffer.batch_size` and so on. Defaults are
the paper's for the dense agent: Tables 4 to 7 and section A.1.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import gin
import tensorflow as tf
from dopamine.agents.dqn.dqn_agent import linearly_decaying_epsilon

from rigl_rl.dopamine.gin_config import create_atari_environment
from rigl_rl.environments.atari import AtariEnvironment
from rigl_rl.environments.frames import FRAME_SHAPE, STACK_SIZE
from rigl_rl.errors import ConfigError
from rigl_rl.networks.nature_cnn import NatureDQNNetwork
from rigl_rl.parameters import Checked, check, parameter
from rigl_rl.sparsity import METHODS


@gin.configurable("SparseTrainRunner", module="rigl_rl.dopamine")
@dataclasses.dataclass(frozen=True)
class RunnerHyperparameters(Checked):
    """The game, the length of the run and its evaluation."""

    agent_type: str = parameter("dqn", "the agent", choices=("dqn",))
    load_env_fn: Callable[[], AtariEnvironment] = parameter(
        create_atari_environment, "makes the game"
    )
    num_iterations: int = parameter(40, "iterations of training and evaluation", low=1)
    training_steps: int = parameter(
        250_000, "training steps of the agent per iteration; the last episode is completed", low=1
    )
    evaluation_steps: int = parameter(
        125_000, "evaluation steps of the agent per iteration; the last episode is completed", low=1
    )
    max_steps_per_episode: int = parameter(
        27_000, "agent steps after which an episode is cut off", low=1
    )
    clip_rewards: bool = parameter(True, "whether training clips rewards to [-1, 1]")
    observation_noise: float | None = parameter(
        None,
        "standard deviation of noise on all observations, in pixel values; None: no noise",
        low=0,
    )
    atari_100k_eval: bool = parameter(
        False, "whether an evaluation plays `num_eval_episodes` episodes instead of steps"
    )
    num_eval_episodes: int = parameter(100, "see `atari_100k_eval`", low=1)
    policy_save_interval: int = parameter(
        0, "iterations between saved policies; 0: only the final one", low=0
    )

    def make_game(self) -> AtariEnvironment:
        """Makes the game.

        Raises:
          ConfigError: its frames are not those of the networks' input.
        """
        game = self.load_env_fn()
        shape, frame = game.observation_space.shape, (*FRAME_SHAPE, 1)
        if shape != frame:
            raise ConfigError(
                f"the game's frames are {shape}, but must be {frame}; "
                "leave AtariPreprocessing.screen_size unbound"
            )
        return game


@gin.configurable("DQNAgent", module="rigl_rl.dopamine")
@dataclasses.dataclass(frozen=True)
class AgentHyperparameters(Checked):
    """Acting and learning."""

    network: Callable[..., tf.keras.Model] = parameter(
        NatureDQNNetwork, "makes the online and the target network from the number of actions"
    )
    optimizer: tf.keras.optimizers.Optimizer | None = parameter(
        None,
        "a Keras optimizer; None: Adam (Table 7)",
        test=(
            lambda value: hasattr(value, "apply_gradients"),
            "a Keras optimizer, such as @tf.train.AdamOptimizer()",
        ),
    )
    gamma: float = parameter(0.99, "discount", low=0, high=1)
    update_horizon: int = parameter(
        1, "agent steps between a transition's state and its next state", low=1
    )
    min_replay_history: int = parameter(20_000, "transitions before the first gradient step", low=1)
    update_period: int = parameter(4, "agent steps per gradient step", low=1)
    target_update_period: int = parameter(
        8_000, "agent steps between copies of the online network", low=1
    )
    epsilon_fn: Callable[[int, int, int, float], float] = parameter(
        linearly_decaying_epsilon,
        "(decay period, step, min_replay_history, final epsilon) -> epsilon in training",
    )
    epsilon_train: float = parameter(0.01, "final epsilon in training", low=0, high=1)
    epsilon_eval: float = parameter(0.001, "epsilon in evaluation", low=0, high=1)
    epsilon_decay_period: int = parameter(
        25_000, "agent steps over which epsilon falls from 1", low=1
    )

    def __post_init__(self):
        super().__post_init__()
        # The first gradient step needs one whole transition. A longer period stores it anyway.
        if self.update_period <= self.update_horizon:
            least = STACK_SIZE - 1 + self.update_horizon
            check("min_replay_history", self.min_replay_history, "int", low=least)


@gin.configurable("SparseDQNAgent", module="rigl_rl.dopamine")
@dataclasses.dataclass(frozen=True)
class SparseHyperparameters(Checked):
    """The sparse training method. `gin_config` has its settings."""

    mode: str = parameter("dense", "name of a method", choices=METHODS.keys)
    weight_decay: float = parameter(
        0.0, "coefficient of sum(w^2) / 2 over kernels in the loss (Tables 4 and 5)", low=0
    )
