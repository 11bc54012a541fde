"""The paper's findings in words against the runs at hand: `findings` lists them."""
