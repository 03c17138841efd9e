# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server that goes away while somebody waits or works: one that comes back, and one that does not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from nats.aio.client import Client

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import (
    ConnectionClosed,
    GovernorError,
    NoVerdict,
    WaitTimeout,
)
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import JetStream
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.plugins.module_utils.core.timing import Timing
from ansible_collections.jetstream.governor.tests.support.client import connected, until, within
from ansible_collections.jetstream.governor.tests.support.server import NatsServer


@pytest.fixture
def own(tmp_path: Path) -> Iterator[NatsServer]:
    """A server that the test may stop and start."""
    with NatsServer(tmp_path) as running:
        yield running


def pausing(nc: Client, asleep: asyncio.Event, pause: float | None = None) -> JetStream:
    """Tells when the campaign pauses between two tries; ``pause`` takes the place of how long it would."""

    async def sleep(seconds: float) -> None:
        asleep.set()
        await asyncio.sleep(seconds if pause is None else pause)

    return JetStream(nc, timeout=0.5, patience=3.0, timing=Timing(sleep=sleep))


async def stop(server: NatsServer, *clients: Client) -> None:
    """Stop it, and wait until the clients have noticed."""
    await asyncio.to_thread(server.stop)
    for nc in clients:
        await until(lambda nc=nc: not nc.is_connected, 10, "the client notices that the server is gone")  # type: ignore[misc]


async def start_again(server: NatsServer, *clients: Client) -> None:
    await asyncio.to_thread(server.start)
    for nc in clients:
        await until(lambda nc=nc: nc.is_connected, 10, "the client is connected again")  # type: ignore[misc]


@within(30)
async def test_a_wait_survives_a_server_that_comes_back(own: NatsServer, name: str) -> None:
    async with connected(own.url) as holding, connected(own.url) as waiting:
        manager = await Manager.create(name, holding, limit=1, max_age=60)
        slot = await Governor(name, holding).start("first", timeout=0)
        asleep = asyncio.Event()
        second = asyncio.ensure_future(Governor(name, pausing(waiting, asleep)).start("second", timeout=25))
        await asleep.wait()
        await stop(own, holding, waiting)
        await start_again(own, holding)
        assert not second.done()
        assert [entry.token for entry in await manager.entries()] == [slot.token]
        assert await slot.finish() is True
        entered = await second
        assert [entry.seq for entry in await manager.entries()] == [entered.seq]


@within(30)
async def test_a_wait_ends_in_time_when_the_server_stays_away(own: NatsServer, name: str) -> None:
    async with connected(own.url) as nc:
        await Manager.create(name, nc, limit=1, max_age=60)
        await Governor(name, nc).start("first", timeout=0)
        asleep = asyncio.Event()
        # A long interval: the server goes away between two tries, so that nothing is in doubt.
        governor = Governor(name, pausing(nc, asleep), interval=60)
        began = time.monotonic()
        waiting = asyncio.ensure_future(governor.start("second", timeout=2))
        await asleep.wait()
        await stop(own, nc)
        with pytest.raises(WaitTimeout) as caught:
            await waiting
        assert 2 <= time.monotonic() - began < 4
        assert str(caught.value).startswith(
            f"Timed out after 2.0 s waiting for a slot in governor '{name}' (2 attempts, "
            f"Could not acquire a slot of governor '{name}': the connection to NATS is lost"
        )
        assert caught.value.facts["attempts"] == 2


@pytest.mark.parametrize("subject", [True, False])
@pytest.mark.parametrize("timeout", [0, 0.5])
@within(30)
async def test_a_start_while_the_server_is_away(own: NatsServer, name: str, subject: bool, timeout: float) -> None:
    async with connected(own.url) as nc:
        manager = await Manager.create(name, nc, limit=1, max_age=60)
        await stop(own, nc)
        began = time.monotonic()
        governor = Governor(name, nc, subject=manager.subject if subject else None)
        with pytest.raises(
            WaitTimeout, match=f"^Timed out after 0.[0-9] s waiting .*'{name}': the connection to NATS is l"
        ):
            await governor.start("web01", timeout=timeout)
        assert timeout <= time.monotonic() - began < timeout + 2


@within(30)
async def test_a_start_while_the_server_is_away_gets_in_when_it_comes_back(own: NatsServer, name: str) -> None:
    async with connected(own.url) as nc:
        await Manager.create(name, nc, limit=1, max_age=60)
        await stop(own, nc)
        asleep = asyncio.Event()
        starting = asyncio.ensure_future(Governor(name, pausing(nc, asleep)).start("web01", timeout=20))
        await asleep.wait()
        await start_again(own)
        assert (await starting).waited > 0


@within(30)
async def test_a_release_while_the_server_is_away(own: NatsServer, name: str) -> None:
    async with connected(own.url) as nc:
        manager = await Manager.create(name, nc, limit=1, max_age=60)
        slot = await Governor(name, JetStream(nc, timeout=0.5, patience=0.5)).start("web01", timeout=0)
        await stop(own, nc)
        for _each in range(2):
            with pytest.raises(
                NoVerdict,
                match=f"^Could not (read the entries|free slot {slot.seq}) of governor '{name}': the connection to",
            ):
                await slot.finish()
        await start_again(own, nc)
        assert await slot.finish() is True
        assert await manager.active() == 0


@within(30)
async def test_a_release_waits_for_the_server_to_come_back(own: NatsServer, name: str) -> None:
    async with connected(own.url) as nc:
        manager = await Manager.create(name, nc, limit=1, max_age=60)
        slot = await Governor(name, nc).start("web01", timeout=0)
        await stop(own, nc)
        leaving = asyncio.ensure_future(slot.finish())
        await start_again(own)
        assert await leaving is True
        assert await manager.active() == 0


@within(30)
async def test_an_entry_outlives_a_server_that_is_killed(own: NatsServer, name: str) -> None:
    """And the token is recognised by the server that comes after it."""
    async with connected(own.url) as nc:
        manager = await Manager.create(name, nc, limit=1, max_age=60)
        slot = await Governor(name, nc).start("web01", timeout=0)
        own.__exit__()
        await until(lambda: not nc.is_connected, 10, "the client notices that the server is gone")
        await start_again(own, nc)
        assert await slot.still_held() is True
        assert await manager.last_active() == (await manager.entries())[0].time
        assert await slot.finish() is True


@within(20)
async def test_a_connection_that_is_closed(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=1, max_age=60)
        governor = Governor(name, nc)
        slot = await governor.start("web01", timeout=0)
        await nc.close()
        attempts: list[tuple[str, asyncio.Future[object]]] = [
            ("Could not read governor", asyncio.ensure_future(governor.start("web02"))),
            (
                "Could not acquire a slot of governor",
                asyncio.ensure_future(Governor(name, nc, subject="x").start("web02")),
            ),
            (f"Could not (read the entries|free slot {slot.seq}) of governor", asyncio.ensure_future(slot.finish())),
            ("Could not read governor", asyncio.ensure_future(manager.active())),
        ]
        for what, doing in attempts:
            with pytest.raises(ConnectionClosed, match=f"^{what} '{name}': the connection to NATS is closed"):
                await doing


@within(20)
async def test_a_connection_that_is_closed_in_mid_wait(server: NatsServer, name: str) -> None:
    async with connected(server.url) as direct, connected(server.url) as nc:
        manager = await Manager.create(name, direct, limit=1, max_age=60)
        slot = await Governor(name, direct).start("first", timeout=0)
        asleep = asyncio.Event()
        waiting = asyncio.ensure_future(Governor(name, pausing(nc, asleep)).start("second"))
        await asleep.wait()
        await nc.close()
        with pytest.raises(ConnectionClosed, match=f"governor '{name}': the connection to NATS is closed"):
            await waiting
        assert [entry.seq for entry in await manager.entries()] == [slot.seq]


@within(20)
async def test_a_connection_that_is_not_kept_up_by_its_owner(own: NatsServer, name: str) -> None:
    """Without reconnecting, nats-py closes the connection when the server goes: that is told, with the cause."""
    async with connected(own.url, allow_reconnect=False) as nc:
        await Manager.create(name, nc, limit=1, max_age=60)
        await asyncio.to_thread(own.stop)
        await until(lambda: nc.is_closed, 10, "the client gives up")
        with pytest.raises(GovernorError, match="the connection to NATS is closed") as caught:
            await Governor(name, nc).start("web01")
        assert caught.value.__class__ is ConnectionClosed
