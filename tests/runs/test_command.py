"""Errors of TensorFlow, whose messages name operations and hold the graph, as one line."""

from __future__ import annotations

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
