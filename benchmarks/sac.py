"""How fast SAC on HalfCheetah trains and evaluates: dense, each sparse method, the machine's limit.

python -m benchmarks.sac [--sparsity 0.9] [--execution auto] [--rounds 5] [--steps 1000]
                         [--threads 1] [--methods rigl ...]

This measures the training loop (environment, replay, update; no evaluation) with the paper's
settings (2 x 256 units, batch 256, mask updates as often as in Table 2). Then it measures 30
evaluation episodes (`--episodes`), side by side and one after the other, and a checkpoint of
Humanoid, the largest task, with a full replay buffer (`--transitions`).
"""

import dataclasses
import functools
import tempfile
import time
from pathlib import Path

import tensorflow as tf
from tf_agents.policies import greedy_policy

from benchmarks import training_speed
from rigl_rl import paper
from rigl_rl.adapters.replay_tables import ReplayState
from rigl_rl.environments.tasks import Task
from rigl_rl.runs import random_state
from rigl_rl.runs.checkpoints import Checkpoints
from rigl_rl.sparsity import counting
from rigl_rl.tfagents import off_policy_loop, parts, sac_agent, targets
from rigl_rl.tfagents.hyperparameters import SacHyperparameters

ENV = "HalfCheetah-v2"
GIVEN = SacHyperparameters(env_name=ENV)


def make_agent(
    env, method: str, total_steps: int, sparsity: float = 0.9, execution: str = "auto"
) -> sac_agent.SacAgent:
    """An agent with the paper's networks."""
    units = training_speed.hidden_layers(method, GIVEN.actor_fc_layers)
    sparse = training_speed.settings("sac_mujoco", method, sparsity, execution)
    step = tf.Variable(0, dtype=tf.int64)
    given = dataclasses.replace(
        GIVEN, num_iterations=total_steps, actor_fc_layers=units, critic_joint_fc_layers=units
    )
    return sac_agent.make_agent(env, step, given, sparse, sparse, seed=0)


def train_loop(
    sparsity: float, execution: str, method: str, total_steps: int
) -> tuple[training_speed.TrainLoop, int]:
    """A train function as in `sac_train_eval`, and the FLOPs of one dense train step."""
    env = training_speed.in_graph(ENV)
    agent = make_agent(env, method, total_steps, sparsity, execution)
    replay = parts.replay_buffer(agent, GIVEN)
    random = random_state.generator(0)
    off_policy_loop.collect_at_random(env, replay, paper.initial_collect_steps(ENV), random)
    masker = targets.target_masker(
        agent.critic_optimizer,
        agent.critics_and_targets,
        agent.train_step_counter,
        GIVEN.target_update_tau,
        GIVEN.target_update_period,
    )
    executions = [agent.actor_optimizer.execution, agent.critic_optimizer.execution]
    train = off_policy_loop.make_train_loop(
        env, agent, replay, GIVEN.batch_size, random, masker, executions
    )
    return train, train_step_flops(agent)


def train_step_flops(agent: sac_agent.SacAgent) -> int:
    """Multiplications and additions of a train step's matrix products, dense."""
    actor = counting.from_keras(agent.actor_network)
    critic = counting.from_keras(agent.critic_networks["critic_1"])
    # The actor on next observations for the targets, on observations for its loss and alpha's.
    batch = GIVEN.batch_size
    total = counting.train_step_flops(actor, batch, forward_passes=3)
    # Each critic: its target, itself, and once more for the actor's loss.
    total += 2 * counting.train_step_flops(critic, batch, forward_passes=3)
    # There, the gradient reaches the actions, but no kernel.
    return total + 2 * batch * counting.count(critic).dense_flops


def evaluation_seconds(agent: sac_agent.SacAgent, episodes: int) -> tuple[float, float]:
    """Seconds of evaluation episodes side by side, and one after the other."""
    policy = greedy_policy.GreedyPolicy(agent.policy)
    seconds = []
    for together, times in ((episodes, 1), (1, episodes)):
        evaluate = parts.evaluation(policy, Task(ENV), together, seed=0)
        evaluate(0)
        began = time.perf_counter()
        for number in range(times):
            evaluate(number)
        seconds.append(time.perf_counter() - began)
    return seconds[0], seconds[1]


def checkpoint_cost(transitions: int) -> tuple[float, float]:
    """Seconds and MB (2^20 bytes) of a Humanoid checkpoint with this number of transitions."""
    env = training_speed.in_graph("Humanoid-v2")
    agent = make_agent(env, "rigl", total_steps=1000)
    replay = parts.replay_buffer(agent, dataclasses.replace(GIVEN, replay_capacity=transitions))
    replay._last_id.assign(2 * transitions)
    variables = tf.train.Checkpoint(agent=agent, replay=ReplayState(replay))
    with tempfile.TemporaryDirectory() as directory:
        began = time.perf_counter()
        Checkpoints(Path(directory)).save(0, variables, {})
        seconds = time.perf_counter() - began
        size = sum(file.stat().st_size for file in Path(directory).rglob("*") if file.is_file())
    return seconds, size / 2**20


def main() -> None:
    """Measures and prints."""
    options = training_speed.parser(
        "python -m benchmarks.sac", __doc__, methods=(*paper.METHODS, training_speed.FLOOR)
    )
    options.add_argument("--episodes", type=int, default=30, help="per evaluation")
    options.add_argument("--transitions", type=int, default=1_000_000, help="in a checkpoint")
    args = options.parse_args()
    training_speed.set_up(args)
    training_speed.compare(functools.partial(train_loop, args.sparsity, args.execution), args)
    agent = make_agent(training_speed.in_graph(ENV), "dense", total_steps=1)
    together, apart = evaluation_seconds(agent, args.episodes)
    print(f"{args.episodes:<4} episodes              {together:8.1f} s side by side")
    print(f"{args.episodes:<4} episodes              {apart:8.1f} s one after the other")
    print(f"                           {together / apart:8.3f} of the time")
    seconds, size = checkpoint_cost(args.transitions)
    print(f"checkpoint of Humanoid     {seconds:8.1f} s, {size:.0f} MB")


if __name__ == "__main__":
    main()
