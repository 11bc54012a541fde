"""Flags of the TF-Agents mains."""

from collections.abc import Callable

from absl import flags

from rigl_rl.runs import command

flags.DEFINE_string("root_dir", None, "Run directory: created if missing, resumed if unfinished.")
flags.DEFINE_multi_string("gin_file", [], "Gin file; later ones override earlier ones")
for _suite in ("is_classic", "is_mujoco", "is_atari"):
    flags.DEFINE_boolean(_suite, None, "Ignored: the task's name decides.")
flags.mark_flag_as_required("root_dir")


def main(train_eval: Callable[..., None]) -> None:
    """Runs `train_eval` with the flags; see `rigl_rl.runs.command.main`."""
    command.main(train_eval, "root_dir", "gin_file")
