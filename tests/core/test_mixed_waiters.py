# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiters in the queue, waiters that may not be in it, and pollers in the manner of Choria, all on one governor."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from nats.aio.client import Client

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.tests.benchmarks.choria import Reference
from ansible_collections.jetstream.governor.tests.support.client import connected, within
from ansible_collections.jetstream.governor.tests.support.history import Interval, most_at_once
from ansible_collections.jetstream.governor.tests.support.server import NatsServer
from ansible_collections.jetstream.governor.tests.support.workers import work

LIMIT, WORKERS, ROUNDS, HOLD = 3, 8, 5, 0.05
INTERVAL = 0.25
"""Seconds between the tries of Choria's library, which is also what polls here."""

USERS = """
authorization {
  users: [
    { user: all, password: x }
    { user: barred, password: x, permissions: { publish: { deny: "$JS.API.CONSUMER.>" } } }
  ]
}
"""


async def work_as_choria(nc: Client, name: str, holder: str) -> Interval:
    """Publish until it is taken, work, delete the entry; nobody is told."""
    held = await Reference(INTERVAL, varied=True).enter(nc, name, holder, lambda: None)
    start = time.monotonic()
    await asyncio.sleep(HOLD)
    interval = Interval(start, time.monotonic())
    await held.leave()
    return interval


@within(60)
async def test_the_cap_holds_and_everybody_gets_a_turn(tmp_path: Path, name: str) -> None:
    with NatsServer(tmp_path, config=USERS) as server:
        urls = [server.url.replace("//", f"//{user}:x@") for user in ("all", "barred", "all")]
        async with connected(urls[0]) as nc, connected(urls[1]) as barred, connected(urls[2]) as choria:
            manager = await Manager.create(name, nc, limit=LIMIT, max_age=0)
            in_queue, polling = Governor(name, nc, interval=INTERVAL), Governor(name, barred, interval=INTERVAL)
            kinds: dict[str, Callable[[str], Awaitable[Interval]]] = {
                "in the queue": lambda holder: work(in_queue, holder, HOLD, timeout=50),
                "barred": lambda holder: work(polling, holder, HOLD, timeout=50),
                "Choria": lambda holder: work_as_choria(choria, name, holder),
            }
            history: dict[str, list[Interval]] = {kind: [] for kind in kinds}

            async def worker(kind: str, number: int) -> None:
                for _each in range(ROUNDS):
                    history[kind].append(await kinds[kind](f"{kind} {number}"))

            await asyncio.gather(*(worker(kind, number) for kind in kinds for number in range(WORKERS)))
            assert await manager.entries() == []
        everything = [interval for intervals in history.values() for interval in intervals]
        assert {kind: len(intervals) for kind, intervals in history.items()} == dict.fromkeys(kinds, WORKERS * ROUNDS)
        assert most_at_once(everything) == LIMIT
        # Nobody had to wait until the others were through.
        assert max(min(intervals).start for intervals in history.values()) < min(
            max(intervals).end for intervals in history.values()
        )
