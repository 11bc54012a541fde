"""An Atari agent's observation: a stack of gray frames (Dopamine's preprocessing)."""

FRAME_SHAPE = (84, 84)
STACK_SIZE = 4  # frames in a state
STATE_SHAPE = (*FRAME_SHAPE, STACK_SIZE)
