# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Campaign for a slot: ``Governor.start``."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Callable

from .attempt import Attempt
from .backoff import backoff as backoff_policy
from .durations import format_duration
from .errors import GovernorError, NotSent, NoVerdict, WaitTimeout
from .jetstream import JetStream, jetstream
from .names import check_label, check_subject
from .queue import Queue
from .slot import Slot
from .stack import Stack
from .state import State
from .timing import carried_through

if TYPE_CHECKING:
    from nats.aio.client import Client

    from .waiting import Waiting

# The error of who has waited in vain names so many holders, those who hold their slots longest.
_HOLDERS_TOLD = 5


class Governor:
    """A governor to campaign in. One object may campaign many times, also at the same time.

    ``interval``: seconds, varied from 50 to 150 %, between tries, or in a queue between looks at the governor; None:
    0.25 and 5. ``backoff``: a policy of Choria's by name, or a list of milliseconds; without a queue it takes the place
    of the interval. ``subject``: where to campaign; None reads it from the stream, and gives way to those in the queue
    who have just been called to the slots that are empty. ``leave_on_completion=False``: ``finish`` leaves the entry to
    max_age, for so many holders per period. ``on_refused`` is called with the wait whenever a try finds the governor
    full, or gives way. ``nc``: a nats-py connection, or a JetStream where domain, timeouts or clock are to differ.
    """

    def __init__(
        self,
        name: str,
        nc: Client | JetStream,
        *,
        interval: float | None = None,
        backoff: str | Sequence[int] | None = None,
        subject: str | None = None,
        logger: logging.Logger | None = None,
        leave_on_completion: bool = True,
        on_refused: Callable[[Waiting], None] | None = None,
    ) -> None:
        js = jetstream(nc)
        self.js = replace(js, logger=logger) if logger else js
        self.name = name
        self.stack = Stack(name, self.js)
        self.queue = Queue(name, self.js)
        self.leave_on_completion = leave_on_completion
        self.on_refused = on_refused or (lambda _waiting: None)
        self._interval = interval
        self._backoff = backoff_policy(backoff) if backoff is not None else None
        self._subject = check_subject(subject) if subject else None

    @property
    def connection(self) -> Client:
        return self.js.nc

    async def start(
        self,
        holder: str,
        *,
        owner: str | None = None,
        timeout: float | None = None,
        admit: Callable[[State], Awaitable[None]] | None = None,
    ) -> Slot:
        """Enter, waiting for a free slot for ``timeout`` seconds (None: for ever, 0: one try).

        ``owner`` says who may release the slot by name; None: only the Slot that is returned. ``admit`` is awaited
        before the first try with the governor as just read, unless the subject is given: what it raises ends this.
        Raises WaitTimeout (with who holds the slots), UnknownGovernor, PermissionRefused and others of the tree. A try
        that has begun is carried to its verdict, if need be beyond the timeout: whatever this returns or raises, an
        entry is left behind only if it returns. NoVerdict says that even this could not be made sure: it is made sure
        as soon as a server answers, for as long as the connection is not closed.
        """
        return await _Campaign(self, check_label(holder, "A holder"), owner, timeout, admit).run(self._subject)

    def waiting(self, subject: str) -> Waiting:
        """For one waiter that campaigns there: when another try is worthwhile."""
        # Imported by those who wait alone: Ansible compiles what a module imports anew for each task.
        from .waiting import Waiting

        return Waiting(self.stack, self.queue, subject, self._interval, self._backoff)


class _Campaign:
    """One acquisition: tries until one is taken or time is up, and what is to be told when it ends."""

    def __init__(
        self,
        governor: Governor,
        holder: str,
        owner: str | None,
        timeout: float | None,
        admit: Callable[[State], Awaitable[None]] | None,
    ) -> None:
        self._governor = governor
        self._admit = admit
        self._stack = governor.stack
        self._js = governor.js
        self._holder = holder
        self._owner = owner
        self._waited_by: str | None = None
        self._timing = governor.js.timing
        self._began = self._timing.clock()
        self._deadline = math.inf if timeout is None else self._began + timeout

    async def run(self, subject: str | None) -> Slot:
        """``subject``: None reads it from the stream."""
        state = await self._admitted() if subject is None else None
        attempt = Attempt(self._stack, subject, self._holder, self._owner, state)
        try:
            seq = None if await self._gives_way(state) else await attempt.start(self._deadline)
            if seq is None:
                seq = await self._wait(attempt)
        except NotSent as exc:
            self._withdraw_later(attempt)
            raise await self._timed_out(attempt.tries, str(exc)) from exc
        except NoVerdict as exc:
            self._withdraw_later(attempt)
            raise NoVerdict(
                f"{exc} It is unknown whether '{self._holder}' has entered governor '{self._governor.name}': an entry "
                "is taken back when a server answers while this process is still there; else max_age ends it.",
                **self._facts(attempt.tries),
            ) from exc
        except GovernorError:
            raise
        except BaseException:
            # Cancelled, or ended by an exception that a signal has raised, as Ansible's task timeout does.
            await carried_through(self._withdraw(attempt, self._js.patience))
            raise
        return self._entered(attempt, seq)

    async def _admitted(self) -> State:
        """The governor as just read. That is a part of the wait already, and leaves nothing in doubt."""
        try:
            state = await self._timing.until_verdict(self._stack.state, 0.0, self._deadline)
            if self._admit is not None:
                await self._admit(state)
        except NoVerdict as exc:
            raise await self._timed_out(0, str(exc)) from exc
        return state

    async def _gives_way(self, state: State | None) -> bool:
        """To those in the queue who were called to the empty slots: it queues before its first try then."""
        if state is None or state.active >= state.config.limit:
            return False
        return await self._governor.queue.has_called(state.config.limit - state.active)

    async def _wait(self, attempt: Attempt) -> int:
        """The sequence of the entry. Raises WaitTimeout and others."""
        async with self._governor.waiting(attempt.subject) as waiting:
            while True:
                self._governor.on_refused(waiting)
                left = self._deadline - self._timing.clock()
                if left <= 0:
                    return await self._last_look(attempt)
                await waiting.worthwhile(left)
                self._waited_by = waiting.by
                seq = await attempt.start(self._deadline)
                if seq is not None:
                    return seq
                waiting.subject = attempt.subject

    async def _last_look(self, attempt: Attempt) -> int:
        """WaitTimeout, unless the last try was taken all the same."""
        error = await self._timed_out(attempt.tries)
        try:
            seq = await self._js.until_verdict(attempt.entered_after_all)
        except GovernorError as exc:
            if isinstance(exc, NoVerdict):
                self._withdraw_later(attempt)
            raise error from exc
        if seq is None:
            raise error
        return seq

    def _entered(self, attempt: Attempt, seq: int) -> Slot:
        self._js.logger.info("%s holds slot %d of governor %s", self._holder, seq, self._governor.name)
        return Slot(
            governor=self._governor.name,
            seq=seq,
            holder=self._holder,
            owner=self._owner,
            token=attempt.token,
            waited=self._waited,
            attempts=attempt.tries,
            waited_by=self._waited_by,
            stack=self._stack,
            leave=self._governor.leave_on_completion,
        )

    def _withdraw_later(self, attempt: Attempt) -> None:
        self._js.in_background(self._withdraw(attempt, math.inf))

    async def _withdraw(self, attempt: Attempt, patience: float) -> None:
        """Also where leave_on_completion is off: nobody has been told of this entry."""
        try:
            await attempt.withdraw(patience)
        except NoVerdict as exc:
            self._js.logger.warning("%s", exc)
            self._withdraw_later(attempt)
        except GovernorError as exc:
            self._js.logger.warning("%s", exc)

    @property
    def _waited(self) -> float:
        return self._timing.clock() - self._began

    def _facts(self, tries: int) -> dict[str, Any]:
        return {"attempts": tries, "waited": round(self._waited, 3), "waited_by": self._waited_by}

    async def _timed_out(self, tries: int, reason: str = "") -> WaitTimeout:
        """The error, with who holds the slots as far as that can still be learned."""
        waited, facts, detail = self._waited, self._facts(tries), reason
        if not reason:
            facts_now, detail = await self._situation(tries)
            facts.update(facts_now)
        return WaitTimeout(
            f"Timed out after {waited:.1f} s waiting for a slot in governor '{self._governor.name}' "
            f"({tries} attempt{'' if tries == 1 else 's'}, {detail.rstrip('.')}).",
            **facts,
        )

    async def _situation(self, tries: int) -> tuple[dict[str, Any], str]:
        try:
            state, oldest = await self._stack.state(), await self._stack.entries(_HOLDERS_TOLD)
        except GovernorError as exc:
            return {}, f"and who holds the slots could not be read: {exc}"
        facts = {
            "active": state.active,
            "limit": state.config.limit,
            "holders": [{"holder": e.holder, "seq": e.seq, "age": round(e.age(state.now), 3)} for e in oldest],
        }
        detail = f"{state.active} of {state.config.limit} slots held"
        if not tries:
            detail += ", and others in the queue called to the rest"
        if oldest:
            detail += f", oldest by {oldest[0].shown} for {format_duration(oldest[0].age(state.now))}"
        return facts, detail
