# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who of those that wait in a line over one connection has the server tell whether the line is still there.

When a line, its leader or the connection goes, all places that were had over the connection are gone: it is enough that
a few of them notice. For each that listens the server goes through the whole line every few seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from .line import Line

if TYPE_CHECKING:
    from nats.aio.client import Client

    from .place import Place

# The first to come listen. When all of them have gone, another does in their stead.
_LISTENERS = 5


class Watch:
    """The places in one line over one connection; ``over`` once they are gone."""

    def __init__(self) -> None:
        self.over = False
        self._listens: dict[Place, bool] = {}

    def join(self, place: Place) -> None:
        self._listens[place] = sum(self._listens.values()) < _LISTENERS

    def listens(self, place: Place) -> bool:
        return self._listens[place]

    def leave(self, place: Place) -> Place | None:
        """Who is to listen from now on, in the stead of the one that leaves: the newest, which stays the longest."""
        listened = self._listens.pop(place, False)
        if self.over or not listened or not self._listens or any(self._listens.values()):
            return None
        newest = next(reversed(self._listens))
        self._listens[newest] = True
        return newest

    def end(self) -> None:
        """One place is gone, and so are the others."""
        self.over = True
        for place in self._listens:
            place.wake()


_watches: WeakKeyDictionary[Client, dict[tuple[str | None, str], Watch]] = WeakKeyDictionary()


def watch(line: Line) -> Watch:
    """That of the places in this line which are not gone."""
    watches = _watches.setdefault(line.js.nc, {})
    key = line.js.domain, line.name
    if key not in watches or watches[key].over:
        watches[key] = Watch()
    return watches[key]
