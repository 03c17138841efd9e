# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The test that Choria has for its governor: a thousand workers, a limit of a hundred, 50 ms of work each."""

from __future__ import annotations

import asyncio

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.tests.support.client import connected, within
from ansible_collections.jetstream.governor.tests.support.history import most_at_once
from ansible_collections.jetstream.governor.tests.support.server import NatsServer
from ansible_collections.jetstream.governor.tests.support.workers import work

WORKERS, LIMIT, HOLD, INTERVAL = 1000, 100, 0.05, 0.01


@within(60)
async def test_never_more_than_the_limit(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=LIMIT, max_age=120)
        governor = Governor(name, nc, interval=INTERVAL)
        working = (work(governor, f"worker {number}", HOLD, timeout=50) for number in range(WORKERS))
        history = await asyncio.gather(*working)
        assert len(history) == WORKERS
        assert most_at_once(history) <= LIMIT
        # It was a cap, and not a queue: the work did overlap.
        assert most_at_once(history) > LIMIT // 2
        assert await manager.active() == 0
