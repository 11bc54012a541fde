"""Flags of the training commands, and TensorFlow's errors, which hold the graph, as one line."""

import subprocess
import sys

import pytest
import tensorflow as tf

from rigl_rl.runs import command


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            tf.errors.ResourceExhaustedError(
                None, None, "{{node q/MatMul}} OOM when allocating tensor of shape [9,9]\n\t [[q]]"
            ),
            "out of memory: OOM when allocating tensor of shape [9,9]",
        ),
        (
            tf.errors.ResourceExhaustedError(None, None, "/x/model.pb; No space left\n[Op:a]"),
            "ResourceExhaustedError: /x/model.pb; No space left",
        ),
        (tf.errors.UnknownError(None, None, ""), "UnknownError: "),
        (OSError(28, "No space left on device", "/x"), "[Errno 28] No space left on device: '/x'"),
    ],
)
def test_an_error_of_tensorflow_is_one_line(error, line):
    assert command._text(error) == line


@pytest.mark.parametrize(
    ("main", "own"),
    [
        ("rigl_rl.tfagents.ppo_train_eval", ("root_dir", "gin_file")),
        ("rigl_rl.dopamine.train", ("base_dir", "gin_files")),
    ],
)
def test_help_lists_every_flag_and_a_command_to_copy(main, own):
    text = subprocess.run([sys.executable, "-m", main, "--help"], capture_output=True, text=True)
    for flag in (*own, "gin_bindings", "seed", "threads", "[no]progress", "[no]debug"):
        assert f"\n  --{flag}:" in text.stdout
    assert f"python -m {main} --{own[0]} runs/" in text.stdout
    assert " \\\n    --gin_file" in text.stdout
