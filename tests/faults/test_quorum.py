# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The leader is left alone for longer than anybody waits for a verdict: what it stores when the others are back is
nobody's, and is taken back.
"""

from __future__ import annotations

import asyncio
import signal

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import NoVerdict
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import JetStream
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.tests.faults.crowd import LIMIT, create, leader, nobody_is_in
from ansible_collections.jetstream.governor.tests.support.client import connected, until, within
from ansible_collections.jetstream.governor.tests.support.server import NatsServer

pytestmark = pytest.mark.older_servers


@within(60)
async def test_tries_without_a_verdict_leave_nothing(nodes: list[NatsServer], name: str) -> None:
    async with connected(nodes[0].url) as nc:
        await create(name, nc)
        head = await leader(nodes, nc, name)
    assert head is not None
    others = [node for node in nodes if node is not head]
    async with connected(head.url) as nc, connected(head.url) as impatient:
        manager = await Manager.load(name, nc)
        before = manager.state.last_seq
        governor = Governor(name, JetStream(impatient, timeout=0.5, patience=1), subject=manager.subject)
        for node in others:
            await asyncio.to_thread(node.pause)
        tries = [governor.start(f"web0{number}", timeout=0) for number in range(LIMIT)]
        ends = await asyncio.gather(*tries, return_exceptions=True)
        assert [type(end) for end in ends] == [NoVerdict] * LIMIT
        for node in others:
            node.signal(signal.SIGCONT)

        async def all_stored() -> bool:
            return (await manager.refresh()).last_seq >= before + LIMIT

        await until(all_stored, 30, "what was tried is stored")
        await nobody_is_in(manager)
