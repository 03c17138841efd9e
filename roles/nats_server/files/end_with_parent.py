# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Becomes a program that Linux ends when its parent is killed.

``end_with_parent.py USER PROGRAM [ARGUMENT ...]``: USER is whom the program runs as, empty for the one who starts it.

Supervisor has nothing like that. A server that outlives it would keep its ports, and answer with its old configuration
in the place of the server that the next supervisor starts.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    user, command = sys.argv[1], sys.argv[2:]
    # All that Python reads from its files is read before the change of user: the other one may not be let into them.
    program, library = shutil.which(command[0]) or command[0], ctypes.CDLL(None)
    if user:
        entry = pwd.getpwnam(user)
        os.initgroups(user, entry.pw_gid)
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    if sys.platform == "linux":
        # Here and not by Supervisor's own change of user: a change of user revokes it.
        library.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    os.execv(program, command)  # noqa: S606  # there is no shell in between on purpose


if __name__ == "__main__":
    main()
