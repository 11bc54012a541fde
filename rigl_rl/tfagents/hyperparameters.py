"""The hyperparameters of DQN, SAC and PPO: each written once, with its meaning and range.

Gin binds them under the original's names, `train_eval.num_iterations` and so on. Defaults are the
paper's for the dense agent: Tables 1 to 3, 6, 8, 9 and section A.1.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar

from rigl_rl import paper
from rigl_rl.environments.tasks import IS_NAME, Task
from rigl_rl.errors import ConfigError
from rigl_rl.networks.width import WIDTH
from rigl_rl.parameters import Checked, pair, parameter, with_default
from rigl_rl.sparsity.gin_config import TRAIN_MODES
from rigl_rl.tfagents.replay import LEAST_CAPACITY

UNITS = {"low": 1, "high": 2**16}
_SPARSE = "'sparse' trains as `wrap_all_layers`, `init_masks` and `mask_updater` are bound"


@dataclasses.dataclass(frozen=True)
class Hyperparameters(Checked):
    """Hyperparameters that all three agents have."""

    BATCH: ClassVar[str] = "batch_size"
    """The one that counts the samples of a train step."""

    env_name: str = parameter(
        "HalfCheetah-v2",
        "a name that `gymnasium.make` takes ('CartPole-v0', 'module:Mine-v0'), or one of the "
        "paper's -v2 names",
        test=IS_NAME,
    )
    bootstrap_at_time_limit: bool = parameter(
        True, "whether values are bootstrapped at the time limit; False: it is a terminal state"
    )
    max_episode_steps: int | None = parameter(
        None,
        "environment steps after which an episode is truncated, in training and evaluation; None: "
        "the environment's registered limit",
        low=1,
    )
    allow_inexact_resume: bool = parameter(
        False,
        "whether to train in an environment that cannot be saved exactly; a resumed run then "
        "starts a new episode",
    )
    num_iterations: int = parameter(100_000, "train steps, each after one environment step", low=1)
    width: float = parameter(
        1.0,
        "multiplier of the hidden layers, for parameter-matched dense networks",
        **dataclasses.asdict(WIDTH),
    )
    sparse_output_layer: bool = parameter(True, "whether the output layers are sparse too")
    weight_decay: float = parameter(1e-6, "coefficient of sum(w^2) over kernels in the loss", low=0)
    eval_interval: int = parameter(2_000, "train steps between evaluations", low=1)
    eval_episodes: int = parameter(20, "episodes per evaluation, side by side", low=1, high=10_000)
    checkpoint_interval: int = parameter(
        0,
        "train steps between checkpoints, each taken right after an evaluation; 0: after each one. "
        "A killed run repeats exactly the steps since the last one",
        low=0,
    )
    policy_save_interval: int = parameter(
        0, "train steps between saved policies; 0: only the final one", low=0
    )

    def task(self, modules: tuple[str, ...] = ()) -> Task:
        """The environment; `modules` are imported first."""
        return Task(self.env_name, self.max_episode_steps, modules=modules)

    def resolved(self) -> Any:
        """A copy with each None replaced by the value in effect, where other fields give it."""
        return self

    @property
    def steps_per_iteration(self) -> int:
        """Train steps taken together: events due within them take place after the last."""
        return 1

    @property
    def train_steps(self) -> int:
        """Train steps of the whole run."""
        return self.num_iterations * self.steps_per_iteration


@dataclasses.dataclass(frozen=True)
class OffPolicy(Hyperparameters):
    """Further hyperparameters of agents with a replay buffer."""

    initial_collect_steps: int = parameter(
        1_000, "random environment steps before the first train step", low=1
    )
    batch_size: int = parameter(128, "transitions per train step", low=1)
    replay_capacity: int = parameter(
        100_000, "frames, including the one between two episodes", low=LEAST_CAPACITY
    )
    gamma: float = parameter(0.99, "discount", low=0, high=1)
    reward_scale_factor: float = parameter(1.0, "multiplies rewards in the loss", low=0)
    target_update_period: int = parameter(100, "train steps between target updates", low=1)
    target_update_tau: float = parameter(1.0, "online network's weight in an update", low=0, high=1)

    @property
    def of_td_learning(self) -> dict[str, Any]:
        """The hyperparameters that TF-Agents' agents take under the same names."""
        names = ("gamma", "reward_scale_factor", "target_update_period", "target_update_tau")
        return {name: getattr(self, name) for name in names}


@dataclasses.dataclass(frozen=True)
class ActorCritic(Hyperparameters):
    """Further hyperparameters of agents with an actor and a critic or value network."""

    contact_forces: bool | None = parameter(
        None,
        "MuJoCo tasks only: True simulates contact forces, False leaves them at zero; None: zero "
        "under the -v2 names of Ant and Humanoid, real under others",
    )
    actor_critic_widths_str: str | None = parameter(
        "", "'actor_critic' multipliers that override `width`, such as '0.5_0.7'"
    )
    train_mode_actor: str = parameter("dense", _SPARSE, choices=TRAIN_MODES)
    train_mode_value: str = parameter(
        "dense", "the same for the critics or the value network", choices=TRAIN_MODES
    )
    actor_critic_sparsities_str: str | None = parameter(
        "", "'actor_critic' sparsities that override the common one, such as '0.9_0.8'"
    )
    actor_fc_layers: Sequence[int] = parameter(
        (256, 256), "the actor's hidden units, before `width`", **UNITS
    )

    def __post_init__(self):
        super().__post_init__()
        _ = self.widths, self.sparsities  # raises

    def task(self, modules: tuple[str, ...] = ()) -> Task:
        """The environment; `modules` are imported first."""
        return Task(self.env_name, self.max_episode_steps, self.contact_forces, modules)

    @property
    def widths(self) -> tuple[float, float]:
        """Multipliers of the actor's and the critic's hidden layers."""
        numbers = pair("actor_critic_widths_str", self.actor_critic_widths_str, above=0, high=100)
        return numbers or (self.width, self.width)

    @property
    def sparsities(self) -> tuple[float, float] | None:
        """Sparsities of the actor and the critic; None if they are not given separately."""
        text = self.actor_critic_sparsities_str
        return pair("actor_critic_sparsities_str", text, low=0, below=1)


@dataclasses.dataclass(frozen=True)
class DqnHyperparameters(OffPolicy):
    """DQN's hyperparameters."""

    env_name: str = with_default(Hyperparameters, "env_name", "CartPole-v0")
    fc_layer_params: Sequence[int] = parameter((512, 512), "hidden units, before `width`", **UNITS)
    train_mode: str = parameter("dense", _SPARSE, choices=TRAIN_MODES)
    decay_output_layer: bool = parameter(
        True, "whether weight decay includes the output layer's kernel; in the original it does not"
    )
    learning_rate: float = parameter(1e-3, "Adam's learning rate", low=0)
    initial_epsilon_greedy: float | None = parameter(
        None,
        "epsilon of the collect policy at the first train step; None: `epsilon_greedy`, a constant "
        "epsilon",
        low=0,
        high=1,
    )
    epsilon_greedy: float = parameter(0.1, "final epsilon of the collect policy", low=0, high=1)
    epsilon_decay_period: int = parameter(
        25_000,
        "train steps over which epsilon changes linearly from its initial to its final value",
        low=1,
    )
    eval_epsilon_greedy: float = parameter(
        0.1,
        "epsilon in evaluation; the same number of episodes is also played greedily, for the "
        "second score",
        low=0,
        high=1,
    )

    def resolved(self) -> DqnHyperparameters:
        """A copy with the initial epsilon filled in."""
        if self.initial_epsilon_greedy is not None:
            return self
        return dataclasses.replace(self, initial_epsilon_greedy=self.epsilon_greedy)


@dataclasses.dataclass(frozen=True)
class SacHyperparameters(ActorCritic, OffPolicy):
    """SAC's hyperparameters."""

    num_iterations: int = with_default(OffPolicy, "num_iterations", 1_000_000)
    initial_collect_steps: int | None = parameter(  # type: ignore[assignment]
        None,
        "random environment steps before the first train step; None: 10,000 for HalfCheetah and "
        "Ant, 1,000 for others (Table 8)",
        low=1,
    )
    critic_obs_fc_layers: Sequence[int] | None = parameter(
        None, "the critics' hidden units on observations, before `width`", **UNITS
    )
    critic_action_fc_layers: Sequence[int] | None = parameter(
        None, "the critics' hidden units on actions, before `width`", **UNITS
    )
    critic_joint_fc_layers: Sequence[int] = parameter(
        (256, 256), "the critics' hidden units on both joined, before `width`", **UNITS
    )
    weight_decay: float = with_default(OffPolicy, "weight_decay", 1e-4)
    target_update_period: int = with_default(OffPolicy, "target_update_period", 1)
    target_update_tau: float = with_default(OffPolicy, "target_update_tau", 0.005)
    batch_size: int = with_default(OffPolicy, "batch_size", 256)
    actor_learning_rate: float = parameter(3e-4, "the actor's learning rate", low=0)
    critic_learning_rate: float = parameter(3e-4, "the critics' learning rate", low=0)
    alpha_learning_rate: float = parameter(3e-4, "the entropy weight's learning rate", low=0)
    reward_scale_factor: float = with_default(OffPolicy, "reward_scale_factor", 0.1)
    replay_capacity: int = with_default(OffPolicy, "replay_capacity", 1_000_000)
    eval_interval: int = with_default(OffPolicy, "eval_interval", 10_000)
    eval_episodes: int = with_default(OffPolicy, "eval_episodes", 30)
    # A full replay buffer takes seconds to write.
    checkpoint_interval: int = with_default(OffPolicy, "checkpoint_interval", 50_000)

    def resolved(self) -> SacHyperparameters:
        """A copy with the environment's initial collection filled in."""
        steps = self.initial_collect_steps or paper.initial_collect_steps(self.env_name)
        return dataclasses.replace(self, initial_collect_steps=steps)


@dataclasses.dataclass(frozen=True)
class PpoHyperparameters(ActorCritic):
    """PPO's hyperparameters.

    An iteration takes `num_epochs * collect_sequence_length / minibatch_size` train steps. Events
    due within an iteration take place at its end.
    """

    BATCH = "minibatch_size"

    num_iterations: int = parameter(489, "iterations of collecting and learning", low=1)
    collect_sequence_length: int = parameter(
        2048, "environment steps per iteration", low=1, high=10_000_000
    )
    minibatch_size: int = parameter(
        64, "environment steps per train step; a divisor of `collect_sequence_length`", low=1
    )
    num_epochs: int = parameter(10, "passes over an iteration's environment steps", low=1)
    actor_fc_layers: Sequence[int] = with_default(ActorCritic, "actor_fc_layers", (64, 64))
    value_fc_layers: Sequence[int] = parameter(
        (64, 64), "the value network's hidden units, before `width`", **UNITS
    )
    learning_rate: float = parameter(
        3e-4, "Adam's in the first iteration; it falls linearly to 0 after the last", low=0
    )
    discount_factor: float = parameter(0.99, "discount (gamma)", low=0, high=1)
    importance_ratio_clipping: float = parameter(
        0.2, "epsilon of the clipped loss; 0: no clipping", low=0
    )
    use_gae: bool = parameter(
        True, "False sets lambda to 1: returns to the end of the episode or iteration"
    )
    lambda_value: float = parameter(
        0.95, "lambda of the advantages and the value network's targets", low=0, high=1
    )
    entropy_regularization: float = parameter(0.0, "coefficient of the entropy in the loss", low=0)
    value_pred_loss_coef: float = parameter(
        0.5, "coefficient of the squared value error in the loss", low=0
    )
    gradient_clipping: float = parameter(
        0.5,
        "largest global norm of both networks' gradient, inactive connections included; 0: no "
        "clipping",
        low=0,
    )
    use_td_lambda_return: bool = parameter(
        True, "False makes values learn the returns to the end of the episode or iteration"
    )
    value_clipping: float | None = parameter(
        None, "clipping range of a value's change per iteration; None: no clipping", above=0
    )

    def __post_init__(self):
        super().__post_init__()
        if self.collect_sequence_length % self.minibatch_size:
            raise ConfigError(
                f"minibatch_size is {self.minibatch_size}, but must divide "
                f"collect_sequence_length, {self.collect_sequence_length}"
            )

    @property
    def steps_per_iteration(self) -> int:
        """Train steps of an iteration."""
        return self.num_epochs * self.collect_sequence_length // self.minibatch_size
