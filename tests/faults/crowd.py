# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many workers on connections of their own, under one governor with three replicas, while a test breaks things."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from nats.aio.client import Client
from nats.errors import Error

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import ConfigRefused
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import JetStream
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import stream_name
from ansible_collections.jetstream.governor.tests.support.client import connected, until
from ansible_collections.jetstream.governor.tests.support.history import Interval, most_at_once
from ansible_collections.jetstream.governor.tests.support.server import NatsServer
from ansible_collections.jetstream.governor.tests.support.workers import work

LIMIT, WORKERS, ROUNDS, HOLD = 5, 30, 4, 0.05
CONNECTIONS = 6


class Crowd:
    """30 workers, each of which enters, works and leaves four times; and leaves over the next connection."""

    def __init__(self, name: str, connections: list[Client]) -> None:
        self.history: list[Interval] = []
        self._connections = connections
        self._governors = [Governor(name, nc, interval=0.05) for nc in connections]
        self._running = [asyncio.ensure_future(self._work(number)) for number in range(WORKERS)]

    async def _work(self, number: int) -> None:
        governor = self._governors[number % CONNECTIONS]
        leave_over = self._connections[(number + 1) % CONNECTIONS]
        for _each in range(ROUNDS):
            self.history.append(await work(governor, f"worker {number}", HOLD, 45, leave_over))

    async def has_done(self, part: float) -> None:
        """Wait until that part of all the work is done; or raise what went wrong with a worker."""
        await until(
            lambda: len(self.history) >= part * WORKERS * ROUNDS or self._failed(), 45, f"{part:.0%} of the work"
        )

    async def finishes(self) -> None:
        """All workers finish, and never more of them were at work than the limit."""
        await asyncio.gather(*self._running)
        assert len(self.history) == WORKERS * ROUNDS
        assert most_at_once(self.history) <= LIMIT

    def stop(self) -> None:
        for each in self._running:
            each.cancel()

    def _failed(self) -> bool:
        return any(each.done() and not each.cancelled() and each.exception() for each in self._running)


@asynccontextmanager
async def crowd(name: str, urls: list[str]) -> AsyncIterator[Crowd]:
    """The crowd at work, on connections to these addresses, as many to each."""
    async with AsyncExitStack() as stack:
        connections = [
            await stack.enter_async_context(connected(urls[number:] + urls[:number], dont_randomize=True))
            for number in (each % len(urls) for each in range(CONNECTIONS))
        ]
        made = Crowd(name, connections)
        stack.callback(made.stop)
        yield made


async def create(name: str, nc: Client | JetStream, **options: Any) -> Manager:
    """The governor as soon as the servers of the cluster have all met: for the crowd and with three replicas, where the
    options of ``Manager.create`` do not say otherwise.
    """
    wanted = {"limit": LIMIT, "max_age": 0, "replicas": 3, **options}
    made: list[Manager] = []

    async def created() -> bool:
        try:
            made.append(await Manager.create(name, nc, **wanted))
        except ConfigRefused:
            return False
        return True

    await until(created, 40, "three replicas can be had")
    return made[0]


async def nobody_is_in(manager: Manager) -> None:
    """No entry was left behind. A deposed leader that does not know it yet may tell of old ones for a moment."""

    async def empty() -> bool:
        return await manager.entries() == [] and await manager.active() == 0

    await until(empty, 10, "all entries are gone")


async def leader(nodes: list[NatsServer], nc: Client, name: str) -> NatsServer | None:
    """The server that leads the governor's stream; None while nobody can tell."""
    try:
        answer = await nc.request(f"$JS.API.STREAM.INFO.{stream_name(name)}", b"", timeout=1)
    except Error:
        return None
    told = (json.loads(answer.data).get("cluster") or {}).get("leader")
    return nodes[int(told.removeprefix("n"))] if told else None


async def lead_both(nodes: list[NatsServer], nc: Client, name: str) -> NatsServer:
    """Make the leader of the metadata lead the governor's stream too: such a server is the last to give up."""
    (head,) = [node for node in nodes if "Self is new JetStream cluster metadata leader" in node.log]

    async def leads() -> bool:
        if await leader(nodes, nc, name) is head:
            return True
        with contextlib.suppress(Error):
            await nc.request(f"$JS.API.STREAM.LEADER.STEPDOWN.GOVERNOR_{name}", b"", timeout=1)
        return False

    await until(leads, 20, "the leader of the metadata leads the stream")
    return head


async def another_leads(nodes: list[NatsServer], name: str, than: NatsServer) -> None:
    """Wait until the others have elected one of themselves."""

    async def elected() -> bool:
        return await leader(nodes, nc, name) not in (None, than)

    async with connected([node.url for node in nodes if node is not than]) as nc:
        await until(elected, 20, "another server leads the stream")
