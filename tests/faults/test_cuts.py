# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connections of the workers are cut at random moments, again and again, while they enter, work and leave."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from random import Random

from ansible_collections.jetstream.governor.tests.faults.crowd import create, crowd, nobody_is_in
from ansible_collections.jetstream.governor.tests.support.client import connected, within
from ansible_collections.jetstream.governor.tests.support.proxy import Proxy
from ansible_collections.jetstream.governor.tests.support.server import NatsServer


@within(60)
async def test_connections_are_cut(unbroken: list[NatsServer], name: str) -> None:
    # A seed, so that the moments are the same again when a run is repeated.
    random = Random(1)
    async with connected(unbroken[0].url) as nc, AsyncExitStack() as stack:
        manager = await create(name, nc)
        proxies = [await stack.enter_async_context(Proxy(node.port)) for node in unbroken]
        cuts = 0
        async with crowd(name, [proxy.url for proxy in proxies]) as people:
            for twentieth in range(1, 20):
                await people.has_done(twentieth / 20)
                await asyncio.sleep(random.uniform(0, 0.05))
                cuts += any(proxy.cut_one(random) for proxy in random.sample(proxies, len(proxies)))
            await people.finishes()
        assert cuts >= 10
        await nobody_is_in(manager)
