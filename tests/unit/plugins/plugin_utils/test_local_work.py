# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The processes of this machine, as they are looked through for those of the work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from ansible_collections.jetstream.governor.plugins.plugin_utils import _local_work as local_work


def test_a_process_that_ends_while_it_is_looked_at_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the end of somebody else's process would leave the work of this one at work."""
    listed = [*os.listdir("/proc"), "999999999"]
    monkeypatch.setattr(os, "listdir", lambda _folder: ["888888888", *listed])
    found = {each.pid: each for each in local_work._everybody()}
    assert found[os.getpid()].parent == os.getppid()
    assert not {888888888, 999999999} & set(found)


# A worker that leads a session, has a child in it and one that has left it, tells of both, and is killed.
WORKER = """
import os, subprocess, sys, time

os.setsid()
mine = subprocess.Popen(["sleep", "60"])
other = subprocess.Popen(["sleep", "60"], start_new_session=True)
print(mine.pid, other.pid, flush=True)
time.sleep(60)
"""


def test_the_work_of_a_dead_worker_is_what_is_in_its_session() -> None:
    with subprocess.Popen([sys.executable, "-c", WORKER], stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        mine, other = map(int, worker.stdout.readline().split())
        worker.kill()
    began = time.monotonic()
    local_work.end_work_of(worker.pid)
    assert time.monotonic() - began < 1, "nobody had to be killed"
    living = {each.pid for each in local_work._everybody()}
    assert (mine in living, other in living) == (False, True)
    os.kill(other, signal.SIGKILL)
