"""Shared by the tests in this folder."""

import os
import shutil

import pytest


@pytest.fixture
def disk(monkeypatch):
    """Records, in order, what is synced to disk and what is removed: [(what, name)].

    A power cut may lose all or part of what is not synced.
    """
    events = []
    sync, replace, remove = os.fsync, os.replace, shutil.rmtree

    def note_sync(descriptor):
        events.append(("sync", os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}"))))
        sync(descriptor)

    def note_replace(source, target):
        events.append(("rename", os.path.basename(target)))
        replace(source, target)

    def note_remove(path, *args, **options):
        if os.path.exists(path):
            events.append(("remove", os.path.basename(path)))
        remove(path, *args, **options)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note_replace)
    monkeypatch.setattr(shutil, "rmtree", note_remove)
    return events
