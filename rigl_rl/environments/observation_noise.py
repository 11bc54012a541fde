"""Noise on what a policy observes (section 8 of the paper, Figure 6)."""

from __future__ import annotations

import gin
import numpy as np

from rigl_rl.parameters import check

OUTSIDE = ("clip", "wrap")


@gin.configurable
class PixelNoise:
    """Gaussian noise on pixels, in whole numbers and independent for each pixel.

    Args:
      sigma: standard deviation, in pixel values of 0 to 255; at least 0.
      outside: how to treat values outside [0, 255]; the paper does not say. 'clip' rounds the noise
        and clips such values. 'wrap' computes in uint8 as the original does: the noise loses its
        fraction, sums are taken modulo 256, and a black pixel may turn white.

    Raises:
      ConfigError: `sigma` or `outside` is not allowed.
    """

    def __init__(self, sigma: float, outside: str = "clip"):
        check("observation_noise", sigma, "float", low=0)
        check("PixelNoise.outside", outside, "str", choices=OUTSIDE)
        self.sigma = sigma
        self._clip = outside == "clip"
        self.seed(0)

    def seed(self, seed: int) -> None:
        """Seeds the noise."""
        self._random = np.random.default_rng(seed)

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """Returns a noisy copy of `pixels`, uint8 of any shape."""
        noise = self._random.normal(0.0, self.sigma, pixels.shape)
        if self._clip:
            return (pixels + np.rint(noise)).clip(0, 255).astype(np.uint8)
        return (pixels + np.trunc(noise)).astype(np.int64).astype(np.uint8)


class NoisyAtari:
    """An Atari environment with noise on every observation, including an episode's first.

    Args:
      environment: an `atari.AtariEnvironment`.
      noise: the noise on the pixels.
    """

    def __init__(self, environment, noise: PixelNoise):
        self.environment = environment
        self._noise = noise

    def __getattr__(self, name):
        return getattr(self.environment, name)

    def seed(self, seed: int) -> None:
        """Seeds the game, as of the next reset, and the noise."""
        self.environment.seed(seed)
        self._noise.seed(seed)

    def reset(self) -> np.ndarray:
        """Starts a new game."""
        return self._noise(self.environment.reset())

    def step(self, action: int):
        """Takes a step of the environment."""
        observation, *rest = self.environment.step(action)
        return (self._noise(observation), *rest)
