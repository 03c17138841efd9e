# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a command for as long as a process lives and a folder is there; end it, and what it started, after that.

Usage: while_alive.py PID FOLDER COMMAND [ARG ...]
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time

_LOOK_EVERY = 0.1
_END_WITHIN = 5.0


def main(pid: int, folder: str, command: list[str]) -> int:
    # A session of its own, so that what the command has started can be ended with it.
    child = subprocess.Popen(command, start_new_session=True)
    try:
        while child.poll() is None and _lives(pid) and os.path.isdir(folder):
            time.sleep(_LOOK_EVERY)
    finally:
        _end(child)
        if not _lives(pid):
            shutil.rmtree(folder, ignore_errors=True)
    return child.returncode


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _end(child: subprocess.Popen[bytes]) -> None:
    """Ask first: ansible-playbook ends its workers, which have sessions of their own, on SIGINT."""
    for number in (signal.SIGINT, signal.SIGKILL):
        try:
            os.killpg(child.pid, number)
            child.wait(_END_WITHIN)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
