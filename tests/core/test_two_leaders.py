# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two leaders at once: one was deposed while it stood still, and answers for some milliseconds before it knows.

It refuses, because its stack is full as far as it knows; its successor has room, and takes the entry. The waiter gets
both answers, and hears the refusal first. Seen with three servers; here a proxy says what the deposed leader would.
"""

from __future__ import annotations

import asyncio
import itertools

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import WaitTimeout
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.tests.support.client import connected, within
from ansible_collections.jetstream.governor.tests.support.proxy import Proxy
from ansible_collections.jetstream.governor.tests.support.server import NatsServer

TAKEN = b'{"stream":"GOVERNOR_'
REFUSED = (
    b'{"error":{"code":503,"err_code":10077,"description":"maximum messages exceeded"},"stream":"GOVERNOR_x","seq":0}'
)


@pytest.mark.parametrize(("limit", "refusals"), list(itertools.product([1, 5], [1, 3])))
@within(20)
async def test_a_waiter_finds_the_entry_that_it_was_refused(
    server: NatsServer, name: str, limit: int, refusals: int
) -> None:
    async with connected(server.url) as direct, Proxy(server.port) as proxy, connected(proxy.url) as nc:
        manager = await Manager.create(name, direct, limit=limit, max_age=60, queue=False)
        refused = proxy.catch(TAKEN, refusals, instead=REFUSED)
        slot = await Governor(name, nc, interval=0.02).start("web01", timeout=3)
        assert refused.count == refusals
        assert slot.attempts == refusals + 1
        assert [(entry.seq, entry.token) for entry in await manager.entries()] == [(slot.seq, slot.token)]
        assert await slot.finish() is True
        assert await manager.entries() == []


@within(20)
async def test_an_entry_that_was_evicted_before_the_waiter_found_it(server: NatsServer, name: str) -> None:
    async with connected(server.url) as direct, Proxy(server.port) as proxy, connected(proxy.url) as nc:
        manager = await Manager.create(name, direct, limit=1, max_age=60, queue=False)
        refused = proxy.catch(TAKEN, instead=REFUSED)
        starting = asyncio.ensure_future(Governor(name, nc, interval=0.02).start("web01", timeout=10))
        await refused.reaches(1)
        await manager.evict(manager.state.last_seq + 1)
        refused.stop()
        slot = await starting
        assert [(entry.seq, entry.token) for entry in await manager.entries()] == [(slot.seq, slot.token)]


@within(20)
async def test_a_true_refusal_stays_one(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=1, max_age=60, queue=False)
        first = await Governor(name, nc).start("first", timeout=0)
        with pytest.raises(WaitTimeout):
            await Governor(name, nc, interval=0.02).start("second", timeout=0.1)
        assert [entry.seq for entry in await manager.entries()] == [first.seq]
