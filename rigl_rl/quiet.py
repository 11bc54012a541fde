"""Imported before TensorFlow, TF-Agents and Dopamine: quietens what they print while they load."""

import os
import warnings

import gym_notices.notices

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# TF-Agents and Dopamine import legacy gym, whose advice to move to gymnasium has been followed.
gym_notices.notices.notices.clear()
# TF-Agents' "is not" with a literal, in its files and as AutoGraph rewrites them.
warnings.filterwarnings(
    "ignore", category=SyntaxWarning, module=".*(tf_agents|__autograph_generated_file)"
)
warnings.filterwarnings("ignore", message="Encoding a StructuredValue", category=UserWarning)
