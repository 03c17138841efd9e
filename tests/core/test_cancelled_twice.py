# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Callers that lose patience again while a try is still being withdrawn: Ctrl-C twice, or an orphan that ends itself.

A withdrawal is carried to its end, however often its caller is cancelled.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import JetStream
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.tests.support.client import connected, within
from ansible_collections.jetstream.governor.tests.support.proxy import Proxy
from ansible_collections.jetstream.governor.tests.support.queue import wait_for_queue
from ansible_collections.jetstream.governor.tests.support.server import NatsServer

ENTERED = b'{"stream":"GOVERNOR_'


@pytest.mark.parametrize("times", [1, 2, 5])
@within(20)
async def test_while_the_ack_is_missing(server: NatsServer, name: str, times: int) -> None:
    """The server has stored the entry, and tells so only when the caller has been cancelled so many times."""
    async with connected(server.url) as direct, Proxy(server.port) as proxy, connected(proxy.url) as nc:
        manager = await Manager.create(name, direct, limit=1, max_age=60)
        lost = proxy.catch(ENTERED)
        starting = asyncio.ensure_future(Governor(name, JetStream(nc, timeout=0.2)).start("web01"))
        await lost.reaches(1)
        for number in range(times):
            starting.cancel()
            # The withdrawal asks on.
            await lost.reaches(lost.count + 1)
            assert not starting.done(), f"it ended after {number + 1} cancellations"
        lost.stop()
        with pytest.raises(asyncio.CancelledError):
            await starting
        assert await manager.entries() == []


@within(60)
async def test_at_any_moments(server: NatsServer, name: str) -> None:
    """Each of some hundred starts is cancelled one step of the event loop later than the one before, and then again."""
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=1000, max_age=60)
        governor = Governor(name, nc)
        cancelled = 0
        for steps in range(60):
            for more in (0, 1, 3, 8):
                starting = asyncio.ensure_future(governor.start(f"h{steps}"))
                cancelled += not await _cancelled_twice(starting, steps, more)
                assert await manager.active() == 0, f"cancelled after {steps} steps, and {more} later"
        assert cancelled > 20


@within(60)
async def test_at_any_moments_after_being_called(server: NatsServer, name: str) -> None:
    """The same with one that waits, from the moment in which the slot was given back."""
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=1, max_age=0)
        governor = Governor(name, nc)
        cancelled = 0
        for steps in range(0, 60, 2):
            first = await governor.start("first", timeout=5)
            waiting = asyncio.ensure_future(governor.start(f"h{steps}"))
            await wait_for_queue(nc, name, 1)
            assert await first.finish() is True
            cancelled += not await _cancelled_twice(waiting, steps, 2)
            assert await manager.active() == 0, f"cancelled after {steps} steps"
        assert cancelled > 5


async def _cancelled_twice(starting: asyncio.Future[Any], steps: int, more: int) -> bool:
    """Whether it had the slot before; then it is given back."""
    for pause in (steps, more):
        for _each in range(pause):
            await asyncio.sleep(0)
        starting.cancel()
    try:
        slot = await starting
    except asyncio.CancelledError:
        return False
    assert await slot.finish() is True
    return True
