# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Slots that live as long as their holders, on one server whose leases last three seconds."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from ansible_collections.jetstream.governor.plugins.module_utils.core.absences import required
from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.config import Change
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import (
    NoLeases,
    PermissionRefused,
    WaitTimeout,
)
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import JetStream
from ansible_collections.jetstream.governor.plugins.module_utils.core.leases import Leases
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import LEASES_STREAM, alive_subject
from ansible_collections.jetstream.governor.plugins.module_utils.core.queue import Queue
from ansible_collections.jetstream.governor.plugins.module_utils.core.slot import Slot
from ansible_collections.jetstream.governor.tests.support.client import (
    ask,
    choria_creates,
    connected,
    stored_config,
    until,
    within,
)
from ansible_collections.jetstream.governor.tests.support.leases import shorten_leases
from ansible_collections.jetstream.governor.tests.support.server import NatsServer

LEASE = 3.0
OBSERVATION = required(LEASE, LEASE)

USERS = """
authorization { users: [
    { user: all, password: x }
    { user: no_sign, password: x, permissions: { publish: { deny: "$GOVERNOR.lease.>" } } }
    { user: no_look, password: x, permissions: { publish: { deny: "$JS.API.STREAM.INFO.GOVLEASES" } } }
    { user: no_question, password: x, permissions: { publish: { deny: "$GOVERNOR.alive.>" } } }
] }
"""


@pytest.fixture(scope="module")
def leasing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """A server with such a stream of leases."""
    with NatsServer(tmp_path_factory.mktemp("leasing"), USERS) as running:
        asyncio.run(_prepare(running))
        yield running


async def _prepare(server: NatsServer) -> None:
    async with connected(url(server)) as nc:
        await shorten_leases(nc, LEASE)


def url(server: NatsServer, user: str = "all") -> str:
    return f"nats://{user}:x@127.0.0.1:{server.port}"


def dies(slot: Slot) -> None:
    """Let its holder give no sign of life any more, and answer nobody."""
    assert slot.renewal is not None
    slot.renewal.cancel()


async def signs(nc: Client, name: str) -> set[str]:
    return set((await Leases(JetStream(nc)).look(name)).tokens)


@within(20)
async def test_a_holder_gives_signs_of_life_until_it_finishes(leasing: NatsServer, name: str) -> None:
    async with connected(url(leasing)) as nc:
        manager = await Manager.create(name, nc, limit=1)
        assert (manager.max_age, manager.config.lease) == (0, "ready")
        slot = await Governor(name, nc).start("web01")
        # The first one over a connection is acknowledged before the slot is returned.
        assert (await signs(nc, name), slot.lease, slot.is_lost) == ({slot.token}, LEASE, False)
        [entry] = await manager.entries()
        assert (entry.token, entry.lease) == (slot.token, LEASE)
        first, began = slot.renewed_at, time.monotonic()
        await until(lambda: slot.renewed_at > first + 2 * LEASE, 3 * LEASE, "signs for longer than two leases")
        assert time.monotonic() - began > 2 * LEASE - 1
        assert (await signs(nc, name), await slot.still_held(), slot.lost) == ({slot.token}, True, None)
        last = await Leases(JetStream(nc)).last_signs(name, [slot.token, "nobody"])
        assert list(last) == [slot.token]
        assert await slot.finish() is True
        given = slot.renewed_at
        await asyncio.sleep(LEASE / 2)
        assert slot.renewed_at == given, "signs of life for a slot that is finished"


@within(20)
async def test_later_slots_over_a_connection_begin_without_a_sign(leasing: NatsServer, name: str) -> None:
    """Most are finished before the first one is due. Until then they count as renewed all the same."""
    async with connected(url(leasing)) as nc:
        await Manager.create(name, nc, limit=2)
        first, second = [await Governor(name, nc).start(holder) for holder in ("web01", "web02")]
        assert (await signs(nc, name), second.lease) == ({first.token}, LEASE)
        assert 0 < second.lease_left < LEASE
        await until(partial(gives_signs, nc, second), 2, "the first sign of the second slot")
        assert (second.is_lost, await first.finish(), await second.finish()) == (False, True, True)


async def gives_signs(nc: Client, slot: Slot) -> bool:
    return slot.token in await signs(nc, slot.governor)


@within(20)
async def test_many_who_come_at_once_ask_for_the_lease_once(leasing: NatsServer, name: str) -> None:
    async with connected(url(leasing)) as nc, connected(url(leasing)) as listening:
        await Manager.create(name, nc, limit=50)
        asked = await listening.subscribe(f"$JS.API.STREAM.INFO.{LEASES_STREAM}")
        await listening.flush()
        async with connected(url(leasing)) as many:
            slots = await asyncio.gather(*(Governor(name, many).start(f"web{number}") for number in range(50)))
            assert {slot.lease for slot in slots} == {LEASE}
            await asyncio.gather(*(slot.finish() for slot in slots))
        await listening.flush()
        assert asked.pending_msgs == 1


@within(20)
async def test_no_lease_where_none_is_wanted(leasing: NatsServer, name: str) -> None:
    async with connected(url(leasing)) as nc:
        manager = await Manager.create(name, nc, limit=2)
        to_outlive = await Governor(name, nc).start("web01", lease=False)
        without = await Manager.create(f"{name}-2", nc, limit=1, max_age=60, lease=False)
        plain = await Governor(f"{name}-2", nc).start("web01")
        assert (to_outlive.lease, plain.lease, plain.renewal) == (None, None, None)
        assert [entry.lease for entry in [*await manager.entries(), *await without.entries()]] == [None, None]
        assert (await signs(nc, name), await signs(nc, f"{name}-2")) == (set(), set())


async def held_by_a_dead_one(nc: Client, name: str, lease: bool = True, **options: bool) -> Slot:
    """Make a governor of one slot, and let its holder die."""
    await Manager.create(name, nc, limit=1, **options)
    slot = await Governor(name, nc).start("dead", lease=lease)
    if lease:
        dies(slot)
    return slot


async def somebody_waits(nc: Client, name: str) -> bool:
    queue = await Queue(name, JetStream(nc)).state()
    return queue is not None and queue.waiting > 0


async def acquired_after(server: NatsServer, name: str, wait: float, user: str = "all") -> float | None:
    """Wait for a slot, over a connection of its own, and finish. Return after how long; None after a wait in vain."""
    began = time.monotonic()
    async with connected(url(server, user)) as nc:
        try:
            slot = await Governor(name, nc, interval=1).start("alive", timeout=wait)
        except WaitTimeout:
            return None
        await slot.finish()
        return time.monotonic() - began


async def acquired_by_trying(server: NatsServer, name: str, wait: float) -> float | None:
    """Like ``acquired_after`` for somebody who never waits, and tries again every second over one connection."""
    began = time.monotonic()
    async with connected(url(server)) as nc:
        while time.monotonic() < began + wait:
            with contextlib.suppress(WaitTimeout):
                await Governor(name, nc).start("alive", timeout=0)
                return time.monotonic() - began
            await asyncio.sleep(1)
    return None


@within(60)
async def test_the_slot_of_a_dead_holder_goes_on(leasing: NatsServer, name: str) -> None:
    """To those in the queue, who wait without one, or try again and again; but not that of one who may live.

    All of them at the same time, since it takes as long as it takes.
    """
    async with connected(url(leasing)) as nc:
        ends = ("queue", "polling", "trying", "barred", "answers", "without")
        queue, polling, trying, barred, answers, without = (f"{name}-{end}" for end in ends)
        for each in (queue, trying, barred):
            await held_by_a_dead_one(nc, each)
        await held_by_a_dead_one(nc, polling, queue=False)
        await held_by_a_dead_one(nc, without, lease=False)
        living = await held_by_a_dead_one(nc, answers)

        async def answer(message: Msg) -> None:
            await message.respond(b"+")

        await nc.subscribe(alive_subject(living.token), cb=answer)
        longest = LEASE + OBSERVATION + 8
        first, second, *others = await asyncio.gather(
            acquired_after(leasing, queue, longest),
            acquired_after(leasing, queue, longest),
            acquired_after(leasing, polling, longest),
            acquired_by_trying(leasing, trying, longest),
            acquired_after(leasing, barred, longest, user="no_question"),
            acquired_after(leasing, answers, longest),
            acquired_after(leasing, without, longest),
        )
    reaped, spared = [first, second, *others[:2]], others[2:]
    assert all(each is not None and each > LEASE + OBSERVATION - 1 for each in reaped), reaped
    assert spared == [None, None, None]
    assert abs((first or 0) - (second or 0)) < 1, "the second was not called as soon as the first had finished"


@within(20)
async def test_an_eviction_is_noticed_with_the_next_sign(leasing: NatsServer, name: str) -> None:
    async with connected(url(leasing)) as nc:
        manager = await Manager.create(name, nc, limit=1)
        told: list[str] = []
        slot = await Governor(name, nc).start("web01", on_lost=told.append)
        await manager.evict(slot.seq)
        await until(lambda: slot.is_lost, LEASE, "the holder notices")
        assert told == ["it was evicted, it has expired, or the governor was deleted"]
        assert await slot.finish() is False


@within(40)
async def test_without_the_stream_the_holder_knows_and_nobody_is_reaped(tmp_path: Path, name: str) -> None:
    """When it is there again, the holder has its slot as before; meanwhile, nobody can acquire another one."""
    with NatsServer(tmp_path / "own", USERS) as server:
        async with connected(url(server)) as nc, connected(url(server)) as waits:
            await _prepare(server)
            await Manager.create(name, nc, limit=1)
            told: list[str] = []
            slot = await Governor(name, nc).start("web01", on_lost=told.append)
            next_one = asyncio.ensure_future(Governor(name, waits).start("web02"))
            await until(partial(somebody_waits, nc, name), 5, "the next one waits")
            await ask(nc, f"STREAM.DELETE.{LEASES_STREAM}")
            began = time.monotonic()
            await until(lambda: slot.lost is not None, LEASE + 1, "the holder counts its slot as lost")
            assert time.monotonic() - began > LEASE * 2 / 3 - 0.5
            assert told[0].startswith("no server has taken a sign of life for 3")
            async with connected(url(server)) as other:
                with pytest.raises(NoLeases, match=r"^There is no stream of leases \(GOVLEASES\) at 127.0.0.1:\d+\. "):
                    await Governor(name, other).start("web03")
            assert (await Manager.ensure(name, nc)).changes == (Change("lease", "broken", "ready"),)
            await shorten_leases(nc, LEASE)
            await until(lambda: slot.lost is None, 2 * LEASE, "it is no longer lost")
            assert (next_one.done(), len(told)) == (False, 1)
            await slot.finish()
            assert (await next_one).holder == "web02"


@pytest.mark.parametrize(
    ("user", "subject"), [("no_sign", "$GOVERNOR.lease."), ("no_look", "$JS.API.STREAM.INFO.GOVLEASES")]
)
@within(20)
async def test_a_missing_right_is_named_and_no_entry_stays(
    leasing: NatsServer, name: str, user: str, subject: str
) -> None:
    async with connected(url(leasing)) as nc, connected(url(leasing, user)) as barred:
        manager = await Manager.create(name, nc, limit=1)
        with pytest.raises(PermissionRefused) as caught:
            await Governor(name, barred).start("web01")
        assert f"this NATS user may not publish to '{subject}" in str(caught.value)
        assert await manager.active() == 0


@within(20)
async def test_the_stream_is_repaired_and_keeps_its_lease(leasing: NatsServer, name: str) -> None:
    async with connected(url(leasing)) as nc:
        await Manager.create(name, nc, limit=1)
        config = (await ask(nc, f"STREAM.INFO.{LEASES_STREAM}"))["config"]
        assert (config["subjects"], config["max_msgs_per_subject"]) == (["$GOVERNOR.lease.*.*"], 1)
        await ask(nc, f"STREAM.UPDATE.{LEASES_STREAM}", {**config, "max_msgs_per_subject": -1})
        mended = await Manager.ensure(name, nc)
        assert mended.changes == (Change("lease", "broken", "ready"),)
        assert (await ask(nc, f"STREAM.INFO.{LEASES_STREAM}"))["config"]["max_age"] == LEASE * 1e9
        assert (await Manager.ensure(name, nc)).changes == ()


@within(20)
async def test_leases_come_and_go_by_a_change(leasing: NatsServer, name: str) -> None:
    """Metadata of others stay; slots that are held keep what they have."""
    async with connected(url(leasing)) as nc:
        await choria_creates(nc, name)
        assert (await Manager.load(name, nc)).config.lease == "absent"
        stream = await stored_config(nc, name)
        await ask(nc, f"STREAM.UPDATE.{stream['name']}", {**stream, "metadata": {"team": "blue"}})
        changed = await Manager.ensure(name, nc, lease=True)
        assert changed.changes == (Change("lease", "absent", "ready"),)
        assert (await stored_config(nc, name))["metadata"].items() >= {"team": "blue", "governor_lease": "true"}.items()
        slot = await Governor(name, nc).start("web01")
        assert (await Manager.ensure(name, nc, lease=False)).changes == (Change("lease", "ready", "absent"),)
        assert (await stored_config(nc, name))["metadata"]["team"] == "blue"
        assert "governor_lease" not in (await stored_config(nc, name))["metadata"]
        assert (slot.lease, await slot.finish()) == (LEASE, True)
