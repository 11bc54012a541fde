"""The paper's figures: `catalog` lists them, a module per kind draws them."""
