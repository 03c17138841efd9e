# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A slot in each of several governors: which comes first, what is given back, and that nobody waits in a circle."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from typing import Callable

import pytest
from nats.aio.client import Client

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import (
    InvalidValue,
    UnknownGovernor,
    WaitTimeout,
)
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.plugins.module_utils.core.several import start_all
from ansible_collections.jetstream.governor.tests.support.client import ask, connected, until, within
from ansible_collections.jetstream.governor.tests.support.history import Interval, most_at_once
from ansible_collections.jetstream.governor.tests.support.server import NatsServer

RACKS = ("a", "b", "c")
HOSTS_PER_RACK = 4
Record = tuple[str, Interval]


async def make(nc: Client, name: str, **limits: int) -> dict[str, Manager]:
    """Governors of these limits, by what stands behind the name of the test."""
    return {each: await Manager.create(f"{name}-{each}", nc, limit=limit) for each, limit in limits.items()}


def governors(nc: Client, *managers: Manager) -> list[Governor]:
    return [Governor(each.name, nc) for each in managers]


async def active(*managers: Manager) -> list[int]:
    return [await each.active() for each in managers]


@within(20)
async def test_slots_come_back_in_the_order_of_the_governors(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        made = await make(nc, name, wide=3, narrow=1)
        slots = await start_all(governors(nc, made["wide"], made["narrow"]), "web01", timeout=5)
        assert [slot.governor for slot in slots] == [made["wide"].name, made["narrow"].name]
        assert await active(*made.values()) == [1, 1]
        assert [await slot.finish() for slot in slots] == [True, True]


@within(20)
async def test_nothing_is_acquired_where_one_does_not_exist(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        made = await make(nc, name, narrow=1)
        with pytest.raises(UnknownGovernor, match=f"^There is no governor '{name}-x'"):
            await start_all([*governors(nc, made["narrow"]), Governor(f"{name}-x", nc)], "web01", timeout=5)
        for wrong in ([], governors(nc, made["narrow"], made["narrow"])):
            with pytest.raises(InvalidValue, match=r"^start_all needs one governor at least, and none twice, not "):
                await start_all(wrong, "web01")
        assert (await made["narrow"].refresh()).last_active is None, "nobody was ever in"


@within(20)
async def test_one_time_for_all_and_a_sentence_that_tells_all(server: NatsServer, name: str) -> None:
    """The narrow one is waited for as well, until its holder leaves."""
    async with connected(server.url) as nc:
        made = await make(nc, name, wide=2, narrow=1)
        first = await Governor(made["narrow"].name, nc).start("first")
        for holder in ("x", "y"):
            await Governor(made["wide"].name, nc).start(holder)
        asyncio.get_running_loop().call_later(1, lambda: asyncio.ensure_future(first.finish()))
        began = time.monotonic()
        with pytest.raises(WaitTimeout) as caught:
            await start_all(governors(nc, made["wide"], made["narrow"]), "web01", timeout=2)
        assert 1.9 < time.monotonic() - began < 4
        said = str(caught.value)
        assert "s waiting for a slot in governor '" + made["wide"].name in said
        assert f"Meanwhile a slot of '{made['narrow'].name}' was held, and given back; all of it took 2" in said
        assert caught.value.facts["active"] == 2
        assert await active(*made.values()) == [2, 0]


@within(20)
async def test_a_cancelled_wait_leaves_nothing(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        made = await make(nc, name, wide=2, narrow=1)
        for holder in ("x", "y"):
            await Governor(made["wide"].name, nc).start(holder)
        waiting = asyncio.ensure_future(start_all(governors(nc, *made.values()), "web01"))

        async def holds_one() -> bool:
            return await made["narrow"].active() == 1

        await until(holds_one, 5, "it holds the narrow one")
        for _each in range(3):
            waiting.cancel()
            await asyncio.sleep(0)
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        assert await active(*made.values()) == [2, 0]


@within(30)
async def test_a_slot_that_is_lost_in_the_wait_is_acquired_anew(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        made = await make(nc, name, wide=2, narrow=1)
        held = [await Governor(made["wide"].name, nc).start(holder) for holder in ("x", "y")]
        waiting = asyncio.ensure_future(start_all(governors(nc, made["narrow"], made["wide"]), "web01"))

        async def holds_one() -> bool:
            return await made["narrow"].active() == 1

        await until(holds_one, 5, "it holds the narrow one")
        (entry,) = await made["narrow"].entries()
        await made["narrow"].evict(entry.seq)
        await held[0].finish()
        slots = await waiting
        assert slots[0].seq > entry.seq
        assert [await slot.still_held() for slot in slots] == [True, True]


@within(30)
async def test_nothing_is_told_of_a_slot_that_is_lost_in_the_wait(server: NatsServer, name: str) -> None:
    """Whoever ends the work then would end the wait, in which it is acquired anew."""
    async with connected(server.url) as nc:
        made = await make(nc, name, wide=2, narrow=1)
        held = [await Governor(made["wide"].name, nc).start(holder) for holder in ("x", "y")]
        signs = await nc.subscribe(f"$GOVERNOR.lease.{made['narrow'].name}.*")
        told: list[str] = []
        waiting = asyncio.ensure_future(
            start_all(governors(nc, made["narrow"], made["wide"]), "web01", on_lost=told.append)
        )

        async def holds_one() -> bool:
            return await made["narrow"].active() == 1

        await until(holds_one, 5, "it holds the narrow one")
        (entry,) = await made["narrow"].entries()
        await made["narrow"].evict(entry.seq)
        await signs.next_msg(10)
        # With a sign of life, the entry is looked for.
        await asyncio.sleep(0.5)
        await held[0].finish()
        narrow, _wide = await waiting
        assert told == []
        await made["narrow"].evict(narrow.seq)
        await until(lambda: len(told) == 1, 10, "it is told of the loss of what it holds")


# -- no circle


@within(40)
async def test_two_who_wait_crosswise_since_a_limit_was_changed(server: NatsServer, name: str) -> None:
    """One gives back what it holds, and keeps its place in the queue of what it waits for."""
    async with connected(server.url) as nc, connected(server.url) as another:
        made = await make(nc, name, a=1, b=1)
        a, b = made.values()
        in_b = await Governor(b.name, nc).start("x")
        first = asyncio.ensure_future(start_all(governors(nc, a, b), "first"))

        async def holding(manager: Manager) -> list[str]:
            return [entry.holder for entry in await manager.entries()]

        async def first_holds_a() -> bool:
            return await holding(a) == ["first"]

        await until(first_holds_a, 5, "the first one holds a, and waits for b")
        third = asyncio.ensure_future(Governor(b.name, another).start("third"))
        await a.set_limit(2)
        in_a = await Governor(a.name, nc).start("y")
        # Nobody is called.
        await ask(nc, f"STREAM.MSG.DELETE.{b.stream}", {"seq": in_b.seq})
        second = asyncio.ensure_future(start_all(governors(another, a, b), "second"))

        async def crosswise() -> bool:
            return await holding(b) == ["second"] and await holding(a) == ["first", "y"]

        await until(crosswise, 2, "the second one holds b, and waits for a")
        began = time.monotonic()
        slots = await asyncio.wait_for(second, 10)
        print(f"the second one had both after {time.monotonic() - began:.1f} s")
        assert await holding(a) == ["y", "second"]
        await in_a.finish()
        for slot in slots:
            await slot.finish()
        mine = await asyncio.wait_for(first, 10)
        assert not third.done()
        assert await active(a, b) == [1, 1]
        for slot in mine:
            await slot.finish()
        assert (await third).seq > mine[1].seq


# -- no convoy


async def in_order(rack: Governor, everywhere: Governor, holder: str) -> AsyncExitStack:
    stack = AsyncExitStack()
    for slot in await start_all([everywhere, rack], holder):
        await stack.enter_async_context(slot)
    return stack


async def in_reverse(rack: Governor, everywhere: Governor, holder: str) -> AsyncExitStack:
    stack = AsyncExitStack()
    for governor in (everywhere, rack):
        await stack.enter_async_context(await governor.start(holder))
    return stack


def busy(records: list[Record], limit: int) -> float:
    """How much of the wide cap was at work, on average, while more than one rack had work left."""
    begin = min(interval.start for _rack, interval in records)
    # From then on one rack alone has work, which fills one slot.
    end = sorted(max(each.end for rack, each in records if rack == name) for name in RACKS)[-2]
    done = sum(max(0.0, min(each.end, end) - each.start) for _rack, each in records)
    return done / (limit * (end - begin))


Take = Callable[[Governor, Governor, str], Awaitable[AsyncExitStack]]


# The work takes many times as long as handing a slot on, also on a busy machine.
@pytest.mark.parametrize(("take", "seconds", "least", "most"), [(in_order, 1.5, 0.95, 1.0), (in_reverse, 0.3, 0, 0.75)])
@within(60)
async def test_the_wide_cap_is_busy_while_racks_have_work(
    server: NatsServer, name: str, take: Take, seconds: float, least: float, most: float
) -> None:
    """In the reverse order, hosts of one rack hold the slots of all, and wait for each other."""
    records: list[Record] = []

    async with connected(server.url) as nc:
        made = await make(nc, name, **dict.fromkeys(RACKS, 1), everywhere=2)

        async def work(rack: str, number: int) -> None:
            narrow, wide = governors(nc, made[rack], made["everywhere"])
            async with await take(narrow, wide, f"{rack}{number}"):
                start = time.monotonic()
                await asyncio.sleep(seconds)
                records.append((rack, Interval(start, time.monotonic())))

        hosts = [(rack, number) for rack in RACKS for number in range(HOSTS_PER_RACK)]
        at_work = []
        for host in hosts:
            at_work.append(asyncio.ensure_future(work(*host)))
            # The hosts of one rack come one after the other, as in most inventories.
            await asyncio.sleep(0.02)
        await asyncio.gather(*at_work)
    assert len(records) == len(hosts)
    assert most_at_once(interval for _rack, interval in records) <= 2
    for rack in RACKS:
        assert most_at_once(interval for name, interval in records if name == rack) == 1
    print(f"the wide cap was busy for {busy(records, 2):.1%} of the time")
    assert least <= busy(records, 2) <= most
