# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The only node that was given dies while the work goes on: the slot is released at one that it has told of."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils._connection import connected
from ansible_collections.jetstream.governor.plugins.module_utils._settings import resolve
from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.tests.faults.crowd import create
from ansible_collections.jetstream.governor.tests.support.client import within
from ansible_collections.jetstream.governor.tests.support.keys import Authority
from ansible_collections.jetstream.governor.tests.support.server import NatsServer, cluster

USERS = 'accounts { A: { jetstream: enabled, users: [ { user: ada, password: "%41da" } ] } }'


def options(node: NatsServer, tls: str) -> dict[str, Any]:
    """With the login in the URL, which the other nodes want to be told too; and a name that is no node's address."""
    login = f"{'tls' if tls else 'nats'}://ada:%2541da@localhost:{node.port}"
    return {"servers": login, **({"tls_ca": tls} if tls else {})}


@pytest.mark.older_servers
@pytest.mark.parametrize("with_tls", [False, True])
@within(120)
async def test_the_slot_is_released_at_another_node(name: str, tmp_path: Path, with_tls: bool) -> None:
    tls, ca = "", ""
    if with_tls:
        authority = Authority(tmp_path / "certificates")
        # The nodes tell of addresses, for which the certificate is not: its name is that of the server that was given.
        certificate, key = authority.issue("server", ("localhost",))
        tls, ca = f'tls {{ cert_file: "{certificate}", key_file: "{key}" }}', str(authority.path)
    with cluster(tmp_path, config=f"{USERS}\n{tls}", advertise=True) as nodes:
        settings = resolve(options(nodes[0], ca), {})
        async with connected(settings) as js:
            await create(name, js, limit=1)
            slot = await Governor(name, js).start("work", timeout=10)
        nodes[0].stop(signal.SIGKILL)
        began = asyncio.get_running_loop().time()
        async with connected(settings) as js:
            assert await slot.over(js).finish()
            # An election may be needed first.
            assert asyncio.get_running_loop().time() - began < 15


@within(60)
async def test_one_connection_goes_on_at_another_node(name: str, tmp_path: Path) -> None:
    """Also where the login was in the URL of the first."""
    with cluster(tmp_path, config=USERS, advertise=True) as nodes:
        async with connected(resolve(options(nodes[0], ""), {})) as js:
            manager = await create(name, js, limit=1)
            nodes[0].stop(signal.SIGKILL)
            assert await manager.active() == 0
