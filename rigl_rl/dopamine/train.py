r"""Trains and evaluates a dense or sparse DQN on an Atari game.

python -m rigl_rl.dopamine.train --base_dir runs/pong \
    --gin_files gin_configs/dqn_atari_cnn/rigl.gin --seed 1

Hyperparameters are gin bindings. gin_configs/dqn_atari_cnn/base.gin has the paper's values
(Tables 4 to 7, section A.1).
"""

from absl import flags

import rigl_rl.dopamine  # noqa: F401, silences the libraries before they load
from rigl_rl.dopamine.run_experiment import SparseTrainRunner
from rigl_rl.runs import command

flags.DEFINE_string("base_dir", None, "Run directory: created if missing, resumed if unfinished.")
flags.DEFINE_multi_string("gin_files", [], "Gin file; later ones override earlier ones")
flags.mark_flag_as_required("base_dir")


def train(base_dir: str, **options) -> None:
    """Runs, or resumes, one training run; options as in `SparseTrainRunner`."""
    SparseTrainRunner(base_dir, **options).run_experiment()


if __name__ == "__main__":
    command.main(train, "base_dir", "gin_files")
