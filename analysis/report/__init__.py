"""One page to share: every figure, table and claim, and the runs behind them."""
