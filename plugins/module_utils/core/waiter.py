# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""When another try is worthwhile: when woken in the governor's queue, or every now and then without one."""

from __future__ import annotations

import asyncio
import contextlib
import math
from types import TracebackType

from .backoff import Backoff
from .census import Sign
from .errors import GovernorError, JetStreamUnavailable, NoVerdict, PermissionRefused, PlaceLost
from .lookout import Advice, Lookout
from .place import Place
from .queue import QueueState
from .reaper import Reaper
from .stack import Stack
from .urgency import NORMAL, Urgency
from .watch import current_watch

# Seconds between the tries of one who has no place in the queue, and how often it looks for one.
_TRY_EVERY = 0.25
_JOIN_EVERY = 5.0

# A server that has just started may not answer a look yet: that is no reason to give up.
_NOT_NOW = (NoVerdict, JetStreamUnavailable)


class Waiter:
    """One waiter. An asynchronous context: on the way out it leaves the queue.

    ``urgency`` says how urgent it is, and when it rises.
    ``started``: set it when the slot is held; a wake-up that led to nothing goes on to the next in the queue.
    ``waited_by`` is "queue" or "polling", None before anything was waited for. ``counts``: set it to have the queue
    counted whenever this one joins it, one request more: those that join together know their positions apart then.
    """

    def __init__(
        self, stack: Stack, subject: str, interval: float | None, backoff: Backoff | None, urgency: Urgency
    ) -> None:
        self.urgency = urgency
        self.waited_by: str | None = None
        self.counts = False
        self.started = False
        self._stack = stack
        self._queue = stack.queue
        self._interval = _TRY_EVERY if interval is None else interval
        self._backoff = backoff
        self._timing = stack.js.timing
        self._lookout = Lookout(self._timing, subject, interval)
        self._reaper = Reaper(stack)
        self._mine: Place | None = None
        self._sign: Sign | None = None
        self._counting: asyncio.Future[None] | None = None
        self._refusals = 0
        self._join_at = 0.0
        self._poll_at = 0.0
        self._reap_at = 0.0
        self._making_sure = False
        self._barred = False

    def position_in(self, queue: QueueState) -> int | None:
        """Return about which number this waiter has in the queue as just looked at, 1 for the next; None: not known."""
        return self._lookout.position_in(queue) if self._mine is not None else None

    @property
    def subject(self) -> str:
        """The subject on which the governor listens, as far as this waiter knows."""
        return self._lookout.subject

    @subject.setter
    def subject(self, subject: str) -> None:
        self._lookout.subject = subject

    async def __aenter__(self) -> Waiter:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._leave(used=self.started)

    async def worthwhile(self, seconds: float) -> None:
        """Wait, after a try that was refused, until another is worthwhile, at the latest for so many seconds.

        Raises UnknownGovernor and other verdicts on the governor.
        """
        deadline = self._timing.clock() + seconds
        await self._refused()
        while self._timing.clock() < deadline:
            await self._join()
            try:
                if await (self._called(self._mine, deadline) if self._mine is not None else self._poll(deadline)):
                    return
            except (PlaceLost, PermissionRefused) as exc:
                await self._lost(exc)

    async def _refused(self) -> None:
        self._refusals += 1
        if self._mine is not None:
            try:
                await self._mine.requeue()
            except PlaceLost as exc:
                await self._lost(exc)
        if not self._making_sure:
            self._lookout.note_refusal()
        if self._backoff is not None:
            pause = self._backoff.delay(self._refusals - 1, self._timing.random)
        else:
            pause = self._lookout.jittered(self._interval) * self._lookout.stretch
        self._poll_at = self._timing.clock() + pause

    async def _poll(self, deadline: float) -> bool:
        """Sleep until the next try, or until it is time to look for a queue. Return whether to try now."""
        self.waited_by = "polling"
        await self._reap()
        until = min(deadline, self._poll_at, math.inf if self._barred else self._join_at)
        self._queue.js.logger.debug("governor %s has no room, waiting without a queue", self._queue.name)
        await self._timing.sleep(max(0.0, until - self._timing.clock()))
        return self._timing.clock() >= min(deadline, self._poll_at)

    async def _reap(self) -> None:
        """Look for dead holders every now and then, as those do who wait in the queue."""
        now = self._timing.clock()
        if now < self._reap_at:
            return
        self._reap_at = now + self._lookout.jittered(_JOIN_EVERY)
        with contextlib.suppress(*_NOT_NOW, PermissionRefused):
            again = await self._reaper.look(await self._stack.state())
            if again is not None:
                self._reap_at = now + again

    async def _lost(self, reason: GovernorError) -> None:
        """Give up the place that was lost, and see what else is gone. Raises UnknownGovernor when the governor is."""
        self._queue.js.logger.debug("%s", reason)
        self._barred = isinstance(reason, PermissionRefused)
        await self._leave(used=False)
        with contextlib.suppress(*_NOT_NOW, PermissionRefused):
            await self._stack.state()
            if await self._queue.state() is None:
                self._lookout.note_missing_queue()

    async def _join(self) -> None:
        now = self._timing.clock()
        if self._mine is not None or self._barred or now < self._join_at:
            return
        self._join_at = now + self._lookout.jittered(_JOIN_EVERY)
        # What it has waited for counts, also where it has lost its place, or there was no queue.
        self.urgency.rise(now)
        place = Place(self._queue, self.urgency)
        try:
            await place.join()
        except PlaceLost as exc:
            # The next try tells what is wrong with the connection.
            self._queue.js.logger.debug("%s", exc)
            return
        self._queue.js.logger.debug("governor %s has no room, joined its queue", self._queue.name)
        self._mine, self.waited_by = place, "queue"
        self._lookout.note_join()
        if self.urgency.given != NORMAL:
            self._sign = Sign(self._queue.js, self._queue.name, self.urgency.given)
            await self._sign.give()
        if self.counts:
            # Beside the wait: a wake-up may come before the answer.
            self._counting = asyncio.ensure_future(self._count(place))

    async def _count(self, mine: Place) -> None:
        with contextlib.suppress(GovernorError):
            queue = await self._queue.state()
            if queue is not None and mine is self._mine:
                self._lookout.note_count(queue)

    async def _leave(self, used: bool) -> None:
        mine, self._mine = self._mine, None
        sign, self._sign = self._sign, None
        if self._counting is not None:
            self._counting.cancel()
        if mine is not None:
            await mine.leave(used)
        if sign is not None:
            await sign.stop()

    async def _called(self, mine: Place, deadline: float) -> bool:
        """Wait for a wake-up until it is time to look, then look. Return whether to try now."""
        self._making_sure = False
        rises_at = self.urgency.rises_at if self._lookout.may_rise else math.inf
        if await mine.wait(min(deadline, rises_at, self._lookout.next_look) - self._timing.clock()):
            return True
        if self._timing.clock() >= deadline:
            return True
        if self._timing.clock() >= rises_at:
            self.urgency.rise(self._timing.clock())
            await mine.rise()
            return False
        if self._spared():
            return False
        look = asyncio.ensure_future(self._look())
        try:
            # A waiter that is woken in the midst of a look, which may take long, does not wait for its end.
            return await mine.wait_until(look) or await look
        finally:
            look.cancel()

    def _spared(self) -> bool:
        """Tell whether another waiter over the same connection has looked for this one too."""
        seen = current_watch(self._queue).last_look
        return seen is not None and self._lookout.use_shared_look(*seen)

    async def _look(self) -> bool:
        """Look at the governor and its queue. Return whether that asks for a try."""
        try:
            state, queue = await self._stack.state(), await self._queue.state()
        except _NOT_NOW as exc:
            self._queue.js.logger.debug("%s", exc)
            self._lookout.note_failed_look()
            return False
        if queue is None:
            raise PlaceLost(f"Governor '{self._queue.name}' has no queue any more.")
        current_watch(self._queue).last_look = state, queue, self._timing.clock()
        advice = self._lookout.advise(state, queue)
        self._lookout.look_again_within(await self._reaper.look(state))
        if advice is Advice.WAKE:
            await self._queue.wake(self._lookout.wake_ups)
        self._making_sure = advice is Advice.TRY
        return self._making_sure
