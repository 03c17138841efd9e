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
from typing import TYPE_CHECKING, Any

from .errors import PlaceLost
from .queue import CONSUMER, Queue
from .watch import Watch, current_watch

if TYPE_CHECKING:
    from nats.aio.msg import Msg

# The request stays in the queue as long as it can be needed: asking again would be joining the queue again, at its end.
_KEEP = 30 * 24 * 3600.0

# The server tells those who listen so often that their places are still there; they are lost when nothing was heard for
# the longer time.
_HEARTBEAT = 4.0
_SILENCE = 9.0

# Lower goes first. Who was called in vain goes before those who were not called yet.
_FIRST, _NORMAL = 0, 5

_ACK, _NAK, _WORKING = b"+ACK", b"-NAK", b"+WPI"


class Place:
    """Made by ``join``. Of use to one waiter, until ``leave``."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._js = queue.js
        self._arrived: deque[Msg] = deque()
        self._something = asyncio.Event()
        self._wake_up: Msg | None = None
        self._inbox = self._js.nc.new_inbox()
        self._heard = 0.0
        self._watch = Watch()
        self._refusal: Exception | None = None

    async def join(self) -> None:
        """Go to the end of the queue. Whether there is one shows when waiting.

        Raises PlaceLost without a connection.
        """
        from nats.errors import Error

        try:
            self._subscription = await self._js.nc.subscribe(self._inbox, cb=self._receive)
        except Error as exc:
            raise PlaceLost(f"Could not join the queue of governor '{self._queue.name}': {exc}.") from exc
        self._watch = current_watch(self._queue)
        self._watch.join(self)
        try:
            await self._pull(_NORMAL)
        except PlaceLost:
            await self.leave(used=False)
            raise

    async def wait(self, seconds: float) -> bool:
        """Wait so many seconds for a wake-up; whether one came.

        Raises PlaceLost when there is no queue, when it is gone, and when nothing was heard of it for too long;
        PermissionRefused when this user may not wait in it.
        """
        clock = self._js.timing.clock
        deadline = clock() + seconds
        while True:
            if self._woken():
                return True
            self._js.raise_if_refused(self._pulls, self._refusal, f"Could not join the queue of '{self._queue.name}'")
            silent_at = self._heard + _SILENCE if self._watch.listens(self) else math.inf
            left = min(deadline, silent_at) - clock()
            if left <= 0 and silent_at <= deadline:
                self._watch.end()
                raise PlaceLost(f"Nothing was heard of the queue of governor '{self._queue.name}' for {_SILENCE:g} s.")
            if left <= 0:
                return False
            timer = asyncio.ensure_future(self._js.timing.sleep(left))
            try:
                await self._something_or(timer)
            finally:
                timer.cancel()

    async def wait_until(self, other: asyncio.Future[Any]) -> bool:
        """Wait for a wake-up until the other is done; whether one came. Raises PlaceLost as ``wait`` does."""
        while not self._woken():
            if other.done():
                return False
            await self._something_or(other)
        return True

    async def requeue(self) -> None:
        """After a wake-up that was none: stay in the queue, before those who were not called yet if the server can.

        Raises PlaceLost without a connection.
        """
        if self._wake_up is not None:
            await self._settle(_ACK)
            await self._pull(_FIRST)

    async def leave(self, used: bool) -> None:
        """``used``: the slot was entered. A wake-up that was not used goes on to the next in queue at once."""
        from nats.errors import Error

        with contextlib.suppress(Error):
            await self._subscription.unsubscribe()
        successor = self._watch.leave(self)
        if successor is not None:
            with contextlib.suppress(PlaceLost):
                await successor.listen()
        await self._settle(_ACK if used else _NAK)
        while self._arrived:
            self._wake_up = self._arrived.popleft()
            await self._settle(_NAK)

    async def listen(self) -> None:
        """From now on, to whether the queue is still there. Raises PlaceLost without a connection.

        What was asked for is not changed by the server: this is a second place, at the end of the queue.
        """
        await self._pull(_NORMAL)

    def notify_loss(self) -> None:
        """Whoever waits for a wake-up here: the place is gone."""
        self._something.set()

    async def _pull(self, priority: int) -> None:
        from nats.errors import Error

        request = {
            "batch": 1,
            "expires": round(_KEEP * 1e9),
            "idle_heartbeat": round(_HEARTBEAT * 1e9) if self._watch.listens(self) else 0,
            # Servers that know no priorities pass over these.
            "group": CONSUMER,
            "priority": priority,
        }
        self._heard = self._js.timing.clock()
        self._refusal = self._js.nc.last_error
        try:
            await self._js.nc.publish(self._pulls, json.dumps(request).encode(), reply=self._inbox)
        except Error as exc:
            raise PlaceLost(f"Could not wait in the queue of governor '{self._queue.name}': {exc}.") from exc

    @property
    def _pulls(self) -> str:
        return self._js.api_subject(f"CONSUMER.MSG.NEXT.{self._queue.stream}.{CONSUMER}")

    def _woken(self) -> bool:
        while self._arrived:
            if self._is_wake_up(self._arrived.popleft()):
                return True
        if self._watch.ended:
            raise PlaceLost(f"All places in the queue of governor '{self._queue.name}' are gone.")
        return False

    async def _receive(self, message: Msg) -> None:
        from nats.errors import Error

        self._arrived.append(message)
        self._something.set()
        if message.reply:
            # A wake-up: the time for the try begins anew. Of the first one, much went by on the way to who is far away.
            with contextlib.suppress(Error):
                await self._js.nc.publish(message.reply, _WORKING)

    def _is_wake_up(self, message: Msg) -> bool:
        status = (message.headers or {}).get("Status")
        if status is None:
            self._wake_up = message
            return True
        if status != "100":
            # 503: nobody has this queue; 409: it was deleted, or its leader changes; 408: the request was too old.
            self._watch.end()
            raise PlaceLost(f"The queue of governor '{self._queue.name}' is not there (status {status}).")
        self._heard = self._js.timing.clock()
        return False

    async def _settle(self, verdict: bytes) -> None:
        """Of a wake-up; when the server does not hear of it, it will call the next in queue all the same."""
        from nats.errors import Error

        wake_up, self._wake_up = self._wake_up, None
        if wake_up is not None and wake_up.reply:
            with contextlib.suppress(Error):
                await self._js.nc.publish(wake_up.reply, verdict)

    async def _something_or(self, other: asyncio.Future[Any]) -> None:
        """Wait for something to arrive, at most until the other is done."""
        self._something.clear()
        arrival = asyncio.ensure_future(self._something.wait())
        try:
            await asyncio.wait((arrival, other), return_when=asyncio.FIRST_COMPLETED)
        finally:
            arrival.cancel()
