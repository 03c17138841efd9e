# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work under slots of two governors with three replicas each, one of the rack and one of all, while leaders are killed.

The cap of each holds all the time, everybody gets a turn, and nobody leaves an entry behind.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Sequence

from nats.aio.client import Client

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.several import start_all
from ansible_collections.jetstream.governor.tests.faults.crowd import another_leads, create, leader, nobody_is_in
from ansible_collections.jetstream.governor.tests.support.client import connected, until, within
from ansible_collections.jetstream.governor.tests.support.history import Interval, most_at_once
from ansible_collections.jetstream.governor.tests.support.server import NatsServer

RACKS, WORKERS, ROUNDS, HOLD = 3, 4, 4, 0.1
"""Workers are so many in each rack."""
IN_ALL = 2


async def work(nc: Client, names: Sequence[str], holder: str, history: list[Interval]) -> None:
    """Work four times under a slot of each, and note when that really was."""
    for _each in range(ROUNDS):
        slots = await start_all([Governor(each, nc, interval=0.05) for each in names], holder, timeout=60)
        start = time.monotonic()
        await asyncio.sleep(HOLD)
        history.append(Interval(start, time.monotonic()))
        for slot in slots:
            assert await slot.finish(), f"the slot of {holder} in {slot.governor} was gone"


@within(120)
async def test_the_leaders_of_both_are_killed(nodes: list[NatsServer], name: str) -> None:
    urls = [node.url for node in nodes]
    racks = [f"{name}-{number}" for number in range(RACKS)]
    async with connected(urls) as nc:
        everywhere = await create(name, nc, limit=IN_ALL)
        managers = [await create(rack, nc, limit=1) for rack in racks]
        done: dict[str, list[Interval]] = {rack: [] for rack in racks}
        working = [
            asyncio.ensure_future(work(nc, [name, rack], f"{rack} {number}", done[rack]))
            for rack in racks
            for number in range(WORKERS)
        ]

        def so_many(part: float) -> bool:
            return sum(map(len, done.values())) >= part * RACKS * WORKERS * ROUNDS

        for part, governor in [(0.2, name), (0.6, racks[0])]:
            await until(lambda part=part: so_many(part), 60, f"{part:.0%} of the work")  # type: ignore[misc]
            victim = await leader(nodes, nc, governor)
            assert victim is not None
            await asyncio.to_thread(victim.stop, signal.SIGKILL)
            await another_leads(nodes, governor, than=victim)
            await asyncio.to_thread(victim.start)
        await asyncio.gather(*working)
        assert [len(each) for each in done.values()] == [WORKERS * ROUNDS] * RACKS
        assert [most_at_once(each) for each in done.values()] == [1] * RACKS
        assert most_at_once(interval for each in done.values() for interval in each) == IN_ALL
        for manager in (everywhere, *managers):
            await nobody_is_in(manager)
