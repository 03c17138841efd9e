# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tries of one acquisition: each is carried to the server's verdict, and what is given up is taken back.

A try carries a token, by which the server recognises it when it is repeated. A refused one keeps its token: in a
cluster, a leader that was deposed and does not know it may refuse what its successor takes, and then the next try is
answered with that entry.
"""

from __future__ import annotations

import math
import uuid

from .errors import JetStreamUnavailable, NotSent, NoVerdict, PermissionRefused, Undecided, UnknownGovernor
from .stack import Stack, StaleToken, must_have
from .state import State

# What servers choose, in seconds, where nothing shortens it.
_USUAL_WINDOW = 120.0


class Attempt:
    """``tries``: how many there were; ``token``: that of the last one; ``subject``: where it goes.

    ``state`` is the governor's as just read; without it ``subject`` says where to go.
    """

    def __init__(self, stack: Stack, subject: str | None, holder: str, owner: str | None, state: State | None) -> None:
        self.subject = subject or (state.config.subject if state else "")
        self.tries = 0
        self.token = _new_token()
        self._stack = stack
        self._holder = holder
        self._owner = owner
        self._state = state
        self._leader = state.leader if state else None
        self._refused = False
        self._unanswered = False
        self._sent_at: float | None = None

    async def start(self, deadline: float) -> int | None:
        """The sequence of the entry; None when the governor is full. Goes on until the verdict is known, at least until
        the deadline. Raises NotSent where nothing was sent, and NoVerdict where it is not known what was done.
        """
        js, clock = self._stack.js, self._stack.js.timing.clock
        undecided_since = math.inf

        async def once() -> int | None:
            nonlocal undecided_since
            self.tries += 1
            try:
                return await self._try()
            except Undecided:
                undecided_since = min(undecided_since, clock())
                if clock() - undecided_since < js.patience:
                    raise
                # No election takes so long: this is a refusal whose answer was lost.
                return None
            except NotSent:
                raise
            except NoVerdict:
                # Whatever was refused before, this may have been stored.
                self._refused = False
                raise

        seq = await js.timing.until_verdict(once, js.patience, deadline)
        self._refused = seq is None
        return seq

    async def entered_after_all(self) -> int | None:
        """The sequence of the entry of a token that was refused; None when the refusal was right."""
        if await self._one_leader():
            return None
        return await self._find()

    async def withdraw(self, patience: float) -> None:
        """Leave no entry behind, of no try. Raises NoVerdict after so many seconds without an answer."""
        if self._sent_at is None:
            return
        timing = self._stack.js.timing
        seq = await timing.until_verdict(self._what_became, patience, timing.clock() + patience)
        if seq is not None:
            await self._stack.delete(seq, must_have(self._stack.name, self.token))

    async def _try(self) -> int | None:
        if not self._recognised:
            seq = await self._entered_before()
            if seq is not None:
                return seq
            self._renew()
        try:
            return await self._publish()
        except StaleToken:
            pass
        except Undecided:
            if not self._refused or not await self._one_leader():
                seq = await self._find()
                if seq is not None:
                    return seq
            if not self._refused:
                raise
        # Its entry is gone; or it was refused, and some servers never take such a token again.
        self._renew()
        return await self._publish()

    async def _what_became(self) -> int | None:
        """Of the last token: the sequence of its entry, or None."""
        if self._refused and not self._unanswered:
            return await self.entered_after_all()
        if self._recognised:
            try:
                # As this takes the way of the try before it, that one has been dealt with when it is answered.
                seq = await self._publish()
            except StaleToken:
                return None
            except Undecided:
                seq = None
            if seq is not None or self._one_replica:
                return seq
        # What a leader has accepted waits in its log for the other replicas, and is refused and not found meanwhile.
        await self._stack.settle()
        return await self._find()

    async def _publish(self) -> int | None:
        try:
            return await self._send()
        except UnknownGovernor as exc:
            # Nobody listens: the governor is gone (which this tells), has moved, or its server is away.
            try:
                self._state = await self._stack.state()
            except JetStreamUnavailable as away:
                if self._state is None and not self._refused:
                    raise
                # It has answered before, and will again.
                raise NotSent(str(away)) from away
            if self._state.config.subject == self.subject:
                raise NotSent(str(exc)) from exc
            self.subject = self._state.config.subject
            return await self._send()

    async def _send(self) -> int | None:
        if self._sent_at is None:
            self._sent_at = self._stack.js.timing.clock()
        before, self._unanswered = self._unanswered, True
        domain = self._state.domain if self._state else None
        try:
            seq = await self._stack.publish(self.subject, self._holder, self._owner, self.token, domain)
        except NotSent:
            self._unanswered = before
            raise
        self._unanswered = False
        return seq

    @property
    def _recognised(self) -> bool:
        """Whether the server knows the token for certain, if it has seen it: half its window is left."""
        if self._sent_at is None:
            return True
        window = self._state.duplicate_window if self._state else _USUAL_WINDOW
        return self._stack.js.timing.clock() - self._sent_at < window / 2

    async def _one_leader(self) -> bool:
        """Whether nobody but the server that refused the token can have taken it."""
        if self._one_replica:
            return True
        before, now = self._leader, await self._stack.in_touch()
        self._state, self._leader = now, now.leader
        return now.config.replicas == 1 or before == now.leader

    @property
    def _one_replica(self) -> bool:
        return self._state is not None and self._state.config.replicas == 1

    async def _find(self) -> int | None:
        """The sequence of the entry that has the token; None when there is none."""
        entry = await self._stack.find(lambda each: each.token == self.token)
        return entry.seq if entry is not None else None

    async def _entered_before(self) -> int | None:
        """The sequence of the entry of a token that the server may have forgotten; None when there is none.

        Who may only enter and leave is none the worse off without.
        """
        try:
            if self._refused and not self._unanswered:
                return await self.entered_after_all()
            return await self._find()
        except PermissionRefused as exc:
            self._stack.js.logger.debug("%s", exc)
            return None

    def _renew(self) -> None:
        self.token = _new_token()
        self._refused = False
        self._unanswered = False
        self._sent_at = None


def _new_token() -> str:
    return str(uuid.uuid4())
