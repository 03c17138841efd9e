# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prints so many free ports of 127.0.0.1, as a JSON list."""

from __future__ import annotations

import contextlib
import json
import socket
import sys


def main() -> None:
    with contextlib.ExitStack() as stack:
        # All are open at once, so that all are different.
        sockets = [stack.enter_context(socket.socket()) for _each in range(int(sys.argv[1]))]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        print(json.dumps([each.getsockname()[1] for each in sockets]))


if __name__ == "__main__":
    main()
