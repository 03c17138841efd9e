# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""End the processes that a worker has started on the controller. Work on other hosts goes on."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

# Seconds that work may take to end before it is killed, and seconds more to wait for that.
_END_WITHIN = 1.0

_LOOK_EVERY = 0.02


class _Process(NamedTuple):
    pid: int
    parent: int
    group: int


def end_local_work() -> None:
    """Ask the work of this process to end, wait until it has ended, and kill what does not end.

    Services that the work has started are no part of it any more, and go on.
    """
    _end(_mine)


def end_work_of(worker: int) -> None:
    """Do the same with the work of a worker that is dead itself, as far as it is in the session that this one led."""
    _end(lambda known: _in_session(worker) | (known & {each.pid for each in _everybody()}))


def _end(find: Callable[[set[int]], set[int]]) -> None:
    """End what ``find`` returns, which gets the ids of those that have been told to end."""
    began = time.monotonic()
    told: dict[int, int] = {}
    while True:
        left = find(set(told))
        late = time.monotonic() - began - _END_WITHIN
        if not left or late > _END_WITHIN:
            return
        number = signal.SIGKILL if late > 0 else signal.SIGTERM
        for pid in left:
            if told.get(pid) != number:
                told[pid] = number
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
        time.sleep(_LOOK_EVERY)


def _mine(known: set[int]) -> set[int]:
    """Return the ids of this process's descendants, of the others in its group, and of those ``known`` that still live.

    The known ones may be descendants no more, because their parents are gone.
    """
    everybody = _everybody()
    me = os.getpid()
    family = {me} | known | ({each.pid for each in everybody if each.group == me})
    while True:
        more = {each.pid for each in everybody if each.parent in family} - family
        if not more:
            return family & {each.pid for each in everybody} - {me}
        family |= more


def _in_session(leader: int) -> set[int]:
    found = set()
    for each in _everybody():
        with contextlib.suppress(OSError):
            if os.getsid(each.pid) == leader:
                found.add(each.pid)
    return found


def _everybody() -> list[_Process]:
    """Return all processes that live, without those that have ended and whose parents have not noticed."""
    if not Path("/proc/self/stat").exists():
        return _told_by_ps()
    found = []
    # Not by a pattern of pathlib: up to Python 3.12 it raises when a process ends while it looks.
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            # The name in brackets before these may itself have brackets and blanks.
            state, parent, group = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[:3]
            if state not in "ZX":
                found.append(_Process(int(pid), int(parent), int(group)))
    return found


def _told_by_ps() -> list[_Process]:
    words = ["ps", "-A", "-o", "pid=,ppid=,pgid=,stat="]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as ps:
        lines = [line.split() for line in ps.communicate()[0].splitlines()]
    return [
        _Process(int(pid), int(parent), int(group))
        for pid, parent, group, state in (line[:4] for line in lines if len(line) >= 4)
        if state[0] != "Z" and int(pid) != ps.pid
    ]
