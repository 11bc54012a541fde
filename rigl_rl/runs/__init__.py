"""The run directory: configuration, evaluation history, checkpoints, result. Knows no agent."""
