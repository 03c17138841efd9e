# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What those that wait in a queue over one connection do for each other: a long queue is work for the server.

When a queue, its leader or the connection goes, all places that were had over the connection are gone: it is enough
that a few of them have the server tell whether it is still there, for each of whom it goes through the queue every few
seconds. And where many join together, not all of them need to ask how long the queue is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from .queue import Queue, QueueState

if TYPE_CHECKING:
    from nats.aio.client import Client

    from .place import Place
    from .state import State

# The first to come listen. When all of them have gone, another does in their stead.
_LISTENERS = 5


class Watch:
    """The places in one queue over one connection; ``ended`` once they are gone.

    ``last_look``: what one of them saw last of the governor and the queue, and when; None before the first look.
    """

    def __init__(self) -> None:
        self.ended = False
        self.last_look: tuple[State, QueueState, float] | None = None
        self._listens: dict[Place, bool] = {}

    def join(self, place: Place) -> None:
        self._listens[place] = sum(self._listens.values()) < _LISTENERS

    def listens(self, place: Place) -> bool:
        return self._listens[place]

    def leave(self, place: Place) -> Place | None:
        """Who is to listen from now on, in the stead of the one that leaves: the newest, which stays the longest."""
        listened = self._listens.pop(place, False)
        if self.ended or not listened or not self._listens or any(self._listens.values()):
            return None
        newest = next(reversed(self._listens))
        self._listens[newest] = True
        return newest

    def end(self) -> None:
        """One place is gone, and so are the others."""
        self.ended = True
        for place in self._listens:
            place.notify_loss()


_watches: WeakKeyDictionary[Client, dict[tuple[str | None, str], Watch]] = WeakKeyDictionary()


def current_watch(queue: Queue) -> Watch:
    """That of the places in this queue which are not gone."""
    watches = _watches.setdefault(queue.js.nc, {})
    key = queue.js.domain, queue.name
    if key not in watches or watches[key].ended:
        watches[key] = Watch()
    return watches[key]
