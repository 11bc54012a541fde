"""Noise on what a policy observes (section 8 of the paper, Figure 6)."""

from __future__ import annotations

import gin
import numpy as np

from rigl_rl.errors import ConfigError, check_within

OUTSIDE = ("clip", "wrap")


@gin.configurable
class PixelNoise:
    """Gaussian noise on pixels, made whole numbers, drawn for each pixel by itself.

    Args:
      sigma: standard deviation, in pixel values of 0 to 255; at least 0.
      outside: what happens to values outside of [0, 255]. The paper does not say: 'clip' rounds the
        noise and cuts such values off; 'wrap' computes in uint8 as the original does, where noise
        loses its fraction, sums are taken modulo 256, and a black pixel may turn white.

    Raises:
      ConfigError: `sigma` or `outside` is not allowed.
    """

    def __init__(self, sigma: float, outside: str = "clip"):
        check_within(0, float("inf"), observation_noise=sigma)
        if outside not in OUTSIDE:
            raise ConfigError(
                f"PixelNoise.outside is {outside!r}, but must be one of {', '.join(OUTSIDE)}"
            )
        self.sigma = sigma
        self._clip = outside == "clip"
        self.seed(0)

    def seed(self, seed: int) -> None:
        """Determines the noise from here on."""
        self._random = np.random.default_rng(seed)

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """A noisy copy of `pixels`, uint8 of any shape."""
        noise = self._random.normal(0.0, self.sigma, pixels.shape)
        if self._clip:
            return (pixels + np.rint(noise)).clip(0, 255).astype(np.uint8)
        return (pixels + np.trunc(noise)).astype(np.int64).astype(np.uint8)


class NoisyAtari:
    """An Atari environment whose every observation, an episode's first included, is noisy.

    Args:
      environment: an `atari.AtariEnvironment`.
      noise: of the pixels.
    """

    def __init__(self, environment, noise: PixelNoise):
        self.environment = environment
        self._noise = noise

    def __getattr__(self, name):
        return getattr(self.environment, name)

    def seed(self, seed: int) -> None:
        """Determines the game's randomness from the next reset on, and the noise from here on."""
        self.environment.seed(seed)
        self._noise.seed(seed)

    def reset(self) -> np.ndarray:
        """Starts a new game."""
        return self._noise(self.environment.reset())

    def step(self, action: int):
        """As the environment's."""
        observation, *rest = self.environment.step(action)
        return (self._noise(observation), *rest)
