"""Environments as users write them, one for each feature that the paper's tasks lack.

All are the same walk. An observation is (number of the episode, steps taken in it), so any two
observations show whether one follows the other. Both are in units of 1/1024, exact in float32.
"""

import random
import threading

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.utils import EzPickle


class Walk(gymnasium.Env):
    """Ends after `length` steps, each with reward 1; its pickle is its state."""

    action_space: spaces.Space = spaces.Discrete(2)
    observation_space: spaces.Space = spaces.Box(-1.0, 1e6, (2,), np.float32)
    length = 6

    def __init__(self):
        self.episode, self.steps = -1, 0
        self.taken = []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        if seed is not None:  # so that episodes of different seeds differ
            self.episode = int(self.np_random.integers(1024))
        self.episode, self.steps = self.episode + 1, 0
        return self.observe(), {}

    def step(self, action):
        assert self.action_space.contains(action), action
        self.taken.append(action)
        self.steps += 1
        return self.observe(), self.reward(), self.steps == self.length, False, {}

    def observe(self):
        return np.array([self.episode, self.steps], np.float32) / 1024

    def reward(self):
        return 1.0


class Continuous(Walk):
    action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)

    def step(self, action):
        return super().step(np.clip(action, -1, 1))  # PPO's normal distribution has no bounds


class InPlace(Continuous):
    """Returns its state, changes it in place later, and overwrites the action it is given."""

    def __init__(self):
        super().__init__()
        memory = np.zeros(32, np.float32)
        start = -memory.ctypes.data % 64 // 4  # TensorFlow copies all but such an address
        self.memory, self.state = memory, memory[start : start + 2]

    def step(self, action):
        given = action.copy()
        action *= 0
        return super().step(given)

    def observe(self):
        self.state[:] = super().observe()
        return self.state


class Forgetful(Walk, EzPickle):
    """Pickles only its constructor's arguments, of which it has none."""

    def __init__(self):
        Walk.__init__(self)
        EzPickle.__init__(self)


class ForgetfulContinuous(Forgetful, Continuous):
    pass


class Fragile(Forgetful):
    """Must be reset before it is stepped, like Box2D's environments."""

    def reset(self, **options):
        self.world = object()
        return super().reset(**options)

    def step(self, action):
        assert self.world
        return super().step(action)


class Locked(Walk):
    """Cannot be pickled."""

    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()


class Shared(Walk):
    """Its pickle refers to live state in this process, like the number of a physics server."""

    servers: dict = {}

    def __init__(self):
        super().__init__()
        self.number = len(self.servers)
        self.servers[self.number] = 0

    def reset(self, **options):
        self.servers[self.number] = 0
        return super().reset(**options)

    def observe(self):
        self.servers[self.number] += 1
        return np.array([self.episode, self.servers[self.number]], np.float32)


class GlobalRandom(Walk):
    """Draws from Python's and NumPy's global generators."""

    def observe(self):
        return np.array([np.random.random(), random.random()], np.float32)  # noqa: NPY002


class Curriculum(Walk):
    """Each episode is longer than the one before, whatever the seed."""

    def reset(self, **options):
        self.length += 1
        return super().reset(**options)


class Saving(Walk):
    """Its pickle only lacks the start of the next episode."""

    length = 1000

    def __getstate__(self):
        return {**self.__dict__, "episode": 0}

    def observe(self):
        return np.array([self.episode if self.steps == 0 else 0, self.steps], np.float32)


class Modeled(Walk):
    """Has attributes with the names of MuJoCo environments' attributes."""

    def __init__(self):
        super().__init__()
        self.model, self.data = {}, []


class BadClose(Walk):
    def close(self):
        raise ZeroDivisionError


class Failing(Walk):
    """Fails from some moment on."""

    fails = ""

    def reset(self, **options):
        if Failing.fails == "reset":
            raise ZeroDivisionError("the wheel\ncame off")
        return super().reset(**options)

    def step(self, action):
        if Failing.fails == "step":
            raise ZeroDivisionError("the wheel\ncame off")
        return super().step(action)


class Endless(Walk):
    length = -1


class FromMinusOne(Walk):
    action_space = spaces.Discrete(3, start=-1)


class PythonInt(Walk):
    def step(self, action):
        assert type(action) is int
        return super().step(action)


class ArrayReward(Walk):
    def reward(self):
        return np.array([1.0], np.float32)


class TwoRewards(Walk):
    def reward(self):
        return np.array([1.0, 2.0])


class WrongShape(Walk):
    def observe(self):
        return super().observe()[:1]


class Numbered(Walk):
    """Observes one of six numbers."""

    observation_space = spaces.Discrete(7, start=10)

    def observe(self):
        return 10 + self.steps


class Table(Walk):
    observation_space = spaces.Box(-1.0, 1e6, (2, 2), np.float64)

    def observe(self):
        return np.arange(4).reshape(2, 2) + self.steps


class Named(Walk):
    observation_space = spaces.Dict(
        {"steps": spaces.Box(0, 10, (1,), np.int64), "odd": spaces.MultiBinary(1)}
    )

    def observe(self):
        return {"steps": np.array([self.steps]), "odd": np.array([self.steps % 2], np.int8)}


class ScalarAction(Walk):
    action_space = spaces.Box(-2.0, 2.0, (), np.float64)

    def step(self, action):
        assert np.shape(action) == ()
        return super().step(np.asarray(np.clip(action, -2.0, 2.0)))


class MatrixAction(Walk):
    action_space = spaces.Box(-1.0, np.array([[1.0, 2.0], [3.0, 4.0]]), (2, 2), np.float64)

    def step(self, action):
        assert action.shape == (2, 2)
        return super().step(action.clip(self.action_space.low, self.action_space.high))


class Unbounded(Walk):
    action_space = spaces.Box(-np.inf, np.inf, (1,), np.float32)


class VeryFar(Walk):
    action_space = spaces.Box(-3e38, 3e38, (1,), np.float32)


class OneValue(Walk):
    action_space = spaces.Box(np.array([[-1.0, 0.5]]), np.array([[1.0, 0.5]]), dtype=np.float64)


class Tenths(Continuous):
    """The float32 numbers nearest to its bounds lie outside them, except for the last."""

    action_space = spaces.Box(np.array([-0.1, 0.3]), np.array([0.1, 0.7]), dtype=np.float64)


class WholeNumbers(Walk):
    action_space = spaces.Box(0, 5, (1,), np.int32)


class Several(Walk):
    action_space = spaces.MultiDiscrete([2, 3])


class Words(Walk):
    observation_space = spaces.Sequence(spaces.Discrete(3))


class Odd(Endless):
    """Combines several of these, with integer actions."""

    action_space = spaces.Discrete(3, start=-1)
    observation_space = spaces.Discrete(20, start=10)
    all_taken: set = set()

    def step(self, action):
        self.all_taken.add(action)
        return super().step(action)

    def observe(self):
        return 10 + self.steps

    def reward(self):
        return np.array([1.0], np.float32)


class OddContinuous(MatrixAction):
    """Combines several of these, with a matrix of real numbers as the action."""

    length = -1
    observation_space = Named.observation_space
    observe, reward = Named.observe, Odd.reward


UNLIMITED = (Walk, Endless, Odd, OddContinuous)
for each in list(globals().values()):
    if isinstance(each, type) and issubclass(each, Walk):
        limit = None if each in UNLIMITED else 200
        gymnasium.register(f"{each.__name__}-v0", each, max_episode_steps=limit)
gymnasium.register("Limited-v0", Endless, max_episode_steps=9)
