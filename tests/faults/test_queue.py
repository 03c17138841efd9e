# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The leader of the queue's consumer is killed while people wait in it: their places are gone, and they join again."""

from __future__ import annotations

import asyncio
import json
import signal
from contextlib import AsyncExitStack

from nats.aio.client import Client
from nats.errors import Error

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.tests.faults.crowd import LIMIT, create, nobody_is_in
from ansible_collections.jetstream.governor.tests.support.client import Json, connected, until, within
from ansible_collections.jetstream.governor.tests.support.history import Interval, most_at_once
from ansible_collections.jetstream.governor.tests.support.server import NatsServer
from ansible_collections.jetstream.governor.tests.support.workers import work

WAITERS = 20


async def queue(nc: Client, name: str) -> Json:
    """What the consumer tells; nothing while it has no leader."""
    try:
        answer: Json = json.loads((await nc.request(f"$JS.API.CONSUMER.INFO.GOVQUEUE_{name}.queue", timeout=1)).data)
    except Error:
        return {}
    return answer if "error" not in answer else {}


async def wait_for_queue(nc: Client, name: str, count: int, seconds: float) -> None:
    async def there() -> bool:
        return (await queue(nc, name)).get("num_waiting") == count

    await until(there, seconds, f"{count} are in the queue")


@within(90)
async def test_its_leader_is_killed_in_mid_wait(nodes: list[NatsServer], name: str) -> None:
    async with AsyncExitStack() as stack:
        urls = [node.url for node in nodes]
        connections = [await stack.enter_async_context(connected(urls)) for _each in range(4)]
        nc = connections[0]
        manager = await create(name, nc)
        slots = [await Governor(name, nc).start(f"first {number}") for number in range(LIMIT)]
        waiting = [
            asyncio.ensure_future(work(Governor(name, connections[number % 4]), f"{number}", 0.05, timeout=60))
            for number in range(WAITERS)
        ]
        stack.callback(lambda: [each.cancel() for each in waiting])
        await wait_for_queue(nc, name, WAITERS, 10)
        leader = (await queue(nc, name))["cluster"]["leader"]
        await asyncio.to_thread(nodes[int(leader.removeprefix("n"))].stop, signal.SIGKILL)
        # An election takes 4 to 9 seconds; who was in the queue notices within 10.
        await wait_for_queue(nc, name, WAITERS, 25)
        assert not any(each.done() for each in waiting)
        assert all(await asyncio.gather(*(slot.finish() for slot in slots)))
        history: list[Interval] = await asyncio.gather(*waiting)
        assert most_at_once(history) <= LIMIT
        await nobody_is_in(manager)
