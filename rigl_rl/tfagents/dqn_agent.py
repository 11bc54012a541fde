"""TF-Agents' DqnAgent with one target forward pass per step instead of two."""

from __future__ import annotations

import tensorflow as tf
from tf_agents.agents.dqn import dqn_agent


class DqnAgent(dqn_agent.DqnAgent):
    """The same numbers in less time.

    TF-Agents evaluates the target network, then its greedy policy evaluates it again to find the
    argmax, and the value there is gathered: the maximum of the first evaluation (equation 2 of the
    paper). Without action constraints, which we do not use, nothing else is needed.
    """

    def _compute_next_q_values(self, next_time_steps, info):
        del info
        q_values, _ = self._target_q_network(
            next_time_steps.observation, step_type=next_time_steps.step_type
        )
        return tf.reduce_max(q_values, axis=-1)
