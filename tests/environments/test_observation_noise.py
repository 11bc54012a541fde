"""Noise on pixels: in whole numbers, independent, on all frames, and of the requested size."""

import gin
import numpy as np
import pytest

from rigl_rl.environments.observation_noise import NoisyAtari, PixelNoise
from rigl_rl.errors import ConfigError


class Gray:
    """Always shows the same frame."""

    def __init__(self, value=128):
        self.frame = np.full((84, 84, 1), value, np.uint8)
        self.game_over = False
        self.seeds = []

    def seed(self, seed):
        self.seeds.append(seed)

    def reset(self):
        return self.frame

    def step(self, action):
        return self.frame, float(action), False, {"lives": 3}


@pytest.mark.parametrize("sigma", [1.0, 5.0, 30.0])
def test_noise_is_gaussian_and_drawn_for_each_pixel(sigma):
    noise = PixelNoise(sigma)
    pixels = np.full((100, 84, 84), 128, np.uint8)
    added = noise(pixels).astype(int) - 128
    # Rounding adds the variance of a uniform number within half of a pixel value.
    assert added.std() == pytest.approx(np.sqrt(sigma**2 + 1 / 12), rel=0.01)
    assert abs(added.mean()) < 0.01 * sigma
    assert np.mean(np.abs(added) <= sigma) == pytest.approx(0.6827, abs=0.25 / sigma)
    # Neighboring pixels and consecutive frames are independent.
    for other in (np.roll(added, 1, axis=0), np.roll(added, 1, axis=2)):
        assert abs(np.corrcoef(added.ravel(), other.ravel())[0, 1]) < 0.01


def test_no_noise_changes_nothing():
    pixels = np.random.default_rng(0).integers(0, 256, (84, 84, 1), np.uint8)
    np.testing.assert_array_equal(PixelNoise(0)(pixels), pixels)


def test_values_outside_are_clipped():
    noise = PixelNoise(30.0)
    black, white = noise(np.zeros((84, 84), np.uint8)), noise(np.full((84, 84), 255, np.uint8))
    assert np.mean(black == 0) == pytest.approx(0.5, abs=0.05)
    assert black.max() < 200
    assert np.mean(white == 255) == pytest.approx(0.5, abs=0.05)
    assert white.min() > 55


def test_a_binding_reaches_the_originals_arithmetic():
    gin.parse_config("PixelNoise.outside = 'wrap'")
    try:
        wrapped = PixelNoise(3.0)(np.zeros((84, 84), np.uint8))
    finally:
        gin.clear_config()
    # A normal variable is below -1/3 of a deviation with probability 0.369 and within 1/3 with
    # 0.261: noise below one pixel value is lost; rounding would only lose noise below a half.
    assert np.mean(wrapped > 200) == pytest.approx(0.369, abs=0.025)
    assert np.mean(wrapped == 0) == pytest.approx(0.261, abs=0.025)
    assert not ((wrapped > 30) & (wrapped < 220)).any()


def test_wrapped_noise_is_numpys_own_conversion():
    """As in the original, noise is cast to uint8 and added in uint8."""
    pixels = np.random.default_rng(1).integers(0, 256, (84, 84), np.uint8)
    noise = PixelNoise(20.0, outside="wrap")
    noise.seed(3)
    drawn = np.random.default_rng(3).normal(0.0, 20.0, pixels.shape)
    expected = pixels.copy()
    expected += drawn.astype(np.int64).astype(np.uint8)  # a direct cast depends on the processor
    np.testing.assert_array_equal(noise(pixels), expected)


def test_the_first_observation_of_an_episode_is_noisy_too():
    env = NoisyAtari(Gray(), PixelNoise(5.0))
    first = env.reset()
    second, reward, over, info = env.step(2)
    assert (first != 128).mean() > 0.9
    assert (second != 128).mean() > 0.9
    assert (first != second).any()
    assert (reward, over, info, env.game_over) == (2.0, False, {"lives": 3}, False)
    assert (first.shape, first.dtype) == ((84, 84, 1), np.uint8)


def test_the_seed_determines_noise_and_game():
    env = NoisyAtari(Gray(), PixelNoise(5.0))
    frames = []
    for seed in (1, 1, 2):
        env.seed(seed)
        frames.append(env.reset())
    np.testing.assert_array_equal(frames[0], frames[1])
    assert (frames[0] != frames[2]).any()
    assert env.environment.seeds == [1, 1, 2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sigma": -1.0}, "observation_noise is -1.0"),
        ({"sigma": "much"}, "observation_noise is 'much'"),
        ({"sigma": float("inf")}, "observation_noise is inf"),
        ({"sigma": 1.0, "outside": "reflect"}, "'reflect', but must be one of 'clip', 'wrap'"),
    ],
)
def test_bad_noise_is_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        PixelNoise(**arguments)
