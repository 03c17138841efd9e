# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The leader of the governor's stream is killed or stands still in the middle of the work.

An election takes 4 to 9 seconds. The cap holds all the time, everybody gets a turn, and nobody leaves an entry behind.
"""

from __future__ import annotations

import asyncio
import signal

from ansible_collections.jetstream.governor.tests.faults.crowd import another_leads, create, crowd, leader, nobody_is_in
from ansible_collections.jetstream.governor.tests.support.client import connected, within
from ansible_collections.jetstream.governor.tests.support.server import NatsServer


@within(60)
async def test_the_leader_is_killed(nodes: list[NatsServer], name: str) -> None:
    """And then, when it is back, the one that came after it."""
    urls = [node.url for node in nodes]
    async with connected(urls) as nc:
        manager = await create(name, nc)
        async with crowd(name, urls) as people:
            for part in (0.2, 0.6):
                await people.has_done(part)
                victim = await leader(nodes, nc, name)
                assert victim is not None
                await asyncio.to_thread(victim.stop, signal.SIGKILL)
                await another_leads(nodes, name, than=victim)
                await asyncio.to_thread(victim.start)
            await people.finishes()
        await nobody_is_in(manager)


@within(60)
async def test_the_leader_stands_still_until_another_is_elected(nodes: list[NatsServer], name: str) -> None:
    """It has been deposed, and does not know it when it goes on."""
    urls = [node.url for node in nodes]
    async with connected(urls) as nc:
        manager = await create(name, nc)
        async with crowd(name, urls) as people:
            await people.has_done(0.25)
            victim = await leader(nodes, nc, name)
            assert victim is not None
            await asyncio.to_thread(victim.pause)
            await another_leads(nodes, name, than=victim)
            victim.signal(signal.SIGCONT)
            await people.finishes()
        await nobody_is_in(manager)
