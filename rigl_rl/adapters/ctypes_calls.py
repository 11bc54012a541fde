"""C functions that Python's standard library does not offer, called through ctypes."""

import ctypes
import signal
import threading

READ_IN = {"python": "3.10 to 3.11"}
_PR_SET_PDEATHSIG = 1  # <sys/prctl.h>, Linux only
_LIBC = ctypes.CDLL(None)
_thread = threading.local()


def die_with_parent() -> None:
    """Has the kernel kill this process when its parent ends for any reason. Linux only."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def keep_thread_state() -> None:
    """Lets this foreign thread keep its Python thread state from call to call.

    A thread that Python has not made, such as TensorFlow's, gets a new thread state at each call
    into Python and loses it at the end. Making one, and losing what libraries cache per thread,
    takes as long as a step of a MuJoCo task. One extra reference, never released, keeps the state.
    """
    if not hasattr(_thread, "kept"):  # lives as long as the state itself
        ctypes.pythonapi.PyGILState_Ensure()
        _thread.kept = True
