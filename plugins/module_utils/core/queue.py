# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The queue of a governor: a small stream with one pull consumer, in which JetStream queues those who wait.

Whoever frees a slot publishes a *wake-up*. Those who wait have a pull request each with the consumer; the first of them
gets the wake-up, and tries to enter. A wake-up is a hint, never a grant: the governor's entry alone grants.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from .config import Json, QueueCondition
from .errors import AlreadyExists, GovernorError, NoQueue, PermissionRefused, UnknownGovernor
from .jetstream import JetStream, check_echo
from .names import queue_stream_name, queue_subject

CONSUMER = "queue"

# An unused wake-up is of use to those who join at the same moment, and while it is handed on from one who has died.
_WAKE_UP_LIVES = 10.0

# As many are raised at once, and kept, at most; those who wait notice the rest. Not the governor's limit: others change
# that without knowing of the queue.
_MOST_WAKE_UPS = 1000

# A try takes milliseconds. Who has not tried by then is taken to be dead, and the next in queue gets the wake-up.
_TRY_WITHIN = 0.5

# More than will ever wait; a queue of the default 512 would send the others away.
_LONGEST_QUEUE = 1_000_000

# From here on consumers let a request go before others in their queue.
_KNOWS_PRIORITIES = (2, 12)


@dataclass(frozen=True)
class QueueState:
    """``waiting``: how many are in the queue. ``delivered``: how many wake-ups it has handed out since it was made.

    ``ack_pending``: how many have a wake-up and have not told what came of it; ``redelivered``: how many of these were
    called because another before them did not tell, or could make no use of it.
    """

    waiting: int
    delivered: int
    ack_pending: int = 0
    redelivered: int = 0


class Queue:
    def __init__(self, name: str, js: JetStream) -> None:
        self.name = name
        self.js = js
        self.stream = queue_stream_name(name)
        self._subject = queue_subject(name)

    async def state(self) -> QueueState | None:
        """None: there is no queue. Raises PermissionRefused, and NoVerdict while the consumer has no leader."""
        try:
            info = await self._ask(f"CONSUMER.INFO.{self.stream}.{CONSUMER}", "Could not read")
        except NoQueue:
            return None
        return QueueState(
            waiting=int(info["num_waiting"]),
            delivered=int(info["delivered"]["consumer_seq"]),
            ack_pending=int(info["num_ack_pending"]),
            redelivered=int(info["num_redelivered"]),
        )

    async def has_woken(self, count: int) -> bool:
        """Whether so many, who have just been called, are about to try. No answer in time is a no."""
        try:
            queue = await asyncio.wait_for(self.state(), _TRY_WITHIN)
        except (GovernorError, asyncio.TimeoutError):
            return False
        # Those who are called in the place of another may be as dead: nobody gives way to them.
        return queue is not None and queue.ack_pending - queue.redelivered >= count

    async def condition(self, replicas: int) -> QueueCondition:
        """Tell whether it is as ``make`` would make it for so many replicas: "ready", "absent" or "broken"."""
        stream = await self._seen()
        if stream is None:
            return "absent"
        try:
            consumer = await self._repeat(f"CONSUMER.INFO.{self.stream}.{CONSUMER}", "Could not read")
        except NoQueue:
            return "broken"
        as_made = _contains(stream["config"], self._stream(replicas))
        return "ready" if as_made and _contains(consumer["config"], self._consumer()) else "broken"

    async def exists(self) -> bool:
        """Whether its stream is there."""
        return await self._seen() is not None

    async def make(self, replicas: int) -> None:
        """Create it, or bring it into form; who waits in it stays there. Raises ConfigRefused and others."""
        what = "Could not make"
        wanted = self._stream(replicas)
        try:
            info = await self._repeat(f"STREAM.CREATE.{self.stream}", what, wanted)
        except AlreadyExists:
            info = await self._repeat(f"STREAM.UPDATE.{self.stream}", what, wanted)
        check_echo(wanted, info["config"], f"{what} the queue of governor '{self.name}'")
        consumer = self._consumer()
        request = {"stream_name": self.stream, "config": consumer}
        await self._repeat(f"CONSUMER.CREATE.{self.stream}.{CONSUMER}", what, request)
        # Not the answer to that: the first one after a restart tells the configuration from before it.
        info = await self._repeat(f"CONSUMER.INFO.{self.stream}.{CONSUMER}", what)
        check_echo(consumer, info["config"], f"{what} the queue of governor '{self.name}'")

    async def delete(self) -> None:
        """Those who wait in it notice, and poll."""
        with contextlib.suppress(NoQueue):
            await self._repeat(f"STREAM.DELETE.{self.stream}", "Could not delete")

    async def wake(self, count: int) -> None:
        """Tell the first ``count`` in the queue that a slot is free.

        Nobody answers, and no error is raised: a wake-up that is lost, or is refused for want of a permission, is made
        up for by those who wait (see ``waiting``).
        """
        from nats.errors import Error

        with contextlib.suppress(Error):
            for _each in range(min(count, _MOST_WAKE_UPS)):
                await self.js.nc.publish(self._subject)

    def _stream(self, replicas: int) -> Json:
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

    def _consumer(self) -> Json:
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
            consumer.update(priority_policy="prioritized", priority_groups=[CONSUMER])
        return consumer

    async def _seen(self) -> Json | None:
        """The stream; None: there is none that this user may see, and so none that it has made."""
        try:
            return await self._repeat(f"STREAM.INFO.{self.stream}", "Could not read")
        except (NoQueue, PermissionRefused):
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
