"""A run's configuration, evaluation history, checkpoints and result. Independent of agents."""
