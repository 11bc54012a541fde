"""Compares any sets of runs, with the statistics that rliable's users expect."""
