import gymnasium
import numpy as np
import pytest

from launch import studies, widths


@pytest.mark.filterwarnings("ignore:.*out of date:DeprecationWarning")
@pytest.mark.parametrize("env", studies.CLASSIC_CONTROL)
def test_sizes_are_those_of_the_environment(env):
    environment = gymnasium.make(env)
    sizes = (environment.observation_space.shape[0], environment.action_space.n)
    assert studies.CLASSIC_CONTROL[env] == sizes


def test_full_width_cartpole_by_hand():
    # 4*512 + 512*512 + 512*2 = 265,216 weights; 512 + 512 + 2 = 1,026 biases.
    assert widths.kernel_parameters(4, 512, 2) == 265_216
    assert widths.bias_parameters(512, 2) == 1_026
    assert widths.dense_parameters(4, 512, 2) == 266_242


def test_cartpole_at_95_percent_by_hand():
    # 5 % of 265,216 is 13,260.8: 13,261 stay, with the biases 14,287. Dense with h units has
    # h*h + 8h + 2: 14,147 for 115 (140 short), 14,386 for 116 (99 over).
    assert widths.sparse_parameters(4, 2, 0.95) == 14_287
    assert widths.dense_parameters(4, 115, 2) == 14_147
    assert widths.dense_parameters(4, 116, 2) == 14_386
    assert widths.matched_units(4, 2, 0.95) == 116


@pytest.mark.parametrize("sizes", studies.CLASSIC_CONTROL.values())
@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99])
def test_units_are_next_to_the_root_of_the_quadratic(sizes, sparsity):
    inputs, outputs = sizes
    full = [np.zeros((inputs, 512)), np.zeros((512, 512)), np.zeros((512, outputs))]
    target = (1 - sparsity) * sum(kernel.size for kernel in full) + 512 + 512 + outputs
    root = np.roots([1, inputs + outputs + 2, outputs - target]).max()
    assert abs(widths.matched_units(inputs, outputs, sparsity) - root) < 0.51


def test_full_width_matches_itself():
    assert widths.matched_units(6, 3, 0.0) == 512
