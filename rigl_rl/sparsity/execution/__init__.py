"""Products of masked Dense layers that cost what their active connections cost.

The dense kernel and its mask stay the truth. Beside them live the lists of a kernel's active
connections, and a CPU operation in C++ (`op/`) that multiplies by those alone, forward and
backward. Only what is traced within `train_steps()` uses it: training loops. Whatever else calls
the network (evaluation, saved policies, export, SNR) runs Keras' own dense layers.

    build.py        compiles the operation
    library.py      loads it, or says why not
    products.py     the operation's functions and their gradients; the lists of one kernel
    gradients.py    how the optimizer gets the gradient of active weights alone
    layers.py       switches a Keras layer between both ways
    execution.py    which layers of a network run sparsely, and keeping their lists true
"""

from rigl_rl.sparsity.execution.execution import (
    MODES,
    Execution,
    describe,
    first_sparse_step,
    record,
    train_steps,
)

__all__ = ["MODES", "Execution", "describe", "first_sparse_step", "record", "train_steps"]
