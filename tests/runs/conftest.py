"""What the tests of this folder share."""

from __future__ import annotations

import os
import shutil

import pytest


@pytest.fixture
def disk(monkeypatch):
    """Notes, in order, what is made to last on the disk and what is removed: [(what, name)].

    A power cut may lose anything not synced, and keep of the rest any part.
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
