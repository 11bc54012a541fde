import gymnasium
import numpy as np
import pytest

from launch.agents import AGENTS, DQN, DQN_CNN, DQN_RESNET, PPO, SAC, sac_nets
from launch.widths import ConvNet, Net, matched_units, sparse_parameters

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
    # 5% of 265,216 is 13,260.8: 13,261 stay; 14,287 with the biases. Dense with h units has
    # h*h + 8h + 2: 14,147 for 115 (140 short), 14,386 for 116 (99 over).
    assert sparse_parameters((CARTPOLE,), 512, 0.95) == 14_287
    assert CARTPOLE.parameters(115) == 14_147
    assert CARTPOLE.parameters(116) == 14_386
    assert matched_units((CARTPOLE,), 512, 0.95) == 116


@pytest.mark.parametrize("sizes", DQN.tasks.values())
@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99])
def test_units_are_next_to_the_root_of_the_quadratic(sizes, sparsity):
    inputs, outputs = sizes
    full = [np.zeros((inputs, 512)), np.zeros((512, 512)), np.zeros((512, outputs))]
    target = (1 - sparsity) * sum(kernel.size for kernel in full) + 512 + 512 + outputs
    root = np.roots([1, inputs + outputs + 2, outputs - target]).max()
    assert abs(matched_units((Net(*sizes),), 512, sparsity) - root) < 0.51


@pytest.mark.parametrize("agent", AGENTS.values(), ids=AGENTS)
def test_full_width_matches_itself(agent):
    for task in agent.tasks:
        assert agent.matched_units(task, 0.0) == agent.units


def test_actor_and_critics_count_together_by_hand():
    # SAC on HalfCheetah, 17 observations, 6 actions. Actor 17-256-256-12: 72,960 weights and 524
    # biases; each critic 23-256-256-1: 71,680 and 513.
    nets = sac_nets(*SAC.tasks["HalfCheetah-v2"])
    assert sum(net.parameters(256) for net in nets) == 73_484 + 2 * 72_193
    # The default split of section 5: 34:66.
    assert pytest.approx(0.34, abs=0.005) == 73_484 / (73_484 + 2 * 72_193)
    # 90%: 7,296 + 524 and twice 7,168 + 513 stay, 23,182 in all. Three nets of h units have
    # 3 h^2 + (17 + 12 + 2 * (23 + 1) + 6) h + 14: 23,204 for 75.
    assert sparse_parameters(nets, 256, 0.9) == 7_296 + 524 + 2 * (7_168 + 513)
    assert sum(net.parameters(75) for net in nets) == 3 * 75**2 + 83 * 75 + 14
    assert SAC.matched_units("HalfCheetah-v2", 0.9) == 75


def test_ppo_by_hand():
    # 17-64-64-6, 17-64-64-1; 11,079 in all, as in results/runs.
    actor, value = PPO.nets(17, 6)
    assert actor.parameters(64) == 17 * 64 + 64 * 64 + 64 * 6 + 64 + 64 + 6
    assert value.parameters(64) == 17 * 64 + 64 * 64 + 64 + 64 + 64 + 1


def test_nature_cnn_by_hand():
    # Table 7 with 6 actions: weights and biases layer by layer, 11 x 11 positions of 64 filters.
    (net,) = DQN_CNN.nets(4, 6)
    weights = 8 * 8 * 4 * 32 + 4 * 4 * 32 * 64 + 3 * 3 * 64 * 64 + 121 * 64 * 512 + 512 * 6
    assert net.kernel_parameters(512) == weights
    assert net.other_parameters(512) == 32 + 64 + 64 + 512 + 6
    # Half as wide: 16, 32, 32 filters.
    halved = 8 * 8 * 4 * 16 + 4 * 4 * 16 * 32 + 3 * 3 * 32 * 32 + 121 * 32 * 256 + 256 * 6
    assert net.kernel_parameters(256) == halved
    assert net.other_parameters(256) == 16 + 32 + 32 + 256 + 6


def test_matched_cnn_by_hand():
    # 10% of 4,045,824 weights are 404,583 when 3,641,241 go; with 678 biases 405,261 stay. Units h
    # and filters h/16 and h/8: at h = 160 there are 10, 20, 20 filters, hence
    # 2,560 + 3,200 + 3,600 + 387,200 + 960 weights and 216 biases: 397,736. At 161 (10.06, 20.1,
    # 20.1) the dense layer has 2,420 more weights, the last one 6, and one bias more.
    (net,) = nets = DQN_CNN.nets(4, 6)
    assert sparse_parameters(nets, 512, 0.9) == 405_261
    assert sparse_parameters(nets, 160, 0.0) == 397_736
    assert sparse_parameters(nets, 161, 0.0) == 397_736 + 2_420 + 6 + 1
    # 163 is two steps further, 405,017: 244 short. 164 has 21 filters in the upper two layers.
    assert sparse_parameters(nets, 163, 0.0) == 397_736 + 3 * 2_427
    assert DQN_CNN.matched_units("Pong", 0.9) == 163


@pytest.mark.parametrize("width", [1.0, 163 / 512, 0.05])
@pytest.mark.parametrize("agent", [DQN_CNN, DQN_RESNET], ids=lambda agent: agent.name)
def test_atari_networks_are_the_real_ones(agent, width):
    from rigl_rl import flops
    from rigl_rl.environments.frames import STATE_SHAPE
    from rigl_rl.networks import q_values
    from rigl_rl.sparsity import kernels_of

    network = q_values.build(flops.NETWORKS[agent.name.split("_")[-1]](6, width=width), STATE_SHAPE)
    (net,) = agent.nets(4, 6)
    units = int(width * 512 + 0.5)
    kernels = sum(int(np.prod(kernel.shape)) for kernel in kernels_of(network).values())
    assert net.kernel_parameters(units) == kernels
    assert net.other_parameters(units) == network.count_params() - kernels


def test_a_chain_of_layers():
    tiny = ConvNet(channels=1, convolutions=((3, 4),), positions=2, full_units=8, outputs=5)
    # Half as wide: 9 -> 2 filters, 2 x 2 features -> 4 units -> 5 outputs.
    assert tiny.layers(4) == [(9, 2), (4, 4), (4, 5)]
    assert (tiny.kernel_parameters(4), tiny.other_parameters(4)) == (18 + 16 + 20, 2 + 4 + 5)
