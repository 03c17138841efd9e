# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reap the entries of dead holders. Whoever finds a governor full looks for them.

Only an entry with a lease can be reaped. Its holder must have given no sign of life for as long as ``absences`` asks
for, must not answer when it is asked, and must still have given no sign after that. Where anything of this cannot be
learned, nothing is reaped.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from .absences import Absences
from .entry import Entry
from .errors import GovernorError
from .leases import Leases
from .names import alive_subject
from .stack import Stack
from .state import State

if TYPE_CHECKING:
    from nats.aio.client import Client

# Seconds in which a living holder answers.
_ANSWERS_WITHIN = 2.0


class Reaper:
    """What all who wait for one governor over one connection know of dead holders, and do about them."""

    def __init__(self, stack: Stack) -> None:
        """Make it, for the governor of that stack."""
        self._stack = stack
        self._leases = Leases(stack.js)
        self._timing = stack.js.timing
        self._absences = Absences()
        self._entries: list[Entry] = []
        self._entries_of = (0, 0)
        self._again_at = 0.0
        self._looking = asyncio.Lock()

    async def look(self, state: State) -> float | None:
        """Look once, and reap who is proven dead. ``state`` is the governor as just read.

        Return after how many seconds to look again; None where nobody is absent. Looks that follow each other more
        quickly than that are one. Raises no error: a look that failed is none.
        """
        if state.config.lease == "absent" or state.active < state.config.limit:
            return None
        async with self._looking:
            now = self._timing.clock()
            if now >= self._again_at:
                try:
                    self._again_at = now + await self._look(state)
                except GovernorError as exc:
                    self._stack.js.logger.debug("%s", exc)
                    self._absences.note_failed_look()
            return max(0.0, self._again_at - self._timing.clock()) if self._absences.any else None

    async def _look(self, state: State) -> float:
        """Look, and return the seconds between two looks."""
        if not state.in_touch:
            self._absences.note_failed_look()
            return 0.0
        await self._read_entries(state)
        leases = {entry.token: entry.lease for entry in self._entries if entry.token and entry.lease}
        if not leases:
            return 0.0
        began = self._timing.clock()
        signs = await self._leases.look(self._stack.name)
        due = self._absences.note_look(leases, signs, began, self._timing.clock())
        for entry in self._entries:
            if entry.token in due:
                await self._judge(entry, entry.token)
        return self._absences.next_look(signs.lease, began)

    async def _read_entries(self, state: State) -> None:
        """Read them again unless they are the same: with the same last one and the same number, none came or went."""
        if self._entries_of != (state.last_seq, state.active):
            self._entries = await self._stack.entries()
            self._entries_of = (state.last_seq, state.active)

    async def _judge(self, entry: Entry, token: str) -> None:
        """Reap an entry whose holder was absent for long enough, unless the holder is heard of after all."""
        js, what = self._stack.js, f"Could not ask whether '{entry.shown}' is alive"
        answers = await js.answers(alive_subject(token), _ANSWERS_WITHIN, what=what)
        if answers or token in (await self._leases.look(self._stack.name)).tokens:
            self._absences.note_alive(token)
        elif await self._stack.delete(entry.seq, self._stack.with_token(token)) is not None:
            js.logger.warning(
                "Slot %d of governor %s was taken from %s, who has given no sign of life for longer than the lease.",
                entry.seq,
                self._stack.name,
                entry.shown,
            )


_reapers: WeakKeyDictionary[Client, dict[tuple[str | None, str], Reaper]] = WeakKeyDictionary()


def reaper_of(stack: Stack) -> Reaper:
    """Return the reaper of the stack's governor over its connection."""
    reapers = _reapers.setdefault(stack.js.nc, {})
    key = stack.js.domain, stack.name
    if key not in reapers:
        reapers[key] = Reaper(stack)
    return reapers[key]
