"""DQN on Atari: Dopamine's runner and replay buffer with a sparse agent in TensorFlow 2.

Dopamine registers some gin names for its TF1 and JAX classes. Importing this package gives these
names to this project's classes, as the authors' configs need.
"""

import rigl_rl.quiet  # noqa: F401, before the libraries load

# isort: split
import dopamine.discrete_domains.run_experiment  # noqa: F401, registers the names below

from rigl_rl.adapters.gin_internals import unregister

unregister(
    [
        "dopamine.agents.dqn.dqn_agent.DQNAgent",
        "dopamine.discrete_domains.atari_lib.create_atari_environment",
        "dopamine.jax.networks.NatureDQNNetwork",
        "dopamine.replay_memory.circular_replay_buffer.WrappedReplayBuffer",
    ]
)
