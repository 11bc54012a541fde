import os

# As `make test` does, for the processes that tests start. TF-Agents would set it to 1.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import gin
import pytest


@pytest.fixture(autouse=True)
def gin_cleared():
    """Clears gin's bindings before and after each test."""
    gin.clear_config()
    yield
    gin.clear_config()
