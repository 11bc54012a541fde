"""Products of masked Dense layers whose cost follows the number of active connections.

The dense kernel and its mask remain authoritative. In addition, there are lists of a kernel's
active connections, and a CPU operation in C++ (`op/`) that multiplies only by those, forward and
backward. Only code that is traced within `train_steps()` uses it: training loops. All other calls
of the network (evaluation, saved policies, export, SNR) use Keras' dense layers.

    build.py        compiles the operation
    library.py      loads it, or says why not
    products.py     the operation's functions and their gradients; the lists of one kernel
    gradients.py    gives the optimizer the gradient of active weights only
    layers.py       switches a Keras layer between sparse and dense products
    execution.py    chooses the layers that run sparsely, and keeps their lists current
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
