# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is in: active, last_active, entries, evict and reset."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import EntryGone
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import owner_of
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
        slots = [await governor.start(holder, owner=owner_of("läuf", holder), timeout=0) for holder in holders]
        entries = await manager.entries()
        assert [entry.seq for entry in entries] == [slot.seq for slot in slots] == [1, 2, 3]
        assert [entry.holder for entry in entries] == holders
        assert [entry.owner for entry in entries] == [f"läuf/{holder}" for holder in holders]
        assert [entry.run_id for entry in entries] == ["läuf"] * 3
        assert [entry.token for entry in entries] == [slot.token for slot in slots]
        assert entries == [await slot.entry() for slot in slots]
        await slots[1].finish()
        assert [entry.seq for entry in await manager.entries()] == [1, 3]


@within(20)
async def test_an_entry_of_a_go_client(server: NatsServer, name: str) -> None:
    """Choria publishes the holder's name, and nothing else."""
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=5, max_age=60)
        await nc.request(manager.subject, b"node1.example.org", timeout=5)
        (entry,) = await manager.entries()
        assert (entry.seq, entry.holder, entry.owner, entry.token) == (1, "node1.example.org", None, None)
        assert await manager.evict(1) == "node1.example.org"


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
        with pytest.raises(EntryGone, match=f"^Governor '{name}' has no entry 1\\.$"):
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
        assert (await governor.start("next", timeout=0)).seq == 5
