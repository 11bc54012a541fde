import gin
import pytest


@pytest.fixture(autouse=True)
def gin_cleared():
    """No bindings before a test, none after it."""
    gin.clear_config()
    yield
    gin.clear_config()
