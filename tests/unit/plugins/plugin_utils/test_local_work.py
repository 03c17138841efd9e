# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The processes of this machine, as they are looked through for those of the work."""

from __future__ import annotations

import os

import pytest

from ansible_collections.jetstream.governor.plugins.plugin_utils import local_work


def test_a_process_that_ends_while_it_is_looked_at_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the end of somebody else's process would leave the work of this one at work."""
    listed = [*os.listdir("/proc"), "999999999"]
    monkeypatch.setattr(os, "listdir", lambda _folder: ["888888888", *listed])
    found = {each.pid: each for each in local_work._everybody()}
    assert found[os.getpid()].parent == os.getppid()
    assert not {888888888, 999999999} & set(found)
