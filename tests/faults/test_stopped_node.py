# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The only node that has a governor is stopped in good order, as for maintenance, and comes back.

Meanwhile the rest of its cluster says that the stream is offline, which is no verdict.
"""

from __future__ import annotations

import asyncio

import pytest
from nats.aio.client import Client
from nats.errors import Error

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import JetStream
from ansible_collections.jetstream.governor.tests.faults.crowd import create, leader
from ansible_collections.jetstream.governor.tests.support.client import connected, until, within
from ansible_collections.jetstream.governor.tests.support.queue import wait_for_queue
from ansible_collections.jetstream.governor.tests.support.server import NatsServer

pytestmark = pytest.mark.older_servers

PATIENT = 30.0


async def is_offline(nc: Client, name: str) -> bool:
    try:
        answer = await nc.request(f"$JS.API.STREAM.INFO.GOVERNOR_{name}", b"", timeout=1)
    except Error:
        return False
    return b'"err_code":10118' in answer.data


@within(90)
async def test_holder_and_waiter_outlive_it(nodes: list[NatsServer], name: str) -> None:
    async with connected(nodes[0].url) as nc:
        await create(name, nc, limit=1, replicas=1)
        victim = await leader(nodes, nc, name)
    assert victim is not None
    others = [node.url for node in nodes if node is not victim]
    async with connected(others) as nc, connected(others) as waiters:
        slot = await Governor(name, JetStream(nc, timeout=1, patience=PATIENT)).start("web01", timeout=0)
        governor = Governor(name, JetStream(waiters, timeout=1, patience=PATIENT), interval=0.2)
        waiting = asyncio.ensure_future(governor.start("web02", timeout=60))
        await wait_for_queue(nc, name, 1)
        looks = await nc.subscribe(f"$JS.API.STREAM.INFO.GOVERNOR_{name}")
        await asyncio.to_thread(victim.stop)

        async def offline() -> bool:
            return await is_offline(nc, name)

        await until(offline, 20, "the stream is offline")
        leaving = asyncio.ensure_future(slot.finish())
        # The one that waits is told so too.
        seen = looks.pending_msgs
        await until(lambda: looks.pending_msgs >= seen + 3 or waiting.done(), 20, "it looks at the stream")
        await asyncio.to_thread(victim.start)
        assert await leaving is True
        assert await (await waiting).finish() is True
