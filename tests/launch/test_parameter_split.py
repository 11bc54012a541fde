"""Figure 3's shares of a budget: the networks have the requested numbers of parameters."""

import pytest

from launch import actor_critic, parameter_split
from rigl_rl.command_line import exit_code

# Actor and one critic, counted by hand: weights and biases layer by layer, 256 units.
HALF_CHEETAH = (
    17 * 256 + 256 + 256 * 256 + 256 + 256 * 12 + 12,
    23 * 256 + 256 + 256 * 256 + 256 + 256 + 1,
)
HUMANOID = (
    376 * 256 + 256 + 256 * 256 + 256 + 256 * 34 + 34,
    393 * 256 + 256 + 256 * 256 + 256 + 256 + 1,
)
SHARES = [0.1, 0.2, 0.3, 0.34, 0.5, 0.7, 0.8, 0.9]


def numbers(*args) -> tuple[float, float]:
    actor, critic = map(float, parameter_split.split(*args).split("_"))
    return actor, critic


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("budget", [0.1, 0.2, 1.0])
def test_dense_networks_meet_their_budget(budget, share):
    widths = numbers("HalfCheetah-v2", budget, share, "dense")
    sizes = []
    for width, inputs, outputs in zip(widths, (17, 23), (12, 1)):
        h = int(width * 256 + 0.5)
        sizes.append(inputs * h + h + h * h + h + h * outputs + outputs)
    total = budget * (73_484 + 2 * 72_193)
    # The error is at most half of the parameters that one more unit in both layers adds.
    assert sizes[0] == pytest.approx(share * total, abs=widths[0] * 256 + 20)
    assert 2 * sizes[1] == pytest.approx((1 - share) * total, abs=2 * (widths[1] * 256 + 20))


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("budget", [0.1, 0.2])
@pytest.mark.parametrize(
    ("task", "sizes"), [("HalfCheetah-v2", HALF_CHEETAH), ("Humanoid-v2", HUMANOID)]
)
def test_sparse_networks_meet_their_budget(task, sizes, budget, share):
    sparsities = numbers(task, budget, share, "sparse")
    outputs = {"HalfCheetah-v2": (12, 1), "Humanoid-v2": (34, 1)}[task]
    active = []
    for sparsity, size, output in zip(sparsities, sizes, outputs):
        biases = 256 + 256 + output
        active.append((1 - sparsity) * (size - biases) + biases)
    total = budget * (sizes[0] + 2 * sizes[1])
    assert active[0] == pytest.approx(share * total, abs=1)
    assert 2 * active[1] == pytest.approx((1 - share) * total, abs=1)


def test_the_standard_split_of_everything_is_the_standard_networks():
    share = 73_484 / (73_484 + 2 * 72_193)
    assert numbers("HalfCheetah-v2", 1.0, share, "dense") == (1.0, 1.0)
    assert numbers("HalfCheetah-v2", 1.0, share, "sparse") == (0.0, 0.0)


def test_the_binding_is_printed(capsys):
    actor_critic.main(["HalfCheetah-v2", "--budget=1", "--actor_share=0.3373", "--regime=dense"])
    assert capsys.readouterr().out == 'train_eval.actor_critic_widths_str="1.0_1.0"\n'


@pytest.mark.parametrize(
    ("flags", "parts"),
    [
        # Nine tenths of all parameters are more than a full actor.
        (["--budget=1", "--actor_share=0.9", "--regime=sparse"], ["0.9", "actor", "at most 73484"]),
        (["--budget=1", "--actor_share=0.1", "--regime=sparse"], ["critic", "at most 72193"]),
        (["--budget=0.01", "--actor_share=0.1", "--regime=sparse"], ["actor", "at least 525"]),
        (["--budget=0.0001", "--actor_share=0.5", "--regime=dense"], ["actor", "at least 44"]),
        (["--budget=0.2", "--actor_share=1.5", "--regime=dense"], ["1.5", "(0, 1)"]),
        (["--budget=inf", "--actor_share=0.5", "--regime=dense"], ["inf", "finite"]),
        (["--budget=-1", "--actor_share=0.5", "--regime=dense"], ["-1", "positive"]),
    ],
)
def test_what_cannot_be_is_one_line(capsys, flags, parts):
    assert exit_code(actor_critic.main, ["HalfCheetah-v2", *flags]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert all(part in line for part in parts)
