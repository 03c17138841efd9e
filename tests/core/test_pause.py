# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stop button: nobody enters a paused governor, who is in goes on, and who waits goes on waiting in order."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable

import pytest
from nats.aio.client import Client

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.config import Change
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import (
    EntryTooLong,
    UnknownGovernor,
    WaitTimeout,
)
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.tests.support.client import ask, connected, stored_config, until, within
from ansible_collections.jetstream.governor.tests.support.history import Interval, most_at_once
from ansible_collections.jetstream.governor.tests.support.queue import wait_for_queue
from ansible_collections.jetstream.governor.tests.support.server import NatsServer
from ansible_collections.jetstream.governor.tests.support.workers import work

FOR_EVER = 3600.0
"""As an interval: then nothing but a wake-up makes a waiter try."""

BY = "deploy@ctl1"
REASON = "incident 4711"
PAUSED = r"is paused by deploy@ctl1 since \d\d:\d\d: incident 4711"


class Crowd:
    """Workers who note when they really worked, under one governor and over several connections."""

    def __init__(self, name: str, connections: list[Client], interval: float | None = FOR_EVER) -> None:
        self._governors = [Governor(name, nc, interval=interval) for nc in connections]
        self._name = name
        self._nc = connections[0]
        self.worked: dict[int, Interval] = {}
        self.tasks: list[asyncio.Future[None]] = []

    async def join(self, numbers: Iterable[int], seconds: float, in_queue: int | None = None) -> None:
        """Let these come one after the other; ``in_queue``: how many then wait once the first of them does."""
        for number in numbers:
            self.tasks.append(asyncio.ensure_future(self._one(number, seconds)))
            if in_queue is None:
                await asyncio.sleep(0.1)
            else:
                await wait_for_queue(self._nc, self._name, in_queue)
                in_queue += 1

    async def _one(self, number: int, seconds: float) -> None:
        self.worked[number] = await work(
            self._governors[number % len(self._governors)], f"{number}", seconds, timeout=60
        )

    async def end(self) -> list[int]:
        """Wait for all; the numbers in the order in which they began."""
        await asyncio.gather(*self.tasks)
        return sorted(self.worked, key=lambda number: self.worked[number].start)


@within(60)
async def test_nobody_enters_until_it_is_resumed_and_then_all_in_their_order(server: NatsServer, name: str) -> None:
    """Also where slots get free meanwhile, which calls those who wait, and where the limit is changed."""
    async with contextlib.AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(connected(server.url)) for _each in range(3)]
        nc = connections[0]
        manager = await Manager.create(name, nc, limit=2)
        crowd = Crowd(name, connections)
        await crowd.join((0, 1), seconds=0.8)
        await crowd.join(range(2, 6), seconds=0.2, in_queue=1)
        await manager.pause(BY, REASON)
        paused_at = time.monotonic()
        assert not crowd.worked
        await crowd.join((6, 7), seconds=0.2, in_queue=5)
        await until(lambda: len(crowd.worked) == 2, 5, "those who were in have worked on, and have left")
        assert await manager.active() == 0
        # Longer than any waiter needs to find an empty slot that nobody was called for.
        await asyncio.sleep(3)
        await manager.set_limit(1)
        await manager.set_limit(3)
        await asyncio.sleep(0.5)
        assert (await manager.active(), len(crowd.worked), manager.limit) == (0, 2, 3)
        # On servers without priorities, who was called in vain goes to the end.
        await wait_for_queue(nc, name, 6)
        resumed_at = time.monotonic()
        await manager.resume()
        order = await crowd.end()
        late = [crowd.worked[number] for number in range(2, 8)]
        assert min(each.start for each in late) >= resumed_at
        assert max(crowd.worked[number].end for number in (0, 1)) < paused_at + 2
        assert most_at_once(late) == 3
        if (nc.connected_server_version.major, nc.connected_server_version.minor) >= (2, 12):
            # The first three at once, in any order; so the others.
            assert (set(order[2:5]), set(order[5:])) == ({2, 3, 4}, {5, 6, 7})
        assert await manager.active() == 0


@within(30)
async def test_who_resumes_it_may_die_before_it_calls_those_who_wait(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=2)
        before = await stored_config(nc, name)
        await manager.pause(BY)
        crowd = Crowd(name, [nc], interval=1)
        await crowd.join(range(3), seconds=0.1, in_queue=1)
        assert await manager.active() == 0
        # The update alone.
        await ask(nc, f"STREAM.UPDATE.{manager.stream}", before)
        assert len(await asyncio.wait_for(crowd.end(), 10)) == 3


@within(20)
async def test_what_those_are_told_who_do_not_get_in(server: NatsServer, name: str) -> None:
    """Also where it is full as well, which is not what they wait for."""
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=2)
        await manager.pause(BY, REASON)
        for in_it in range(2):
            for timeout, words in (
                (0, f"^{name} {PAUSED}\\. Wait until it is resumed, or resume it by 'paused: false'\\.$"),
                # Wake-ups that nobody has made use of may call it meanwhile.
                (0.5, rf"^Timed out after 0\.\d s .*'{name}' \(\d attempts, {name} {PAUSED}\)\. Wait until"),
            ):
                with pytest.raises(WaitTimeout, match=words) as caught:
                    await Governor(name, nc).start("late", timeout=timeout)
                assert "full" not in str(caught.value)
                assert (caught.value.facts["active"], caught.value.facts["paused"]) == (in_it, True)
            if not in_it:
                await manager.resume()
                await manager.set_limit(1)
                slot = await Governor(name, nc).start("in", timeout=0)
                await manager.pause(BY, REASON)
        assert await slot.still_held()
        assert await slot.finish()


@within(20)
async def test_who_when_and_why_are_in_the_stream(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=5)
        before = await stored_config(nc, name)
        await manager.pause(BY, REASON)
        assert manager.changes == (Change("paused", False, True), Change("reason", None, REASON))
        pause = (await Manager.load(name, nc)).paused
        assert pause is not None
        assert (pause.by, pause.reason) == (BY, REASON)
        assert (await stored_config(nc, name))["max_msg_size"] == 1
        await manager.pause("root@ctl2")
        assert not manager.changes
        assert manager.paused == pause
        await manager.set_limit(7)
        assert manager.paused == pause
        await manager.resume()
        assert await stored_config(nc, name) == {**before, "max_msgs": 7}


@within(20)
async def test_one_that_others_have_paused_by_hand(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=1)
        before = await stored_config(nc, name)
        await ask(nc, f"STREAM.UPDATE.{manager.stream}", {**before, "max_msg_size": 1})
        with pytest.raises(WaitTimeout, match=f"^{name} is paused\\. Wait"):
            await Governor(name, nc).start("late", timeout=0)
        await manager.resume()
        assert await stored_config(nc, name) == before
        await manager.pause(BY)
        # Somebody lets others in by hand: so it is not paused any more, and can be paused again.
        await ask(nc, f"STREAM.UPDATE.{manager.stream}", {**(await stored_config(nc, name)), "max_msg_size": -1})
        assert await (await Governor(name, nc).start("in", timeout=0)).finish()
        assert (await Manager.load(name, nc)).paused is None
        await manager.pause("root@ctl2")
        assert manager.changes == (Change("paused", False, True),)
        assert manager.paused is not None
        assert manager.paused.by == "root@ctl2"


@within(20)
async def test_a_stream_that_takes_only_short_messages_is_not_paused(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=1)
        await ask(nc, f"STREAM.UPDATE.{manager.stream}", {**(await stored_config(nc, name)), "max_msg_size": 40})
        with pytest.raises(EntryTooLong, match=r"\(error 10054\)\. Raise the max_msg_size of the governor's stream\.$"):
            await Governor(name, nc).start("late", timeout=5)


@within(30)
async def test_pauses_in_the_middle_of_the_work(server: NatsServer, name: str) -> None:
    """The cap holds, and everybody gets in at last, who wait in the queue or without."""
    async with contextlib.AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(connected(server.url)) for _each in range(3)]
        nc = connections[0]
        manager = await Manager.create(name, nc, limit=3)
        crowd = Crowd(name, connections, interval=1)
        await crowd.join(range(10), seconds=0.3)
        for _each in range(5):
            await manager.pause(BY)
            await asyncio.sleep(0.4)
            paused_from = time.monotonic()
            await asyncio.sleep(0.2)
            assert not [each for each in crowd.worked.values() if paused_from <= each.start]
            await manager.resume()
            await asyncio.sleep(0.2)
        assert len(await crowd.end()) == 10
        assert most_at_once(crowd.worked.values()) <= 3
        assert await manager.active() == 0


@within(30)
async def test_a_pause_and_another_change_at_the_same_time_both_hold(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc, connected(server.url) as another:
        made, theirs = await Manager.create(name, nc, limit=1), await Manager.load(name, another)
        for limit in range(2, 12):
            await asyncio.gather(made.set_limit(limit), theirs.pause(BY))
            await made.refresh()
            assert (made.limit, made.paused is not None) == (limit, True)
            await made.resume()
        await made.delete()
        with pytest.raises(UnknownGovernor):
            await theirs.set_limit(3)
