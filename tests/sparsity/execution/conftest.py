"""The operation, or a reason to skip: without a compiler there is none, and training is dense."""

import pytest

from rigl_rl.sparsity.execution import library


@pytest.fixture(scope="session")
def operation():
    try:
        return library.operation()
    except library.Missing as missing:
        pytest.skip(str(missing))
