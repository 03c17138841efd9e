# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work that records when it really was at work, on the monotonic clock that all processes of a machine share.

``recorder.py FILE NAME SECONDS`` appends a line when it begins and one when it ends, also when SIGTERM ends it, for
which it takes its time.
"""

from __future__ import annotations

import signal
import sys
import time

_CLEAN_UP = 0.3


def note(path: str, name: str, what: str) -> None:
    with open(path, "a", encoding="utf-8") as stream:
        stream.write(f"{name} {what} {time.monotonic()}\n")


def main() -> None:
    path, name, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])

    def end(_number: int, _frame: object) -> None:
        time.sleep(_CLEAN_UP)
        note(path, name, "end")
        sys.exit(143)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    note(path, name, "start")
    time.sleep(seconds)
    note(path, name, "end")


if __name__ == "__main__":
    main()
