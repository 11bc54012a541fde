"""How fast PPO on HalfCheetah trains: dense and each sparse method.

python -m benchmarks.ppo [--sparsity 0.9] [--rounds 5] [--steps 960] [--threads 1]

This measures training iterations (2,048 environment steps, 320 gradient steps, the paper's
networks) without evaluation; speeds are in environment steps. Masks change as often as in Table 3,
with RigL's drop fraction for SET. Then it measures the two parts of an iteration separately.
"""

import dataclasses
import functools
import time
from collections.abc import Callable

import tensorflow as tf

from benchmarks.training_speed import TrainLoop, compare, in_graph, parser, set_up, settings
from rigl_rl import paper
from rigl_rl.runs import random_state
from rigl_rl.sparsity import counting
from rigl_rl.tfagents import on_policy_loop, ppo_agent
from rigl_rl.tfagents.hyperparameters import PpoHyperparameters

ENV = "HalfCheetah-v4"
GIVEN = PpoHyperparameters()
COLLECT_STEPS, EPOCHS, MINIBATCH = (
    GIVEN.collect_sequence_length,
    GIVEN.num_epochs,
    GIVEN.minibatch_size,
)
TRAIN_STEPS = GIVEN.steps_per_iteration


class Parts:
    """A loop as in `ppo_train_eval`, and its two halves separately."""

    def __init__(self, method: str, sparsity: float):
        env = in_graph(ENV)
        sparse = dataclasses.replace(
            settings("ppo_mujoco", method, sparsity),
            drop_fraction=paper.best("ppo_mujoco", "rigl")["drop_fraction"],
        )
        agent = ppo_agent.make_agent(
            env,
            tf.Variable(0, dtype=tf.int64),
            GIVEN,
            sparse,
            sparse,
            seed=0,
        )
        random = random_state.generator(0)
        self.agent = agent
        self.loop = on_policy_loop.Loop(env, agent, COLLECT_STEPS, EPOCHS, MINIBATCH, random)
        self.loop.train(TRAIN_STEPS)

        @tf.function
        def collect():
            with random_state.draws_from(random):
                return on_policy_loop.collect(env, agent.acting_policy, COLLECT_STEPS)

        @tf.function
        def learn(experience):
            with random_state.draws_from(random):
                return on_policy_loop.learn(agent, experience, EPOCHS, MINIBATCH)

        self._collect, self._learn = collect, learn

    def collect(self) -> None:
        """Takes only an iteration's environment steps."""
        self._collect().reward.numpy()

    def learn(self) -> None:
        """Takes only an iteration's gradient steps."""
        self._learn(self.loop.experience).numpy()


def train_loop(sparsity: float, method: str, total_steps: int) -> tuple[TrainLoop, int]:
    """A train function as in `ppo_train_eval`, and the FLOPs of one dense train step.

    The limit omits acting and the values of an iteration's steps: 1/30 of the products.
    """
    del total_steps  # the learning rate falls over the paper's length
    parts = Parts(method, sparsity)
    networks = parts.agent.actor_net, parts.agent.value_net
    flops = sum(
        counting.train_step_flops(counting.from_keras(each), MINIBATCH, forward_passes=1)
        for each in networks
    )

    def train(steps: int) -> None:
        for _ in range(max(1, steps // TRAIN_STEPS)):
            parts.loop.train(TRAIN_STEPS)

    return train, flops


def seconds(function: Callable[[], None], times: int) -> float:
    """Mean seconds of one call."""
    function()
    began = time.perf_counter()
    for _ in range(times):
        function()
    return (time.perf_counter() - began) / times


def main() -> None:
    """Measures and prints."""
    options = parser(
        "python -m benchmarks.ppo", __doc__, steps=3 * TRAIN_STEPS, sparse_products=False
    )
    args = options.parse_args()
    set_up(args)
    make = functools.partial(train_loop, args.sparsity)
    compare(make, args, unit=COLLECT_STEPS / TRAIN_STEPS)
    parts = Parts("dense", args.sparsity)
    collection = COLLECT_STEPS / seconds(parts.collect, args.rounds)
    learning = TRAIN_STEPS / seconds(parts.learn, args.rounds)
    print(f"collection alone           {collection:8.0f} steps/s")
    print(f"gradient steps alone       {learning:8.0f} per second")


if __name__ == "__main__":
    main()
