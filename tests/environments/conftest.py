"""Makes users' environments importable by name."""

import pathlib

import pytest

OWN = pathlib.Path(__file__).parent / "own"


@pytest.fixture(autouse=True)
def _own_environments(monkeypatch):
    monkeypatch.syspath_prepend(str(OWN))
