"""A MuJoCo environment as a user writes it: without `EzPickle`, with state outside MuJoCo."""

import gymnasium
import numpy as np
from gymnasium.envs.mujoco import MujocoEnv
from gymnasium.spaces import Box


class Hopping(MujocoEnv):
    """A Hopper whose reward is drawn at each episode's start."""

    metadata = {
        "render_modes": ["human", "rgb_array", "depth_array", "rgbd_tuple"],
        "render_fps": 125,
    }

    def __init__(self):
        super().__init__("hopper.xml", 4, observation_space=Box(-np.inf, np.inf, (12,)))

    def reset_model(self):
        noise = self.np_random.uniform(-0.005, 0.005, self.model.nq)
        self.set_state(self.init_qpos + noise, self.init_qvel)
        self.worth = float(self.np_random.uniform())
        return self.observe()

    def step(self, action):
        self.do_simulation(action, self.frame_skip)
        return self.observe(), self.worth, bool(self.data.qpos[1] < 0.7), False, {}

    def observe(self):
        return np.concatenate([self.data.qpos, self.data.qvel])


gymnasium.register("Hopping-v0", Hopping, max_episode_steps=200)
