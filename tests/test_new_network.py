"""A user's Q-network for Atari, sparse by its layers alone, as docs/extending.md has it."""

import json
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
OWN = TESTS / "own_networks"


@pytest.mark.parametrize("file", ["dueling.py", "dueling.gin"])
def test_the_page_shows_the_file(file):
    assert (OWN / file).read_text() in (TESTS.parent / "docs" / "extending.md").read_text()


def test_it_trains_sparsely(tmp_path, with_own):
    files = (OWN / "dueling.gin", TESTS / "short_atari.gin")
    flags = [f"--base_dir={tmp_path / 'run'}", *(f"--gin_files={file}" for file in files)]
    bindings = ("DuelingNetwork.width = 0.1", "UpdatedRigLOptimizer.frequency = 7")
    flags += [f"--gin_bindings={binding}" for binding in bindings]
    with_own(OWN, "rigl_rl.dopamine.train", *flags)
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["suite"] == "atari_dueling"
    assert result["sparsity"] == pytest.approx(0.9, abs=2e-3)
    # Three convolutions, and a hidden and an output layer in both branches.
    assert len(result["layers"]) == 7
