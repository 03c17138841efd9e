# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiters that are 300 ms of round trip away from the server: called in order, and each once."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.tests.support.client import connected, within
from ansible_collections.jetstream.governor.tests.support.proxy import Proxy
from ansible_collections.jetstream.governor.tests.support.queue import consumer, wait_for_queue
from ansible_collections.jetstream.governor.tests.support.server import NatsServer

pytestmark = pytest.mark.older_servers

ONE_WAY = 0.15
WAITERS = 5
HOLD = 0.2

NEVER = 3600.0
"""As an interval: then nothing but a wake-up makes a waiter try."""


@within(60)
async def test_each_is_called_once_and_in_order(tmp_path: Path, name: str) -> None:
    async with AsyncExitStack() as stack:
        server = stack.enter_context(NatsServer(tmp_path))
        near = await stack.enter_async_context(connected(server.url))
        far_away = await stack.enter_async_context(Proxy(server.port, ONE_WAY))
        far = [await stack.enter_async_context(connected(far_away.url)) for _each in range(5)]
        manager = await Manager.create(name, near, limit=1, max_age=0)
        first = await Governor(name, near).start("first", timeout=0)
        came: list[int] = []

        async def one(number: int) -> None:
            governor = Governor(name, far[number % len(far)], interval=NEVER, subject=manager.subject)
            slot = await governor.start(f"{number}")
            came.append(number)
            await asyncio.sleep(HOLD)
            await slot.over(near).finish()

        waiting = []
        for number in range(WAITERS):
            waiting.append(asyncio.ensure_future(one(number)))
            stack.callback(waiting[-1].cancel)
            await wait_for_queue(near, name, number + 1)
        await first.finish()
        await asyncio.gather(*waiting)
        assert came == list(range(WAITERS))
        assert (await consumer(near, name))["delivered"]["consumer_seq"] == WAITERS
