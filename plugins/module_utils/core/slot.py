# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A slot that is held, and how its holder finishes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from .entry import Entry
from .errors import NotOwner, NotSent, NoVerdict, UnknownGovernor
from .jetstream import JetStream, jetstream
from .names import Owner
from .stack import Stack

if TYPE_CHECKING:
    from nats.aio.client import Client


class Cancellable(Protocol):
    """What goes on until it is cancelled."""

    def cancel(self) -> object:
        """End it."""


@dataclass(eq=False)
class Slot:
    """A slot that is held.

    ``seq`` is its sequence in the governor: in governors that are made here on nats-server 2.11.2 or newer one that is
    never used twice, and grows for ever, so that it serves as a fencing token. ``waited`` seconds and ``attempts`` it
    took; ``waited_by`` is "queue" or "polling", None when a slot was free at once. ``frees_on_finish``: False leaves it
    to max_age; ``in_doubt``: it was tried, and there was no answer.

    ``lease`` is for how many seconds a sign of life lasts, None for a slot that is held without any: until it is
    finished, evicted or expires. ``renewed_at`` is when the last sign of life was sent that a server has acknowledged,
    by the clock. ``lost`` tells why the slot counts as lost, None while it does not. ``renewal`` gives
    the signs of life until the slot is finished, None where somebody else does.

    Also an asynchronous context manager, which finishes on the way out.
    """

    governor: str
    seq: int
    holder: str
    owner: Owner | None
    token: str
    waited: float
    attempts: int
    waited_by: str | None
    stack: Stack
    frees_on_finish: bool = True
    finished: bool = False
    in_doubt: bool = False
    lease: float | None = None
    renewed_at: float = 0.0
    lost: str | None = None
    renewal: Cancellable | None = None

    @property
    def is_lost(self) -> bool:
        """Whether the slot counts as lost at this moment: known to be gone, or without a sign of life for too long."""
        return self.lost is not None or self.lease_left < 0

    @property
    def lease_left(self) -> float:
        """The seconds for which the last sign of life lasts, infinite without a lease; negative when it is over."""
        return math.inf if self.lease is None else self.renewed_at + self.lease - self.stack.js.timing.clock()

    async def finish(self) -> bool:
        """Finish work, and free the slot for the next holder.

        Return False when there was nothing to free any more: finished before, evicted, expired, or gone with its
        governor; and where the slot is to be left to max_age. Raises NoVerdict when no server answered for as long as
        the connection has patience: call it again then.
        """
        if self.renewal is not None:
            self.renewal.cancel()
        if self.finished or not self.frees_on_finish:
            self.finished = True
            return False
        try:
            freed = await self.stack.delete_own(self.seq, self.token, self.in_doubt)
        except NoVerdict as exc:
            self.in_doubt = self.in_doubt or not isinstance(exc, NotSent)
            raise
        except (NotOwner, UnknownGovernor) as exc:
            # The stream was deleted, and perhaps made anew to count from 1 again: this slot went with the old one.
            self.stack.js.logger.warning("%s", exc)
            freed = False
        self.finished = True
        return freed

    def over(self, nc: Client | JetStream) -> Slot:
        """Return the same slot over another connection. There, nobody gives signs of life for it so far."""
        return replace(self, stack=Stack(self.governor, jetstream(nc)), renewal=None)

    async def entry(self) -> Entry | None:
        """Read the slot's entry; None when the slot is lost: evicted, expired, or gone with its governor."""
        try:
            return await self.stack.entry_of(self.seq, self.token)
        except UnknownGovernor:
            return None

    async def still_held(self) -> bool:
        """Tell whether the server still has the slot's entry."""
        return await self.entry() is not None

    async def __aenter__(self) -> Slot:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.finish()
