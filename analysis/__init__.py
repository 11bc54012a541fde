"""Run directories -> one tidy table -> figures. Reads files only; never imports training code."""
