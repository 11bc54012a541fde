"""Short RigL runs of each agent: small and quick, but with everything in use.

Masks change, the replay buffer overwrites its oldest entries, exploration decays, and the target
network is between copies. There are running statistics, and episodes that continue across
iterations and checkpoints. The runs also record everything they can: signal-to-noise ratios, mask
images, policies.
"""

import sys
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks import ROOT

_BINDINGS: dict[str, tuple[str, ...]] = {
    "dqn": (
        "train_eval.fc_layer_params = (32, 32)",
        "train_eval.num_iterations = 4000",
        "train_eval.initial_collect_steps = 200",
        "train_eval.initial_epsilon_greedy = 1.0",
        "train_eval.epsilon_decay_period = 1000",
        "train_eval.target_update_period = 70",
        "train_eval.eval_interval = 50",
        "train_eval.eval_episodes = 4",
        "mask_updater.update_freq = 50",
        "log_snr.freq = 150",
        "log_sparsities.log_images = True",
        "train_eval.policy_save_interval = 500",
    ),
    "sac": (
        "train_eval.env_name = 'Hopper-v2'",
        "train_eval.actor_fc_layers = (32, 32)",
        "train_eval.critic_joint_fc_layers = (32, 32)",
        "train_eval.batch_size = 32",
        "train_eval.replay_capacity = 500",
        "train_eval.num_iterations = 4000",
        "train_eval.initial_collect_steps = 200",
        "train_eval.target_update_period = 3",
        "train_eval.eval_interval = 50",
        "train_eval.eval_episodes = 4",
        "train_eval.checkpoint_interval = 100",
        "mask_updater.update_freq = 50",
        "log_snr.freq = 150",
    ),
    "ppo": (
        "train_eval.actor_fc_layers = (32, 32)",
        "train_eval.value_fc_layers = (32, 32)",
        "train_eval.env_name = 'Hopper-v2'",
        "train_eval.collect_sequence_length = 150",
        "train_eval.minibatch_size = 50",
        "train_eval.num_epochs = 2",
        "train_eval.num_iterations = 160",
        "train_eval.eval_interval = 12",
        "train_eval.eval_episodes = 4",
        "mask_updater.update_freq = 20",
        "log_snr.freq = 30",
    ),
    "atari": (
        "NatureDQNNetwork.width = 0.1",
        "SparseTrainRunner.num_iterations = 40",
        "SparseTrainRunner.training_steps = 60",
        "SparseTrainRunner.evaluation_steps = 20",
        "SparseTrainRunner.max_steps_per_episode = 30",
        "SparseTrainRunner.policy_save_interval = 10",
        "DQNAgent.min_replay_history = 60",
        "DQNAgent.target_update_period = 50",
        "DQNAgent.epsilon_decay_period = 1000",
        "WrappedReplayBuffer.replay_capacity = 500",
        "WrappedReplayBuffer.batch_size = 4",
        "UpdatedRigLOptimizer.frequency = 7",
    ),
}


class Shortened(NamedTuple):
    """A short RigL run."""

    main: str
    """Module started with `python -m`."""
    directory_flag: str
    file_flag: str
    gin_file: str
    """Path from the root of the repository."""
    length: str
    """Binding of the run's length."""
    bindings: tuple[str, ...]

    def command(self, bindings: Sequence[str] = (), seed: int = 0) -> list[str]:
        """The command with further bindings; the caller appends the run directory."""
        line = [sys.executable, "-m", self.main, f"{self.file_flag}={ROOT / self.gin_file}"]
        bound = [f"--gin_bindings={binding}" for binding in (*self.bindings, *bindings)]
        return [*line, f"--seed={seed}", *bound, self.directory_flag]


def _of_tf_agents(agent: str, config: str) -> Shortened:
    files = ("--root_dir", "--gin_file", f"gin_configs/{config}/rigl.gin")
    main = f"rigl_rl.tfagents.{agent}_train_eval"
    return Shortened(main, *files, "train_eval.num_iterations", _BINDINGS[agent])


AGENTS = {
    "dqn": _of_tf_agents("dqn", "dqn_classic"),
    "sac": _of_tf_agents("sac", "sac_mujoco"),
    "ppo": _of_tf_agents("ppo", "ppo_mujoco"),
    "atari": Shortened(
        "rigl_rl.dopamine.train",
        "--base_dir",
        "--gin_files",
        "gin_configs/dqn_atari_cnn/rigl.gin",
        "SparseTrainRunner.num_iterations",
        _BINDINGS["atari"],
    ),
}
