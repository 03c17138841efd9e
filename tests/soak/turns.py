# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""One turn of a worker: it waits for a slot, works, releases it, and writes down what happens to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from random import Random

from nats.aio.client import Client

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import (
    NoVerdict,
    UnknownGovernor,
    WaitTimeout,
)
from ansible_collections.jetstream.governor.plugins.module_utils.core.renewal import Renewal
from ansible_collections.jetstream.governor.plugins.module_utils.core.slot import Slot
from ansible_collections.jetstream.governor.tests.soak.history import (
    CANCELLED,
    NO_VERDICT,
    TIMED_OUT,
    UNKNOWN,
    Turn,
)

clock = time.monotonic

_BIT = 0.05
"""Seconds of work, after which a worker looks whether its slot is lost."""
_MOVES = 0.5
"""So many look after their slot, give its signs of life and give it back over another connection than that which got
it."""
_LOOKS = 0.3
"""So many look in the middle of their work whether they still hold their slot."""


class Visit:
    """A turn that is going on. ``cut_release``: seconds after which its release is to be cancelled, once.

    ``connections``: those over which it may go on. ``wrote`` is called when something was written down.
    """

    def __init__(
        self, turn: Turn, connections: Sequence[Client], random: Random, wrote: Callable[[], None] = lambda: None
    ) -> None:
        self.turn = turn
        self.task: asyncio.Task[None] | None = None
        self.cut_release: float | None = None
        self._connections = connections
        self._random = random
        self._wrote = wrote
        self._slot: Slot | None = None

    @property
    def waits(self) -> bool:
        return self.turn.granted is None

    @property
    def works(self) -> bool:
        return self.turn.began is not None and self.turn.ended is None

    async def take(self, governor: Governor, seconds: float) -> None:
        """Work for so many seconds under a slot, in a task of its own, which may be cancelled."""
        self.task = asyncio.ensure_future(self._take(governor, seconds))
        await asyncio.wait([self.task])
        self.turn.because = _why(self.task)
        if self.turn.granted is None:
            self.turn.gave_up = clock()
        self._wrote()

    async def _take(self, governor: Governor, seconds: float) -> None:
        turn = self.turn
        slot = self._slot = await governor.start(turn.holder, timeout=turn.patience, on_lost=self._note_lost)
        turn.granted, turn.seq, turn.token = clock(), slot.seq, slot.token
        self._wrote()
        if self._random.random() < _MOVES:
            slot = self._slot = self._moved(slot)
        try:
            await self._look(slot)
            turn.began = clock()
            self._wrote()
            await self._work(slot, seconds)
        finally:
            turn.ended = clock()
            self._wrote()
            await self._release(slot)

    def _moved(self, slot: Slot) -> Slot:
        """The slot over another connection, as when one process takes it over from another."""
        moved = slot.over(self._random.choice(self._connections))
        if slot.renewal is not None:
            slot.renewal.cancel()
            moved.renewal = Renewal(moved, self._note_lost).start()
        return moved

    async def _work(self, slot: Slot, seconds: float) -> None:
        end = clock() + seconds
        looks_at = clock() + seconds / 2 if self._random.random() < _LOOKS else end
        while True:
            if slot.is_lost:
                self._note_lost()
                return
            now = clock()
            if now >= end:
                return
            if looks_at <= now:
                looks_at = end
                await self._look(slot)
            await asyncio.sleep(min(_BIT, end - now))

    def _note_lost(self, _reason: str = "") -> None:
        turn, slot = self.turn, self._slot
        assert slot is not None
        if turn.lost is not None:
            return
        turn.lost = clock()
        if slot.lease_left < 0:
            turn.lease_over = turn.lost + slot.lease_left
        else:
            turn.missed = turn.missed or turn.lost
        self._wrote()

    async def _look(self, slot: Slot) -> None:
        turn = self.turn
        try:
            entry = await slot.entry()
        except NoVerdict:
            return
        if entry is None:
            turn.missed = turn.missed or clock()
        else:
            # All run on one machine: the server's clock is this one's.
            turn.entered = clock() - (time.time() - entry.time.timestamp())

    async def _release(self, slot: Slot) -> None:
        """Until it is known that the slot is free."""
        told = await _finish(slot, self.cut_release)
        in_doubt = told is None
        while told is None:
            told = await _finish(slot, None)
        self.turn.released = clock()
        if not told and not in_doubt:
            self.turn.missed = self.turn.missed or self.turn.released


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
    known = {WaitTimeout: TIMED_OUT, NoVerdict: NO_VERDICT, UnknownGovernor: UNKNOWN}
    for kind, what in known.items():
        if isinstance(error, kind):
            return what
    return f"{type(error).__name__}: {error}" if error else ""
