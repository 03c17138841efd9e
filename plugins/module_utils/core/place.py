# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A waiter's place in the queue: one pull request, which JetStream keeps in the order in which it came."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from .errors import PlaceLost
from .queue import CONSUMER, Queue
from .watch import Watch, current_watch

if TYPE_CHECKING:
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

    from .urgency import Urgency

# Seconds until the pull request expires: longer than anybody waits, because a new request is at the end of the queue.
_KEEP = 30 * 24 * 3600.0

# Seconds between the heartbeats that the server sends to a place that listens, and seconds without any after which the
# place is taken to be lost.
_HEARTBEAT = 4.0
_SILENCE = 9.0

# JetStream's acknowledgements of a wake-up: it is done with, it goes to the next waiter, the waiter is about to try.
_ACK, _NAK, _WORKING = b"+ACK", b"-NAK", b"+WPI"


class Place:
    """A place of one waiter in the queue, from ``join`` to ``leave``. It cannot be used again after that."""

    def __init__(self, queue: Queue, urgency: Urgency) -> None:
        self._queue = queue
        self._urgency = urgency
        self._js = queue.js
        self._arrived: deque[Msg] = deque()
        self._news = asyncio.Event()
        self._wake_up: Msg | None = None
        self._inbox = ""
        self._subscription: Subscription | None = None
        self._asked = False
        self._left = False
        self._heard = 0.0
        self._watch = Watch()
        self._error_before: Exception | None = None

    async def join(self) -> None:
        """Join the queue, behind those who are as urgent. Raises PlaceLost when the connection is lost.

        That there is no queue, or that this user may not join it, is raised by ``wait``.
        """
        await self._subscribe()
        self._watch = current_watch(self._queue)
        self._watch.join(self)
        try:
            await self._pull(self._urgency.band())
        except PlaceLost:
            await self.leave(used=False)
            raise

    async def wait(self, seconds: float) -> bool:
        """Wait for a wake-up, for ``seconds`` at most, and return whether one came.

        Raises PlaceLost when there is no queue, when the place is lost, and, if the place listens, when no heartbeat
        has come for 9 s. Raises PermissionRefused when this user may not join the queue.
        """
        clock = self._js.timing.clock
        deadline = clock() + seconds
        while True:
            if self._woken():
                return True
            self._js.raise_if_refused(
                self._pull_subject, self._error_before, f"Could not join the queue of '{self._queue.name}'"
            )
            silent_at = self._heard + _SILENCE if self._watch.listens(self) else math.inf
            left = min(deadline, silent_at) - clock()
            if left <= 0 and silent_at <= deadline:
                self._watch.end()
                raise PlaceLost(
                    f"No heartbeat came from the queue of governor '{self._queue.name}' for {_SILENCE:g} s."
                )
            if left <= 0:
                return False
            timer = asyncio.ensure_future(self._js.timing.sleep(left))
            try:
                await self._news_or(timer)
            finally:
                timer.cancel()

    async def wait_until(self, other: asyncio.Future[Any]) -> bool:
        """Wait for a wake-up until ``other`` is done, and return whether one came.

        Raises PlaceLost when there is no queue, and when the place is lost.
        """
        while not self._woken():
            if other.done():
                return False
            await self._news_or(other)
        return True

    async def requeue(self) -> None:
        """Go before those who are as urgent, after a wake-up that led to no slot. Without a wake-up, keep the place.

        Before nats-server 2.12, which has no priorities, go to the end of the queue. Raises PlaceLost when the
        connection is lost.
        """
        if self._wake_up is not None:
            await self._acknowledge(_ACK)
            await self._move(self._urgency.band(called_in_vain=True))

    async def rise(self) -> None:
        """Go behind those who are as urgent as the waiter has become. Raises PlaceLost when the connection is lost.

        Only for a queue that knows priorities: in another one that would be its end.
        """
        await self._move(self._urgency.band())

    async def leave(self, used: bool) -> None:
        """Leave the queue. ``used`` is whether the waiter has entered the governor.

        A wake-up that was not used is passed on to the next waiter at once.
        """
        from nats.errors import Error

        self._left = True
        if self._subscription is not None:
            with contextlib.suppress(Error):
                await self._subscription.unsubscribe()
        successor = self._watch.leave(self)
        if successor is not None:
            with contextlib.suppress(PlaceLost):
                await successor.listen()
        await self._acknowledge(_ACK if used else _NAK)
        await self._pass_on()

    async def listen(self) -> None:
        """Listen for heartbeats from now on. Raises PlaceLost when the connection is lost.

        A pull request cannot be changed, so a second one is added, behind those who are as urgent.
        """
        await self._pull(self._urgency.band())

    def notify_loss(self) -> None:
        """Have the waiter notice at once that its watch has ended: ``wait`` and ``wait_until`` raise PlaceLost."""
        self._news.set()

    async def _pass_on(self) -> None:
        """Have the wake-ups that have arrived go to the next waiters."""
        while self._arrived:
            self._wake_up = self._arrived.popleft()
            await self._acknowledge(_NAK)

    async def _move(self, priority: int) -> None:
        """Have one pull request, of this priority, in place of the one before, if that is still in the queue."""
        before = self._subscription
        if self._asked:
            # The server drops a request whose inbox nobody listens to.
            await self._subscribe()
        await self._pull(priority)
        if before is not None and before is not self._subscription:
            self._js.in_background(self._give_up(before))

    async def _subscribe(self) -> None:
        """Listen to an inbox of its own for the next pull request."""
        from nats.errors import Error

        self._inbox = self._js.nc.new_inbox()
        try:
            self._subscription = await self._js.nc.subscribe(self._inbox, cb=partial(self._receive, self._inbox))
        except Error as exc:
            raise PlaceLost(f"Could not join the queue of governor '{self._queue.name}': {exc}.") from exc

    async def _give_up(self, before: Subscription) -> None:
        """Give up the pull request of this inbox. A wake-up that is on its way to it is received all the same."""
        from nats.errors import Error

        with contextlib.suppress(Error, asyncio.TimeoutError):
            await before.drain()  # type: ignore[no-untyped-call]

    async def _pull(self, priority: int) -> None:
        from nats.errors import Error

        request = {
            "batch": 1,
            "expires": round(_KEEP * 1e9),
            "idle_heartbeat": round(_HEARTBEAT * 1e9) if self._watch.listens(self) else 0,
            # Servers that do not know priorities ignore these two.
            "group": CONSUMER,
            "priority": priority,
        }
        self._asked = True
        self._heard = self._js.timing.clock()
        self._error_before = self._js.nc.last_error
        try:
            await self._js.nc.publish(self._pull_subject, json.dumps(request).encode(), reply=self._inbox)
        except Error as exc:
            raise PlaceLost(f"Could not wait in the queue of governor '{self._queue.name}': {exc}.") from exc

    @property
    def _pull_subject(self) -> str:
        return self._js.api_subject(f"CONSUMER.MSG.NEXT.{self._queue.stream}.{CONSUMER}")

    def _woken(self) -> bool:
        """Return whether a wake-up is among the messages that have arrived. Raises PlaceLost when the place is lost."""
        while self._arrived:
            if self._is_wake_up(self._arrived.popleft()):
                return True
        if self._watch.ended:
            raise PlaceLost(f"All places in the queue of governor '{self._queue.name}' are lost.")
        return False

    async def _receive(self, inbox: str, message: Msg) -> None:
        from nats.errors import Error

        if message.reply and inbox == self._inbox:
            # It has used up the pull request.
            self._asked = False
        self._arrived.append(message)
        self._news.set()
        if self._left:
            # It was on its way to an inbox that was given up.
            await self._pass_on()
        elif message.reply:
            # A wake-up. Have the half second for the try begin anew: a distant waiter has lost much of it on the way.
            with contextlib.suppress(Error):
                await self._js.nc.publish(message.reply, _WORKING)

    def _is_wake_up(self, message: Msg) -> bool:
        status = (message.headers or {}).get("Status")
        if status is None:
            self._wake_up = message
            return True
        if status != "100":
            # 503: there is no such queue; 409: it was deleted, or its leader changes; 408: the request has expired.
            self._watch.end()
            raise PlaceLost(f"The queue of governor '{self._queue.name}' is not there (status {status}).")
        self._heard = self._js.timing.clock()
        return False

    async def _acknowledge(self, verdict: bytes) -> None:
        """Send the server the verdict on the wake-up in hand, if there is one, and no error when that fails.

        A wake-up that the server hears nothing of goes to the next waiter half a second later.
        """
        from nats.errors import Error

        wake_up, self._wake_up = self._wake_up, None
        if wake_up is not None and wake_up.reply:
            with contextlib.suppress(Error):
                await self._js.nc.publish(wake_up.reply, verdict)

    async def _news_or(self, other: asyncio.Future[Any]) -> None:
        """Wait until a message arrives or the place is lost, at most until ``other`` is done."""
        self._news.clear()
        news = asyncio.ensure_future(self._news.wait())
        try:
            await asyncio.wait((news, other), return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()
