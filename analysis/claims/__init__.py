"""The paper's findings in words against the runs at hand: `catalog` lists them."""
