"""A run that resumes with another number of threads says so."""

import pytest

from rigl_rl.runs import result, threads


@pytest.mark.parametrize(("before", "warns"), [(None, False), (2, False), (1, True)])
def test_another_number_of_threads_gives_a_warning(monkeypatch, capsys, before, warns):
    monkeypatch.setattr(threads, "number", lambda: 2)
    threads.warn_of_change(before)
    error = capsys.readouterr().err
    assert ("with --threads=1, but this process has 2" in error) == warns
    assert bool(error) == warns


def test_the_number_is_recorded(monkeypatch):
    monkeypatch.setattr(threads, "number", lambda: 3)
    assert result.machine()["threads"] == 3
