"""Run directories -> one tidy table -> figures, verdicts, comparisons and a report.

Reads files only; never imports training code.
"""

import rigl_rl  # noqa: F401  # a signal is one line from here on
