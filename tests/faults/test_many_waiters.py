# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hundreds join the queue together, and then things happen behind their backs: somebody has to look soon, always."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from nats.aio.client import Client

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.tests.support.client import ask, connected, stored_config, until, within
from ansible_collections.jetstream.governor.tests.support.queue import consumer
from ansible_collections.jetstream.governor.tests.support.server import NatsServer

CONNECTIONS = 4

QUIET, QUIET_FOR = 30, 2.0
"""No more looks than that in so many seconds: those first ones that come together, after all have joined, are over."""

SOON = 6.0
"""Seconds, of which the looks take one or two and the work less than one."""


class Waiters:
    """So many who wait for a slot, and keep it for so many seconds."""

    def __init__(self, name: str, connections: list[Client], count: int, seconds: float) -> None:
        self.entered = 0
        self._seconds = seconds
        self._governors = [Governor(name, nc) for nc in connections]
        self.waiting = [asyncio.ensure_future(self._one(number)) for number in range(count)]

    async def _one(self, number: int) -> None:
        async with await self._governors[number % len(self._governors)].start(f"waiter {number}"):
            self.entered += 1
            await asyncio.sleep(self._seconds)


@asynccontextmanager
async def queue(server: NatsServer, name: str, count: int, seconds: float) -> AsyncIterator[tuple[Client, Waiters]]:
    """Of a full governor. They have all joined, and those who look at once have done so."""
    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(connected(server.url)) for _each in range(CONNECTIONS)]
        nc = await stack.enter_async_context(connected(server.url))
        looks = await nc.subscribe(f"$JS.API.STREAM.INFO.GOVERNOR_{name}", pending_msgs_limit=-1)
        made = Waiters(name, connections, count, seconds)
        stack.callback(lambda: [each.cancel() for each in made.waiting])

        async def joined() -> bool:
            return bool((await consumer(nc, name))["num_waiting"] == count)

        await until(joined, 30, f"{count} have joined")
        seen = -math.inf
        while looks.pending_msgs - seen > QUIET:
            seen = looks.pending_msgs
            await asyncio.sleep(QUIET_FOR)
        yield nc, made


@within(60)
async def test_slots_that_are_freed_without_a_wake_up_are_used_again(tmp_path: Path, name: str) -> None:
    with NatsServer(tmp_path) as server:
        async with connected(server.url) as nc:
            await Manager.create(name, nc, limit=60, max_age=0)
            await asyncio.gather(*(Governor(name, nc).start(f"first {number}", timeout=0) for number in range(60)))
        async with queue(server, name, 300, seconds=3600) as (nc, people):
            await ask(nc, f"STREAM.PURGE.GOVERNOR_{name}")
            await until(lambda: people.entered == 60, SOON, "all slots are used again")


@within(60)
async def test_choria_raises_the_limit(tmp_path: Path, name: str) -> None:
    """It knows nothing of the queue, and changes the governor's stream alone."""
    with NatsServer(tmp_path) as server:
        async with connected(server.url) as nc:
            await Manager.create(name, nc, limit=1, max_age=0)
            first = await Governor(name, nc).start("first", timeout=0)
            async with queue(server, name, 200, seconds=0.1) as (other, people):
                config = await stored_config(other, name)
                await ask(other, f"STREAM.UPDATE.GOVERNOR_{name}", {**config, "max_msgs": 40})
                await until(lambda: all(each.done() for each in people.waiting), SOON, "all have had their turn")
                await asyncio.gather(*people.waiting)
            await first.finish()
