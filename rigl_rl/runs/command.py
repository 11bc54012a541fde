"""Flags and threads shared by all training commands.

Each training command itself defines the flags for its run directory and gin files: their names
differ between TF-Agents and Dopamine.
"""

import re
import sys
from collections.abc import Callable, Sequence

import tensorflow as tf
from absl import app, flags, logging

from rigl_rl.command_line import exit_code
from rigl_rl.errors import ConfigError, RiglRlError
from rigl_rl.final_score import LAST_FRACTION
from rigl_rl.parameters import check
from rigl_rl.runs import config, threads

FLAGS = flags.FLAGS

flags.DEFINE_multi_string("gin_bindings", [], "Gin binding that overrides the files")
flags.DEFINE_integer("seed", 0, "Seed of weights, masks, exploration and environments.")
flags.DEFINE_integer(
    "threads", 1, "TensorFlow threads. Results repeat bit for bit with the same number.", 1
)
flags.DEFINE_float(
    "average_last_fraction",
    LAST_FRACTION,
    "Share of the evaluations, from the end, in final_return.",
    0.0,
    1.0,
)
flags.DEFINE_boolean("progress", None, "Draw a progress bar; by default only on a terminal.")
flags.DEFINE_boolean("debug", False, "Show where an error comes from.")


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
        _check_flags(argv, directory_flag)
        if not FLAGS["verbosity"].present:
            # Only deprecations inside libraries; real problems raise exceptions.
            logging.set_verbosity(logging.FATAL)
            tf.get_logger().setLevel("FATAL")
        # Before modules that the configuration imports start TensorFlow.
        threads.use(FLAGS.threads)
        config.parse(FLAGS[files_flag].value or [], FLAGS.gin_bindings)
        try:
            train(
                FLAGS[directory_flag].value,
                seed=FLAGS.seed,
                config_text=config.text(FLAGS.seed),
                last_fraction=FLAGS.average_last_fraction,
                show_bar=FLAGS.progress,
            )
        except (OSError, tf.errors.OpError) as error:
            raise RiglRlError(f"{_text(error)}; what was written before is intact") from error

    # absl's --help shows the flags of the main module only.
    for module in (__name__, FLAGS.find_module_defining_flag(directory_flag)):
        for flag in FLAGS.get_flags_for_module(module):
            FLAGS.register_key_flag_for_module(sys.argv[0], flag)
    app.run(lambda argv: sys.exit(exit_code(run, argv)), flags_parser=_parsed)


def _parsed(argv: Sequence[str]) -> Sequence[str]:
    """The arguments that are not flags."""
    rest: list[str] = []

    def parse(argv):
        try:
            rest.extend(FLAGS(argv))
        except flags.Error as error:
            raise ConfigError(" ".join(str(error).split())) from error

    if code := exit_code(parse, argv):
        sys.exit(code)
    return rest


def _text(error: Exception) -> str:
    if not isinstance(error, tf.errors.OpError):
        return str(error)
    # The operation's name may come first, and the graph follows.
    text = re.sub(r"\{\{.*?\}\}", "", error.message).strip().splitlines()
    kind = "out of memory" if "OOM" in error.message else type(error).__name__
    return f"{kind}: {text[0] if text else ''}"


def _check_flags(argv, directory_flag: str) -> None:
    if len(argv) > 1:
        raise ConfigError(f"unexpected argument {argv[1]!r}; pass values with flags")
    check("--seed", FLAGS.seed, "int", low=0)
    if not FLAGS[directory_flag].value:
        raise ConfigError(f"--{directory_flag} is empty; give the directory of the run")
