# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A slot that was taken away: its holder learns of it, and does not take away what another has got since."""

from __future__ import annotations

import logging

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import NotOwner
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import Owner, stream_name
from ansible_collections.jetstream.governor.plugins.module_utils.core.stack import Stack, only_if
from ansible_collections.jetstream.governor.tests.support.client import ask, choria_creates, connected, until, within
from ansible_collections.jetstream.governor.tests.support.server import NatsServer


@within(20)
async def test_evicted_and_taken_by_another(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=1, max_age=60)
        governor = Governor(name, nc)
        mine = await governor.start("A", timeout=0)
        assert await manager.evict(mine.seq) == "A"
        others = await governor.start("B", timeout=0)
        assert await mine.still_held() is False
        assert await mine.entry() is None
        assert await mine.finish() is False
        assert await others.still_held() is True
        assert [entry.holder for entry in await manager.entries()] == ["B"]


@within(20)
async def test_the_governor_was_made_anew_and_counts_from_one_again(
    server: NatsServer, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """As those that Choria makes do."""
    async with connected(server.url) as nc:
        await choria_creates(nc, name)
        governor = Governor(name, nc)
        mine = await governor.start("A", owner=Owner("r", "", "A"), timeout=0)
        await ask(nc, f"STREAM.DELETE.{stream_name(name)}")
        await choria_creates(nc, name)
        others = await governor.start("B", owner=Owner("r", "", "B"), timeout=0)
        assert others.seq == mine.seq == 1
        assert await mine.still_held() is False
        with caplog.at_level(logging.WARNING, "jetstream.governor"):
            assert await mine.finish() is False
        (warning,) = caplog.messages
        assert warning.startswith(
            f"Slot 1 of governor '{name}' is held by 'B' (the whole run 'r'), not by whoever held"
        )
        assert await others.still_held() is True
        assert await mine.finish() is False
        assert await others.finish() is True


@within(20)
async def test_sequences_of_a_governor_that_was_made_anew_go_on(server: NatsServer, name: str) -> None:
    """So one names an entry for ever, and whoever comes later has a larger one; on older servers they start anew."""
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=1, max_age=60)
        governor = Governor(name, nc)
        mine = await governor.start("A", timeout=0)
        await manager.delete(force=True)
        await Manager.create(name, nc, limit=1, max_age=60)
        others = await governor.start("B", timeout=0)
        assert others.seq > mine.seq or (manager.js.server_version < (2, 11, 2) and others.seq == mine.seq == 1)
        assert [await mine.still_held(), await mine.finish()] == [False, False]
        assert [await others.still_held(), await others.finish()] == [True, True]


@within(20)
async def test_a_slot_of_ours_in_a_governor_that_choria_made_anew(server: NatsServer, name: str) -> None:
    """Its sequence is one that is still to come there; nobody's slot is touched."""
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=1, max_age=60)
        governor = Governor(name, nc)
        mine = await governor.start("A", timeout=0)
        await manager.delete(force=True)
        await choria_creates(nc, name)
        others = await governor.start("B", timeout=0)
        assert [await mine.still_held(), await mine.finish()] == [False, False]
        assert [await others.still_held(), await others.finish()] == [True, True]


@within(20)
async def test_the_governor_is_gone(server: NatsServer, name: str) -> None:
    """There is nothing to give back, as little as after an eviction: work that is done need not fail for it."""
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=1, max_age=60)
        mine = await Governor(name, nc).start("A", timeout=0)
        await manager.delete(force=True)
        assert await mine.still_held() is False
        assert await mine.finish() is False


@within(20)
async def test_expired(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        await Manager.create(name, nc, limit=1, max_age=0.2)
        mine = await Governor(name, nc).start("A", timeout=0)

        async def lost() -> bool:
            return not await mine.still_held()

        await until(lost, 10, "the slot expires")
        assert await mine.finish() is False


@within(20)
async def test_reset(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=1, max_age=60)
        mine = await Governor(name, nc).start("A", timeout=0)
        await manager.reset()
        assert await mine.still_held() is False
        assert await mine.finish() is False


@within(20)
async def test_what_another_owns_is_not_released(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=2, max_age=60)
        others = await Governor(name, nc).start("web01", owner=Owner("other", "", "web01"), timeout=0)
        await nc.request(manager.subject, b"node1", timeout=5)
        stack, check = Stack(name, manager.js), only_if(name, lambda entry: entry.run_id == "mine", "run 'mine'")
        with pytest.raises(NotOwner, match=r"'web01' \(the whole run 'other'\), not by run 'mine': it was not freed"):
            await stack.delete(others.seq, check)
        with pytest.raises(NotOwner, match=r"'node1' \(it carries no owner, as entries of Go clients\), not by"):
            await stack.delete(others.seq + 1, check)
        assert await manager.active() == 2
        assert await stack.delete(99, check) is None
        removed = await stack.delete(others.seq, only_if(name, lambda entry: entry.run_id == "other", "run 'other'"))
        assert removed is not None
        assert removed.token == others.token
