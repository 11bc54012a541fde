"""What neither Python nor its standard library offers, called through ctypes."""

from __future__ import annotations

import ctypes
import signal
import threading

READ_IN = {"python": "3.9 to 3.11"}
_PR_SET_PDEATHSIG = 1  # <sys/prctl.h>, Linux alone
_LIBC = ctypes.CDLL(None)
_thread = threading.local()


def die_with_parent() -> None:
    """Has the kernel kill this process when its parent ends, however that does. Linux alone."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def keep_thread_state() -> None:
    """Lets this foreign thread keep its Python thread state from call to call.

    A thread that Python has not made, as TensorFlow's, gets a new thread state at each call into
    Python, which is released at the call's end. Making one, and doing without what libraries
    remember by thread, takes as long as a step of a MuJoCo task. One more claim on the state, never
    released, keeps it.
    """
    if not hasattr(_thread, "kept"):  # as long-lived as the state itself
        ctypes.pythonapi.PyGILState_Ensure()
        _thread.kept = True
