# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a command, bounded in time, and see to it that nothing is left of it.

``bounded.py SECONDS COMMAND ...`` exits with the command's own code, 124 when the time was up (all that it started is
ended), and 125 when the command ended well but left processes running: a test that leaks a server has failed.
Orphans are seen because this process is their reaper, a feature of Linux; elsewhere only the process group is ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
LINGER = 10.0
"""Seconds that processes may outlive their command: the watcher of an async task of Ansible looks every 5 seconds."""
GRACE = 3.0
"""Seconds between SIGTERM and SIGKILL."""


class StoppedError(Exception):
    """The time is up, or this process was told to end."""


def adopt_orphans() -> None:
    """Become the parent of orphaned descendants, and end when the own parent dies."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def parents() -> dict[int, int]:
    """Every living process and its parent; zombies are not living."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[:2]
        except (OSError, ValueError):
            continue
        if state != "Z":
            found[int(stat.parent.name)] = int(parent)
    return found


def descendants() -> list[int]:
    """The living processes that stem from this one."""
    tree = parents()
    family = {os.getpid()}
    while True:
        more = {pid for pid, parent in tree.items() if parent in family} - family
        if not more:
            return sorted(family - {os.getpid()})
        family |= more


def reap() -> None:
    """Take the exit codes of the orphans that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def await_none(seconds: float) -> list[int]:
    """Wait until no descendant is left, and return those that are left when the time is up."""
    end = time.monotonic() + seconds
    while True:
        reap()
        left = descendants()
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.05)


def end_all(group: int) -> None:
    """End the command's process group and every other descendant, kindly at first."""
    for number, patience in ((signal.SIGTERM, GRACE), (signal.SIGKILL, GRACE)):
        quietly(os.killpg, group, number)
        for pid in descendants():
            quietly(os.kill, pid, number)
        if not await_none(patience):
            return


def quietly(kill: Callable[[int, int], None], whom: int, number: int) -> None:
    """A process that has ended by itself is what we want."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        kill(whom, number)


def describe(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        words = []
    return f"{pid} {b' '.join(words).decode(errors='replace')}"


def wait(child: subprocess.Popen[bytes]) -> int:
    """The child's exit code. Orphans that end before it are reaped at once, so that who waits for their end sees it."""
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == child.pid:
            child.returncode = os.waitstatus_to_exitcode(status)
            return child.returncode


def stop(number: int, _frame: object) -> NoReturn:
    raise StoppedError("not finished in time" if number == signal.SIGALRM else "stopped")


def main() -> int:
    seconds, command = float(sys.argv[1]), sys.argv[2:]
    adopt_orphans()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    child = subprocess.Popen(command, start_new_session=True)
    try:
        code = wait(child)
        signal.setitimer(signal.ITIMER_REAL, 0)
        left = await_none(LINGER)
    except StoppedError as reason:
        print(f"\n{reason} ({seconds:g} s): {' '.join(command)}", flush=True)
        end_all(child.pid)
        return 124
    if left:
        print("\nleft running:", *(describe(pid) for pid in left), sep="\n  ", flush=True)
        end_all(child.pid)
        return code or 125
    return code


if __name__ == "__main__":
    sys.exit(main())
