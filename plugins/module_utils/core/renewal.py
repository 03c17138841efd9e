# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Give the signs of life of one slot, and notice when the slot is lost.

A slot counts as lost as soon as its last acknowledged sign of life was sent longer ago than the lease. No clock is
compared with another: the server forgets the sign later than that, and whoever waits watches its absence for a while
before it may reap the entry. So the holder knows first.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Callable

from .durations import format_duration
from .errors import GovernorError
from .leases import Leases
from .names import alive_subject
from .slot import Slot

if TYPE_CHECKING:
    from nats.aio.msg import Msg

# Called with the reason when a slot comes to count as lost.
OnLost = Callable[[str], None]

# So many signs of life are given within each lease.
_SIGNS_PER_LEASE = 3

# Seconds until the first sign of life, and until the next one after one that got no answer.
_SOON = 1.0


class Renewal:
    """The signs of life of one slot, over the connection of its stack. It sets the slot's ``renewed_at`` and ``lost``.

    A slot that counts as lost for want of signs may still be there. It is no longer lost after two signs of life, a
    third of the lease apart, with which its entry was found: whoever was about to reap it has done so by then.
    """

    def __init__(self, slot: Slot, on_lost: OnLost | None = None) -> None:
        """Make it for a slot with a lease."""
        self._slot = slot
        self._on_lost = on_lost
        self._js = slot.stack.js
        self._timing = self._js.timing
        self._leases = Leases(self._js)
        self._lease = slot.lease or 0.0
        self._answered = True
        self._why = ""
        self._good_signs = 0
        self._later: asyncio.TimerHandle | None = None
        self._running: asyncio.Future[None] | None = None

    def start(self) -> Renewal:
        """Run on this loop, in a while, until this is cancelled. Most slots are finished by then, and cost nothing."""
        self._later = asyncio.get_running_loop().call_later(min(_SOON, self._lease / _SIGNS_PER_LEASE), self._begin)
        return self

    def _begin(self) -> None:
        self._running = asyncio.ensure_future(self.run())

    def cancel(self) -> None:
        """Give no more signs of life, and answer nobody any more."""
        for each in (self._later, self._running):
            if each is not None:
                each.cancel()

    async def run(self) -> None:
        """Give signs of life until this is cancelled or the entry is gone."""
        await self._until_next_sign()
        async with self._answering():
            watching = asyncio.ensure_future(self._watch())
            try:
                while await self._renew():
                    await self._until_next_sign()
            finally:
                watching.cancel()

    async def _until_next_sign(self) -> None:
        regular = self._lease / _SIGNS_PER_LEASE
        # The first sign, if there was none with the entry, and one that got no answer.
        soon = min(_SOON, regular)
        pause = self._slot.renewed_at + regular - self._timing.clock() if self._answered else soon
        await self._timing.sleep(max(soon, pause))

    async def _renew(self) -> bool:
        """Give a sign of life, and return whether the entry may still be there."""
        sent_at = self._timing.clock()
        self._answered = False
        try:
            await self._leases.renew(self._slot.governor, self._slot.token)
            held = await self._slot.still_held()
        except GovernorError as exc:
            self._js.logger.debug("%s", exc)
            self._why = f": {exc}"
            return True
        self._answered, self._why = True, ""
        if held:
            self._note_sign(sent_at)
        else:
            self._lose("it was evicted, it has expired, or the governor was deleted")
        return held

    def _note_sign(self, sent_at: float) -> None:
        self._slot.renewed_at = sent_at
        if self._slot.lost is not None:
            self._good_signs += 1
            if self._good_signs > 1:
                self._slot.lost = None

    async def _watch(self) -> None:
        """Notice when the last sign of life was sent longer ago than the lease."""
        while True:
            left = self._slot.lease_left
            if left >= 0 or self._slot.lost is not None:
                # At the least a moment, so that this ends when the clock stands just before the end.
                await self._timing.sleep(max(left, self._lease / 100))
                continue
            self._lose(f"no server has taken a sign of life for {format_duration(self._lease - left)}{self._why}")

    def _lose(self, reason: str) -> None:
        self._good_signs = 0
        self._slot.lost = reason
        if self._on_lost is not None:
            self._on_lost(reason)

    @contextlib.asynccontextmanager
    async def _answering(self) -> AsyncIterator[None]:
        """Answer meanwhile to those who ask whether the holder is alive, where this NATS user may listen for that."""
        from nats.errors import Error

        async def answer(message: Msg) -> None:
            with contextlib.suppress(Error):
                await message.respond(b"+")

        subscription = None
        with contextlib.suppress(Error):
            subscription = await self._js.nc.subscribe(alive_subject(self._slot.token), cb=answer)
        try:
            yield
        finally:
            if subscription is not None:
                with contextlib.suppress(Error):
                    await subscription.unsubscribe()
