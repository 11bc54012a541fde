"""TF-Agents mains: thin scripts over one off-policy loop.

Importing this package quietens what its libraries print while they load and trace.
"""

import os
import warnings

import gym_notices.notices

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# TF-Agents imports legacy gym, whose advice to move to gymnasium has been followed.
gym_notices.notices.notices.clear()
# AutoGraph's rewriting of TF-Agents ("is not" with a literal).
warnings.filterwarnings("ignore", category=SyntaxWarning, module=".*__autograph_generated_file")
warnings.filterwarnings("ignore", message="Encoding a StructuredValue", category=UserWarning)
