"""Launching: which runs make a figure (`studies`) and where they run: on this machine (`local`), on
a SLURM cluster (`slurm`), or wherever the printed commands are taken.

Nothing here imports TensorFlow: a run is a command line, started in a process of its own.
"""
