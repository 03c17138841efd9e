# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the waiters of one queue over one connection share, so that a long queue is less work for the server.

When a queue, its leader or the connection is lost, all places that were joined over the connection are lost. So it is
enough that a few of them ask for heartbeats: for each of these the server goes through the whole queue every few
seconds. And when many waiters join together, one look at the length of the queue serves them all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol
from weakref import WeakKeyDictionary

from .queue import Queue, QueueState

if TYPE_CHECKING:
    from nats.aio.client import Client

    from .state import State

# So many places listen for heartbeats, those that joined first. When all of them have left, another one listens.
_LISTENERS = 5


class Listener(Protocol):
    """What a watch asks of a place."""

    async def listen(self) -> None:
        """Listen for heartbeats from now on."""

    def notify_loss(self) -> None:
        """Have the waiter notice at once that its place is lost."""


class Watch:
    """The places in one queue that were joined over one connection.

    ``ended`` says that all of them are lost. ``last_look`` is what one of the waiters saw last: the state of the
    governor, that of the queue, and the time of the look by the clock; None before the first look.
    """

    def __init__(self) -> None:
        self.ended = False
        self.last_look: tuple[State, QueueState, float] | None = None
        self._listens: dict[Listener, bool] = {}

    def join(self, place: Listener) -> None:
        """Add a place, and decide whether it listens."""
        self._listens[place] = sum(self._listens.values()) < _LISTENERS

    def listens(self, place: Listener) -> bool:
        """Return whether the place listens for heartbeats, which tell that the queue is still there."""
        return self._listens[place]

    def leave(self, place: Listener) -> Listener | None:
        """Remove a place, and return the place that is to listen from now on instead of it.

        None when enough others listen. Otherwise it is the newest place, which is likely to stay the longest.
        """
        listened = self._listens.pop(place, False)
        if self.ended or not listened or not self._listens or any(self._listens.values()):
            return None
        newest = next(reversed(self._listens))
        self._listens[newest] = True
        return newest

    def end(self) -> None:
        """Note that the places are lost, and notify each of them."""
        self.ended = True
        for place in self._listens:
            place.notify_loss()


_watches: WeakKeyDictionary[Client, dict[tuple[str, str], Watch]] = WeakKeyDictionary()


def current_watch(queue: Queue) -> Watch:
    """Return the watch of this queue over its connection. A new one is made after the last one has ended."""
    watches = _watches.setdefault(queue.js.nc, {})
    key = queue.js.api, queue.name
    if key not in watches or watches[key].ended:
        watches[key] = Watch()
    return watches[key]
