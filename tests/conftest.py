import gin
import pytest


@pytest.fixture(autouse=True)
def gin_cleared():
    """Clears gin's bindings before and after each test."""
    gin.clear_config()
    yield
    gin.clear_config()
