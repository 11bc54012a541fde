"""The five agents; for each, gin knows only its main."""

from pathlib import Path

import gin
import pytest

from rigl_rl.dopamine import run_experiment  # noqa: F401, registers Atari's gin names
from rigl_rl.tfagents import dqn_train_eval, ppo_train_eval, sac_train_eval

ROOT = Path(__file__).resolve().parents[2]
MAINS = {
    "dqn_classic": dqn_train_eval,
    "sac_mujoco": sac_train_eval,
    "ppo_mujoco": ppo_train_eval,
    "dqn_atari_cnn": None,
    "dqn_atari_resnet": None,
}


@pytest.fixture(params=MAINS)
def agent(request):
    """An agent's name. TF-Agents' mains share a gin name; here it means this agent's main."""
    registry, main = gin.config._REGISTRY, MAINS[request.param]
    own = f"{main.__name__}.train_eval" if main else None
    others = [name for name in registry.matching_selectors("train_eval") if name != own]
    removed = {name: registry.pop(name) for name in others}
    assert registry.matching_selectors("train_eval") == ([own] if own else [])
    yield request.param
    for name, configurable in removed.items():
        registry[name] = configurable
