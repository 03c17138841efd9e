# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The queue of a governor: a small stream with one pull consumer, in which waiters have their places.

A client that frees a slot sends a *wake-up*, which is a message to this stream. Each waiter has a pull request with the
consumer; the first of them gets the wake-up, and tries to enter the governor. A wake-up is a hint and grants nothing:
only an entry in the governor is a slot.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from .config import Condition
from .errors import (
    AlreadyExists,
    GovernorError,
    JetStreamUnavailable,
    NoQueue,
    NoVerdict,
    PermissionRefused,
    UnknownGovernor,
)
from .jetstream import JetStream, Json, check_echo
from .names import queue_stream_name, queue_subject
from .timing import outcome

CONSUMER = "queue"

# Seconds that an unused wake-up is kept. It is of use to waiters that join at the same moment, and while it is passed
# on from a waiter that has died.
_WAKE_UP_LIVES = 10.0

# The most wake-ups that are sent at once, and kept; waiters notice the slots beyond them by looking. It is not the
# governor's limit, because other clients change that without knowing of the queue.
_MOST_WAKE_UPS = 1000

# Seconds. A try takes milliseconds: a waiter that has not tried by then is taken to be dead, and the next one in the
# queue gets the wake-up.
_TRY_WITHIN = 0.5

# More than will ever wait. The consumer would drop the pull requests beyond its default of 512.
_LONGEST_QUEUE = 1_000_000

# The first version whose consumers know priorities, which put a pull request before others.
_KNOWS_PRIORITIES = (2, 12)
_PRIORITIZED = "prioritized"


@dataclass(frozen=True)
class QueueState:
    """The state of a queue, in the numbers of its consumer.

    ``waiting`` is the number of waiters in the queue. ``delivered`` is the number of wake-ups that it has handed out
    since it was made, those that were handed out again included. ``ack_pending`` is the number of waiters that have a
    wake-up and have not settled it yet; ``redelivered`` is how many of these got it because another waiter before them
    did not settle it in time, or passed it on. ``prioritized`` is whether the more urgent waiters are called first.
    """

    waiting: int
    delivered: int
    ack_pending: int = 0
    redelivered: int = 0
    prioritized: bool = False


class Queue:
    """The queue of the governor ``name``. An object can be made whether the queue exists or not."""

    def __init__(self, name: str, js: JetStream) -> None:
        self.name = name
        self.js = js
        self.stream = queue_stream_name(name)
        self._subject = queue_subject(name)

    async def state(self) -> QueueState | None:
        """Return the state of the queue, or None when there is no queue.

        Raises PermissionRefused when this user may not read it, and NoVerdict when no answer comes and while the
        consumer has no leader.
        """
        try:
            info = await self._ask(f"CONSUMER.INFO.{self.stream}.{CONSUMER}", "Could not read")
        except NoQueue:
            return None
        return QueueState(
            waiting=int(info["num_waiting"]),
            delivered=int(info["delivered"]["consumer_seq"]),
            ack_pending=int(info["num_ack_pending"]),
            redelivered=int(info["num_redelivered"]),
            prioritized=info["config"].get("priority_policy") == _PRIORITIZED,
        )

    async def has_woken(self, count: int) -> bool:
        """Return whether at least ``count`` waiters have just been woken and are about to try.

        False also when no answer comes within half a second, or an error.
        """
        try:
            queue = await outcome(self.state(), _TRY_WITHIN)
        except (GovernorError, asyncio.TimeoutError):
            return False
        # A waiter that got the wake-up of another one may be as dead as that one: nobody gives way to it.
        return queue is not None and queue.ack_pending - queue.redelivered >= count

    async def why_unordered(self) -> str | None:
        """Return why the priorities of waiters have no effect here, in a sentence without a full stop.

        None where they have, and where the server gives no answer just now: who waits asks it again.
        """
        if self.js.server_version < _KNOWS_PRIORITIES:
            version = ".".join(map(str, self.js.server_version))
            return f"nats-server {version} calls waiters first in, first out; 2.12 is the first version with priorities"
        try:
            queue = await self.state()
        except PermissionRefused as exc:
            return str(exc).rstrip(".")
        except (NoVerdict, JetStreamUnavailable):
            return None
        if queue is None:
            return "it has no queue, or a broken one; governor_stream makes one, and mends it"
        if queue.prioritized:
            return None
        return "its queue is from before nats-server 2.12; governor_stream mends it whenever it is run for the governor"

    async def condition(self, replicas: int) -> Condition:
        """Return "ready" when the queue is as ``make`` would make it for this number of replicas.

        Otherwise "absent" when there is no queue, and "broken" when its configuration differs. Raises
        PermissionRefused.
        """
        stream = await self._stream_info()
        if stream is None:
            return "absent"
        try:
            consumer = await self._repeat(f"CONSUMER.INFO.{self.stream}.{CONSUMER}", "Could not read")
        except NoQueue:
            return "broken"
        as_made = _contains(stream["config"], self._stream_config(replicas))
        return "ready" if as_made and _contains(consumer["config"], self._consumer_config()) else "broken"

    async def exists(self) -> bool:
        """Return whether the stream of the queue exists. Raises PermissionRefused."""
        return await self._stream_info() is not None

    async def make(self, replicas: int) -> None:
        """Create the queue, or bring an existing one into form. Waiters keep their places.

        Raises ConfigRefused or AlreadyExists when another kind of stream has its name, NotApplied when the server has
        stored another configuration, NoQueue when it is deleted meanwhile, and PermissionRefused.
        """
        what = "Could not make"
        wanted = self._stream_config(replicas)
        try:
            info = await self._repeat(f"STREAM.CREATE.{self.stream}", what, wanted)
        except AlreadyExists:
            info = await self._repeat(f"STREAM.UPDATE.{self.stream}", what, wanted)
        check_echo(wanted, info["config"], f"{what} the queue of governor '{self.name}'")
        consumer = self._consumer_config()
        request = {"stream_name": self.stream, "config": consumer}
        await self._repeat(f"CONSUMER.CREATE.{self.stream}.{CONSUMER}", what, request)
        # The answer to CONSUMER.CREATE cannot be compared: the first one after a restart of the server has the
        # configuration from before the restart.
        info = await self._repeat(f"CONSUMER.INFO.{self.stream}.{CONSUMER}", what)
        check_echo(consumer, info["config"], f"{what} the queue of governor '{self.name}'")

    async def delete(self) -> None:
        """Delete the queue, if there is one. Its waiters notice and go on by polling. Raises PermissionRefused."""
        with contextlib.suppress(NoQueue):
            await self._repeat(f"STREAM.DELETE.{self.stream}", "Could not delete")

    async def wake(self, count: int) -> None:
        """Send ``count`` wake-ups, 1000 at most: each tells the next waiter in the queue that a slot is free.

        Waits for no answer and raises no error. A wake-up that is lost, or that this user may not send, is replaced by
        the waiters themselves, which look at the governor from time to time (see ``lookout``).
        """
        from nats.errors import Error

        with contextlib.suppress(Error):
            for _each in range(min(count, _MOST_WAKE_UPS)):
                await self.js.nc.publish(self._subject)

    def _stream_config(self, replicas: int) -> Json:
        return {
            "name": self.stream,
            "description": f"The queue of governor {self.name}",
            "subjects": [self._subject],
            "retention": "workqueue",
            "storage": "file",
            "discard": "old",
            "max_msgs": _MOST_WAKE_UPS,
            "max_age": round(_WAKE_UP_LIVES * 1e9),
            "duplicate_window": round(_WAKE_UP_LIVES * 1e9),
            "num_replicas": replicas,
        }

    def _consumer_config(self) -> Json:
        consumer = {
            "name": CONSUMER,
            "durable_name": CONSUMER,
            "ack_policy": "explicit",
            "ack_wait": round(_TRY_WITHIN * 1e9),
            "max_deliver": -1,
            "max_ack_pending": -1,
            "max_waiting": _LONGEST_QUEUE,
        }
        if self.js.server_version >= _KNOWS_PRIORITIES:
            consumer.update(priority_policy=_PRIORITIZED, priority_groups=[CONSUMER])
        return consumer

    async def _stream_info(self) -> Json | None:
        """Return the STREAM.INFO of the queue, or None when there is no queue."""
        try:
            return await self._repeat(f"STREAM.INFO.{self.stream}", "Could not read")
        except NoQueue:
            return None

    async def _repeat(self, verb: str, what: str, request: Json | None = None) -> Json:
        return await self.js.until_verdict(lambda: self._ask(verb, what, request))

    async def _ask(self, verb: str, what: str, request: Json | None = None) -> Json:
        try:
            return await self.js.call(verb, request, what=f"{what} the queue of governor '{self.name}'")
        except UnknownGovernor as exc:
            raise NoQueue(f"Governor '{self.name}' has no queue (stream {self.stream} not found).") from exc


def _contains(config: Json, wanted: Json) -> bool:
    return all(config.get(key) == value for key, value in wanted.items())
