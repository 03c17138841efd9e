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
from ansible_collections.jetstream.governor.tests.support.line import consumer, line_up
from ansible_collections.jetstream.governor.tests.support.server import NatsServer

NEWEST = ""


@pytest.mark.parametrize(
    "versions", [("2.10", NEWEST), ("2.10", "2.12", NEWEST)], ids=["to the newest", "by way of 2.12"]
)
@within(60)
async def test_the_first_ensure_after_it_brings_the_line_up_to_date(
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
                assert changes == (() if number else (Change("line", None, True),))
                assert (await consumer(nc, name))["config"]["priority_policy"] == "prioritized"
                waiting = asyncio.ensure_future(Governor(name, nc, interval=3600).start("from after", timeout=20))
                await line_up(nc, name, 1)
                assert await slot.over(nc).finish()
                slot = await waiting
                assert slot.waited_by == "line"
