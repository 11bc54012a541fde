"""TF-Agents mains: thin scripts over an off-policy and an on-policy loop.

Importing this package quietens what its libraries print while they load and trace.
"""

import os
import warnings

import gym_notices.notices

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# TF-Agents imports legacy gym, whose advice to move to gymnasium has been followed.
gym_notices.notices.notices.clear()
# TF-Agents' "is not" with a literal, in its files and as AutoGraph rewrites them.
warnings.filterwarnings(
    "ignore", category=SyntaxWarning, module=".*(tf_agents|__autograph_generated_file)"
)
warnings.filterwarnings("ignore", message="Encoding a StructuredValue", category=UserWarning)
