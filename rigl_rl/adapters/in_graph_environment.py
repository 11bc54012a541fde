"""TF-Agents' bridge from the graph to a Python environment, at half the cost."""

import rigl_rl.quiet  # noqa: F401, before the libraries load

# isort: split
import tensorflow as tf
from tf_agents.environments import tf_py_environment

from rigl_rl.adapters.ctypes_calls import keep_thread_state

READ_IN = {"tf-agents": "0.19.0"}


class InGraphEnvironment(tf_py_environment.TFPyEnvironment):
    """TFPyEnvironment at half the cost, for observations and actions of one tensor each.

    TFPyEnvironment packs nests, takes a lock and caches its own time step, which costs more than a
    CartPole step. This class calls the Python environment directly; reset it first. It also gets
    the current time step from that environment, so one restored from a checkpoint continues.
    """

    def _step(self, actions):
        return self._call(self._env.step, actions)

    def _reset(self):
        return self._call(self._env.reset)

    def _current_time_step(self):
        return self._call(self._env.current_time_step)

    def _call(self, function, *arguments):
        @tf.autograph.experimental.do_not_convert  # a converted call takes longer than the step
        def call(*arrays):
            keep_thread_state()
            return list(function(*arrays))

        outputs = tf.numpy_function(call, arguments, self._time_step_dtypes)
        return self._time_step_from_numpy_function_outputs(outputs)
