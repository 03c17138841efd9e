# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The server is upgraded under governors that are in use: it comes back as a newer version, with the old data."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.config import Change
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.tests.support.client import connected, within
from ansible_collections.jetstream.governor.tests.support.queue import consumer, wait_for_queue
from ansible_collections.jetstream.governor.tests.support.server import NatsServer

NEWEST = ""

NEVER = 3600.0
"""As an interval: then nothing but a wake-up makes a waiter try."""

SOON = 3.0


@pytest.mark.parametrize(
    "versions", [("2.10", NEWEST), ("2.10", "2.12", NEWEST)], ids=["to the newest", "by way of 2.12"]
)
@within(60)
async def test_the_first_ensure_after_it_brings_the_queue_up_to_date(
    tmp_path: Path, name: str, versions: tuple[str, ...]
) -> None:
    server = NatsServer(tmp_path, version=versions[0])
    with server:
        async with connected(server.url) as nc:
            await Manager.create(name, nc, limit=1, max_age=60)
            slot = await Governor(name, nc).start("from before", timeout=0)
            assert "priority_policy" not in (await consumer(nc, name))["config"], "the old server knows priorities"
        for number, version in enumerate(versions[1:]):
            await asyncio.to_thread(server.stop)
            server.version = version
            await asyncio.to_thread(server.start)
            async with connected(server.url) as nc:
                changes = (await Manager.ensure(name, nc, limit=1)).changes
                # Priorities come with 2.12.
                assert changes == (() if number else (Change("queue", "broken", "ready"),))
                assert (await consumer(nc, name))["config"]["priority_policy"] == "prioritized"
                waiting = asyncio.ensure_future(Governor(name, nc, interval=3600).start("from after", timeout=20))
                await wait_for_queue(nc, name, 1)
                assert await slot.over(nc).finish()
                slot = await waiting
                assert slot.waited_by == "queue"


@within(120)
async def test_a_holder_and_waiters_of_the_old_queue_outlive_it(tmp_path: Path, name: str) -> None:
    """Their places are gone with each restart; they join again, whatever the version is by then."""
    waiters = 4
    with NatsServer(tmp_path, version="2.10") as server:
        async with connected(server.url) as nc, connected(server.url) as far:
            await Manager.create(name, nc, limit=1, max_age=0)
            slot = await Governor(name, nc).start("holder", timeout=0)
            governor = Governor(name, far, interval=NEVER)
            waiting = [asyncio.ensure_future(governor.start(f"waiter {number}")) for number in range(waiters)]
            await wait_for_queue(nc, name, waiters)
            for version in ("2.12", NEWEST):
                await asyncio.to_thread(server.stop)
                server.version = version
                await asyncio.to_thread(server.start)
                await Manager.ensure(name, nc, limit=1)
                await wait_for_queue(nc, name, waiters, seconds=20)
                assert await slot.finish() is True
                done, _rest = await asyncio.wait(waiting, timeout=SOON, return_when=asyncio.FIRST_COMPLETED)
                (first,) = done
                slot, waiters = first.result(), waiters - 1
                waiting.remove(first)
                assert (slot.waited_by, len(waiting)) == ("queue", waiters)
            for each in waiting:
                each.cancel()
