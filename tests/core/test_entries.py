# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is in: active, last_active, entries, evict and reset."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import EntryGone, PermissionRefused
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import JetStream
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import Owner
from ansible_collections.jetstream.governor.plugins.module_utils.core.stack import Stack
from ansible_collections.jetstream.governor.tests.support.client import connected, within
from ansible_collections.jetstream.governor.tests.support.server import NatsServer


@within(20)
async def test_active_and_last_active(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=2, max_age=60)
        assert await manager.active() == 0
        assert await manager.last_active() is None
        slot = await Governor(name, nc).start("web01", timeout=0)
        assert await manager.active() == 1
        entry = await slot.entry()
        assert entry is not None
        assert await manager.last_active() == entry.time
        assert abs(datetime.now(timezone.utc) - entry.time) < timedelta(seconds=10)
        await slot.finish()
        assert await manager.active() == 0
        # Leaving is no activity, and what is gone was there nevertheless.
        assert await manager.last_active() == entry.time
        assert manager.state.created < entry.time <= manager.state.now


@within(20)
async def test_last_active_outlives_a_restart_of_the_server(tmp_path: Path, name: str) -> None:
    with NatsServer(tmp_path) as own:
        async with connected(own.url) as nc:
            manager = await Manager.create(name, nc, limit=2, max_age=60)
            async with await Governor(name, nc).start("web01", timeout=0):
                pass
            told = await manager.last_active()
            assert told is not None
        await asyncio.to_thread(own.stop)
        await asyncio.to_thread(own.start)
        async with connected(own.url) as nc:
            manager = await Manager.load(name, nc)
            assert manager.state.active == 0
            assert await manager.last_active() == told


@within(20)
async def test_entries_come_oldest_first_with_all_that_they_carry(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=5, max_age=60)
        assert await manager.entries() == []
        governor = Governor(name, nc)
        holders = ["web01", "wéb 02", "日本"]
        slots = [await governor.start(holder, owner=Owner.of("läuf", holder), timeout=0) for holder in holders]
        entries = await manager.entries()
        assert [entry.seq for entry in entries] == [slot.seq for slot in slots]
        assert [entry.holder for entry in entries] == holders
        assert [entry.owner for entry in entries] == [Owner("läuf", "", holder) for holder in holders]
        assert [entry.run_id for entry in entries] == ["läuf"] * 3
        assert [entry.token for entry in entries] == [slot.token for slot in slots]
        assert entries == [await slot.entry() for slot in slots]
        await slots[1].finish()
        assert [entry.seq for entry in await manager.entries()] == [slots[0].seq, slots[2].seq]


@within(20)
async def test_an_entry_of_a_go_client(server: NatsServer, name: str) -> None:
    """Choria publishes the holder's name, and nothing else."""
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=5, max_age=60)
        await nc.request(manager.subject, b"node1.example.org", timeout=5)
        seq = manager.state.last_seq + 1
        (entry,) = await manager.entries()
        assert (entry.seq, entry.holder, entry.owner, entry.token) == (seq, "node1.example.org", None, None)
        assert await manager.evict(seq) == "node1.example.org"


@within(20)
async def test_evict(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=2, max_age=60)
        governor = Governor(name, nc)
        slot, other = [await governor.start(holder, timeout=0) for holder in ("wéb01", "web02")]
        assert await manager.evict(slot.seq) == "wéb01"
        assert await manager.active() == 1
        assert await slot.still_held() is False
        assert await slot.finish() is False
        assert await other.still_held() is True
        with pytest.raises(EntryGone, match=f"^Governor '{name}' has no entry {slot.seq}\\.$"):
            await manager.evict(slot.seq)
        with pytest.raises(EntryGone, match="has no entry 99"):
            await manager.evict(99)


@within(20)
async def test_reset(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=5, max_age=60)
        assert await manager.reset() == 0
        governor = Governor(name, nc)
        slots = [await governor.start(f"h{number}", timeout=0) for number in range(4)]
        await slots[1].finish()
        assert await manager.reset() == 3
        assert await manager.active() == 0
        assert await manager.reset() == 0
        assert [await slot.finish() for slot in slots] == [False] * 4
        assert (await governor.start("next", timeout=0)).seq == slots[-1].seq + 1


@within(30)
async def test_hundreds_of_entries_are_read_in_a_few_requests(server: NatsServer, name: str) -> None:
    """Also those of Go clients among them, and those whose headers are not ASCII."""
    async with connected(server.url) as nc, connected(server.url) as reading:
        manager = await Manager.create(name, nc, limit=500, max_age=60)
        governor = Governor(name, nc, subject=manager.subject)
        slots = [await governor.start(f"h{each}", owner=Owner("r", "", f"h{each}"), timeout=0) for each in range(300)]
        await slots.pop(150).finish()
        odd = [await governor.start("é", owner=Owner("r", "", "é"), timeout=0)]
        await nc.request(manager.subject, b"node1", timeout=5)
        manager = await Manager.load(name, reading)
        before = reading.stats["out_msgs"]
        entries = await manager.entries()
        assert [entry.holder for entry in entries] == [*(slot.holder for slot in [*slots, *odd]), "node1"]
        assert [entry.owner for entry in entries] == [*(slot.owner for slot in [*slots, *odd]), None]
        assert [entry.token for entry in entries[:-1]] == [slot.token for slot in [*slots, *odd]]
        # Four singly, a consumer and what it has, the two odd ones, the end, and who says so.
        assert reading.stats["out_msgs"] - before <= 4 + 2 + 2 + 2
        found = await Stack(name, manager.js).find(lambda entry: entry.holder == "h299")
        assert found == entries[298]


@within(30)
async def test_who_may_not_make_consumers_reads_singly(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=20, max_age=60)
        governor = Governor(name, nc, subject=manager.subject)
        slots = [await governor.start(f"h{each}", timeout=0) for each in range(10)]

        class WithoutConsumers(JetStream):
            async def call(self, verb: str, request: Any = None, *, what: str) -> Any:
                if verb.startswith("CONSUMER."):
                    raise PermissionRefused(what)
                return await super().call(verb, request, what=what)

        entries = await Stack(name, WithoutConsumers(nc)).entries()
        assert [entry.seq for entry in entries] == [slot.seq for slot in slots]
