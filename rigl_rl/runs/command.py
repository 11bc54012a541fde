"""Flags and threads shared by all training commands.

Each training command itself defines the flags for its run directory and gin files: their names
differ between TF-Agents and Dopamine.
"""

from __future__ import annotations

import sys
from typing import Callable

import tensorflow as tf
from absl import app, flags, logging

from rigl_rl.command_line import exit_code
from rigl_rl.errors import ConfigError, RiglRlError
from rigl_rl.runs import config

FLAGS = flags.FLAGS

flags.DEFINE_multi_string("gin_bindings", [], "Gin binding that overrides the files; repeatable.")
flags.DEFINE_integer("seed", 0, "Determines the run: weights, masks, exploration, environments.")
flags.DEFINE_integer(
    "threads", 1, "TensorFlow threads. Runs with equal numbers are bitwise reproducible.", 1
)
flags.DEFINE_float(
    "average_last_fraction", 0.1, "Share of last evaluations in final_return.", 0.0, 1.0
)
flags.DEFINE_boolean("progress", None, "Progress bar; by default only on a terminal.")


def main(train: Callable[..., None], directory_flag: str, files_flag: str) -> None:
    """Runs `train` from the flags.

    An error the user can fix is one line on standard error (`rigl_rl.command_line.exit_code`).

    Args:
      train: takes the run directory and these keywords: `seed`, which determines the run;
        `config_text`, which identifies its configuration; `last_fraction`, the share of the
        evaluations, from the end, in the final score; `show_bar`, whether to draw a progress bar
        (None: only on a terminal).
      directory_flag: name of the flag for the run directory.
      files_flag: name of the flag for the gin files.
    """

    def run(argv):
        _check_flags(argv)
        if not FLAGS["verbosity"].present:
            # Only deprecations inside libraries; real problems raise exceptions.
            logging.set_verbosity(logging.FATAL)
            tf.get_logger().setLevel("FATAL")
        config.parse(FLAGS[files_flag].value or [], FLAGS.gin_bindings)
        tf.config.threading.set_intra_op_parallelism_threads(FLAGS.threads)
        tf.config.threading.set_inter_op_parallelism_threads(FLAGS.threads)
        try:
            train(
                FLAGS[directory_flag].value,
                seed=FLAGS.seed,
                config_text=config.text(FLAGS.seed),
                last_fraction=FLAGS.average_last_fraction,
                show_bar=FLAGS.progress,
            )
        except OSError as error:
            raise RiglRlError(f"{error}; what was written before is intact") from error

    app.run(lambda argv: sys.exit(exit_code(run, argv)))


def _check_flags(argv) -> None:
    if len(argv) > 1:
        raise ConfigError(f"unexpected argument {argv[1]!r}; pass values with flags")
    if FLAGS.seed < 0:
        raise ConfigError(f"--seed is {FLAGS.seed}, but must be at least 0")
