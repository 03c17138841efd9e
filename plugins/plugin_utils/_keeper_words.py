# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a worker and the keeper say to each other: one JSON object a line, whose ``say`` is its kind. Pure.

A worker says ``here`` (its ``pid``), then ``wait``, ``sweep``, ``hold`` or ``adopt``, and ``done`` when it
needs the keeper no more. The keeper says ``hello``, answers ``sweep`` by ``governor`` or in the ``file`` that is asked
for, and may say ``lost``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..module_utils._settings import Settings
from ..module_utils.core.names import Owner

# The socket, and the lock for those who start the keeper, in Ansible's local temporary folder of the run.
SOCKET, LOCK = "keeper", "keeper.lock"

_FILES = ("creds", "tls_ca", "tls_cert", "tls_key")

Word = dict[str, Any]


@dataclass(frozen=True)
class Address:
    """A governor, and how to get there."""

    settings: Settings
    governor: str


@dataclass(frozen=True)
class Held:
    """A slot that is held: what a ``Slot`` of the core is made of, and how it is to end.

    ``ends_with_worker``: it is given back when the worker dies, and not left to somebody else. ``stops_work``: the
    worker wants to be told by a signal when it is lost.
    """

    address: Address
    seq: int
    token: str
    lease: float | None
    renewed_at: float
    holder: str
    owner: Owner | None
    ends_with_worker: bool = True
    stops_work: bool = False


def line(say: str, **more: Any) -> bytes:
    """Return the line that says this."""
    return json.dumps({"say": say, **more}).encode() + b"\n"


def word(text: bytes) -> Word:
    """Return what a line says. Raises ValueError for what is no word."""
    found = json.loads(text)
    if not isinstance(found, dict) or not isinstance(found.get("say"), str):
        raise ValueError("A word to the keeper is an object that says something.")
    return found


def address_words(address: Address) -> Word:
    """Return how an address is said. The names of files are made to lead there from any folder."""
    files = {name: getattr(address.settings, name) for name in _FILES}
    paths = {name: os.path.abspath(os.path.expanduser(path)) for name, path in files.items() if path}
    return {"settings": asdict(replace(address.settings, **paths)), "governor": address.governor}


def address_of(said: Mapping[str, Any]) -> Address:
    """Return the address that is said."""
    settings = said["settings"]
    return Address(Settings(**{**settings, "servers": tuple(settings["servers"])}), said["governor"])


def held_words(held: Held) -> Word:
    """Return how a slot is said."""
    facts = {name: getattr(held, name) for name in Held.__dataclass_fields__ if name != "address"}
    return {**address_words(held.address), "slot": facts}


def held_of(said: Mapping[str, Any]) -> Held:
    """Return the slot that is said."""
    slot = said["slot"]
    return Held(address_of(said), **{**slot, "owner": Owner(*slot["owner"]) if slot["owner"] else None})
