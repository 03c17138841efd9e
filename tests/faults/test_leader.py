# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The leader of the governor's stream is killed or stands still in the middle of the work.

An election takes 4 to 9 seconds. The cap holds all the time, everybody gets a turn, and nobody leaves an entry behind.
"""

from __future__ import annotations

import asyncio
import signal

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import JetStream
from ansible_collections.jetstream.governor.tests.faults.crowd import (
    LIMIT,
    another_leads,
    create,
    crowd,
    leader,
    nobody_is_in,
)
from ansible_collections.jetstream.governor.tests.support.client import connected, until, within
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


@pytest.mark.older_servers
@within(60)
async def test_what_is_asked_of_it_while_it_stands_still(nodes: list[NatsServer], name: str) -> None:
    """It answers as soon as it goes on: what its successor has granted meanwhile is not gone."""
    urls = [node.url for node in nodes]
    async with connected(urls) as nc:
        manager = await create(name, nc)
        victim = await leader(nodes, nc, name)
        assert victim is not None
        others = [node.url for node in nodes if node is not victim]
        async with connected(victim.url) as still, connected(others) as majority:
            await asyncio.to_thread(victim.pause)
            await another_leads(nodes, name, than=victim)
            slots = [await Governor(name, majority).start(f"web0{number}", timeout=30) for number in range(LIMIT)]
            over = [slot.over(JetStream(still, timeout=20)) for slot in slots]
            sent = still.stats["out_msgs"]
            leaving = [asyncio.ensure_future(slot.finish()) for slot in over]
            await until(
                lambda: still.stats["out_msgs"] >= sent + LIMIT and not still.pending_data_size, 5, "all is sent"
            )
            victim.signal(signal.SIGCONT)
            assert await asyncio.gather(*leaving) == [True] * LIMIT
        await nobody_is_in(manager)
