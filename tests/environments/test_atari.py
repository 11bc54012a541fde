"""Games against Dopamine's own preprocessing and against its definition, frame by frame."""

import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
from ale_py import ALEInterface, roms
from dopamine.discrete_domains import atari_lib

from launch.agents import DQN_CNN
from rigl_rl import paper
from rigl_rl.environments.atari import AtariEnvironment, Emulator
from rigl_rl.environments.frames import STACK_SIZE
from rigl_rl.errors import ConfigError

ROMS = {"Pong": "pong", "MsPacman": "ms_pacman", "Breakout": "breakout"}


class Screens:
    """Replaces Dopamine's gym environment with an emulator of ours."""

    def __init__(self, ale: ALEInterface):
        self.ale = ale
        self.observation_space = np.empty((210, 160, 3))

    def reset(self):
        self.ale.reset_game()

    def step(self, action):
        reward = self.ale.act(self.ale.getMinimalActionSet()[action])
        return None, reward, self.ale.game_over(), {}


def emulator(game: str, seed: int) -> ALEInterface:
    """An emulator directly from ale-py, with the sticky actions of Machado et al."""
    ale = ALEInterface()
    # How gymnasium's environment spreads a seed over its random sources.
    _, ale_seed = np.random.SeedSequence(seed).generate_state(2)
    ale.setInt("random_seed", np.int32(ale_seed))
    ale.setFloat("repeat_action_probability", 0.25)
    ale.loadROM(roms.get_rom_path(ROMS[game]))
    return ale


@pytest.mark.parametrize("game", ROMS)
def test_two_hundred_frames_equal_dopamines(game):
    ours = AtariEnvironment(game)
    ours.seed(7)
    dopamines = atari_lib.AtariPreprocessing(Screens(emulator(game, 7)))
    np.testing.assert_array_equal(ours.reset(), dopamines.reset())
    actions = np.random.default_rng(0).integers(ours.action_space.n, size=200)
    seen = []
    for action in actions:
        (frame, *outcome, _), (expected, *expected_outcome, _) = (
            env.step(int(action)) for env in (ours, dopamines)
        )
        np.testing.assert_array_equal(frame, expected)
        assert outcome == expected_outcome
        assert ours.game_over == dopamines.game_over
        seen.append(frame)
    assert len(np.unique(seen, axis=0)) > 50  # something happened
    assert (ours.environment.ale.getRAM() == dopamines.environment.ale.getRAM()).all()


@pytest.mark.parametrize("game", ROMS)
def test_an_observation_is_the_brighter_of_two_gray_screens_made_smaller(game):
    ours, ale = AtariEnvironment(game), emulator(game, 3)
    ours.seed(3)
    ours.reset()
    ale.reset_game()
    for action in np.random.default_rng(1).integers(ours.action_space.n, size=50):
        screens, reward = [], 0.0
        for _ in range(4):
            reward += ale.act(ale.getMinimalActionSet()[action])
            screens.append(ale.getScreenGrayscale())
        brighter = np.maximum(screens[2], screens[3])
        expected = cv2.resize(brighter, (84, 84), interpolation=cv2.INTER_AREA)
        frame, our_reward, over, _ = ours.step(int(action))
        assert (frame.shape, frame.dtype) == ((84, 84, 1), np.uint8)
        np.testing.assert_array_equal(frame[..., 0], expected)
        assert (our_reward, over) == (reward, False)


def test_the_seed_determines_a_game():
    def play(seed):
        env = AtariEnvironment("Breakout")
        env.seed(seed)
        frames = [env.reset()] + [env.step(action)[0] for action in (1, 2, 3, 2) * 20]
        return np.stack(frames)

    np.testing.assert_array_equal(play(1), play(1))
    assert (play(1) != play(2)).any()


def test_without_sticky_actions_games_repeat():
    first, second = (AtariEnvironment("Breakout", sticky_actions=False) for _ in range(2))
    for number, env in enumerate((first, second)):
        env.seed(number)
        env.reset()
    for action in (1, 2, 3, 2) * 20:
        np.testing.assert_array_equal(first.step(action)[0], second.step(action)[0])


def test_a_lost_life_ends_nothing():
    env = AtariEnvironment("Breakout")
    env.seed(0)
    env.reset()
    lives, over = {env.environment.ale.lives()}, False
    while not over:
        _, _, over, _ = env.step(1)  # serve, and let the ball drop
        lives.add(env.environment.ale.lives())
    assert lives == {5, 4, 3, 2, 1, 0}
    assert env.game_over


def test_all_fifteen_games_are_there():
    # Section A.4, with the size of each game's minimal action set in the ALE.
    actions = dict.fromkeys(paper.GAMES, 0)
    for game in actions:
        actions[game] = Emulator(game).action_space.n
    assert actions == {
        **dict(Assault=7, Asterix=9, BeamRider=9, Boxing=18, Breakout=4, CrazyClimber=9),
        **dict(DemonAttack=6, Enduro=9, FishingDerby=18, MsPacman=9, Pong=6, Qbert=6),
        **dict(SpaceInvaders=6, Tutankham=8, VideoPinball=9),
    }
    # The launcher counts parameters with these: frames in a state, actions.
    assert DQN_CNN.tasks == {game: (STACK_SIZE, number) for game, number in actions.items()}


def test_an_unknown_game_is_one_line():
    with pytest.raises(ConfigError, match="unknown game 'Pnog'.*Did you mean: `Pong`") as caught:
        AtariEnvironment("Pnog")
    assert "\n" not in str(caught.value)


def test_a_missing_rom_is_one_line(tmp_path):
    code = "from rigl_rl.environments.atari import Emulator; Emulator('Pong')"
    completed = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "ALE_ROMS_DIR": str(tmp_path), "PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
    )
    last = completed.stderr.splitlines()[-1]
    assert "ConfigError: the ROM of game 'Pong' cannot be read" in last
    assert str(tmp_path) in last
    assert "unset ALE_ROMS_DIR" in last
