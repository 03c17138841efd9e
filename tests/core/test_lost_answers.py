# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers that get lost on the way: what the caller is told is true at the server all the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.config import Change
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import (
    GovernorError,
    NoVerdict,
    WaitTimeout,
)
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import JetStream
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.tests.support.client import choria_creates, connected, within
from ansible_collections.jetstream.governor.tests.support.proxy import Proxy
from ansible_collections.jetstream.governor.tests.support.server import NatsServer

# How the acknowledgement of an entry begins, and the answers of the API tell what they are.
ENTERED = b'{"stream":"GOVERNOR_'
READ = b"stream_msg_get_response"
REMOVED = b"stream_msg_delete_response"
PURGED = b"stream_purge_response"
CREATED = b"stream_create_response"
UPDATED = b"stream_update_response"
DELETED = b"stream_delete_response"


@asynccontextmanager
async def through_proxy(server: NatsServer, patience: float = 15.0) -> AsyncIterator[tuple[Client, Proxy, JetStream]]:
    """A connection past the proxy, the proxy, and a JetStream through it that soon gives up on one request."""
    async with (
        connected(server.url) as direct,
        Proxy(server.port) as proxy,
        connected(proxy.url) as nc,
    ):
        yield direct, proxy, JetStream(nc, timeout=0.2, patience=patience)


@pytest.mark.parametrize("times", [1, 3])
@within(20)
async def test_a_lost_ack_makes_no_second_entry(server: NatsServer, name: str, times: int) -> None:
    """The limit is 1: the repeated entry must be recognised also where the first has filled the governor."""
    async with through_proxy(server) as (direct, proxy, js):
        manager = await Manager.create(name, direct, limit=1, max_age=60)
        lost = proxy.catch(ENTERED, times)
        slot = await Governor(name, js).start("web01", timeout=0)
        assert lost.count == times
        assert slot.attempts >= times + 1
        (entry,) = await manager.entries()
        assert (entry.seq, entry.token) == (slot.seq, slot.token)
        assert await slot.finish() is True
        assert await manager.active() == 0


@within(20)
async def test_an_ack_that_comes_late_does_no_harm(server: NatsServer, name: str) -> None:
    async with through_proxy(server) as (direct, proxy, js):
        manager = await Manager.create(name, direct, limit=2, max_age=60)
        late = proxy.catch(ENTERED, 2)
        starting = asyncio.ensure_future(Governor(name, js).start("web01", timeout=0))
        await late.reaches(2)
        late.deliver()
        slot = await starting
        assert [entry.seq for entry in await manager.entries()] == [slot.seq]


@within(20)
async def test_no_phantom_grant_for_an_entry_that_was_evicted_meanwhile(server: NatsServer, name: str) -> None:
    """The server answers the repeated entry with its old sequence, which is dead: it is entered anew, really."""
    async with through_proxy(server) as (direct, proxy, js):
        manager = await Manager.create(name, direct, limit=1, max_age=60)
        lost = proxy.catch(ENTERED)
        starting = asyncio.ensure_future(Governor(name, js).start("web01", timeout=0))
        await lost.reaches(1)
        (first,) = await manager.entries()
        assert await manager.evict(first.seq) == "web01"
        lost.stop()
        slot = await starting
        assert slot.seq == first.seq + 1
        assert slot.token != first.token
        assert await slot.still_held() is True
        assert [entry.seq for entry in await manager.entries()] == [slot.seq]


@within(20)
async def test_no_phantom_grant_when_another_has_the_slot_by_now(server: NatsServer, name: str) -> None:
    async with through_proxy(server) as (direct, proxy, js):
        manager = await Manager.create(name, direct, limit=1, max_age=60)
        lost = proxy.catch(ENTERED)
        starting = asyncio.ensure_future(Governor(name, js).start("web01", timeout=0))
        await lost.reaches(1)
        await manager.evict(manager.state.last_seq + 1)
        other = await Governor(name, direct).start("web02", timeout=0)
        lost.stop()
        with pytest.raises(WaitTimeout, match="1 of 1 slots held, oldest by web02"):
            await starting
        assert [entry.seq for entry in await manager.entries()] == [other.seq]


@within(20)
async def test_when_patience_ends_the_doubt_is_told(server: NatsServer, name: str) -> None:
    async with through_proxy(server, patience=0.5) as (direct, proxy, js):
        manager = await Manager.create(name, direct, limit=1, max_age=60)
        lost = proxy.catch(ENTERED)
        with pytest.raises(NoVerdict) as caught:
            await Governor(name, js).start("web01", timeout=0)
        assert str(caught.value).startswith(f"Could not acquire a slot of governor '{name}': no answer within 0.2 s")
        assert str(caught.value).endswith(
            f" It is unknown whether 'web01' has entered governor '{name}': an entry is withdrawn when a server "
            "answers while this process is still there; else it ends by itself."
        )
        assert caught.value.facts["attempts"] >= 2
        assert lost.count >= 2
        assert [entry.holder for entry in await manager.entries()] == ["web01"]
        lost.stop()
        await js.wait_for_background(10)
        assert await manager.entries() == []


@within(20)
async def test_a_connection_that_is_closed_leaves_the_doubt(server: NatsServer, name: str) -> None:
    async with through_proxy(server) as (direct, proxy, js):
        manager = await Manager.create(name, direct, limit=1, max_age=60)
        lost = proxy.catch(ENTERED)
        starting = asyncio.ensure_future(Governor(name, js).start("web01"))
        await lost.reaches(1)
        await js.nc.close()
        with pytest.raises(
            NoVerdict, match="the connection to NATS is closed.*It is unknown whether 'web01' has enter"
        ):
            await starting
        assert [entry.holder for entry in await manager.entries()] == ["web01"]


@within(20)
async def test_a_release_whose_answer_is_lost(server: NatsServer, name: str) -> None:
    async with through_proxy(server) as (direct, proxy, js):
        manager = await Manager.create(name, direct, limit=1, max_age=60)
        slot = await Governor(name, js).start("web01", timeout=0)
        lost = proxy.catch(REMOVED, 2)
        assert await slot.finish() is True
        assert lost.count > 0
        assert await manager.active() == 0
        assert await slot.finish() is False


@pytest.mark.parametrize("answer", [READ, REMOVED])
@within(20)
async def test_a_release_whose_answer_is_lost_where_sequences_count_from_one(
    server: NatsServer, name: str, answer: bytes
) -> None:
    async with through_proxy(server) as (direct, proxy, js):
        await choria_creates(direct, name)
        slot = await Governor(name, js).start("web01", timeout=0)
        lost = proxy.catch(answer, 2)
        assert await slot.finish() is True
        assert lost.count == (2 if answer == READ else 1)
        assert await (await Manager.load(name, direct)).active() == 0
        assert await slot.finish() is False


@within(20)
async def test_a_release_without_any_answer_can_be_called_again(server: NatsServer, name: str) -> None:
    async with through_proxy(server, patience=0.3) as (direct, proxy, js):
        manager = await Manager.create(name, direct, limit=1, max_age=60)
        slot = await Governor(name, js).start("web01", timeout=0)
        everything = proxy.catch()
        with pytest.raises(
            NoVerdict,
            match=f"^Could not (read the entries|free slot {slot.seq}) of governor '{name}': no answer within 0.2 s",
        ):
            await slot.finish()
        everything.stop()
        assert await slot.finish() is True
        assert await manager.active() == 0


@within(20)
async def test_an_eviction_whose_answer_is_lost(server: NatsServer, name: str) -> None:
    async with through_proxy(server) as (direct, proxy, js):
        await Manager.create(name, direct, limit=1, max_age=60)
        slot = await Governor(name, direct).start("web01", timeout=0)
        manager = await Manager.load(name, js)
        lost = proxy.catch(REMOVED, 1)
        assert await manager.evict(slot.seq) == "web01"
        assert lost.count == 1
        assert await slot.still_held() is False


@within(20)
async def test_a_reset_whose_answer_is_lost(server: NatsServer, name: str) -> None:
    async with through_proxy(server) as (direct, proxy, js):
        await Manager.create(name, direct, limit=3, max_age=60)
        governor = Governor(name, direct)
        for number in range(3):
            await governor.start(f"h{number}", timeout=0)
        manager = await Manager.load(name, js)
        lost = proxy.catch(PURGED, 1)
        assert await manager.reset() == 3
        assert lost.count == 1
        assert await manager.active() == 0


@within(20)
async def test_a_creation_a_change_and_a_deletion_whose_answers_are_lost(server: NatsServer, name: str) -> None:
    async with through_proxy(server) as (direct, proxy, js):
        lost = [proxy.catch(answer, 1) for answer in (CREATED, UPDATED, DELETED)]
        manager = await Manager.create(name, js, limit=3, max_age=60)
        await manager.set_limit(4)
        assert manager.changes == (Change("limit", 3, 4),)
        assert (await Manager.load(name, direct)).limit == 4
        await manager.delete()
        assert [each.count for each in lost] == [1, 1, 1]
        assert await Manager.find(name, direct) is None


@within(20)
async def test_a_connection_that_is_cut_before_the_ack(server: NatsServer, name: str) -> None:
    """nats-py connects again, and the entry that was made before is found, not made a second time."""
    async with through_proxy(server) as (direct, proxy, js):
        manager = await Manager.create(name, direct, limit=1, max_age=60)
        lost = proxy.catch(ENTERED, 1)
        starting = asyncio.ensure_future(Governor(name, js).start("web01", timeout=10))
        await lost.reaches(1)
        proxy.cut()
        slot = await starting
        assert [entry.token for entry in await manager.entries()] == [slot.token]


@within(20)
async def test_a_connection_that_is_cut_before_a_release_is_answered(server: NatsServer, name: str) -> None:
    async with through_proxy(server) as (direct, proxy, js):
        manager = await Manager.create(name, direct, limit=1, max_age=60)
        slot = await Governor(name, js).start("web01", timeout=10)
        lost = proxy.catch(REMOVED, 1)
        leaving = asyncio.ensure_future(slot.finish())
        await lost.reaches(1)
        proxy.cut()
        assert await leaving is True
        assert await manager.active() == 0


@within(20)
async def test_a_wrong_answer_is_no_verdict(server: NatsServer, name: str) -> None:
    """Something answers that is no JetStream: told as such, after patience."""
    async with connected(server.url) as nc:

        async def answer(message: Msg) -> None:
            await message.respond(b"hello")

        await nc.subscribe(f"{name}.talk", cb=answer)
        await Manager.create(name, nc, limit=1, max_age=60)
        js = JetStream(nc, timeout=0.2, patience=0.3)
        with pytest.raises(GovernorError, match=r"the answer is not JSON: b'hello'"):
            await Governor(name, js, subject=f"{name}.talk").start("web01", timeout=0)
