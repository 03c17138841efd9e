# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting in the queue: who is called, in which order, and how soon."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest
from nats.aio.client import Client

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import UnknownGovernor, WaitTimeout
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import stream_name
from ansible_collections.jetstream.governor.plugins.module_utils.core.slot import Slot
from ansible_collections.jetstream.governor.tests.support.client import ask, connected, stored_config, until, within
from ansible_collections.jetstream.governor.tests.support.history import Interval, most_at_once
from ansible_collections.jetstream.governor.tests.support.proxy import Proxy
from ansible_collections.jetstream.governor.tests.support.queue import Watched, consumer, wait_for_queue
from ansible_collections.jetstream.governor.tests.support.server import NatsServer
from ansible_collections.jetstream.governor.tests.support.workers import work

FOR_EVER = 3600.0
"""As an interval: then nothing but a wake-up makes a waiter try."""

SOON = 3.0
"""What takes milliseconds, on a machine that is busy with other things."""


async def full(nc: Client, name: str, limit: int = 1) -> tuple[Manager, list[Slot]]:
    manager = await Manager.create(name, nc, limit=limit, max_age=0)
    return manager, [await Governor(name, nc).start(f"first {number}", timeout=0) for number in range(limit)]


@contextlib.asynccontextmanager
async def queued(nc: Client, name: str, holder: str, behind: int = 0) -> AsyncIterator[asyncio.Future[Slot]]:
    """A waiter that is in the queue, behind so many others, and only there."""
    waiting = asyncio.ensure_future(Governor(name, nc, interval=FOR_EVER).start(holder))
    try:
        await wait_for_queue(nc, name, behind + 1)
        yield waiting
    finally:
        waiting.cancel()


async def stand_still(nc: Client, name: str) -> None:
    """In the queue: alive as far as the server can see, and of no use for a wake-up."""
    inbox = nc.new_inbox()
    await nc.subscribe(inbox)
    pull = f"$JS.API.CONSUMER.MSG.NEXT.GOVQUEUE_{name}.queue"
    await nc.publish(pull, b'{"batch": 1, "group": "queue", "priority": 5}', reply=inbox)


async def gets_it(waiting: asyncio.Future[Slot], seconds: float = SOON) -> Slot:
    return await asyncio.wait_for(asyncio.shield(waiting), seconds)


@within(30)
async def test_fifty_are_called_in_the_order_in_which_they_came(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc, contextlib.AsyncExitStack() as stack:
        _manager, [slot] = await full(nc, name)
        waiting = [await stack.enter_async_context(queued(nc, name, f"{each}", each)) for each in range(50)]
        history: list[Interval] = []
        for number, each in enumerate(waiting):
            await slot.finish()
            slot = await gets_it(each)
            start = time.monotonic()
            assert (slot.holder, slot.attempts, slot.waited_by) == (str(number), 2, "queue")
            assert not any(other.done() for other in waiting[number + 1 :])
            history.append(Interval(start, time.monotonic()))
        assert most_at_once(history) == 1
        await wait_for_queue(nc, name, 0)


@within(30)
async def test_order_is_kept_among_many_slots_too(server: NatsServer, name: str) -> None:
    """50 queue for 5 slots, on connections of their own, and hand them on by themselves."""
    async with contextlib.AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(connected(server.url)) for _each in range(5)]
        nc = connections[0]
        _manager, slots = await full(nc, name, limit=5)
        starts: dict[int, Interval] = {}

        async def one(number: int) -> None:
            governor = Governor(name, connections[number % 5], interval=FOR_EVER)
            starts[number] = await work(governor, f"{number}", 0.05, timeout=20)

        working = []
        for number in range(50):
            working.append(asyncio.ensure_future(one(number)))
            await wait_for_queue(nc, name, number + 1)
        await asyncio.gather(*(slot.finish() for slot in slots))
        await asyncio.gather(*working)
        assert most_at_once(starts.values()) == 5
        # Five at once start in any order; the next five come after all of them.
        assert all(starts[number].start < starts[number + 10].start for number in range(40))


@within(20)
async def test_who_was_called_in_vain_stays_first(server: NatsServer, name: str) -> None:
    """A newcomer takes the slot under its nose. Before 2.12, servers can only put it at the end."""
    async with connected(server.url) as nc:
        manager, [slot] = await full(nc, name)
        async with queued(nc, name, "first in queue") as first, queued(nc, name, "second", 1) as second:
            # As if somebody had left, and somebody else had come.
            await manager.queue.wake(1)

            async def called() -> bool:
                return bool((await consumer(nc, name))["ack_floor"]["consumer_seq"] == 1)

            await until(called, 5, "the first was called, and was refused")
            await wait_for_queue(nc, name, 2)
            await slot.finish()
            version = nc.connected_server_version
            comes, waits = (first, second) if (version.major, version.minor) >= (2, 12) else (second, first)
            assert (await gets_it(comes)).attempts == (3 if comes is first else 2)
            assert not waits.done()


@pytest.mark.parametrize("timeout", [0, None])
@within(30)
async def test_who_is_called_from_far_away_is_not_passed_by_those_who_are_near(
    server: NatsServer, name: str, timeout: float | None
) -> None:
    """They come again and again, from everywhere; in the time of a try from far away, the slot changes hands often."""
    async with contextlib.AsyncExitStack() as stack:
        far_away = await stack.enter_async_context(Proxy(server.port, 0.15))
        far = await stack.enter_async_context(connected(far_away.url))
        near = [await stack.enter_async_context(connected(server.url)) for _each in range(3)]
        _manager, [slot] = await full(near[0], name)
        waiting = await stack.enter_async_context(queued(far, name, "far away"))
        grants = 0

        async def again_and_again(nc: Client) -> None:
            nonlocal grants
            while not waiting.done():
                with contextlib.suppress(WaitTimeout):
                    interval = await work(Governor(name, nc), "near", 0.01, timeout)
                    grants += not waiting.done() and interval.start > freed
                await asyncio.sleep(0)

        freed = time.monotonic()
        await slot.finish()
        coming = [asyncio.ensure_future(again_and_again(nc)) for nc in near]
        late = await gets_it(waiting, 20)
        assert grants <= 5
        await late.finish()
        await asyncio.gather(*coming)


@within(20)
async def test_nobody_gives_way_to_one_who_stands_still(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc, connected(server.url) as still:
        _manager, [slot] = await full(nc, name)
        await stand_still(still, name)
        await stand_still(still, name)
        await wait_for_queue(nc, name, 2)
        await slot.finish()

        async def taken() -> bool:
            with contextlib.suppress(WaitTimeout):
                await Governor(name, nc).start("newcomer", timeout=0)
                return True
            return False

        # The first of them was called, and the second half a second later.
        await until(taken, SOON, "a newcomer takes the slot")


@within(20)
async def test_a_wake_up_whose_waiter_stands_still_goes_to_the_next(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc, connected(server.url) as still:
        _manager, [slot] = await full(nc, name)
        await stand_still(still, name)
        await wait_for_queue(nc, name, 1)
        async with queued(nc, name, "next", 1) as following:
            began = time.monotonic()
            await slot.finish()
            assert (await gets_it(following, 5)).seq == slot.seq + 1
            assert time.monotonic() - began >= 0.4


@within(30)
async def test_many_who_stand_still_are_not_called_one_after_the_other(server: NatsServer, name: str) -> None:
    """Half a second each: the slot would be empty for half a minute."""
    many = 60
    async with connected(server.url) as nc, connected(server.url) as still:
        _manager, slots = await full(nc, name, limit=many)
        for _each in range(many):
            await stand_still(still, name)
        await wait_for_queue(nc, name, many)
        waiting = asyncio.ensure_future(Governor(name, nc, interval=0.2).start("moves"))
        await wait_for_queue(nc, name, many + 1)
        freed = time.monotonic()
        await slots[0].finish()
        assert (await gets_it(waiting, 20)).waited_by == "queue"
        assert time.monotonic() - freed < 5


@within(20)
async def test_who_has_gone_is_passed_over(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc, connected(server.url) as other:
        _manager, [slot] = await full(nc, name)
        async with queued(other, name, "goes"), queued(nc, name, "stays", 1) as stays:
            await other.close()
            await slot.finish()
            assert (await gets_it(stays)).attempts == 2


@within(20)
async def test_who_gives_up_leaves_the_queue(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        _manager, [slot] = await full(nc, name)
        with pytest.raises(WaitTimeout, match="1 of 1 slots held") as caught:
            await Governor(name, nc, interval=FOR_EVER).start("web01", timeout=0.2)
        assert (caught.value.facts["attempts"], caught.value.facts["waited_by"]) == (2, "queue")
        async with queued(nc, name, "cancelled") as waiting:
            waiting.cancel()
            await asyncio.wait([waiting])
        await wait_for_queue(nc, name, 0)
        await slot.finish()


@pytest.mark.parametrize("way", ["a raised limit", "a reset", "an eviction"])
@within(20)
async def test_whatever_frees_a_slot_calls_the_next(server: NatsServer, name: str, way: str) -> None:
    async with connected(server.url) as nc:
        manager, slots = await full(nc, name, limit=2)
        async with queued(nc, name, "a") as first, queued(nc, name, "b", 1) as second:
            if way == "a raised limit":
                await manager.set_limit(4)
            elif way == "a reset":
                await manager.reset()
            else:
                for slot in slots:
                    await manager.evict(slot.seq)
            assert [(await gets_it(each)).holder for each in (first, second)] == ["a", "b"]


@within(20)
async def test_an_entry_that_expires_is_noticed(server: NatsServer, name: str) -> None:
    """By those in the queue themselves, and in their order: expiry tells nobody."""
    async with connected(server.url) as nc:
        manager, _slots = await full(nc, name)
        async with queued(nc, name, "a") as first, queued(nc, name, "b", 1) as second:
            await manager.set_max_age(1)
            assert (await gets_it(first, 6)).waited_by == "queue"
            assert not second.done()
            assert (await gets_it(second, 6)).waited_by == "queue"


@within(20)
async def test_a_slot_that_a_go_client_leaves_is_noticed(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        _manager, [slot] = await full(nc, name)
        waiting = asyncio.ensure_future(Governor(name, nc, interval=0.2).start("web01"))
        await wait_for_queue(nc, name, 1)
        await ask(nc, f"STREAM.MSG.DELETE.{stream_name(name)}", {"seq": slot.seq})
        assert (await gets_it(waiting, 5)).waited_by == "queue"


@within(60)
async def test_a_limit_that_somebody_else_raises_is_used_under_a_long_queue(server: NatsServer, name: str) -> None:
    """Choria raises it and tells nobody in the queue; what the added slots' holders leave is handed on at once."""
    async with connected(server.url) as nc:
        await full(nc, name)
        governor, many, limit = Governor(name, nc), 120, 40
        waiting = [asyncio.ensure_future(work(governor, f"{each}", 0.2, timeout=50)) for each in range(many)]
        await wait_for_queue(nc, name, many)
        raised = time.monotonic()
        await ask(nc, f"STREAM.UPDATE.{stream_name(name)}", {**await stored_config(nc, name), "max_msgs": limit})
        history: list[Interval] = await asyncio.gather(*waiting)
        # The first 39 of them are called by those who look; one of 120 does about five times a second.
        assert sorted(each.start for each in history)[limit - 2] - raised < SOON
        # Three rounds of 0.2 s on 39 slots, and a fourth for the last three.
        assert max(each.end for each in history) - raised < SOON + 3
        assert most_at_once(history) <= limit - 1


@within(60)
async def test_hundreds_that_join_together_ask_little_and_all_have_their_turn(server: NatsServer, name: str) -> None:
    limit, many, seconds = 50, 500, 0.2
    async with connected(server.url) as nc, connected(server.url) as theirs:
        manager, slots = await full(nc, name, limit)
        governor = Watched(name, theirs, subject=manager.subject)
        working = [asyncio.ensure_future(work(governor, f"{each}", seconds, timeout=None)) for each in range(many)]
        await wait_for_queue(nc, name, many)
        await until(lambda: governor.all_know_their_position, 10, "each knows about its place")
        # Each has tried and queued. Some have looked: two requests.
        assert theirs.stats["out_msgs"] < 2.5 * many
        await manager.reset()
        history = await asyncio.gather(*working)
        assert most_at_once(history) == limit
        ideal = many / limit * seconds
        assert max(each.end for each in history) - min(each.start for each in history) < 2 * ideal
        assert [await slot.finish() for slot in slots] == [False] * limit


@within(60)
async def test_slots_that_are_all_freed_without_a_wake_up_are_soon_taken_by_a_long_queue(
    server: NatsServer, name: str
) -> None:
    """Those who joined together do not look together: somebody looks all the time."""
    limit, many = 40, 200
    async with connected(server.url) as nc:
        manager, _slots = await full(nc, name, limit)
        governor = Watched(name, nc)
        waiting = [asyncio.ensure_future(governor.start(f"{each}")) for each in range(many)]
        await wait_for_queue(nc, name, many)
        await until(lambda: governor.all_know_their_position, 10, "each has had its first look")
        await ask(nc, f"STREAM.PURGE.{stream_name(name)}")
        freed = time.monotonic()

        async def taken() -> bool:
            return await manager.active() == limit

        await until(taken, 30, "all slots are taken again")
        assert time.monotonic() - freed < SOON
        assert sum(each.done() for each in waiting) == limit
        for each in waiting:
            each.cancel()


@within(20)
async def test_a_governor_that_is_deleted_ends_the_wait(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager, _slots = await full(nc, name)
        async with queued(nc, name, "web01") as waiting:
            await manager.delete(force=True)
            with pytest.raises(UnknownGovernor, match=f"^There is no governor '{name}'"):
                await gets_it(waiting)


@within(20)
async def test_a_queue_that_is_taken_away_and_given_back(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager, [slot] = await full(nc, name)
        async with queued(nc, name, "web01") as waiting:
            await manager.queue.delete()
            # By trying every quarter of a second, it looks for a queue now and then.
            await Manager.ensure(name, nc, limit=1, queue=True)
            await wait_for_queue(nc, name, 1)
            assert not waiting.done()
            await slot.finish()
            assert (await gets_it(waiting)).waited_by == "queue"


@within(20)
async def test_without_a_queue_waiters_poll(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager, [slot] = await full(nc, name)
        await manager.queue.delete()
        governor = Watched(name, nc, interval=0.05)
        waiting = asyncio.ensure_future(governor.start("web01"))
        await until(lambda: bool(governor.waits), 5, "it waits")
        await slot.finish()
        assert (await gets_it(waiting)).waited_by == "polling"
