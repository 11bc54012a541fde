"""Executes runs: in a pool on this machine (`local`) or on a SLURM cluster (`slurm`)."""
