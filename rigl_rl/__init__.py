"""Sparse training for deep reinforcement learning in TensorFlow.

A reproduction of "The State of Sparse Training in Deep Reinforcement Learning"
(Graesser, Evci, Elsen and Castro, ICML 2022).
"""

from rigl_rl import loading

__version__ = "0.3.0.dev0"

loading.begin()
