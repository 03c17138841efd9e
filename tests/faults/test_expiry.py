# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Three replicas let entries expire, while their leader is made to step down again and again under load.

Every other worker leaves its entry to max_age. Work is shorter than an entry lives, so that its recorded times lie
within the time in the slot.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from contextlib import AsyncExitStack

from nats.aio.client import Client
from nats.errors import Error

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import JetStream
from ansible_collections.jetstream.governor.tests.faults.crowd import LIMIT, create, nobody_is_in
from ansible_collections.jetstream.governor.tests.support.client import connected, within
from ansible_collections.jetstream.governor.tests.support.history import Interval, most_at_once
from ansible_collections.jetstream.governor.tests.support.server import NatsServer

MAX_AGE, WORK = 1.0, 0.7
WORKERS, ROUNDS = 20, 2
STEPS_DOWN_EVERY = 0.3


async def work(governor: Governor, holder: str) -> tuple[int, Interval]:
    """The sequence that was granted, and the work's own time under it."""
    slot = await governor.start(holder, timeout=45)
    start = time.monotonic()
    await asyncio.sleep(WORK)
    interval = Interval(start, time.monotonic())
    # False where it has expired meanwhile, too.
    await slot.finish()
    return slot.seq, interval


async def step_down(nc: Client, name: str, times: list[float]) -> None:
    """The leader, again and again for as long as this is not cancelled."""
    while True:
        await asyncio.sleep(STEPS_DOWN_EVERY)
        with contextlib.suppress(Error):
            await nc.request(f"$JS.API.STREAM.LEADER.STEPDOWN.GOVERNOR_{name}", b"", timeout=1)
            times.append(time.monotonic())


@within(90)
async def test_the_leader_steps_down_again_and_again(unbroken: list[NatsServer], name: str) -> None:
    urls = [node.url for node in unbroken]
    granted: list[tuple[int, Interval]] = []

    async def one(number: int) -> None:
        # A request that is lost in a change of leaders is repeated when its entry is gone for certain.
        js = JetStream(connections[number % len(connections)], timeout=1.5 * MAX_AGE)
        governor = Governor(name, js, interval=0.05, leave_on_completion=number % 2 == 0)
        granted.extend([await work(governor, f"worker {number}") for _each in range(ROUNDS)])

    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(connected(urls)) for _each in range(6)]
        manager = await create(name, connections[0], max_age=MAX_AGE)
        steps: list[float] = []
        stepping = asyncio.ensure_future(step_down(connections[0], name, steps))
        stack.callback(stepping.cancel)
        workers = [asyncio.ensure_future(one(number)) for number in range(WORKERS)]
        stack.callback(lambda: [each.cancel() for each in workers])
        await asyncio.gather(*workers)
        assert len(steps) > 10
        assert len({seq for seq, _interval in granted}) == len(granted) == WORKERS * ROUNDS
        assert most_at_once(interval for _seq, interval in granted) <= LIMIT
        await nobody_is_in(manager)
