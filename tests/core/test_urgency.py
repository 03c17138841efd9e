# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting with different priorities, on a real server. Before nats-server 2.12 a queue knows none."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from nats.aio.client import Client

from ansible_collections.jetstream.governor.plugins.module_utils.core import census
from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.census import count_by_priority
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import jetstream
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.plugins.module_utils.core.queue import Queue
from ansible_collections.jetstream.governor.plugins.module_utils.core.situation import Situation
from ansible_collections.jetstream.governor.plugins.module_utils.core.slot import Slot
from ansible_collections.jetstream.governor.tests.support.client import ask, connected, until, within
from ansible_collections.jetstream.governor.tests.support.history import Interval, most_at_once
from ansible_collections.jetstream.governor.tests.support.queue import wait_for_queue
from ansible_collections.jetstream.governor.tests.support.server import NatsServer

FOR_EVER = 3600.0
"""As an interval: then nothing but a wake-up makes a waiter try."""


def knows_priorities(nc: Client) -> bool:
    version = nc.connected_server_version
    return (version.major, version.minor) >= (2, 12)


async def full(nc: Client, name: str) -> Slot:
    await Manager.create(name, nc, limit=1, max_age=0)
    return await Governor(name, nc).start("first", timeout=0)


class Work:
    """The work of many holders, each of whom notes when it worked."""

    def __init__(self, name: str, nc: Client, seconds: float = 0.0) -> None:
        self.order: list[str] = []
        self.history: list[Interval] = []
        self._governor = Governor(name, nc, interval=FOR_EVER)
        self._seconds = seconds

    async def do(self, holder: str, **options: Any) -> None:
        slot = await self._governor.start(holder, **options)
        began = time.monotonic()
        self.order.append(holder)
        await asyncio.sleep(self._seconds)
        self.history.append(Interval(began, time.monotonic()))
        await slot.finish()


@contextlib.asynccontextmanager
async def waiting(nc: Client, name: str, *priorities: str, **options: Any) -> AsyncIterator[None]:
    """So many who wait for nothing but the end of this."""
    governor = Governor(name, nc, **options)
    all_of_them = [asyncio.ensure_future(governor.start(each, priority=each)) for each in priorities]
    try:
        await wait_for_queue(nc, name, len(priorities))
        yield
    finally:
        for each in all_of_them:
            each.cancel()
        await asyncio.gather(*all_of_them, return_exceptions=True)


@within(30)
async def test_the_urgent_are_called_first_and_equals_in_the_order_in_which_they_came(
    server: NatsServer, name: str
) -> None:
    async with connected(server.url) as nc:
        slot = await full(nc, name)
        work, tasks, came = Work(name, nc), [], []
        for number in range(3):
            for priority in ("low", "normal", "urgent", "high"):
                came.append(f"{priority} {number}")
                tasks.append(asyncio.ensure_future(work.do(came[-1], priority=priority)))
                await wait_for_queue(nc, name, len(tasks))
        await slot.finish()
        await asyncio.gather(*tasks)
        ranked = [f"{each} {number}" for each in ("urgent", "high", "normal", "low") for number in range(3)]
        assert work.order == (ranked if knows_priorities(nc) else came)
        assert most_at_once(work.history) == 1


@within(60)
async def test_a_low_one_gets_in_within_bounded_time_under_a_stream_of_urgent_ones(
    server: NatsServer, name: str
) -> None:
    """Three steps bring it among the urgent, and then those are before it that are there already."""
    async with connected(server.url) as nc:
        slot = await full(nc, name)
        work = Work(name, nc, 0.02)

        async def stream() -> None:
            while True:
                await work.do("urgent", priority="urgent")

        streaming = [asyncio.ensure_future(stream()) for _each in range(5)]
        try:
            await wait_for_queue(nc, name, 5)
            starved = asyncio.ensure_future(work.do("starved", priority="low"))
            ageing = asyncio.ensure_future(work.do("ageing", priority="low", ageing=0.8))
            await wait_for_queue(nc, name, 7)
            began = time.monotonic()
            await slot.finish()
            await asyncio.wait_for(ageing, 15)
            took = time.monotonic() - began
            if knows_priorities(nc):
                assert took > 3 * 0.8 - 0.5
                assert not starved.done(), "the urgent ones leave room for everybody"
                assert work.order.count("urgent") > 10
        finally:
            for each in (*streaming, starved):
                each.cancel()
            await asyncio.gather(*streaming, starved, return_exceptions=True)
        assert most_at_once(work.history) == 1


@within(60)
async def test_no_wake_up_is_lost_to_those_who_rise(server: NatsServer, name: str) -> None:
    """They rise while the slot goes from hand to hand: one that is lost would leave it empty for half a second."""
    async with connected(server.url) as nc:
        slot = await full(nc, name)
        work = Work(name, nc, 0.005)
        tasks = [asyncio.ensure_future(work.do(f"{n}", priority="low", ageing=0.4 + n / 100)) for n in range(60)]
        await wait_for_queue(nc, name, 60)
        # The first look, after a second, says whether the queue knows priorities. From then on they rise.
        await asyncio.sleep(1.2)
        await slot.finish()
        await asyncio.gather(*tasks)
        assert most_at_once(work.history) == 1
        gaps = [after.start - before.end for before, after in zip(work.history, work.history[1:])]
        assert max(gaps) < 0.45
        await wait_for_queue(nc, name, 0)
        assert (await ask(nc, f"CONSUMER.INFO.GOVQUEUE_{name}.queue"))["num_ack_pending"] == 0


@within(30)
async def test_who_rises_has_one_place(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        slot = await full(nc, name)
        if not knows_priorities(nc):
            return
        work = Work(name, nc)
        low = asyncio.ensure_future(work.do("low", priority="low", ageing=0.1))
        await wait_for_queue(nc, name, 1)
        high = asyncio.ensure_future(work.do("high", priority="high"))
        await wait_for_queue(nc, name, 2)
        # By the first look and three steps, it has come before the other one.
        await asyncio.sleep(2)
        await wait_for_queue(nc, name, 2)
        await slot.finish()
        await asyncio.gather(low, high)
        assert work.order == ["low", "high"]


@within(30)
async def test_how_many_wait_with_which_priority(
    server: NatsServer, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(server.url) as nc, connected(server.url) as other:
        await full(nc, name)
        js = jetstream(other)
        async with waiting(nc, name, "low", "normal", "low", "urgent", "normal"):

            async def answered() -> bool:
                counts = await count_by_priority(js, name, 5)
                return counts == {"urgent": 1, "high": 0, "normal": 2, "low": 2}

            await until(answered, 5, "all of them are counted")
            monkeypatch.setattr(census, "_MOST", 4)
            assert await count_by_priority(js, name, 5) is None
            assert await count_by_priority(js, name, 5, everyone=True) is not None

        async def silent() -> bool:
            return await count_by_priority(js, name, 5) == {"urgent": 0, "high": 0, "normal": 5, "low": 0}

        # They said over another connection that they listen no more.
        await until(silent, 5, "nobody answers")


@pytest.mark.parametrize(
    ("priorities", "is_told", "counts"),
    [
        (("normal", "normal"), True, {"urgent": 0, "high": 0, "normal": 2, "low": 0}),
        (("low", "low"), True, {"urgent": 0, "high": 0, "normal": 0, "low": 2}),
        (("normal", "low"), False, {"urgent": 0, "high": 0, "normal": 1, "low": 1}),
    ],
)
@within(40)
async def test_a_position_is_told_only_where_nobody_more_urgent_may_come_before(
    server: NatsServer, name: str, priorities: tuple[str, str], is_told: bool, counts: dict[str, int]
) -> None:
    told: list[Situation] = []

    def on_wait(_waited: float, seen: Any) -> None:
        told.append(seen)

    async with connected(server.url) as nc:
        await full(nc, name)
        first = asyncio.ensure_future(Governor(name, nc).start("first in queue", priority=priorities[0]))
        await wait_for_queue(nc, name, 1)
        second = asyncio.ensure_future(Governor(name, nc, on_wait=on_wait).start("second", priority=priorities[1]))
        await until(lambda: bool(told), 20, "it is told of the wait")
        for each in (first, second):
            each.cancel()
        [seen, *_more] = told
        assert seen.waiting == 2
        # A position is about right: it may have been counted just before the server had taken this waiter in.
        assert (seen.position in (1, 2)) == (is_told or not knows_priorities(nc))
        assert seen.by_priority == (counts if knows_priorities(nc) else None)


@within(30)
async def test_why_priorities_have_no_effect(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        await full(nc, name)
        why = await Queue(name, jetstream(nc)).why_unordered()
        if not knows_priorities(nc):
            version = ".".join(map(str, jetstream(nc).server_version))
            assert why is not None
            assert why.startswith(f"nats-server {version} calls waiters first in, first out")
            return
        assert why is None
        absent = f"{name}-without"
        await Manager.create(absent, nc, limit=1, max_age=0, queue=False)
        why = await Queue(absent, jetstream(nc)).why_unordered()
        assert why == "it has no queue, or a broken one; governor_stream makes one, and mends it"
