# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reap the entries of dead holders. Whoever finds a governor full, or paused, looks for them.

Only an entry with a lease can be reaped. Its holder must have given no sign of life for as long as ``absences`` asks
for, must not answer when it is asked, and must still have given no sign after that. Where anything of this cannot be
learned, nothing is reaped.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
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


@dataclass
class _Observation:
    """What all who wait for one governor over one connection have seen.

    ``entries`` are as of the last sequence and the number in ``entries_of``. ``again_at`` is the time of the clock
    before which nobody looks again.
    """

    absences: Absences = field(default_factory=Absences)
    entries: list[Entry] = field(default_factory=list)
    entries_of: tuple[int, int] = (0, 0)
    again_at: float = 0.0
    looking: asyncio.Lock = field(default_factory=asyncio.Lock)


class Reaper:
    """One who looks for dead holders. All who do so for one governor over one connection share what they have seen."""

    def __init__(self, stack: Stack) -> None:
        """Make it, for the governor of that stack."""
        self._stack = stack
        self._leases = Leases(stack.js)
        self._timing = stack.js.timing
        observations = _observations.setdefault(stack.js.nc, {})
        self._seen = observations.setdefault((stack.js.api, stack.name), _Observation())

    async def look(self, state: State) -> float | None:
        """Look once, and reap who is proven dead. ``state`` is the governor as just read.

        Return after how many seconds to look again; None where nobody is absent. Looks that follow each other more
        quickly than that are one. Raises no error: a look that failed is none.
        """
        if state.config.lease == "absent" or state.room or not state.active:
            return None
        async with self._seen.looking:
            now = self._timing.clock()
            if now >= self._seen.again_at:
                try:
                    self._seen.again_at = now + await self._look(state)
                except GovernorError as exc:
                    self._stack.js.logger.debug("%s", exc)
                    self._seen.absences.note_failed_look()
            return max(0.0, self._seen.again_at - self._timing.clock()) if self._seen.absences.any else None

    async def _look(self, state: State) -> float:
        """Look, and return the seconds between two looks."""
        if not state.in_touch:
            self._seen.absences.note_failed_look()
            return 0.0
        await self._read_entries(state)
        leases = {entry.token: entry.lease for entry in self._seen.entries if entry.token and entry.lease}
        if not leases:
            return 0.0
        began = self._timing.clock()
        signs = await self._leases.look(self._stack.name)
        due = self._seen.absences.note_look(leases, signs, began, self._timing.clock())
        for entry in self._seen.entries:
            if entry.token in due:
                await self._judge(entry, entry.token)
        return self._seen.absences.next_look(signs.lease, began)

    async def _read_entries(self, state: State) -> None:
        """Read them again unless they are the same: with the same last one and the same number, none came or went."""
        if self._seen.entries_of != (state.last_seq, state.active):
            self._seen.entries = await self._stack.entries()
            self._seen.entries_of = (state.last_seq, state.active)

    async def _judge(self, entry: Entry, token: str) -> None:
        """Reap an entry whose holder was absent for long enough, unless the holder is heard of after all."""
        js, what = self._stack.js, f"Could not ask whether '{entry.shown}' is alive"
        answers = await js.answers(alive_subject(token), _ANSWERS_WITHIN, what=what)
        looked_at = self._timing.clock()
        if answers or token in (await self._leases.look(self._stack.name)).tokens:
            self._seen.absences.note_alive(token)
        elif self._timing.clock() - looked_at > _ANSWERS_WITHIN:
            # This process may have stood still meanwhile: what it has seen is old, and the next look tells more.
            return
        elif await self._stack.delete(entry.seq, self._stack.with_token(token)) is not None:
            js.logger.warning(
                "Slot %d of governor %s was taken from %s, who has given no sign of life for longer than the lease.",
                entry.seq,
                self._stack.name,
                entry.shown,
            )


_observations: WeakKeyDictionary[Client, dict[tuple[str, str], _Observation]] = WeakKeyDictionary()
