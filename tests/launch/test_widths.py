import gymnasium
import numpy as np
import pytest

from launch.agents import AGENTS, DQN, PPO, SAC
from launch.widths import Net, matched_units, sparse_parameters

CARTPOLE = Net(4, 2)


@pytest.mark.filterwarnings("ignore:.*out of date:DeprecationWarning")
@pytest.mark.parametrize("task", DQN.tasks)
def test_sizes_are_those_of_the_environment(task):
    environment = gymnasium.make(task)
    sizes = (environment.observation_space.shape[0], environment.action_space.n)
    assert DQN.tasks[task] == sizes


def test_full_width_cartpole_by_hand():
    # 4*512 + 512*512 + 512*2 = 265,216 weights; 512 + 512 + 2 = 1,026 biases.
    assert CARTPOLE.kernel_parameters(512) == 265_216
    assert CARTPOLE.other_parameters(512) == 1_026
    assert CARTPOLE.parameters(512) == 266_242


def test_cartpole_at_95_percent_by_hand():
    # 5 % of 265,216 is 13,260.8: 13,261 stay, with the biases 14,287. Dense with h units has
    # h*h + 8h + 2: 14,147 for 115 (140 short), 14,386 for 116 (99 over).
    assert sparse_parameters([CARTPOLE], 512, 0.95) == 14_287
    assert CARTPOLE.parameters(115) == 14_147
    assert CARTPOLE.parameters(116) == 14_386
    assert matched_units([CARTPOLE], 512, 0.95) == 116


@pytest.mark.parametrize("sizes", DQN.tasks.values())
@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99])
def test_units_are_next_to_the_root_of_the_quadratic(sizes, sparsity):
    inputs, outputs = sizes
    full = [np.zeros((inputs, 512)), np.zeros((512, 512)), np.zeros((512, outputs))]
    target = (1 - sparsity) * sum(kernel.size for kernel in full) + 512 + 512 + outputs
    root = np.roots([1, inputs + outputs + 2, outputs - target]).max()
    assert abs(matched_units([Net(*sizes)], 512, sparsity) - root) < 0.51


@pytest.mark.parametrize("agent", AGENTS.values(), ids=AGENTS)
def test_full_width_matches_itself(agent):
    for task in agent.tasks:
        assert agent.matched_units(task, 0.0) == agent.units


def test_actor_and_critics_count_together_by_hand():
    # SAC on HalfCheetah, 17 observations, 6 actions. Actor 17-256-256-12: 72,960 weights and 524
    # biases; each critic 23-256-256-1: 71,680 and 513.
    nets = SAC.nets(*SAC.tasks["HalfCheetah-v2"])
    assert sum(net.parameters(256) for net in nets) == 73_484 + 2 * 72_193
    # The default split of section 5: 34:66.
    assert pytest.approx(0.34, abs=0.005) == 73_484 / (73_484 + 2 * 72_193)
    # 90 %: 7,296 + 524 and twice 7,168 + 513 stay, 23,182 in all. Three nets of h units have
    # 3 h^2 + (17 + 12 + 2 * (23 + 1) + 6) h + 14: 23,204 for 75.
    assert sparse_parameters(nets, 256, 0.9) == 7_296 + 524 + 2 * (7_168 + 513)
    assert sum(net.parameters(75) for net in nets) == 3 * 75**2 + 83 * 75 + 14
    assert SAC.matched_units("HalfCheetah-v2", 0.9) == 75


def test_ppo_by_hand():
    # 17-64-64-6 with 6 standard deviations, 17-64-64-1.
    actor, value = PPO.nets(17, 6)
    assert actor.parameters(64) == 17 * 64 + 64 * 64 + 64 * 6 + 64 + 64 + 6 + 6
    assert value.parameters(64) == 17 * 64 + 64 * 64 + 64 + 64 + 64 + 1
