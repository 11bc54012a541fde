"""Silences TensorFlow, TF-Agents and Dopamine while they load. Import it before them."""

import os
import warnings

import gym_notices.notices

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# TF-Agents and Dopamine import legacy gym, which advises moving to gymnasium. We have.
gym_notices.notices.notices.clear()
# TF-Agents uses "is not" with a literal, in its files and in AutoGraph's versions of them.
warnings.filterwarnings(
    "ignore", category=SyntaxWarning, module=".*(tf_agents|__autograph_generated_file)"
)
warnings.filterwarnings("ignore", message="Encoding a StructuredValue", category=UserWarning)
