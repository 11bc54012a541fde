"""Exported policies' parts. For trained runs of every agent see `test_commands.py`."""

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.networks import actor_distribution_network
from tf_agents.policies import actor_policy, greedy_policy, policy_saver
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import time_step as ts

from rigl_rl import command_line
from rigl_rl.adapters import tflite_sparse
from rigl_rl.errors import ConfigError
from rigl_rl.export import __main__ as command
from rigl_rl.export import formats, measure
from rigl_rl.export.policy import GreedyPolicy

LABELS = '"suite": "", "env": "", "method": "", "sparsity": 0, "seed": 0'


def model_of(*kernels: np.ndarray) -> bytes:
    """A TensorFlow Lite model of ReLU layers with these kernels (inputs, outputs)."""
    module = tf.Module()
    module.kernels = [tf.Variable(kernel.astype(np.float32)) for kernel in kernels]

    @tf.function(input_signature=[tf.TensorSpec((1, len(kernels[0])))])
    def layers(x):
        for kernel in module.kernels:
            x = tf.nn.relu(x @ kernel + 0.1)
        return x

    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [layers.get_concrete_function()], module
    )
    return formats._converted(converter)


def loaded(model: bytes, tmp_path):
    (tmp_path / "model.tflite").write_bytes(model)
    return formats.load_tflite(tmp_path / "model.tflite")


def kernel_of(inputs: int, outputs: int, active: float, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    kernel = random.normal(size=(inputs, outputs)) / (active * inputs + 1) ** 0.5
    return kernel * (random.random(kernel.shape) < active)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Finished runs of the same network: one with a sampling policy, one with a greedy one."""
    action = tensor_spec.BoundedTensorSpec((2,), tf.float32, -1.0, 1.0)
    time_steps = ts.time_step_spec(tensor_spec.TensorSpec((3,), tf.float32))
    network = actor_distribution_network.ActorDistributionNetwork(time_steps.observation, action)
    policy = actor_policy.ActorPolicy(time_steps, action, network)
    runs = {}
    for name, each in {"sampling": policy, "greedy": greedy_policy.GreedyPolicy(policy)}.items():
        runs[name] = tmp_path_factory.mktemp(name)
        policy_saver.PolicySaver(each).save(str(runs[name] / "policies" / "000000400"))
        (runs[name] / "result.json").write_text('{"agent": "ppo", ' + LABELS + "}")
    return runs


def test_a_policy_that_samples_is_refused(runs, tmp_path, capsys):
    flags = ["--run", str(runs["sampling"]), "--out", str(tmp_path / "out")]
    assert command_line.exit_code(command.main, flags) == 2
    (line,) = capsys.readouterr().err.splitlines()
    refusal = "its policy samples actions; only greedy ones can be exported or evaluated with noise"
    assert line == f"error: run {str(runs['sampling'])!r}: {refusal}"
    assert not (tmp_path / "out").exists()
    policy = GreedyPolicy(runs["greedy"] / "policies" / "000000400")
    assert policy.action(np.ones((4, 3), np.float32)).shape == (4, 2)


def test_actions_of_nan_differ(runs, tmp_path, capsys, monkeypatch):
    def load(path):
        return lambda observation: np.full((1, 2), np.nan, np.float32)

    files = {
        name: file._replace(load=load) for name, file in formats.files_of("savedmodel").items()
    }
    monkeypatch.setattr(command, "files_of", lambda name: files | formats.files_of("npz"))
    assert command.main(["--run", str(runs["greedy"]), "--out", str(tmp_path / "out")]) == 0
    (warning,) = capsys.readouterr().err.splitlines()
    assert warning == "warning: savedmodel: actions differ from the run's own by nan"


def test_a_policy_that_hardly_ever_samples_another_action_is_refused(tmp_path):
    action = tensor_spec.BoundedTensorSpec((), tf.int32, 0, 1)
    time_steps = ts.time_step_spec(tensor_spec.TensorSpec((3,), tf.float32))
    network = actor_distribution_network.ActorDistributionNetwork(time_steps.observation, action)
    network.create_variables()
    network.trainable_variables[-1].assign([9.0, -9.0])  # biases of the logits
    policy = actor_policy.ActorPolicy(time_steps, action, network)
    policy_saver.PolicySaver(policy).save(str(tmp_path / "sampling"))
    with pytest.raises(ConfigError, match="samples actions; only greedy"):
        GreedyPolicy(tmp_path / "sampling")


@pytest.mark.parametrize(
    ("shape", "active", "index_bytes", "start_bytes"),
    [
        ((11, 20), 0.4, 1, 1),  # 11 is not a multiple of 4
        ((256, 64), 0.1, 1, 2),
        ((257, 64), 0.1, 2, 2),
        ((700, 250), 0.5, 2, 4),
        ((30, 7), 0.0, 1, 1),  # nothing is left
    ],
)
def test_a_sparse_kernel_takes_the_bytes_of_its_connections(
    tmp_path, shape, active, index_bytes, start_bytes
):
    kernel = kernel_of(*shape, active)
    plain = model_of(kernel)
    sparse = tflite_sparse.encoded(plain)
    count = np.count_nonzero(kernel)
    saved = 4 * kernel.size - (4 + index_bytes) * count - start_bytes * (shape[1] + 1)
    assert len(plain) - len(sparse) == pytest.approx(saved, abs=400)  # of what describes it
    observations = np.random.default_rng(1).normal(size=(20, 1, shape[0])).astype(np.float32)
    expected = np.maximum(observations @ kernel + 0.1, 0)
    act = loaded(sparse, tmp_path)
    assert measure.difference(act, expected, observations) < 1e-5


def test_kernels_stay_as_they_are_where_that_is_smaller(tmp_path):
    kernels = [kernel_of(10, 40, 1.0), kernel_of(40, 40, 0.1), kernel_of(40, 3, 0.9)]
    plain = model_of(*kernels)
    sparse = tflite_sparse.encoded(plain)
    observations = np.random.default_rng(1).normal(size=(20, 1, 10)).astype(np.float32)
    expected = observations
    for kernel in kernels:
        expected = np.maximum(expected @ kernel + 0.1, 0)
    assert measure.difference(loaded(sparse, tmp_path), expected, observations) < 1e-5
    only_second = 4 * kernels[1].size - 5 * np.count_nonzero(kernels[1])
    assert len(plain) - len(sparse) == pytest.approx(only_second, abs=400)


def test_policies_take_turns():
    order = []
    first, second = (lambda x, name=name: order.append(name) for name in "ab")
    seconds = measure.latencies([first, second], np.zeros((3, 1, 2)))
    assert order == ["a", "b"] * 3
    assert len(seconds) == 2
    assert all(0 < each < 1 for each in seconds)


def test_size_counts_all_files(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "one").write_bytes(b"12345")
    (tmp_path / "deep" / "er" / "two").write_bytes(b"123")
    assert (measure.size(tmp_path), measure.size(tmp_path / "one")) == (8, 5)


def test_formats_and_their_files():
    assert formats.FORMATS == ("savedmodel", "tflite", "npz")
    assert len(formats.files_of("tflite")) == 3
    assert [*formats.files_of("npz")] == ["policy.npz"]
    assert formats.files_of(None) == formats.FILES


def test_bad_input_is_one_line(tmp_path, capsys):
    run, out = tmp_path / "run", tmp_path / "out"
    (run / "policies" / "000000400").mkdir(parents=True)
    for folder in (run, out):
        folder.mkdir(exist_ok=True)
    (out / "policy.npz").touch()
    flags = ["--run", str(run), "--out", str(out)]

    def error(*more):
        assert command_line.exit_code(command.main, [*flags, *more]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        (line,) = captured.err.splitlines()
        return line.removeprefix(f"error: run {str(run)!r}: ")

    assert error().startswith("no result.json to read (No such file or directory); give the ")
    (run / "result.json").write_text("{" + LABELS + "}")
    assert error() == "result.json lacks agent"
    (run / "result.json").write_text('{"agent": "dqn", ' + LABELS + "}")
    assert error("--step", "7") == "no policy of step 7; saved steps: 400"
    assert error() == f"error: --out {str(out)!r} has policy.npz; give a new directory"
    assert "cannot be loaded: SavedModel file does not exist" in error("--format", "tflite")
    assert "invalid choice: 'onnx'" in error("--format", "onnx")
    assert (out / "policy.npz").read_bytes() == b""
