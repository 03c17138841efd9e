# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Pythons of this machine, found by find-python.sh, the same script that the Makefile uses."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

from places import HERE, PYTHONS

KNOWN = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")


@cache
def find(*versions: str) -> Path | None:
    """The first of these versions that works here, or None."""
    command = [str(HERE / "find-python.sh"), *versions]
    found = subprocess.run(command, check=False, capture_output=True, text=True)
    return Path(found.stdout.strip()) if found.returncode == 0 else None


def missing(*versions: str) -> str:
    """Why a lane or step is skipped that needs one of these."""
    return f"it needs Python {' or '.join(versions)}, which was not found"


def link_all() -> None:
    """Fill a folder to put first on PATH: ansible-test takes the first pythonX.Y there, even a shim that cannot run."""
    PYTHONS.mkdir(parents=True, exist_ok=True)
    for version in KNOWN:
        link, python = PYTHONS / f"python{version}", find(version)
        link.unlink(missing_ok=True)
        if python is not None:
            link.symlink_to(python)
