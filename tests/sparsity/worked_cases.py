"""Four networks by the shapes of their kernels, and what ERK leaves of them."""

NETS = {
    "cartpole": {"a": (4, 512), "b": (512, 512), "c": (512, 2)},
    "cheetah_actor": {"a": (17, 256), "b": (256, 256), "c": (256, 12)},
    "ppo_value": {"a": (17, 64), "b": (64, 64), "c": (64, 1)},
    "nature": {  # 6 actions
        "c1": (8, 8, 4, 32),
        "c2": (4, 4, 32, 64),
        "c3": (3, 3, 64, 64),
        "d1": (7744, 512),
        "d2": (512, 6),
    },
}
# Active weights per layer that the original implementation arrives at.
ERK_ACTIVE = [
    ("cartpole", 0.5, [2048, 129536, 1024]),
    ("cartpole", 0.8, [2048, 49972, 1024]),
    ("cartpole", 0.9, [2048, 23451, 1024]),
    ("cartpole", 0.95, [2048, 10191, 1024]),
    ("cartpole", 0.99, [667, 1324, 665]),
    ("cheetah_actor", 0.5, [4352, 29056, 3072]),
    ("cheetah_actor", 0.8, [4008, 7515, 3072]),
    ("cheetah_actor", 0.9, [1893, 3549, 1858]),
    ("cheetah_actor", 0.95, [947, 1775, 929]),
    ("cheetah_actor", 0.99, [190, 356, 187]),
    ("ppo_value", 0.5, [993, 1568, 64]),
    ("ppo_value", 0.8, [383, 605, 64]),
    ("ppo_value", 0.9, [180, 283, 64]),
    ("ppo_value", 0.95, [79, 124, 63]),
    ("ppo_value", 0.99, [16, 25, 13]),
    ("nature", 0.5, [8192, 24631, 31736, 1955283, 3072]),
    ("nature", 0.8, [4905, 9810, 12640, 778741, 3072]),
    ("nature", 0.9, [2444, 4887, 6296, 387889, 3072]),
    ("nature", 0.95, [1213, 2425, 3124, 192462, 3072]),
    ("nature", 0.99, [233, 465, 599, 36854, 2313]),
]
