"""Checks that the private parts used by `rigl_rl/adapters` are still as they were read.

A failure names the library, its installed version and the file to review, in one line. Other tests
cover what the adapters do, where they are used.
"""

import ctypes
import importlib
import importlib.metadata
import inspect
import pkgutil
import sys

import gin
import gymnasium
import numpy as np
import pytest
import tensorflow as tf
from dopamine.replay_memory.circular_replay_buffer import OutOfGraphReplayBuffer
from tensorflow.python.ops import gen_random_ops
from tensorflow.python.trackable.autotrackable import AutoTrackable
from tf_agents.environments import tf_py_environment
from tf_agents.replay_buffers import table, tf_uniform_replay_buffer

from rigl_rl import adapters
from rigl_rl.adapters import keras_layers as adapted
from rigl_rl.adapters import keras_optimizers as adapted_optimizers
from rigl_rl.adapters import tf_random_ops
from rigl_rl.adapters import tflite_sparse as adapted_tflite
from rigl_rl.adapters.tf_random_ops import PARAMETERS
from rigl_rl.environments.gymnasium_environment import GymnasiumEnvironment

ADAPTERS = sorted(module.name for module in pkgutil.iter_modules(adapters.__path__))


def read_in(adapter: str) -> dict[str, str]:
    return importlib.import_module(f"rigl_rl.adapters.{adapter}").READ_IN


def check(adapter: str, what: str, as_read: bool) -> None:
    """Fails with one line unless `what` is as it was read."""
    if not as_read:
        versions = ", ".join(
            f"{library} {sys.version.split()[0] if library == 'python' else installed(library)}"
            f" (read in {version})"
            for library, version in read_in(adapter).items()
        )
        pytest.fail(f"{what} has changed in {versions}: see {adapter}.py", pytrace=False)


def installed(library: str) -> str:
    return importlib.metadata.version(library)


def parameters(function) -> tuple[str, ...]:
    return tuple(inspect.signature(function).parameters)


def has(thing, *names: str) -> bool:
    return all(hasattr(thing, name) for name in names)


@gin.configurable(module="tests.adapters")
def bound(number=0):
    return number


def gin_internals():
    config = gin.config
    for name, kind in {"_LOCATION_PREFIXES": list, "_FILE_READERS": list, "_IMPORTS": set}.items():
        yield f"gin.config.{name}", isinstance(getattr(config, name, None), kind)
    yield "gin.config._FILE_READERS", all(len(pair) == 2 for pair in config._FILE_READERS)
    registry = getattr(config, "_REGISTRY", None)
    yield "gin.config._REGISTRY", has(registry, "pop") and has(registry, "_selector_map")
    entry = registry._selector_map["tests.adapters.bound"]
    yield "a gin configurable", entry.name == "bound" and entry.wrapped.__name__ == "bound"
    gin.clear_config()
    gin.parse_config("import os.path\nTWO = 2\nbound.number = %TWO")
    yield "a gin binding", "number" in config._CONFIG["", "tests.adapters.bound"]
    yield "a gin macro", ("TWO", "gin.macro") in config._CONFIG
    yield "a gin import", {statement.module for statement in config._IMPORTS} == {"os.path"}
    gin.clear_config()


def tf_random_ops_():
    for name, expected in PARAMETERS.items():
        found = getattr(gen_random_ops, name, None)
        yield f"gen_random_ops.{name}", found is not None and parameters(found) == expected
    public = {
        "random_uniform": lambda: tf.random.uniform([2]),
        "random_uniform_int": lambda: tf.random.uniform([2], 0, 9, tf.int32),
        "random_standard_normal": lambda: tf.random.normal([2]),
        "truncated_normal": lambda: tf.random.truncated_normal([2]),
        "multinomial": lambda: tf.random.categorical([[1.0, 2.0]], 2),
        "random_shuffle": lambda: tf.random.shuffle([1, 2]),
    }
    for name, draw in public.items():
        called = []

        def note(*arguments, op=name, called=called, **options):
            called.append(op)
            return getattr(ORIGINALS, op)(*arguments, **options)

        with tf_random_ops.exchanged({**dict.fromkeys(PARAMETERS, None), name: note}):
            draw()
        yield f"how TensorFlow calls gen_random_ops.{name}", called == [name]


class ORIGINALS:
    """TensorFlow's operations, before any replacement."""


for _name in PARAMETERS:
    setattr(ORIGINALS, _name, staticmethod(getattr(gen_random_ops, _name)))


def keras_layers():
    layer = tf.keras.layers.Dense(2, kernel_regularizer="l2", bias_regularizer="l2")
    layer.build((None, 3))
    yield "Layer._callable_losses", len(getattr(layer, "_callable_losses", [])) == 2
    adapted.replace_losses(layer, layer.bias, lambda loss: lambda: 7.0)
    kernel, bias = layer.losses
    penalty = 0.01 * np.sum(layer.kernel.numpy() ** 2)
    yield "what Layer._callable_losses binds", (round(float(kernel / penalty), 5), bias) == (1, 7)
    begins = []

    class Model(tf.keras.Sequential):
        def train_step(self, data):
            begins.append(bool(adapted.begins_fit(self)))
            return super().train_step(data)

    model = Model([tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    for _ in range(2):
        model.fit(np.ones((4, 1)), np.ones(4), batch_size=2, epochs=2, verbose=0)
    yield "Model._train_counter", begins == 2 * [True, False, False, False]


def keras_optimizers():
    variables = [tf.Variable(tf.ones((2, 3))), tf.Variable(tf.ones(3))]
    legacy = tf.keras.optimizers.legacy.Adam(0.1)
    yield (
        "the legacy optimizers",
        has(legacy, "_create_all_weights", "_decayed_lr", "_get_hyper", "get_slot_names"),
    )
    legacy._create_all_weights(variables)
    yield "the legacy optimizers' slots", {*legacy.get_slot_names()} == {"m", "v"}
    new = tf.keras.optimizers.Adam(tf.keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5))
    new.build(variables)
    yield "the optimizers", has(new, "_index_dict", "_var_key", "_learning_rate")
    index = new._index_dict[new._var_key(variables[1])]
    lists = [value for value in vars(new).values() if isinstance(value, list) and len(value) == 2]
    slots = [each[index] for each in lists if isinstance(each[index], tf.Variable)]
    yield "the optimizers' lists of slots", [slot.shape for slot in slots] == [(3,), (3,)]
    averaging = tf.keras.optimizers.SGD(use_ema=True)
    averaging.build(variables)
    averages = averaging._model_variables_moving_average
    yield "the optimizers' averages", [each.shape for each in averages] == [(2, 3), (3,)]
    yield (
        "what a new optimizer is found by in SavedModels",
        {"_iterations", "_variables"} <= {*new._trackable_children()},
    )
    for optimizer in (legacy, new):
        scaled = tf.keras.mixed_precision.LossScaleOptimizer(optimizer)
        yield (
            "the mark of a loss scale",
            getattr(optimizer, adapted_optimizers.LOSS_SCALE_MARK, False),
        )
        yield (
            "the settings of a loss scale",
            has(scaled, "dynamic", "initial_scale", "dynamic_growth_steps", "inner_optimizer"),
        )
        before = int(optimizer.iterations)
        scaled.apply_gradients([(tf.fill((2, 3), np.nan), variables[0])])
        yield "what a skipped step moves", int(optimizer.iterations) == before + 1
    tracking = adapted_optimizers.untracked(lambda module: setattr(module, "child", variables[0]))
    tracking(module := tf.Module())
    yield "untracked attributes", "child" not in module._trackable_children()


def in_graph_environment():
    kind = tf_py_environment.TFPyEnvironment
    hooks = ("_step", "_reset", "_current_time_step", "_time_step_from_numpy_function_outputs")
    yield "TFPyEnvironment's methods", has(kind, *hooks)
    env = kind(GymnasiumEnvironment("CartPole-v0", 0))
    yield "TFPyEnvironment's attributes", has(env, "_env", "_time_step_dtypes")
    yield "its wrapped environment", has(env._env, "step", "reset", "current_time_step")
    yield "TFPyEnvironment._time_step_dtypes", len(env._time_step_dtypes) == 4


def replay_tables():
    spec = tf.TensorSpec([2], name="x")
    replay = tf_uniform_replay_buffer.TFUniformReplayBuffer(spec, 1, max_length=3)
    names = ("_data_table", "_max_length", "_last_id", "_capacity_value", "variables")
    yield "TFUniformReplayBuffer", has(replay, *names)
    yield "a table's read", parameters(table.Table.read) == ("self", "rows", "slots")
    for number in range(4):
        replay.add_batch(tf.fill([1, 2], float(number)))
    # The fourth frame has taken the first row, and is the newest.
    rows = replay._data_table.read(tf.constant([0, 1]), replay._data_table.slots)
    yield "the rows of a table", np.array_equal(rows, [[3, 3], [1, 1]])
    yield "TFUniformReplayBuffer._last_id", int(replay._last_id) == 3
    yield "TFUniformReplayBuffer._capacity_value", int(replay._capacity_value) == 3
    hooks = ("_serialize_to_tensors", "_restore_from_tensors")
    yield "AutoTrackable's methods", has(AutoTrackable, *hooks)


def mujoco_simulation():
    simulation = gymnasium.make("HalfCheetah-v4").unwrapped
    step = getattr(type(simulation), "_step_mujoco_simulation", None)
    yield (
        "_step_mujoco_simulation",
        step is not None and parameters(step) == ("self", "ctrl", "n_frames"),
    )
    called = []
    simulation._step_mujoco_simulation = lambda ctrl, n_frames: called.append(n_frames)
    simulation.reset(seed=0)
    simulation.step(np.zeros(6))
    yield "who calls _step_mujoco_simulation", called == [simulation.frame_skip]


def frame_replay():
    replay = OutOfGraphReplayBuffer((2, 2), 4, 50, 3)
    yield "OutOfGraphReplayBuffer", has(replay, "_store", "_stack_size", "get_range")
    yield "its store", replay._store["observation"].shape == (50, 2, 2) and replay._stack_size == 4
    reads = parameters(OutOfGraphReplayBuffer.get_range)
    yield "get_range", reads == ("self", "array", "start_index", "end_index")
    stack = parameters(OutOfGraphReplayBuffer.get_observation_stack)
    yield "get_observation_stack", stack == ("self", "index")


def tflite_sparse():
    schema = adapted_tflite.schema
    kinds = ("DimensionMetadataT", "SparsityParametersT", "Uint8VectorT", "Uint16VectorT")
    yield "TensorFlow Lite's schema", has(schema, *kinds, "Int32VectorT", "SparseIndexVector")
    tools = ("convert_bytearray_to_object", "convert_object_to_bytearray")
    yield "flatbuffer_utils", has(adapted_tflite.flatbuffer_utils, *tools)
    # Why the adapter exists: TensorFlow loses the last inputs of 11 where whole units are inactive.
    kernel = tf.constant(np.tile(np.arange(8) % 3 == 0, (11, 1)), tf.float32)
    function = tf.function(lambda x: x @ kernel, input_signature=[tf.TensorSpec((1, 11))])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
    converter.optimizations = [tf.lite.Optimize.EXPERIMENTAL_SPARSITY]
    interpreter = tf.lite.Interpreter(model_content=converter.convert())
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.ones((1, 11), "float32"))
    interpreter.invoke()
    found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    yield "the fault of EXPERIMENTAL_SPARSITY", not np.allclose(found, np.sum(kernel, 0))


def ctypes_calls():
    yield "PyGILState_Ensure", has(ctypes.pythonapi, "PyGILState_Ensure")
    yield "prctl of Linux", not sys.platform.startswith("linux") or has(ctypes.CDLL(None), "prctl")


CHECKS = {
    check.__name__.rstrip("_"): check
    for check in (
        frame_replay,
        gin_internals,
        in_graph_environment,
        keras_layers,
        keras_optimizers,
        mujoco_simulation,
        ctypes_calls,
        replay_tables,
        tf_random_ops_,
        tflite_sparse,
    )
}


def test_every_adapter_has_its_check():
    assert sorted(CHECKS) == ADAPTERS


@pytest.mark.parametrize("adapter", CHECKS)
def test_the_private_parts_are_as_they_were_read(adapter):
    try:
        for what, as_read in CHECKS[adapter]():
            check(adapter, what, as_read)
    except (AttributeError, KeyError, TypeError) as error:
        check(adapter, f"something ({error})", False)


def test_a_change_is_one_clear_line(monkeypatch):
    monkeypatch.delattr(gen_random_ops, "random_shuffle")
    with pytest.raises(pytest.fail.Exception) as failure:
        test_the_private_parts_are_as_they_were_read("tf_random_ops")
    assert failure.value.msg == (
        f"gen_random_ops.random_shuffle has changed in tensorflow {tf.__version__} "
        "(read in 2.15.1): see tf_random_ops.py"
    )
