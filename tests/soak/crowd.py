# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many workers in this process, which take turns under the governor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random

from nats.aio.client import Client

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.tests.soak.history import History, Turn
from ansible_collections.jetstream.governor.tests.soak.plan import LEASE, Plan
from ansible_collections.jetstream.governor.tests.soak.stage import GOVERNOR, POLLER, Stage
from ansible_collections.jetstream.governor.tests.soak.turns import Visit, clock
from ansible_collections.jetstream.governor.tests.support.client import connected

_QUEUEING, _POLLING = 4, 2
"""Connections of those who may wait in the queue, and of those who may not."""
_STOP = 30.0
_PATIENCE = (0.0, 2.0, 10.0, 40.0, None)
_OVERSTAYS = 0.02
"""So many work for longer than max_age, or than their lease."""


class Crowd:
    """At work from the beginning; ``closing`` ends it when the turns that have begun are over."""

    def __init__(self, plan: Plan, history: History, connections: list[Client]) -> None:
        self.visits: list[Visit] = []
        self.closing = False
        self._plan = plan
        self._history = history
        self._connections = connections
        self._workers = [asyncio.ensure_future(self._worker(number)) for number in range(plan.workers)]

    async def ends(self, within: float) -> None:
        """What has not ended by then is waited for no longer."""
        self.closing = True
        await asyncio.wait(self._workers, timeout=within)

    async def stop(self) -> None:
        """Cancel what is still going on; what does not end then is left to itself."""
        tasks = [*self._workers, *(visit.task for visit in self.visits if visit.task)]
        for each in tasks:
            each.cancel()
        await asyncio.wait(tasks, timeout=_STOP)

    async def _worker(self, number: int) -> None:
        random = Random(f"{self._plan.seed} worker {number}")
        nc = self._connections[number % len(self._connections)]
        governor = Governor(GOVERNOR, nc, interval=random.choice([None, None, 1.0]))
        count = 0
        while not self.closing:
            count += 1
            turn = Turn(f"worker {number} turn {count}", clock(), random.choice(_PATIENCE))
            self._history.turns.append(turn)
            visit = Visit(turn, self._connections, random)
            self.visits.append(visit)
            await visit.take(governor, self._seconds(random))
            self.visits.remove(visit)
            await asyncio.sleep(random.uniform(0.02, self._plan.hold))

    def _seconds(self, random: Random) -> float:
        plan = self._plan
        seconds = random.uniform(0.5, 1.5) * plan.hold
        if random.random() < _OVERSTAYS:
            seconds = max(seconds, 1.2 * (plan.max_age or LEASE))
        return seconds


@asynccontextmanager
async def crowd(stage: Stage, history: History) -> AsyncIterator[Crowd]:
    """On connections of their own, through the proxies."""
    urls = [proxy.url for proxy in stage.proxies]
    async with AsyncExitStack() as stack:
        connections = []
        for number in range(_QUEUEING + _POLLING):
            shift = number % len(urls)
            login = POLLER if number >= _QUEUEING else {}
            connections.append(
                await stack.enter_async_context(connected(urls[shift:] + urls[:shift], dont_randomize=True, **login))
            )
        people = Crowd(stage.plan, history, connections)
        try:
            yield people
        finally:
            await people.stop()
