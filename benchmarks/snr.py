"""Signal-to-noise ratio of DQN's gradients by mask, and how much dead weights explain.

    python -m benchmarks.snr [--env_name CartPole-v0] [--train_steps 0] [--seeds 1]
        [--networks dense uniform90 erk99]

This builds each network like a RigL run, collects 1,000 random steps, trains if requested, and
measures five minibatches of 128 transitions as in runs (`rigl_rl.sparsity.snr`). It prints means
over minibatches and seeds:

- no input: units of the first hidden layer without a connection to the observation;
- no output: units of the last hidden layer without a connection to a Q-value;
- dead: parameters whose gradient is 0 for every transition of the minibatch; their SNR counts as 0;
- SNR: mean over all parameters, and over those that are not dead.
"""

import argparse
import re
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from benchmarks.dqn import ENV, training
from benchmarks.training_speed import set_up
from rigl_rl import paper
from rigl_rl.runs import random_state
from rigl_rl.sparsity import DENSE, SparseSettings, snr
from rigl_rl.tfagents.hyperparameters import DqnHyperparameters
from rigl_rl.tfagents.replay import sample_transitions

NETWORKS = ("dense", "uniform50", "uniform80", "uniform90", "uniform95", "erk90", "erk95", "erk99")
DISTRIBUTIONS = {"uniform": paper.UNIFORM, "erk": paper.ERK}
MINIBATCHES = 5


class Measured(NamedTuple):
    """Printed results for one network; shares within [0, 1]."""

    no_input: float
    no_output: float
    dead: float
    snr: float
    snr_alive: float


def sparse_settings(network: str) -> SparseSettings:
    """The settings for a name such as 'uniform90'; ValueError for another name."""
    if network == "dense":
        return DENSE
    match = re.fullmatch(r"(uniform|erk)(\d\d)", network)
    if match is None:
        raise ValueError(f"{network!r} is neither 'dense' nor of the form 'uniform90' or 'erk99'")
    best = paper.best("dqn_classic", "rigl")
    return SparseSettings(
        "rigl",
        sparsity=int(match[2]) / 100,
        distribution=DISTRIBUTIONS[match[1]],
        update_freq=best["update_freq"],
        drop_fraction=best["drop_fraction"],
    )


def measure(network: str, env_name: str, train_steps: int, seed: int) -> Measured:
    """Builds, trains for `train_steps` and measures."""
    tf.keras.utils.set_random_seed(seed)
    given = DqnHyperparameters(num_iterations=max(1, train_steps))
    agent, replay, random, train = training(
        env_name, given, sparse_settings(network), seed, execution=False
    )
    if train_steps:
        train(train_steps)
    variables = agent.q_network.trainable_variables

    @tf.function
    def of_a_minibatch():
        with random_state.draws_from(random):
            batch = sample_transitions(replay, given.batch_size)
        gradients = snr.per_sample_gradients(agent.td_losses, variables, batch)
        dead = [tf.reshape(tf.reduce_all(each == 0.0, axis=0), [-1]) for each in gradients]
        share = tf.reduce_mean(tf.cast(tf.concat(dead, axis=0), tf.float32))
        ratio = snr.batch_snr(agent.td_losses, variables, batch, chunk_size=32)
        # Dead parameters count as 0, so the sum comes from the others.
        return share, ratio, ratio / (1 - share)

    dead, ratio, alive = np.mean([of_a_minibatch() for _ in range(MINIBATCHES)], axis=0)
    masks = [kernel.mask.numpy() for kernel in agent.optimizer.kernels] or [np.ones((1, 1))]
    no_input = np.mean(~masks[0].any(axis=0))
    no_output = np.mean(~masks[-1].any(axis=1))
    return Measured(*map(float, (no_input, no_output, dead, ratio, alive)))


def main() -> None:
    """Measures, and prints a row per network."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.snr", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--env_name", default=ENV, help="default: %(default)s")
    parser.add_argument("--train_steps", type=int, default=0, help="default: none, initialization")
    parser.add_argument("--seeds", type=int, default=1, help="default: %(default)s")
    parser.add_argument("--networks", nargs="+", default=NETWORKS, metavar="NETWORK")
    parser.add_argument("--threads", type=int, default=1, help="default: %(default)s")
    args = parser.parse_args()
    try:
        for network in args.networks:
            sparse_settings(network)
    except ValueError as error:
        parser.error(f"argument --networks: {error}")
    set_up(args)
    print(f"{'network':<12}{'no input':>10}{'no output':>11}{'dead':>8}{'SNR':>9}{'not dead':>10}")
    for network in args.networks:
        found = [
            measure(network, args.env_name, args.train_steps, seed) for seed in range(args.seeds)
        ]
        row = Measured(*np.mean(found, axis=0))
        print(
            f"{network:<12}{row.no_input:>10.1%}{row.no_output:>11.1%}{row.dead:>8.1%}"
            f"{row.snr:>9.4f}{row.snr_alive:>10.4f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
