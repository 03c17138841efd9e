# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whoever dies frees the slot, and whoever lives keeps it, whatever happens to servers; with three replicas.

What takes longest here is the time for which waiters watch before they take a holder for dead.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random

import pytest
from nats.aio.client import Client

from ansible_collections.jetstream.governor.plugins.module_utils.core.absences import required
from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import NoVerdict
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import JetStream
from ansible_collections.jetstream.governor.plugins.module_utils.core.leases import Leases
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import LEASES_STREAM
from ansible_collections.jetstream.governor.plugins.module_utils.core.renewal import Renewal
from ansible_collections.jetstream.governor.tests.faults.crowd import create
from ansible_collections.jetstream.governor.tests.support.client import ask, connected, until, within
from ansible_collections.jetstream.governor.tests.support.leases import shorten_leases
from ansible_collections.jetstream.governor.tests.support.proxy import Proxy
from ansible_collections.jetstream.governor.tests.support.queue import wait_for_queue
from ansible_collections.jetstream.governor.tests.support.server import NatsServer, cluster

LEASE = 3.0
OBSERVATION = required(LEASE, LEASE)
HANDED_ON = LEASE + OBSERVATION + 20
"""Seconds; 10 more than what is promised, for a machine that is busy. How long it takes is for the soak to measure."""
WATCHED = OBSERVATION + 3
"""Seconds after which waiters would have reaped whom they took for dead."""

HOLDER = "ansible_collections.jetstream.governor.tests.support.holder"
SILENT = {"user": "silent", "password": "silent"}
"""May give no signs of life."""
_USERS = """
authorization { users: [
  { user: any, password: any }
  { user: silent, password: silent, permissions: { publish: { deny: "$GOVERNOR.lease.>" } } }
] }
no_auth_user: any
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[NatsServer]]:
    """A cluster for those tests that leave it whole."""
    with cluster(tmp_path_factory.mktemp("whole"), config=_USERS) as running:
        yield running


class Waiters:
    """Each joins the queue behind the one before. ``granted``: who got a slot, and when; each gives it back at once."""

    def __init__(self, nc: Client, name: str) -> None:
        self.granted: list[tuple[str, float]] = []
        self._nc = nc
        self._name = name
        self._waits: list[asyncio.Future[None]] = []

    async def stop(self) -> None:
        for each in self._waits:
            each.cancel()
        await asyncio.gather(*self._waits, return_exceptions=True)

    async def join(self, *holders: str) -> None:
        for holder in holders:
            self._waits.append(asyncio.ensure_future(self._wait(holder)))
            await wait_for_queue(self._nc, self._name, len(self._waits))

    async def ends(self, seconds: float) -> list[str]:
        """Wait for all, and return who got a slot, in order."""
        await asyncio.wait_for(asyncio.gather(*self._waits), seconds)
        return [holder for holder, _moment in self.granted]

    async def _wait(self, holder: str) -> None:
        slot = await Governor(self._name, self._nc).start(holder)
        self.granted.append((holder, time.monotonic()))
        await slot.finish()


@asynccontextmanager
async def governor(
    nodes: list[NatsServer], name: str, limit: int = 1
) -> AsyncIterator[tuple[Manager, Client, Waiters]]:
    """With a connection that nobody cuts, and those who wait over it."""
    async with connected([node.url for node in nodes]) as nc:
        manager = await create(name, nc, limit=limit)
        await shorten_leases(nc, LEASE, 3)
        waiters = Waiters(nc, name)
        try:
            yield manager, nc, waiters
        finally:
            await waiters.stop()


async def sequences(manager: Manager) -> list[int]:
    return [entry.seq for entry in await manager.entries()]


async def leases_led_by(nodes: list[NatsServer], nc: Client) -> NatsServer:
    leader = (await ask(nc, f"STREAM.INFO.{LEASES_STREAM}"))["cluster"]["leader"]
    return nodes[int(leader.removeprefix("n"))]


# -- the dead


@within(60)
async def test_the_slot_of_a_killed_holder_goes_to_the_next_in_the_queue(whole: list[NatsServer], name: str) -> None:
    async with governor(whole, name) as (manager, _nc, waiters):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", HOLDER, whole[1].url, name, "web00", stdout=asyncio.subprocess.PIPE
        )
        try:
            assert process.stdout is not None
            seq = int(await process.stdout.readline())
            await waiters.join("web01", "web02", "web03")
            assert await sequences(manager) == [seq]
            assert process.returncode is None
        finally:
            process.kill()
            await process.wait()
        assert await waiters.ends(HANDED_ON) == ["web01", "web02", "web03"]


@within(60)
async def test_who_is_cut_off_counts_its_slot_as_lost_before_another_has_it(whole: list[NatsServer], name: str) -> None:
    lost: list[float] = []
    async with (
        governor(whole, name) as (_manager, _nc, waiters),
        Proxy(whole[0].port) as proxy,
        connected(proxy.url) as far,
    ):
        slot = await Governor(name, far).start("web00", on_lost=lambda _why: lost.append(time.monotonic()))
        await waiters.join("web01")
        cut_at, heal = time.monotonic(), proxy.silence_one(Random(1))
        assert heal is not None
        await until(lambda: bool(lost), LEASE + 1, "it counts as lost")
        assert slot.is_lost
        assert lost[0] - cut_at < LEASE + 0.5
        assert await waiters.ends(HANDED_ON) == ["web01"]
        assert waiters.granted[0][1] - lost[0] > OBSERVATION - LEASE
        heal()
        assert await slot.finish() is False


# -- the living


async def kill_the_leader(nodes: list[NatsServer], nc: Client) -> None:
    node = await leases_led_by(nodes, nc)
    await asyncio.to_thread(node.stop, signal.SIGKILL)


async def stop_all(nodes: list[NatsServer], _nc: Client) -> None:
    """Longer than the lease: all signs of life are forgotten."""
    for node in nodes:
        await asyncio.to_thread(node.pause)
    await asyncio.sleep(LEASE + 2)
    for node in nodes:
        node.signal(signal.SIGCONT)


async def make_leases_anew(_nodes: list[NatsServer], nc: Client) -> None:
    await ask(nc, f"STREAM.DELETE.{LEASES_STREAM}")
    await shorten_leases(nc, LEASE, 3)


@pytest.mark.parametrize("fault", [kill_the_leader, stop_all, make_leases_anew])
@within(90)
async def test_nobody_alive_is_reaped(
    nodes: list[NatsServer], name: str, fault: Callable[[list[NatsServer], Client], Awaitable[None]]
) -> None:
    """Neither meanwhile, nor as long afterwards as waiters watch; and the work goes on."""
    async with governor(nodes, name, limit=6) as (manager, nc, waiters), AsyncExitStack() as stack:
        ways = [await stack.enter_async_context(connected([node.url for node in nodes])) for _each in range(3)]
        slots = [await Governor(name, ways[number % 3]).start(f"web0{number}") for number in range(6)]
        await waiters.join("web10", "web11")
        await fault(nodes, nc)
        await asyncio.sleep(WATCHED)
        assert waiters.granted == []
        assert await asyncio.gather(*(slot.still_held() for slot in slots)) == [True] * 6
        await until(lambda: not any(slot.is_lost for slot in slots), LEASE, "nobody counts its slot as lost any more")
        assert await slots[0].finish() is True
        await waiters.ends(20)
        assert await sequences(manager) == [slot.seq for slot in slots[1:]]
        await asyncio.gather(*(slot.finish() for slot in slots))


@within(60)
async def test_who_is_cut_off_from_the_leases_alone_is_not_reaped(whole: list[NatsServer], name: str) -> None:
    """It is asked, and answers. It does not know that, and counts its slot as lost."""
    async with governor(whole, name) as (_manager, nc, waiters), connected(whole[0].url, **SILENT) as silent:
        first = await Governor(name, nc).start("web00")
        assert first.renewal is not None
        first.renewal.cancel()
        slot = first.over(silent)
        slot.renewal = Renewal(slot).start()
        await waiters.join("web01")
        await asyncio.sleep(LEASE + WATCHED)
        assert waiters.granted == []
        assert await slot.still_held()
        assert slot.is_lost
        assert await slot.finish() is True
        assert await waiters.ends(5) == ["web01"]


# -- what is made anew, or has no leader


@within(60)
async def test_a_governor_that_is_made_anew_in_the_middle_of_the_work(whole: list[NatsServer], name: str) -> None:
    lost: list[float] = []
    async with governor(whole, name) as (before, nc, _waiters):
        old = await Governor(name, nc).start("web00", on_lost=lambda _why: lost.append(time.monotonic()))
        await before.delete(force=True)
        deleted_at = time.monotonic()
        manager = await create(name, nc, limit=1)
        new = await Governor(name, nc).start("web01", timeout=10)
        await until(lambda: bool(lost), LEASE, "the holder is told by a renewal, before its lease is over")
        assert lost[0] - deleted_at < LEASE
        assert old.is_lost
        assert await old.finish() is False
        assert await sequences(manager) == [new.seq]
        assert await new.finish() is True


@within(60)
async def test_leases_without_a_leader_are_not_taken_for_none(tmp_path: Path, name: str) -> None:
    """A stream without a leader does not listen: as long as it exists, that is no verdict."""
    with cluster(tmp_path) as nodes:
        async with connected([node.url for node in nodes]) as nc:
            await create(name, nc, limit=1, replicas=1)
            node = await leases_led_by(nodes, nc)
            others = [each.url for each in nodes if each is not node]
            async with connected(others) as elsewhere:
                leases = Leases(JetStream(elsewhere, timeout=1))
                await leases.renew(name, "token")
                await asyncio.to_thread(node.stop, signal.SIGKILL)
                for _each in range(3):
                    with pytest.raises(NoVerdict):
                        await leases.renew(name, "token")
                await asyncio.to_thread(node.start)
                await JetStream(elsewhere).until_verdict(lambda: leases.renew(name, "token"))
