# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Callers that lose patience: asyncio's cancellation leaves no entry behind, whenever it comes."""

from __future__ import annotations

import asyncio

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import JetStream
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.tests.support.client import connected, within
from ansible_collections.jetstream.governor.tests.support.proxy import Proxy
from ansible_collections.jetstream.governor.tests.support.server import NatsServer

ENTERED = b'{"stream":"GOVERNOR_'


@pytest.mark.parametrize("leave_on_completion", [True, False])
@within(20)
async def test_cancelled_while_the_ack_is_held(server: NatsServer, name: str, leave_on_completion: bool) -> None:
    async with connected(server.url) as direct, Proxy(server.port) as proxy, connected(proxy.url) as nc:
        manager = await Manager.create(name, direct, limit=1, max_age=60)
        governor = Governor(name, nc, leave_on_completion=leave_on_completion)
        held = proxy.catch(ENTERED, 1)
        starting = asyncio.ensure_future(governor.start("web01"))
        await held.reaches(1)
        assert await manager.active() == 1
        starting.cancel()
        held.deliver()
        with pytest.raises(asyncio.CancelledError):
            await starting
        assert await manager.entries() == []


@within(20)
async def test_wait_for_around_a_start_whose_ack_is_lost(server: NatsServer, name: str) -> None:
    async with connected(server.url) as direct, Proxy(server.port) as proxy, connected(proxy.url) as nc:
        manager = await Manager.create(name, direct, limit=1, max_age=60)
        lost = proxy.catch(ENTERED, 2)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(Governor(name, JetStream(nc, timeout=0.5)).start("web01"), 0.3)
        assert lost.count == 2
        assert await manager.entries() == []
        # And the slot can be had.
        assert (await Governor(name, nc).start("web02", timeout=0)).seq == manager.state.last_seq + 2


@within(20)
async def test_cancelled_at_any_moment(server: NatsServer, name: str) -> None:
    """A few hundred starts, each cancelled one step of the event loop later than the one before."""
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=1000, max_age=60)
        governor = Governor(name, nc)
        cancelled = 0
        for steps in range(200):
            starting = asyncio.ensure_future(governor.start(f"h{steps}"))
            for _each in range(steps):
                await asyncio.sleep(0)
            starting.cancel()
            try:
                slot = await starting
            except asyncio.CancelledError:
                cancelled += 1
            else:
                assert await slot.finish() is True
            assert await manager.active() == 0, f"cancelled after {steps} steps"
        assert cancelled > 5


@within(20)
async def test_cancelled_while_it_waits_for_its_turn(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=1, max_age=60)
        governor = Governor(name, nc, interval=0.02)
        first = await governor.start("first", timeout=0)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(governor.start("second"), 0.2)
        assert [entry.seq for entry in await manager.entries()] == [first.seq]


@within(20)
async def test_cancelled_at_work(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=1, max_age=60)
        at_work = asyncio.Event()

        async def work_for_ever() -> None:
            async with await Governor(name, nc).start("web01", timeout=0):
                at_work.set()
                await asyncio.Event().wait()

        working = asyncio.ensure_future(work_for_ever())
        await at_work.wait()
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        assert await manager.active() == 0


@within(20)
async def test_a_release_that_is_cancelled_is_done_all_the_same(server: NatsServer, name: str) -> None:
    async with connected(server.url) as direct, Proxy(server.port) as proxy, connected(proxy.url) as nc:
        manager = await Manager.create(name, direct, limit=1, max_age=60)
        slot = await Governor(name, nc).start("web01", timeout=0)
        held = proxy.catch(b"stream_msg_delete_response", 1)
        leaving = asyncio.ensure_future(slot.finish())
        await held.reaches(1)
        for _each in range(3):
            leaving.cancel()
            await asyncio.sleep(0)
        assert not leaving.done()
        held.deliver()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert await manager.active() == 0
