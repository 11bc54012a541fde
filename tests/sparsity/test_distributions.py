"""Layer-wise sparsities against typed values, a root finder and hand-worked cases."""

import math

import numpy as np
import pytest
from scipy import optimize

from rigl_rl.sparsity.distributions import active_count, layer_sparsities

from .worked_cases import ERK_ACTIVE, NETS


def _water_filling(shapes, sparsity, relative):
    """Densities min(1, scale x relative) with the scale from a root finder, not from a loop."""
    sizes = {name: math.prod(shape) for name, shape in shapes.items()}
    budget = sum(size - math.floor(sparsity * size + 1e-9) for size in sizes.values())

    def excess(scale):
        return sum(min(1.0, scale * relative[n]) * sizes[n] for n in shapes) - budget

    scale = optimize.brentq(excess, 0, 1 / min(relative.values()), xtol=1e-14, rtol=1e-14)
    return {name: 1 - min(1.0, scale * relative[name]) for name in shapes}


@pytest.mark.parametrize(("net", "sparsity", "expected"), ERK_ACTIVE)
def test_erk_leaves_the_active_weights_of_the_original(net, sparsity, expected):
    shapes = NETS[net]
    sparsities = layer_sparsities(shapes, sparsity)
    sizes = {name: math.prod(shape) for name, shape in shapes.items()}
    assert [active_count(sizes[name], sparsities[name]) for name in shapes] == expected
    # The plain floor, without our guard against rounding, finds the same.
    assert [sizes[n] - math.floor(sparsities[n] * sizes[n]) for n in shapes] == expected


def test_erk_cartpole_at_90_percent_is_the_closed_form():
    # Outer layers would need density (516/2048) eps and (514/1024) eps > 1 for
    # eps = 26523 / (516 + 1024 + 514), so both are dense; the middle one takes what is left of
    # (2048 - 1843) + (262144 - 235929) + (1024 - 921) = 26523 weights.
    sparsities = layer_sparsities(NETS["cartpole"], 0.9)
    assert sparsities["a"] == sparsities["c"] == 0.0
    assert sparsities["b"] == pytest.approx(1 - (26523 - 2048 - 1024) / 262144, abs=1e-12)


def test_erdos_renyi_and_erk_differ_by_the_spatial_size_of_a_convolution():
    shapes = {"large": (5, 5, 10, 20), "small": (3, 3, 10, 20), "dense": (1000, 500)}
    er = layer_sparsities(shapes, 0.995, "erdos_renyi")
    erk = layer_sparsities(shapes, 0.995, "erdos_renyi_kernel")
    # ER: in and out alone, 0.15 for both convolutions and 0.003 for the dense layer.
    assert er["large"] == pytest.approx(er["small"], abs=1e-12)
    assert (1 - er["large"]) / (1 - er["dense"]) == pytest.approx(0.15 / 0.003)
    # ERK: (5+5+10+20)/5000 = 0.008, (3+3+10+20)/1800 = 0.02, 1500/500000 = 0.003.
    assert (1 - erk["small"]) / (1 - erk["large"]) == pytest.approx(0.02 / 0.008)
    assert (1 - erk["large"]) / (1 - erk["dense"]) == pytest.approx(0.008 / 0.003)


@pytest.mark.parametrize("method", ["erdos_renyi_kernel", "erdos_renyi"])
@pytest.mark.parametrize("net", list(NETS))
@pytest.mark.parametrize("sparsity", [0.05, 0.3, 0.7, 0.9, 0.98])
def test_agrees_with_a_root_finder(method, net, sparsity):
    shapes = NETS[net]
    dims = {n: s if method == "erdos_renyi_kernel" else s[-2:] for n, s in shapes.items()}
    relative = {n: sum(d) / math.prod(d) for n, d in dims.items()}
    expected = _water_filling(shapes, sparsity, relative)
    found = layer_sparsities(shapes, sparsity, method)
    assert found == pytest.approx(expected, abs=1e-6)


def test_agrees_with_a_root_finder_on_random_networks():
    rng = np.random.default_rng(0)
    for _ in range(100):
        shapes = {
            str(i): tuple(int(d) for d in rng.integers(1, 40, size=rng.choice([2, 4])))
            for i in range(rng.integers(1, 8))
        }
        sparsity, power = float(rng.uniform(0.01, 0.99)), float(rng.uniform(0, 2))
        relative = {n: (sum(s) / math.prod(s)) ** power for n, s in shapes.items()}
        found = layer_sparsities(shapes, sparsity, erk_power_scale=power)
        assert found == pytest.approx(_water_filling(shapes, sparsity, relative), abs=1e-6)
        assert min(found.values()) >= 0
        assert max(found.values()) < 1


@pytest.mark.parametrize("net", list(NETS))
@pytest.mark.parametrize("method", ["erdos_renyi_kernel", "erdos_renyi", "uniform"])
@pytest.mark.parametrize("sparsity", [0.5, 0.8, 0.9, 0.95, 0.99])
def test_total_is_within_one_weight_per_layer_of_the_budget(net, method, sparsity):
    shapes = NETS[net]
    sizes = {name: math.prod(shape) for name, shape in shapes.items()}
    budget = sum(size - math.floor(sparsity * size + 1e-9) for size in sizes.values())
    found = layer_sparsities(shapes, sparsity, method)
    total = sum(active_count(sizes[name], found[name]) for name in shapes)
    assert 0 <= total - budget <= len(shapes)


def test_cartpole_total_at_90_percent_is_ten_percent():
    found = layer_sparsities(NETS["cartpole"], 0.9)
    total = sum(active_count(math.prod(s), found[n]) for n, s in NETS["cartpole"].items())
    assert abs(total - 0.1 * 265216) <= 3


@pytest.mark.parametrize("method", ["uniform", "random"])
def test_uniform_gives_every_layer_the_target(method):
    assert layer_sparsities(NETS["nature"], 0.83, method) == dict.fromkeys(NETS["nature"], 0.83)


def test_power_scale_softens_erk_towards_uniform():
    shapes = {"a": (100, 100), "b": (400, 400)}  # sum / product: 0.02 and 0.005, a factor of 4
    ratios = []
    for power in (1.0, 0.5, 0.0):
        found = layer_sparsities(shapes, 0.95, erk_power_scale=power)
        ratios.append((1 - found["a"]) / (1 - found["b"]))
    assert ratios == pytest.approx([4.0, 2.0, 1.0])


def test_power_scale_leaves_erdos_renyi_alone():
    with_power = layer_sparsities(NETS["nature"], 0.9, "erdos_renyi", erk_power_scale=0.3)
    assert with_power == layer_sparsities(NETS["nature"], 0.9, "erdos_renyi")


@pytest.mark.parametrize("method", ["erdos_renyi_kernel", "erdos_renyi", "uniform"])
def test_custom_layers_stand_outside_the_budget(method):
    shapes = NETS["cheetah_actor"]
    found = layer_sparsities(shapes, 0.9, method, custom_sparsity_map={"b": 0.25})
    others = layer_sparsities({"a": shapes["a"], "c": shapes["c"]}, 0.9, method)
    assert found == {"a": others["a"], "b": 0.25, "c": others["c"]}


def test_all_layers_custom():
    custom = {"a": 0.1, "b": 0.2, "c": 0.0}
    assert layer_sparsities(NETS["cartpole"], 0.9, custom_sparsity_map=custom) == custom


@pytest.mark.parametrize("method", ["erdos_renyi_kernel", "erdos_renyi", "uniform"])
@pytest.mark.parametrize("net", list(NETS))
def test_sparsity_zero_is_exactly_dense(method, net):
    assert set(layer_sparsities(NETS[net], 0.0, method).values()) == {0.0}


def test_kernels_too_small_to_lose_a_weight_stay_dense():
    assert layer_sparsities({"a": (1, 1), "b": (1, 1)}, 0.9) == {"a": 0.0, "b": 0.0}


def test_shapes_may_be_lists_and_order_is_kept():
    found = layer_sparsities({"z": [512, 2], "a": [512, 512]}, 0.9)
    assert list(found) == ["z", "a"]


@pytest.mark.parametrize(
    ("size", "sparsity", "active"),
    [
        (10, 0.9, 1),
        (100, 0.29, 71),  # 0.29 * 100 is 28.999999999999996
        (100, 0.57, 43),  # 0.57 * 100 is 56.99999999999999
        (2048, 0.9, 205),  # floor(1843.2) are removed
        (3, 0.5, 2),
        (7, 0.0, 7),
    ],
)
def test_active_count_removes_the_floor(size, sparsity, active):
    assert active_count(size, sparsity) == active


@pytest.mark.parametrize("sparsity", [1.2, -0.1, 1.0, float("nan"), float("inf"), "0.9", None])
def test_refuses_sparsities_outside_zero_to_one(sparsity):
    with pytest.raises(ValueError, match=r"^sparsity .*outside \[0, 1\)") as error:
        layer_sparsities(NETS["cartpole"], sparsity)
    assert repr(sparsity) in str(error.value)
    with pytest.raises(ValueError, match=r"^custom sparsity of 'b' .*outside \[0, 1\)"):
        layer_sparsities(NETS["cartpole"], 0.9, custom_sparsity_map={"b": sparsity})


def test_refuses_what_it_does_not_know():
    with pytest.raises(ValueError, match="unknown sparsity distribution 'erk'.*'erdos_renyi'"):
        layer_sparsities(NETS["cartpole"], 0.9, "erk")
    with pytest.raises(ValueError, match=r"names 'zz', the kernels are \['a', 'b', 'c'\]"):
        layer_sparsities(NETS["cartpole"], 0.9, custom_sparsity_map={"zz": 0.5})
    with pytest.raises(ValueError, match="shapes is empty"):
        layer_sparsities({}, 0.9)
    with pytest.raises(ValueError, match="erk_power_scale -1"):
        layer_sparsities(NETS["cartpole"], 0.9, erk_power_scale=-1)
    with pytest.raises(ValueError, match=r"'bias' has shape \(5,\)"):
        layer_sparsities({"bias": (5,)}, 0.9)
    with pytest.raises(ValueError, match=r"'a' has shape \(5, 0\)"):
        layer_sparsities({"a": (5, 0)}, 0.9)
