# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""``silent.py FILE``: take connections and say nothing, on a port that is written to FILE, until FILE is removed."""

from __future__ import annotations

import socket
import sys
import time
from pathlib import Path


def main() -> None:
    path = Path(sys.argv[1])
    with socket.create_server(("127.0.0.1", 0)) as server:
        path.with_suffix(".new").write_text(str(server.getsockname()[1]))
        path.with_suffix(".new").rename(path)
        while path.exists():
            time.sleep(0.2)


if __name__ == "__main__":
    main()
