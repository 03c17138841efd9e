# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The nodes of a cluster that servers have told of, remembered from one connection of this process to the next.

Work under a slot has no connection. When the only node that was given dies meanwhile, the slot is released at another.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ._settings import Settings

if TYPE_CHECKING:
    from nats.aio.client import Client, Srv

_told: dict[tuple[str, ...], list[Srv]] = {}


def recall_nodes(nc: Client, settings: Settings) -> int:
    """Have a client that is not connected yet also try the nodes that were told of; return how many these are."""
    told = _told.get(settings.servers, [])
    nc._server_pool.extend(replace(node, reconnects=0, last_attempt=None, did_connect=False) for node in told)
    return len(told)


def remember_nodes(nc: Client, settings: Settings) -> None:
    """Remember the nodes that this client was told of, for the next client with the same servers."""
    # Not by their URLs: for an address without a name, nats-py notes the name that the certificate must have.
    nodes = [node for node in nc._server_pool if node.discovered]
    if nodes:
        _told[settings.servers] = nodes
