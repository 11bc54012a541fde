"""A Python environment in the graph, without what TF-Agents' bridge does besides."""

from __future__ import annotations

import ctypes
import threading

import tensorflow as tf
from tf_agents.environments import tf_py_environment

_thread = threading.local()


class InGraphEnvironment(tf_py_environment.TFPyEnvironment):
    """TFPyEnvironment at half of its cost, for observations and actions of one tensor each.

    TFPyEnvironment packs nests, locks, and keeps a current time step of its own: more work than a
    step of CartPole is. Here a step is a call of the Python environment's, which has to have been
    reset before. It being asked for its current time step, too, an environment that was restored
    from a checkpoint goes on.
    """

    def _step(self, actions):
        return self._call(self._env.step, actions)

    def _reset(self):
        return self._call(self._env.reset)

    def _current_time_step(self):
        return self._call(self._env.current_time_step)

    def _call(self, function, *arguments):
        @tf.autograph.experimental.do_not_convert  # the converted call takes longer than the step
        def call(*arrays):
            _keep_python_state()
            return list(function(*arrays))

        outputs = tf.numpy_function(call, arguments, self._time_step_dtypes)
        return self._time_step_from_numpy_function_outputs(outputs)


def _keep_python_state() -> None:
    """Lets this thread of TensorFlow's keep its Python thread state from call to call.

    TensorFlow's threads are not Python's: each call gets a new thread state, which it releases at
    its end. Making one, and doing without what libraries remember by thread, takes as long as a
    step of a MuJoCo task. One more claim on the state, never released, keeps it.
    """
    if not hasattr(_thread, "kept"):  # as long-lived as the state itself
        ctypes.pythonapi.PyGILState_Ensure()
        _thread.kept = True
