"""Where runs execute: a pool on this machine (`local`) or a SLURM cluster (`slurm`)."""
