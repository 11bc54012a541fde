"""How fast DQN on CartPole trains: dense, each sparse method, and the machine's limit.

python -m benchmarks.dqn [--sparsity 0.9] [--execution auto] [--rounds 5] [--steps 1000]
                         [--threads 1] [--methods rigl ...]

This measures the training loop (environment, replay, update; no evaluation) with the paper's
settings (2 x 512 units, batch 128, a mask update every 1,000 steps).
"""

import functools
import os
import tempfile
from typing import Any

import tensorflow as tf

from benchmarks import ROOT, training_speed
from rigl_rl import paper
from rigl_rl.runs import random_state
from rigl_rl.sparsity import SparseSettings, counting
from rigl_rl.tfagents import dqn_agent, off_policy_loop, parts, targets
from rigl_rl.tfagents.hyperparameters import DqnHyperparameters

ENV = "CartPole-v0"


def training(
    env_name: str, given: DqnHyperparameters, sparse: SparseSettings, seed: int, execution: bool
) -> tuple[dqn_agent.DqnAgent, Any, tf.random.Generator, training_speed.TrainLoop]:
    """An agent as in `dqn_train_eval`, its replay buffer, random numbers and train function."""
    env = training_speed.in_graph(env_name, seed)
    step = tf.Variable(0, dtype=tf.int64)
    agent = dqn_agent.make_agent(env, step, given, sparse, seed=seed)
    replay = parts.replay_buffer(agent, given)
    random = random_state.generator(seed)
    off_policy_loop.collect_at_random(env, replay, given.initial_collect_steps, random)
    networks = {"q": (agent.q_network, agent.target_q_network)}
    update = given.target_update_tau, given.target_update_period
    follow = targets.target_masker(agent.optimizer, networks, step, *update)
    executions = [agent.optimizer.execution] if execution else []
    train = off_policy_loop.make_train_loop(
        env, agent, replay, given.batch_size, random, follow, executions
    )
    return agent, replay, random, train


def train_loop(
    sparsity: float, execution: str, method: str, total_steps: int
) -> tuple[training_speed.TrainLoop, int]:
    """A train function as in `dqn_train_eval`, and the FLOPs of one of its (dense) train steps."""
    units = training_speed.hidden_layers(method, DqnHyperparameters().fc_layer_params)
    sparse = training_speed.settings("dqn_classic", method, sparsity, execution)
    given = DqnHyperparameters(num_iterations=total_steps, fc_layer_params=units)
    agent, _, _, train = training(ENV, given, sparse, seed=0, execution=True)
    layers = counting.from_keras(agent.q_network)
    return train, counting.train_step_flops(layers, given.batch_size)


def start_up_seconds() -> float:
    """Seconds from the start of a training process to the end of its first train step."""
    with tempfile.TemporaryDirectory() as directory:
        command = ["rigl_rl.tfagents.dqn_train_eval", "--noprogress"]
        command += ["--root_dir", os.path.join(directory, "run")]
        command += ["--gin_file", str(ROOT / "gin_configs/dqn_classic/rigl.gin")]
        command += ["--gin_bindings", "train_eval.num_iterations = 1"]
        return training_speed.seconds_until(command, "step 1:")


def main() -> None:
    """Measures and prints."""
    methods = (*paper.METHODS, training_speed.FLOOR)
    args = training_speed.parser("python -m benchmarks.dqn", __doc__, methods=methods).parse_args()
    training_speed.set_up(args)
    print(f"start to first train step  {start_up_seconds():8.1f} s", flush=True)
    make = functools.partial(train_loop, args.sparsity, args.execution)
    training_speed.compare(make, args)


if __name__ == "__main__":
    main()
