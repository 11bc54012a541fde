"""Games side by side against the same games one by one, and the effects of epsilon and seeds."""

import numpy as np
import pytest

from rigl_rl.environments.atari import AtariEnvironment
from rigl_rl.environments.atari_evaluation import AtariEvaluator


class ByPixels:
    """Picks another action when any pixel of the four frames differs; records its inputs."""

    def __init__(self, actions):
        self.actions = actions
        self.weights = np.random.default_rng(0).integers(1, 1_000, (84, 84, 4))
        self.seen = []

    def choose(self, states):
        return (states * self.weights).sum(axis=(1, 2, 3)) % self.actions

    def __call__(self, states):
        self.seen.append(states.copy())
        return np.eye(self.actions)[self.choose(states)]


def test_games_side_by_side_are_games_one_after_the_other():
    policy, steps, seed = ByPixels(actions=9), 90, 5
    # The first points come after about 65 steps of music.
    evaluator = AtariEvaluator(lambda: AtariEnvironment("MsPacman"), 2, 0.0, max_steps=steps)
    found = evaluator.run(policy, seed)
    assert {states.dtype for states in policy.seen} == {np.dtype(np.uint8)}
    seen = np.stack(policy.seen)
    assert seen.shape == (steps, 2, 84, 84, 4)
    seeds = np.random.SeedSequence(seed).generate_state(3)
    for index in range(2):
        game = AtariEnvironment("MsPacman")
        game.seed(int(seeds[index]) >> 1)
        state, total = np.zeros((84, 84, 4), np.uint8), 0.0
        frame = game.reset()
        for step in range(steps):
            state = np.concatenate([state[..., 1:], frame], axis=-1)
            np.testing.assert_array_equal(seen[step, index], state)
            (action,) = policy.choose(state[np.newaxis])
            frame, reward, over, _ = game.step(int(action))
            assert not over
            total += reward
        assert found[index] == total > 0
    assert (seen[-1, 0] != seen[-1, 1]).any()  # two games, not one twice


class Game:
    """A fake game: gray frames, a point per step, `length` steps; records actions."""

    def __init__(self, length):
        self.length = length
        self.frame = np.full((84, 84, 1), 128, np.uint8)
        self.actions, self.seeds = [], []

    def seed(self, seed):
        self.seeds.append(seed)

    @property
    def game_over(self):
        return len(self.actions) == self.length

    def reset(self):
        self.actions.clear()
        return self.frame

    def step(self, action):
        self.actions.append(action)
        return self.frame, 1.0, self.game_over, {}


def evaluator_of(lengths, epsilon=0.0, max_steps=1_000):
    """An evaluator of fake games with the given lengths, and the games."""
    games = [Game(length) for length in lengths]
    waiting = iter(games)
    return AtariEvaluator(lambda: next(waiting), len(games), epsilon, max_steps), games


def fire(states):
    """Values of four actions, the second of which is the best."""
    return np.tile([0.0, 1.0, 0.5, -1.0], (len(states), 1))


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.5, 1.0])
def test_epsilon_is_the_share_of_random_actions(epsilon):
    evaluator, games = evaluator_of([500] * 4, epsilon)
    evaluator.run(fire, seed=0)
    actions = np.concatenate([game.actions for game in games])
    assert len(actions) == 2_000
    # A random action is any of the four, including the best one.
    expected = epsilon / 4 + np.array([0.0, 1.0 - epsilon, 0.0, 0.0])
    deviation = np.sqrt(expected * (1 - expected) / 2_000)
    shares = np.bincount(actions, minlength=4) / 2_000
    assert (np.abs(shares - expected) <= 4 * deviation).all()


def test_games_explore_by_themselves_and_differently_in_each_evaluation():
    evaluator, games = evaluator_of([50, 50], epsilon=1.0)
    taken = []
    for seed in (0, 1, 0):
        evaluator.run(fire, seed)
        taken += [list(game.actions) for game in games]
    assert taken[4:] == taken[:2]
    assert len(set(map(tuple, taken))) == 4
    seeds = [game.seeds for game in games]
    assert [each[2] for each in seeds] == [each[0] for each in seeds]
    assert len({seed for each in seeds for seed in each}) == 4
    assert all(0 <= seed < 2**31 for each in seeds for seed in each)


def test_a_game_that_is_over_waits_for_the_others():
    evaluator, games = evaluator_of([5, 9, 7])
    sizes = []

    def q_values(states):
        sizes.append(len(states))
        return fire(states)

    assert evaluator.run(q_values, seed=0).tolist() == [5.0, 9.0, 7.0]
    assert sizes == [3] * 5 + [2] * 2 + [1] * 2
    assert [len(game.actions) for game in games] == [5, 9, 7]


def test_a_lost_life_does_not_end_a_game_that_reports_it_as_terminal():
    made = AtariEnvironment("Breakout")
    made.terminal_on_life_loss = True  # as a binding of AtariPreprocessing sets it
    lives, states = [], []

    def q_values(seen):
        lives.append(made.environment.ale.lives())
        states.append(seen[0].copy())
        return fire(seen)

    AtariEvaluator(lambda: made, 1, 0.0, max_steps=1_000).run(q_values, seed=0)
    assert set(lives) == {5, 4, 3, 2, 1}
    lost = [step for step in range(1, len(lives)) if lives[step] < lives[step - 1]]
    for step in lost:  # as after Dopamine's begin_episode: the frames before are gone
        assert not states[step][..., :3].any()
        assert states[step][..., 3].any()
    assert states[lost[0] + 1][..., 2].any()


def test_a_game_is_cut_off_after_the_most_steps_it_may_take():
    evaluator, games = evaluator_of([5, 900], max_steps=12)
    assert evaluator.run(fire, seed=0).tolist() == [5.0, 12.0]
    assert [len(game.actions) for game in games] == [5, 12]


def test_noise_is_of_the_strength_asked_for_and_each_games_own():
    evaluator, _ = evaluator_of([8, 8])
    frames = {}
    for sigma in (0.0, 20.0):
        policy = ByPixels(actions=4)
        evaluator.run(policy, seed=0, sigma=sigma)
        frames[sigma] = np.stack(policy.seen)[..., -1].astype(int) - 128
    assert not frames[0.0].any()
    assert frames[20.0].std() == pytest.approx(20.0, rel=0.02)
    for one, other in ((frames[20.0][:, 0], frames[20.0][:, 1]), frames[20.0][:2, 0]):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.05
