"""Chooses which Dense layers of a network run sparsely, from which train step, with which lists."""

import contextlib
import functools
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf

from rigl_rl.adapters.keras_layers import begins_fit
from rigl_rl.adapters.keras_optimizers import scales_losses
from rigl_rl.sparsity.execution import layers, library
from rigl_rl.sparsity.execution.products import Connections
from rigl_rl.sparsity.masks import MaskedKernel, kernels_of
from rigl_rl.sparsity.registry import MaskUpdater

MODES = ("auto", "sparse", "dense")
# Where sparse products are faster (`python -m benchmarks.products`): small layers are not worth
# the call, and dense ones are not worth the indirection.
SMALLEST_SIDE = 16
LARGEST_DENSITY = 0.4


def pays(inputs: int, outputs: int, density: float) -> bool:
    """Whether a Dense layer of this size and density is faster with sparse products."""
    return min(inputs, outputs) >= SMALLEST_SIDE and density <= LARGEST_DENSITY


class Execution:
    """How the train steps of one optimizer's networks are computed.

    Args:
      mode: one of `MODES`: sparse products in the Dense layers where they pay ('auto'), in all of
        them ('sparse') or in none ('dense').
      networks: {name: built network}, or a list of kernels in place of a network, whose unknown
        layers stay dense.
      kernels: the masked kernels.
      updater: updates their masks.
      iterations: the optimizer's count of train steps.

    Raises:
      ValueError: the mode is 'sparse' and there is no operation.

    Attributes:
      mode: as given.
      names: 'network/kernel' of the layers that run sparsely.
      why_dense: why the operation was not found if 'auto' would have used it; otherwise ''.
      first_step: first train step that runs sparsely; infinite: never. If a mask's number of
        ones changes, as in pruning, its lists would change their length.
    """

    def __init__(
        self,
        mode: str,
        networks: Mapping[str, Any],
        kernels: Sequence[MaskedKernel],
        updater: MaskUpdater,
        iterations: tf.Variable,
    ):
        self.mode = mode
        self.why_dense = ""
        self.first_step = updater.size_fixed_from
        self._iterations = iterations
        self._always_same = updater.times.never
        self._connections: dict[Any, Connections] = {}
        self._layers: list[tuple[tf.keras.layers.Dense, MaskedKernel]] = []
        self._targets: list[Connections] = []
        self.names: list[str] = []
        # Lists are current at this train step; -1: never.
        self._true_at = tf.Variable(-1, trainable=False, dtype=tf.int64, name="lists_true_at")
        never = mode == "dense" or self.first_step == math.inf
        chosen = [] if never else self._choose(networks, kernels)
        if not chosen:
            return
        try:
            library.operation()
        except library.Missing as missing:
            if mode == "sparse":
                raise ValueError(f"sparse_execution is 'sparse', but {missing}") from missing
            self.why_dense = str(missing)
            return
        for layer, kernel in chosen:
            connections = Connections(layer.kernel, kernel.mask)
            layers.run_sparsely(layer, connections)
            self._layers.append((layer, kernel))
            self._connections[layer.kernel.ref()] = connections
            self.names.append(f"{kernel.network}/{kernel.label}")

    def _choose(self, networks, kernels) -> list[tuple[tf.keras.layers.Dense, MaskedKernel]]:
        masked = {kernel.kernel.ref(): kernel for kernel in kernels if kernel.sparsity > 0}
        chosen = []
        for network in networks.values():
            for layer in _dense_layers(network):
                kernel = masked.get(layer.kernel.ref())
                if kernel is None:
                    continue
                inputs, outputs = layer.kernel.shape.as_list()
                if self.mode == "sparse" or pays(inputs, outputs, 1 - kernel.sparsity):
                    chosen.append((layer, kernel))
        return chosen

    @property
    def sparse(self) -> bool:
        """Whether any layer runs sparsely."""
        return bool(self._connections)

    def follow(self, online: Any, target: Any, period: int) -> None:
        """Makes a target network's layers run sparsely if the online network's do.

        Args:
          online, target: built networks of the same layers.
          period: train steps between target updates.
        """
        if not self.sparse:
            return
        targets = {layer.kernel.ref(): layer for layer in _dense_layers(target)}
        for kernel, copy in zip(kernels_of(online).values(), kernels_of(target).values()):
            connections = self._connections.get(kernel.ref())
            if connections is None or copy.ref() not in targets:
                continue
            # A rarely updated target keeps older connections for a while: it gets its own lists.
            same = period == 1 or self._always_same
            followed = Connections(copy, lists=connections.lists if same else None)
            layers.run_sparsely(targets[copy.ref()], followed)
            self._targets.append(followed)

    def runs_sparsely(self, kernel: tf.Variable) -> bool:
        """Whether the kernel's layer runs sparsely."""
        return kernel.ref() in self._connections

    def connections_of(self, kernel: tf.Variable) -> Connections:
        """The connections of a kernel whose layer runs sparsely."""
        return self._connections[kernel.ref()]

    def weights_of(self, kernel: tf.Variable) -> Any:
        """A kernel's active weights (count,) in a train step that runs sparsely, else the kernel.

        For sums to which weights of 0 add nothing.
        """
        if not layers.running() or not self.runs_sparsely(kernel):
            return kernel
        return self.connections_of(kernel).weights(layers.cached())

    def renew(self) -> None:
        """Rebuilds all lists."""
        for connections in self._connections.values():
            connections.renew()
        self.renew_targets()

    def refresh(self, changed: Collection[Any]) -> None:
        """Call it after code other than `Connections.adam` changed kernels (given by reference)."""
        for reference in changed:
            if reference in self._connections:
                self._connections[reference].refresh()

    def renew_targets(self) -> None:
        """Call it after an update of the target networks."""
        for connections in self._targets:
            connections.renew()

    @contextlib.contextmanager
    def train_steps(self, cached: bool = False, anew: Any = False) -> Iterator[None]:
        """Train steps traced within this context run sparsely.

        Lists are rebuilt first if these steps do not continue the last ones: at the start, and
        after a checkpoint was restored.

        Args:
          cached: active weights are kept between steps, which avoids reading large kernels. For
            a training loop in which nothing but these steps, and updates of the target networks
            followed by `renew_targets`, changes a kernel.
          anew: whether to rebuild the lists in any case: bool or scalar tensor.
        """
        if not self.sparse:
            yield
            return
        for layer, _ in self._layers:
            layers.use(layer, self.connections_of(layer.kernel))

        def renew():
            self.renew()
            return tf.constant(True)

        stale = tf.logical_or(tf.not_equal(self._true_at, self._iterations), anew)
        tf.cond(stale, renew, lambda: tf.constant(False))
        with layers.sparse_products(cached):
            yield
        self._true_at.assign(self._iterations)

    def fit(self, model: tf.keras.Model) -> None:
        """Makes `model.fit` run train steps sparsely; not with pruning, whose lists change size.

        Only while the model is compiled with the optimizer of this execution. Weights and masks may
        be loaded before each call of `fit`, and weights between its steps.
        """
        if not self.sparse or self.first_step > 0:
            return
        dense_step = model.train_step

        @functools.wraps(dense_step)
        def train_step(data):
            if getattr(model.optimizer, "execution", None) is not self:
                return dense_step(data)  # compiled with another optimizer since
            if scales_losses(model.optimizer):  # which changes gradients on their way
                return dense_step(data)
            for _, kernel in self._layers:
                kernel.apply_mask()
            with self.train_steps(anew=begins_fit(model)):
                return dense_step(data)

        model.train_step = train_step


@contextlib.contextmanager
def train_steps(executions: Collection[Execution], cached: bool = False) -> Iterator[None]:
    """`Execution.train_steps` for all optimizers of an agent."""
    with contextlib.ExitStack() as stack:
        for execution in executions:
            stack.enter_context(execution.train_steps(cached))
        yield


def first_sparse_step(executions: Collection[Execution]) -> float:
    """First train step of an agent that runs sparsely; infinite: none does."""
    return max((each.first_step for each in executions if each.sparse), default=math.inf)


def record(executions: Collection[Execution]) -> dict[str, Any]:
    """The entries of result.json about how an agent's train steps were requested and run.

    Returns:
      The mode; the kernels whose layers run sparsely ('sparse'), on which processor family and
      from which train step; and why the operation was not found, if it was not.
    """
    sparse = [name for each in executions for name in each.names]
    first = first_sparse_step(executions)
    return {
        "mode": next((each.mode for each in executions), "dense"),
        "sparse": sparse,
        "processor": library.processor() if sparse else None,
        "from_step": first if sparse else None,
        "why_dense": next((each.why_dense for each in executions if each.why_dense), ""),
    }


def describe(executions: Collection[Execution]) -> str:
    """One line for the start of a run; '' for a run of dense networks."""
    recorded = record(executions)
    if recorded["sparse"]:
        start = f" from step {recorded['from_step']}" if recorded["from_step"] else ""
        return f"sparse execution{start}: {', '.join(recorded['sparse'])} ({recorded['processor']})"
    why = recorded["why_dense"]
    return f"dense execution: {why}" if why else ""


def _dense_layers(network: Any) -> list[tf.keras.layers.Dense]:
    """The Dense layers of a network, including nested ones."""
    if not isinstance(network, tf.Module):
        return []
    found = [network, *network.submodules]
    return [
        layer
        for layer in found
        if isinstance(layer, tf.keras.layers.Dense) and layers.can_run_sparsely(layer)
    ]
