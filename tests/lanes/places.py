# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where everything is: the checkout, and what the lanes build under its ``.work``."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = ROOT / ".work"

VENVS = WORK / "venvs"
COPIES = WORK / "copies"
DIST = WORK / "dist"
HOMES = WORK / "home"
LOGS = WORK / "log"
PYTHONS = WORK / "pythons"
PIP_CACHE = WORK / "pip-cache"
SERVERS = WORK / "nats"
AWX_COLLECTIONS = WORK / "awx"
TREE = WORK / "tree"
SITE = WORK / "site"

COLLECTION = Path("ansible_collections") / "jetstream" / "governor"


def version() -> str:
    """The collection's."""
    found = re.search(r"^version: (\S+)$", (ROOT / "galaxy.yml").read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise SystemExit("galaxy.yml has no version")
    return found.group(1)


def server_binary(version: str) -> Path:
    """Where ``install_server.py`` puts the nats-server of that version ("newest" for the newest)."""
    return SERVERS / version / "bin" / "nats-server"


def copy_of(lane: str) -> Path:
    """Where ``copy_tree.py`` puts the lane's own copy of the checkout."""
    return COPIES / lane / COLLECTION
