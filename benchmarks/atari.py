"""How fast DQN on Pong trains, dense and with each sparse method, and how much memory replay takes.

python -m benchmarks.atari [--sparsity 0.9] [--execution auto] [--rounds 5] [--steps 400]
                           [--threads 2] [--network cnn] [--methods rigl ...]

This measures the training loop (emulator, replay, acting, one update per 4 steps on a batch of 32;
no evaluation) with networks of full width. For the Nature CNN, it also measures Dopamine's own
dense agent on the same game. Mask updates come every 5,000 train steps and are measured
separately. Replay is measured in a separate process: it touches all pages of 1,000,000 transitions
(`--transitions`), samples a batch and writes a checkpoint.
"""

import functools
import multiprocessing
import os
import statistics
import tempfile
import time
from pathlib import Path

import gin
import tensorflow as tf
from dopamine.agents.dqn import dqn_agent

import rigl_rl.dopamine.run_experiment  # noqa: F401, settles gin names
from benchmarks import ROOT, training_speed
from rigl_rl import paper
from rigl_rl.dopamine.dqn_agents import SparseDQNAgent
from rigl_rl.dopamine.gin_config import create_atari_environment
from rigl_rl.dopamine.replay import replay_buffer
from rigl_rl.environments.frames import STATE_SHAPE
from rigl_rl.flops import NETWORKS
from rigl_rl.networks import q_values
from rigl_rl.networks.nature_cnn import DENSE_UNITS
from rigl_rl.runs import config
from rigl_rl.runs.result import peak_memory_mb
from rigl_rl.sparsity import counting, kernels_of
from rigl_rl.sparsity.masks import mask_kernels

MIN_HISTORY = 200
SPEED_BINDINGS = (
    f"DQNAgent.min_replay_history = {MIN_HISTORY}",
    "DQNAgent.epsilon_decay_period = 1",  # so that nearly every action comes from the network
    "WrappedReplayBuffer.replay_capacity = 10000",
)


class Training:
    """An agent in a game, ready to learn.

    Args:
      network: 'cnn' or 'resnet'.
      method: sparse training method, 'dense', or 'dopamine' for Dopamine's own agent.
      bindings: gin bindings.
    """

    def __init__(self, network: str, method: str, *bindings: str):
        gin.clear_config()
        name = "dense" if method == "dopamine" else method
        config.parse([str(config_file(network, name))], [*SPEED_BINDINGS, *bindings])
        self._environment = create_atari_environment()
        self._environment.seed(0)
        actions = int(self._environment.action_space.n)
        if method == "dopamine":
            self.agent = dopamine_agent(actions)
            update_period = self.agent.update_period
        else:
            self.agent = SparseDQNAgent(actions, total_training_steps=10_000_000)
            update_period = self.agent.given.update_period
        self._action = self.agent.begin_episode(self._environment.reset())
        self.play(MIN_HISTORY + 2 * update_period)

    def play(self, steps: int) -> None:
        """Takes this number of agent steps."""
        for _ in range(steps):
            observation, reward, over, _ = self._environment.step(self._action)
            if over:
                self.agent.end_episode(reward)
                self._action = self.agent.begin_episode(self._environment.reset())
            else:
                self._action = self.agent.step(reward, observation)


def dopamine_agent(num_actions: int) -> dqn_agent.DQNAgent:
    """Dopamine's DQN with Table 7's optimizer. Turns TensorFlow 2 off for the whole process."""
    tf.compat.v1.disable_v2_behavior()
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    session = tf.compat.v1.Session(
        config=tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads
        )
    )
    agent = dqn_agent.DQNAgent(
        session,
        num_actions,
        min_replay_history=MIN_HISTORY,
        epsilon_decay_period=1,
        optimizer=tf.compat.v1.train.AdamOptimizer(learning_rate=2.5e-4, epsilon=1e-8),
    )
    session.run(tf.compat.v1.global_variables_initializer())
    return agent


def train_loop(
    network: str, sparsity: float, execution: str, method: str, total_steps: int
) -> tuple[training_speed.TrainLoop, int]:
    """A function that takes a method's agent steps, and the FLOPs of one dense step.

    An agent step is one action and a quarter of an update on 32 transitions.
    """
    del total_steps  # the bindings set the schedule
    layers = counting.from_keras(q_values.build(NETWORKS[network](6), STATE_SHAPE))
    flops = counting.count(layers).dense_flops + counting.train_step_flops(layers, 32) // 4
    bindings = [
        f"init_masks.sparsity = {sparsity}",
        f"get_pruning_sparsities.target_sparsity = {sparsity}",
        f"sparse_execution.mode = '{execution}'",
    ]
    if method == training_speed.FLOOR:
        width = training_speed.FLOOR_UNITS / DENSE_UNITS
        method, bindings = "dense", [f"{NETWORKS[network].__name__}.width = {width}"]
    return Training(network, method, *bindings).play, flops


def config_file(network: str, method: str) -> Path:
    """The gin file of a method."""
    return ROOT / "gin_configs" / f"dqn_atari_{network}" / f"{method}.gin"


def start_up_seconds(network: str, method: str) -> float:
    """Seconds from the start of a process to the end of a first iteration with one train step."""
    with tempfile.TemporaryDirectory() as directory:
        command = ["rigl_rl.dopamine.train", "--noprogress"]
        command += ["--base_dir", os.path.join(directory, "run")]
        command += ["--gin_files", str(config_file(network, method))]
        for binding in (
            "DQNAgent.min_replay_history = 4",
            "WrappedReplayBuffer.batch_size = 1",
            "WrappedReplayBuffer.replay_capacity = 100",
            "SparseTrainRunner.num_iterations = 1",
            "SparseTrainRunner.training_steps = 13",
            "SparseTrainRunner.evaluation_steps = 1",
            "SparseTrainRunner.max_steps_per_episode = 13",
        ):
            command += ["--gin_bindings", binding]
        return training_speed.seconds_until(command, "iteration 0:")


def mask_seconds(network: str) -> float:
    """Seconds to make masks and sparsity-aware weights of the whole network at 90%."""
    kernels = kernels_of(q_values.build(NETWORKS[network](6), STATE_SHAPE))
    began = time.perf_counter()
    mask_kernels(kernels, 0.9, seed=0)
    return time.perf_counter() - began


def mask_update_seconds(network: str, method: str) -> float:
    """Extra seconds of a train step with a mask update (difference of medians)."""
    interval, updates = 5, 9
    training = Training(
        network,
        method,
        "pruning.begin_step = 0",
        "pruning.end_step = 1000000",
        f"pruning.frequency = {interval}",
        f"UpdatedRigLOptimizer.frequency = {interval}",
        f"UpdatedSETOptimizer.frequency = {interval}",
    )
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(interval * updates):
        due = training.agent.gradient_steps % interval == 0
        began = time.perf_counter()
        training.play(4)
        seconds[due].append(time.perf_counter() - began)
    return statistics.median(seconds[True]) - statistics.median(seconds[False])


def measure_replay(capacity: int) -> str:
    """Memory of a replay buffer of `capacity`, and time and size of its checkpoint."""
    gin.bind_parameter("WrappedReplayBuffer.replay_capacity", capacity)
    replay = replay_buffer(0.99)
    before = peak_memory_mb()
    environment = create_atari_environment()
    frames = [environment.reset()]
    frames += [environment.step(number % 6)[0] for number in range(999)]
    for number in range(0, capacity, len(frames)):
        # Repeats a game's first thousand frames: a million new ones would take hours.
        for offset in range(min(len(frames), capacity - number)):
            replay._store["observation"][number + offset] = frames[offset][..., 0]
    for name in ("action", "reward", "terminal"):
        replay._store[name][:] = 0
    replay.add_count += capacity
    replay.sample_transition_batch()
    raw = capacity * 84 * 84 / 2**20
    with tempfile.TemporaryDirectory() as directory:
        began = time.perf_counter()
        replay.save(directory, 0)
        seconds = time.perf_counter() - began
        size = sum(file.stat().st_size for file in Path(directory).iterdir()) / 2**20
        peak = peak_memory_mb()
    return (
        f"replay of {capacity:,} transitions: peak {peak:.0f} MB in all, {peak - before:.0f} MB of "
        f"it replay = {(peak - before) / raw:.3f} x {raw:.0f} MB of pixels; "
        f"checkpoint {seconds:.0f} s, {size:.0f} MB"
    )


def main() -> None:
    """Measures and prints."""
    methods = (*paper.METHODS, training_speed.FLOOR, "dopamine")
    options = training_speed.parser(
        "python -m benchmarks.atari", __doc__, 400, threads=2, methods=methods
    )
    options.add_argument("--network", choices=list(NETWORKS), default="cnn")
    options.add_argument("--transitions", type=int, default=1_000_000, help="in the replay buffer")
    args = options.parse_args()
    if args.network == "resnet":  # Dopamine's agent has no ResNet
        args.methods = [method for method in args.methods if method != "dopamine"]
    training_speed.set_up(args)
    for method in ("dense", *({"rigl"} & set(args.methods))):
        seconds = start_up_seconds(args.network, method)
        print(f"start to first train step  {seconds:8.1f} s ({method})", flush=True)
    print(f"masks of the network       {mask_seconds(args.network):8.3f} s (sparsity-aware)")
    for method in args.methods:
        if method in ("prune", "set", "rigl"):
            seconds = mask_update_seconds(args.network, method)
            print(f"one mask update            {seconds:8.3f} s ({method})", flush=True)
    make = functools.partial(train_loop, args.network, args.sparsity, args.execution)
    training_speed.compare(make, args)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.apply(measure_replay, [args.transitions]))


if __name__ == "__main__":
    main()
