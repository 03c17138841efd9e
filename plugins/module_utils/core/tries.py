# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""One attempt to start: its tries, each carried to the server's verdict, and how they are withdrawn.

A try carries a token, by which the server recognises it when it is repeated. A refused one keeps its token: in a
cluster, a leader that was deposed and does not know it may refuse what its successor stores, and then the next try is
answered with that entry.
"""

from __future__ import annotations

import math
import uuid

from .errors import NotSent, NoVerdict
from .names import Owner
from .stack import Found, Refusal, Stack
from .state import State

# What servers choose, in seconds, where nothing shortens it.
_USUAL_WINDOW = 120.0


class Tries:
    """An attempt of one holder to get an entry into a governor.

    ``tries`` counts the tries so far; ``token`` is that of the last one; ``subject`` is where it goes. ``state`` is the
    governor as just read; None where ``subject`` says where to go. ``lease`` is for how many seconds a sign of life
    lasts, None for an entry without. ``sent_at`` is when the last try was sent, by the clock.
    """

    def __init__(
        self,
        stack: Stack,
        subject: str | None,
        holder: str,
        owner: Owner | None,
        state: State | None,
        lease: float | None = None,
    ) -> None:
        self.subject = subject or (state.config.subject if state else "")
        self.tries = 0
        self.token = _new_token()
        self.lease = lease
        self.sent_at = 0.0
        self._stack = stack
        self._js = stack.js
        self._holder = holder
        self._owner = owner
        self._state = state
        self._leader = state.leader if state else None
        self._refused = False
        self._unanswered = False
        self._first_sent_at: float | None = None

    async def start(self, deadline: float) -> int | None:
        """Try until the verdict is known, at least until the deadline. Return the entry's sequence, None when refused.

        The sequence is Found where an earlier try may have stored the entry. Raises NotSent where nothing was sent, and
        NoVerdict where it is not known what was done.
        """
        clock = self._js.timing.clock
        undecided_since = math.inf

        async def once() -> int | None:
            nonlocal undecided_since
            self.tries += 1
            outcome = await self._try()
            if isinstance(outcome, int):
                return outcome
            if outcome not in (Refusal.FULL, Refusal.PAUSED):
                undecided_since = min(undecided_since, clock())
                if clock() - undecided_since < self._js.patience:
                    raise NoVerdict(f"The try for governor '{self._stack.name}' is undecided: {outcome.value}.")
            # Undecided for longer than an election takes: this is a refusal whose answer was lost.
            return None

        seq = await self._js.timing.until_verdict(once, self._js.patience, deadline)
        self._refused = seq is None
        return seq

    async def started_after_all(self) -> int | None:
        """Return the sequence of the entry of a token that was refused; None when the refusal was right."""
        if await self._one_leader():
            return None
        return await self._find()

    async def withdraw(self, patience: float) -> None:
        """Leave no entry behind, of no try. Raises NoVerdict after so many seconds without an answer."""
        if self._first_sent_at is None:
            return
        timing = self._js.timing
        seq = await timing.until_verdict(self._what_became, patience, timing.clock() + patience)
        if seq is not None:
            await self._stack.delete(seq, self._stack.with_token(self.token))

    async def _try(self) -> int | Refusal:
        if not self._recognised:
            # A user that may only start and finish does without looking.
            seq = await self._js.if_permitted(self._started_before())
            if seq is not None:
                return seq
            self._renew_token()
        outcome = await self._publish()
        if outcome is Refusal.PAUSED and self._unanswered:
            seq = await self._find_at_last()
            self._unanswered = False
            return seq or outcome
        if outcome is Refusal.UNDECIDED:
            if not self._refused or not await self._one_leader():
                seq = await self._find()
                if seq is not None:
                    return seq
            if not self._refused:
                return outcome
        if isinstance(outcome, int) or outcome in (Refusal.FULL, Refusal.PAUSED):
            return outcome
        # Its entry is gone; or it was refused, and some servers never take such a token again.
        self._renew_token()
        return await self._publish()

    async def _what_became(self) -> int | None:
        """Return the sequence of the last token's entry, or None."""
        if self._refused and not self._unanswered:
            return await self.started_after_all()
        if self._recognised:
            # As this takes the way of the try before it, that one has been dealt with when it is answered.
            outcome = await self._publish()
            if isinstance(outcome, int):
                return outcome
            if outcome is Refusal.STALE or (self._one_replica and outcome is not Refusal.PAUSED):
                return None
        return await self._find_at_last()

    async def _publish(self) -> int | Refusal:
        """Publish the entry where the governor listens, also where it has moved meanwhile."""
        outcome = await self._send()
        if outcome is Refusal.UNHEARD:
            self._state = await self._stack.moved(self.subject, was_there=self._refused or self._state is not None)
            self.subject = self._state.config.subject
            outcome = await self._send()
            if outcome is Refusal.UNHEARD:
                raise NotSent(f"Governor '{self._stack.name}' moves: no stream listens on '{self.subject}' now.")
        return outcome

    async def _send(self) -> int | Refusal:
        self.sent_at = self._js.timing.clock()
        if self._first_sent_at is None:
            self._first_sent_at = self.sent_at
        before, self._unanswered = self._unanswered, True
        domain = self._state.domain if self._state else None
        try:
            outcome = await self._stack.publish(
                self.subject, self._holder, self._owner, self.token, lease=self.lease, domain=domain
            )
        except NotSent:
            self._unanswered = before
            raise
        except NoVerdict:
            # Whatever was refused before, this may have been stored.
            self._refused = False
            raise
        # A paused governor refuses a token before it looks whether it has that: this says nothing of earlier tries.
        self._unanswered = before if outcome is Refusal.PAUSED else outcome in (Refusal.UNDECIDED, Refusal.UNHEARD)
        return outcome

    @property
    def _recognised(self) -> bool:
        """Whether the server knows the token for certain, if it has seen it: half its window is left."""
        if self._first_sent_at is None:
            return True
        window = self._state.duplicate_window if self._state else _USUAL_WINDOW
        return self._js.timing.clock() - self._first_sent_at < window / 2

    async def _one_leader(self) -> bool:
        """Whether nobody but the server that refused the token can have taken it."""
        if self._one_replica:
            return True
        before, now = self._leader, await self._stack.trusted_state()
        self._state, self._leader = now, now.leader
        return now.config.replicas == 1 or before == now.leader

    @property
    def _one_replica(self) -> bool:
        return self._state is not None and self._state.config.replicas == 1

    async def _find(self) -> int | None:
        """Return the sequence of the entry that has the token; None when there is none."""
        entry = await self._stack.find(lambda each: each.token == self.token)
        return Found(entry.seq) if entry is not None else None

    async def _find_at_last(self) -> int | None:
        """Find the entry of the last token, also where it is still under way; None when there is none."""
        # What a leader has accepted waits in its log for the other replicas, and is refused and not found meanwhile.
        await self._stack.wait_for_pending()
        return await self._find()

    async def _started_before(self) -> int | None:
        """Return the sequence of the entry of a token that the server may have forgotten; None when there is none."""
        if self._refused and not self._unanswered:
            return await self.started_after_all()
        return await self._find()

    def _renew_token(self) -> None:
        self.token = _new_token()
        self._refused = False
        self._unanswered = False
        self._first_sent_at = None


def _new_token() -> str:
    return str(uuid.uuid4())
