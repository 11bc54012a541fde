"""One page for a colleague: every figure, table and claim, and what is behind them."""
