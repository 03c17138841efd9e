# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The keeper: a process beside ansible-playbook that knows who lives, and gives back the slots of those who died.

The first worker of a run that wants a slot starts it; see ``keeper_link``. Its standard input is the socket on which it
listens for workers, its argument the id of ansible-playbook. It ends when ansible-playbook is gone and no worker is
left. It imports nothing of Ansible, and greets its first worker, who waits for that, before it imports anything that
takes its time.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys

# As ``keeper_words`` has it, which takes its time to import.
GREETING = b'{"say": "hello"}\n'

# Seconds in which the worker that starts the keeper connects to it.
_COMES_WITHIN = 5.0


def main() -> None:
    """Leave the worker that has started this, greet it, and keep the slots of its run."""
    if os.fork():
        os._exit(0)
    # Whoever ends the run by a signal to all of its processes ends this one too, by ending the run.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    listening = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    first = _greet(listening)

    import asyncio

    from ._keeper_workers import keep

    asyncio.new_event_loop().run_until_complete(keep(int(sys.argv[1]), listening, first))
    # Threads may wait for an answer about the name of a host for longer than anybody wants to.
    os._exit(0)


def _greet(listening: socket.socket) -> socket.socket | None:
    """Greet the first worker, and return the connection to it; None where it is gone already."""
    listening.settimeout(_COMES_WITHIN)
    with contextlib.suppress(OSError):
        worker, _address = listening.accept()
        worker.sendall(GREETING)
        return worker
    return None


if __name__ == "__main__":
    main()
