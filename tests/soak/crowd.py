# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Workers that take turns under the governor and write down what happens to them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random

from nats.aio.client import Client

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import NoVerdict, WaitTimeout
from ansible_collections.jetstream.governor.plugins.module_utils.core.slot import Slot
from ansible_collections.jetstream.governor.tests.soak.history import (
    CANCELLED,
    NO_VERDICT,
    TIMED_OUT,
    History,
    Turn,
)
from ansible_collections.jetstream.governor.tests.soak.plan import Plan
from ansible_collections.jetstream.governor.tests.soak.stage import GOVERNOR, POLLER, Stage
from ansible_collections.jetstream.governor.tests.support.client import connected

clock = time.monotonic

_QUEUEING, _POLLING = 4, 2
"""Connections of those who may wait in the queue, and of those who may not."""
_STOP = 30.0
_PATIENCE = (0.0, 2.0, 10.0, 40.0, None)
_OVERSTAYS = 0.02
"""So many work for longer than max_age."""
_MOVES = 0.5
"""So many look after their slot, and give it back, over another connection than that which got it."""
_LOOKS = 0.3
"""So many look in the middle of their work whether they still hold their slot."""


class Visit:
    """A turn that is going on. ``cut_release``: seconds after which its release is to be cancelled, once."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.task: asyncio.Task[None] | None = None
        self.cut_release: float | None = None

    @property
    def waits(self) -> bool:
        return self.turn.granted is None

    @property
    def works(self) -> bool:
        return self.turn.began is not None and self.turn.ended is None


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
        self._history.closed = clock()

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
            await self._visit(governor, Visit(turn), random)
            await asyncio.sleep(random.uniform(0.02, self._plan.hold))

    async def _visit(self, governor: Governor, visit: Visit, random: Random) -> None:
        """A task of its own, which may be cancelled."""
        visit.task = asyncio.ensure_future(self._take_turn(governor, visit, random))
        self.visits.append(visit)
        await asyncio.wait([visit.task])
        self.visits.remove(visit)
        turn = visit.turn
        turn.because = _why(visit.task)
        if turn.granted is None:
            turn.gave_up = clock()

    async def _take_turn(self, governor: Governor, visit: Visit, random: Random) -> None:
        turn = visit.turn
        slot = await governor.start(turn.holder, timeout=turn.patience)
        turn.granted, turn.seq, turn.token = clock(), slot.seq, slot.token
        if random.random() < _MOVES:
            slot = slot.over(random.choice(self._connections))
        try:
            await self._look(turn, slot)
            turn.began = clock()
            await self._work(turn, slot, random)
        finally:
            turn.ended = clock()
            await _release(visit, slot)

    async def _work(self, turn: Turn, slot: Slot, random: Random) -> None:
        plan = self._plan
        seconds = random.uniform(0.5, 1.5) * plan.hold
        if random.random() < _OVERSTAYS:
            seconds = max(seconds, 1.2 * plan.max_age)
        await asyncio.sleep(seconds / 2)
        if random.random() < _LOOKS:
            await self._look(turn, slot)
        await asyncio.sleep(seconds / 2)

    async def _look(self, turn: Turn, slot: Slot) -> None:
        try:
            entry = await slot.entry()
        except NoVerdict:
            return
        if entry is None:
            turn.missed = turn.missed or clock()
        else:
            # All run on one machine: the server's clock is this one's.
            turn.entered = clock() - (time.time() - entry.time.timestamp())


async def _release(visit: Visit, slot: Slot) -> None:
    """Until it is known that the slot is free."""
    told = await _finish(slot, visit.cut_release)
    in_doubt = told is None
    while told is None:
        told = await _finish(slot, None)
    visit.turn.released = clock()
    if not told and not in_doubt:
        visit.turn.missed = visit.turn.missed or visit.turn.released


async def _finish(slot: Slot, within: float | None) -> bool | None:
    """Whether the entry was given back; None when that was cancelled, or there was no verdict."""
    try:
        return await asyncio.wait_for(slot.finish(), within)
    except (asyncio.TimeoutError, NoVerdict):
        return None


def _why(task: asyncio.Task[None]) -> str:
    """What ``Turn.because`` says of a turn that is over."""
    if task.cancelled():
        return CANCELLED
    error = task.exception()
    if isinstance(error, WaitTimeout):
        return TIMED_OUT
    if isinstance(error, NoVerdict):
        return NO_VERDICT
    return f"{type(error).__name__}: {error}" if error else ""


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
