"""How long the products of masked Dense layers take: sparse execution against TensorFlow's own.

python -m benchmarks.products [--threads 1] [--repeats 30]

For each layer and sparsity, this prints the milliseconds of the forward product with bias and ReLU
and of its gradients (input, weights and bias): the minimum of many calls, sparse and dense in turn.
'all' is the speedup of forward and backward together. `execution.pays` is based on this table.
"""

import argparse
import time
from collections.abc import Callable

import tensorflow as tf

from benchmarks.training_speed import set_up
from rigl_rl.sparsity.execution import library
from rigl_rl.sparsity.execution.products import Connections

LAYERS = (
    (128, 512, 512),  # DQN
    (256, 256, 256),  # SAC
    (32, 7744, 512),  # the Nature CNN's hidden layer
    (128, 64, 64),
    (256, 23, 256),  # SAC's first layer
)
SPARSITIES = (0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
CALLS = 10  # per graph; a graph is timed as a whole


def layer_calls(batch: int, inputs: int, outputs: int, sparsity: float) -> list[Callable]:
    """Graphs of `CALLS` forward products, sparse and dense, then of `CALLS` backward products."""
    mask = tf.cast(tf.random.uniform((inputs, outputs)) >= sparsity, tf.float32)
    kernel = tf.Variable(tf.random.normal((inputs, outputs)) * mask)
    connections = Connections(kernel, tf.Variable(mask))
    x, bias = tf.Variable(tf.random.normal((batch, inputs))), tf.Variable(tf.zeros(outputs))
    dy = tf.Variable(tf.random.normal((batch, outputs)))

    def dense(x):
        return tf.nn.relu(tf.nn.bias_add(tf.matmul(x, kernel), bias))

    def sparse(x):
        return connections.product(x, connections.weights(), bias, relu=True)

    def forward(product):
        @tf.function
        def calls():
            for _ in tf.range(CALLS):
                dy.assign(product(x))

        return calls

    return [forward(dense), forward(sparse), *backward_calls(connections, x, bias, dy)]


def backward_calls(connections: Connections, x, bias, dy) -> list[Callable]:
    """Graphs of `CALLS` gradients, dense and sparse."""
    kernel = connections.kernel
    y = tf.Variable(connections.product(x, connections.weights(), bias, relu=True))
    weights = tf.Variable(connections.weights())
    dx, dkernel, dweights, dbias = map(tf.Variable, (x, kernel, weights, bias))

    @tf.function
    def dense():
        for _ in tf.range(CALLS):
            before = tf.raw_ops.ReluGrad(gradients=dy, features=y)
            dx.assign(tf.matmul(before, kernel, transpose_b=True))
            dkernel.assign(tf.matmul(x, before, transpose_a=True))
            dbias.assign(tf.raw_ops.BiasAddGrad(out_backprop=before))

    @tf.function
    def sparse():
        for _ in tf.range(CALLS):
            gradients = library.operation().rigl_dense_gradient(
                x, y, dy, weights, connections.lists, relu=True
            )
            for variable, gradient in zip((dx, dweights, dbias), gradients):
                variable.assign(gradient)

    return [dense, sparse]


def milliseconds(calls: list[Callable], repeats: int) -> list[float]:
    """Minimum time of one call of each graph, timed in turn."""
    least = [float("inf")] * len(calls)
    for function in calls:
        function()
    for _ in range(repeats):
        for index, function in enumerate(calls):
            began = time.perf_counter()
            function()
            least[index] = min(least[index], (time.perf_counter() - began) / CALLS * 1e3)
    return least


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.products",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--threads", type=int, default=1, help="TensorFlow threads")
    parser.add_argument("--repeats", type=int, default=30)
    args = parser.parse_args()
    set_up(args)
    try:
        print(f"sparse products as compiled for '{library.processor()}', {args.threads} thread(s)")
    except library.Missing as missing:
        raise SystemExit(f"error: {missing}") from missing
    print("batch x in x out   sparsity  forward    dense  backward    dense    all")
    for batch, inputs, outputs in LAYERS:
        for sparsity in SPARSITIES:
            calls = layer_calls(batch, inputs, outputs, sparsity)
            dense, sparse, dense_back, sparse_back = milliseconds(calls, args.repeats)
            print(
                f"{f'{batch} x {inputs} x {outputs}':19s}{sparsity:8.0%} {sparse:8.3f} {dense:8.3f}"
                f"  {sparse_back:8.3f} {dense_back:8.3f}"
                f"  {(dense + dense_back) / (sparse + sparse_back):5.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
