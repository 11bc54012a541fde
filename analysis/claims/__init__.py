"""Tests the paper's findings on the given runs: `findings` lists them."""
