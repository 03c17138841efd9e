# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Campaign for a slot: ``Governor.start``."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Callable

from .absences import required
from .backoff import backoff as backoff_policy
from .durations import format_duration
from .errors import GovernorError, InvalidValue, NotSent, NoVerdict, WaitTimeout
from .jetstream import JetStream, jetstream
from .leases import Leases
from .names import Owner, check_label, check_subject
from .pause import WHAT_TO_DO
from .renewal import OnLost, Renewal
from .report import OnWait, report
from .situation import read_situation
from .slot import Slot
from .stack import Found, Stack
from .state import State
from .timing import Answer, run_to_completion
from .tries import Tries
from .urgency import AGEING, NORMAL, Urgency, check_ageing, check_priority

if TYPE_CHECKING:
    from nats.aio.client import Client

    from .waiter import Waiter

# The error of who has waited in vain names so many holders, those who hold their slots longest.
_HOLDERS_TOLD = 5

Facts = dict[str, Any]

# Awaited with the governor's entries and its state as just read, before the first try: what it raises ends that.
Admit = Callable[[Stack, State], Awaitable[None]]


class Governor:
    """A governor to campaign in. One object may campaign many times, also at the same time.

    ``nc``: a nats-py connection, or a JetStream where domain, timeouts or clock are to differ.
    ``interval``: seconds, varied from 50 to 150 %, between two tries, or for a waiter in the queue between two looks at
    the governor; None: 0.25 and 5.
    ``backoff``: a policy of Choria's by name, or a list of milliseconds; takes the place of the interval for a waiter
    that is not in a queue.
    ``subject``: where to campaign. None reads it from the stream, and gives way to waiters that have just been called
    to the slots that are free.
    ``leave_on_completion``: False means that finishing frees no slot: max_age does, for so many holders per period.
    ``on_wait``: called now and then with how it stands, from 10 s after the first refusal on.
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
        on_wait: OnWait | None = None,
    ) -> None:
        js = jetstream(nc)
        self.js = replace(js, logger=logger) if logger else js
        self.name = name
        self.stack = Stack(name, self.js)
        self.leave_on_completion = leave_on_completion
        self.on_wait = on_wait
        if interval is not None and interval <= 0:
            raise InvalidValue(f"interval must be more than 0 s, not {interval:g}.")
        self._interval = interval
        self._backoff = backoff_policy(backoff) if backoff is not None else None
        self._subject = check_subject(subject) if subject else None

    @property
    def connection(self) -> Client:
        """The nats-py connection."""
        return self.js.nc

    async def start(
        self,
        holder: str,
        *,
        owner: Owner | None = None,
        timeout: float | None = None,
        admit: Admit | None = None,
        lease: bool | None = None,
        on_lost: OnLost | None = None,
        priority: str = NORMAL,
        ageing: float = AGEING,
    ) -> Slot:
        """Start to work: wait for a free slot for ``timeout`` seconds (None: for ever, 0: one try) and return it.

        ``owner`` says who may release the slot by name; None: the returned Slot alone. ``admit`` is awaited before the
        first try with the governor as just read, which needs a governor without a given subject: what it raises ends
        this.

        Where the governor has leases, a task on this loop gives signs of life until the slot is finished, and calls
        ``on_lost`` with the reason whenever the slot comes to count as lost. ``lease``: False acquires a slot without a
        lease, which is to outlive this process. None does as the stream says, and without a lease where the subject is
        given, so that the stream is not read; True has one there too.

        ``priority``: "urgent", "high", "normal" or "low". In the queue the more urgent are called first, and each rises
        one step after every ``ageing`` seconds. Without a queue, and before nats-server 2.12, it has no effect;
        ``Queue.why_unordered`` says so.

        Raises WaitTimeout (with who holds the slots), UnknownGovernor, PermissionRefused, InvalidValue and others of
        the tree. A try that has begun is carried to its verdict, if need be beyond the timeout: whatever this returns
        or raises, an entry is left behind only if it returns. NoVerdict says that it is unknown whether there is an
        entry: it is withdrawn as soon as a server answers, while the connection is open.
        """
        if admit is not None and self._subject is not None:
            raise InvalidValue("admit needs a governor whose subject is read from its stream, not one that is given.")
        if owner is not None:
            owner = Owner.of(owner.run_id, owner.holder, owner.host)
        urgency = check_priority(priority), check_ageing(ageing)
        campaign = _Campaign(self, check_label(holder, "A holder"), owner, timeout, admit, lease, urgency)
        slot = await campaign.run(self._subject)
        if slot.lease is not None:
            slot.renewal = Renewal(slot, on_lost).start()
        return slot

    def new_waiter(self, subject: str, priority: str, ageing: float) -> Waiter:
        """Return the waiter that says when another try on that subject is worthwhile. Its wait begins now."""
        # Imported by those who wait alone: Ansible compiles what a module imports anew for each task.
        from .waiter import Waiter

        urgency = Urgency(priority, ageing, self.js.timing.clock())
        return Waiter(self.stack, subject, self._interval, self._backoff, urgency)


class _Campaign:
    """One acquisition: a loop of tries, and the words for the ways in which it ends."""

    def __init__(
        self,
        governor: Governor,
        holder: str,
        owner: Owner | None,
        timeout: float | None,
        admit: Admit | None,
        lease: bool | None,
        urgency: tuple[str, float],
    ) -> None:
        self._governor = governor
        self._urgency = urgency
        self._admit = admit
        self._wants_lease = lease
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
        tries = Tries(self._stack, subject, self._holder, self._owner, state, await self._lease(state))
        try:
            seq = None if await self._gives_way(state) else await tries.start(self._deadline)
            if seq is None:
                seq = await self._wait(tries)
            facts = self._facts(tries.tries)
            if seq is None:
                seq = await self._last_look(tries)
            renewed_at = await self._renewed_at(tries, seq)
        except NotSent as exc:
            self._withdraw_later(tries)
            raise self._timed_out(self._facts(tries.tries), str(exc)) from exc
        except NoVerdict as exc:
            self._withdraw_later(tries)
            raise NoVerdict(
                f"{exc} It is unknown whether '{self._holder}' has entered governor '{self._governor.name}': an entry "
                "is withdrawn when a server answers while this process is still there; else it ends by itself.",
                **self._facts(tries.tries),
            ) from exc
        except GovernorError:
            raise
        except BaseException:
            # Cancelled, or ended by an exception that a signal has raised, as Ansible's task timeout does.
            await run_to_completion(self._withdraw(tries, self._js.patience))
            raise
        if seq is None:
            raise await self._in_vain(facts)
        return self._slot(tries, seq, renewed_at, facts)

    async def _lease(self, state: State | None) -> float | None:
        """Return for how many seconds a sign of life is to last; None for a slot without a lease."""
        as_it_is = state is not None and state.config.lease != "absent"
        if not (as_it_is if self._wants_lease is None else self._wants_lease):
            return None
        return await self._before_the_wait(Leases(self._js).length)

    async def _renewed_at(self, tries: Tries, seq: int | None) -> float:
        """Return when the slot was renewed, by the clock: when it gave its first sign of life; 0 without a lease.

        That sign follows within seconds, and most slots are finished by then. Until it does, the slot counts as renewed
        in such a way that it counts as lost before anybody may reap it. But the first one over each connection gives
        its sign here, to learn whether this NATS user may; and so does one that was stored nobody knows when. Where a
        verdict speaks against it, the entry is withdrawn.
        """
        lease = tries.lease
        if seq is None or lease is None:
            return 0.0
        leases = Leases(self._js)
        if leases.were_renewed and not isinstance(seq, Found):
            return tries.sent_at + min(lease, required(lease, lease)) - lease

        async def once() -> float:
            sent_at = self._timing.clock()
            await leases.renew(self._governor.name, tries.token)
            # Each later sign reads the entry too.
            await self._stack.entry_of(seq, tries.token)
            return sent_at

        try:
            return await self._js.until_verdict(once)
        except NoVerdict:
            raise
        except GovernorError:
            await self._stack.delete_own(seq, tries.token)
            raise

    async def _admitted(self) -> State:
        """The governor as just read. That is a part of the wait already, and leaves nothing in doubt."""
        state = await self._before_the_wait(self._stack.state)
        if self._admit is not None:
            try:
                await self._admit(self._stack, state)
            except NoVerdict as exc:
                raise self._timed_out(self._facts(0), str(exc)) from exc
        return state

    async def _before_the_wait(self, reading: Callable[[], Awaitable[Answer]]) -> Answer:
        """Read something before the first try."""
        try:
            return await self._timing.until_verdict(reading, 0.0, self._deadline)
        except NoVerdict as exc:
            raise self._timed_out(self._facts(0), str(exc)) from exc

    async def _gives_way(self, state: State | None) -> bool:
        """To those in the queue who were called to the empty slots: it queues before its first try then."""
        if state is None or not state.room:
            return False
        return await self._stack.queue.has_woken(state.room)

    async def _wait(self, tries: Tries) -> int | None:
        """Return the sequence of the entry; None when time is up."""
        async with self._governor.new_waiter(tries.subject, *self._urgency) as waiter, self._reported(waiter):
            while True:
                left = self._deadline - self._timing.clock()
                if left <= 0:
                    return None
                await waiter.worthwhile(left)
                self._waited_by = waiter.waited_by
                seq = await tries.start(self._deadline)
                if seq is not None:
                    waiter.started = True
                    return seq
                waiter.subject = tries.subject

    @contextlib.asynccontextmanager
    async def _reported(self, waiter: Waiter) -> AsyncIterator[None]:
        """Tell of the wait meanwhile, if anybody wants to know."""
        on_wait = self._governor.on_wait
        if on_wait is None:
            yield
            return
        waiter.counts = True
        telling = asyncio.ensure_future(report(self._stack, waiter, self._timing, self._began, on_wait))
        try:
            yield
        finally:
            telling.cancel()

    async def _last_look(self, tries: Tries) -> int | None:
        """Return the sequence of an entry that was stored though it was refused; None where there is none."""
        try:
            return await self._js.until_verdict(tries.started_after_all)
        except NoVerdict as exc:
            self._js.logger.debug("%s", exc)
            self._withdraw_later(tries)
        except GovernorError as exc:
            self._js.logger.debug("%s", exc)
        return None

    def _slot(self, tries: Tries, seq: int, renewed_at: float, facts: Facts) -> Slot:
        self._js.logger.info("%s holds slot %d of governor %s", self._holder, seq, self._governor.name)
        return Slot(
            governor=self._governor.name,
            seq=seq,
            holder=self._holder,
            owner=self._owner,
            token=tries.token,
            waited=facts["waited"],
            attempts=facts["attempts"],
            waited_by=self._waited_by,
            stack=self._stack,
            frees_on_finish=self._governor.leave_on_completion,
            lease=tries.lease,
            renewed_at=renewed_at,
        )

    def _withdraw_later(self, tries: Tries) -> None:
        self._js.in_background(self._withdraw(tries, math.inf))

    async def _withdraw(self, tries: Tries, patience: float) -> None:
        """Also where leave_on_completion is off: nobody has been told of this entry."""
        try:
            await tries.withdraw(patience)
        except NoVerdict as exc:
            self._js.logger.warning("%s", exc)
            self._withdraw_later(tries)
        except GovernorError as exc:
            self._js.logger.warning("%s", exc)

    def _facts(self, tries: int) -> Facts:
        waited = self._timing.clock() - self._began
        return {"attempts": tries, "waited": round(waited, 3), "waited_by": self._waited_by}

    async def _in_vain(self, facts: Facts) -> WaitTimeout:
        """The error when time is up, with who holds the slots or has paused the governor, as far as that is known."""
        try:
            seen = await read_situation(self._stack, _HOLDERS_TOLD)
        except GovernorError as exc:
            return self._timed_out(facts, f"and who holds the slots could not be read: {exc}")
        state = seen.state
        self._js.in_background(self._look_for_dead(state))
        holders = [{"holder": e.holder, "seq": e.seq, "age": round(e.age(state.now), 3)} for e in seen.oldest]
        paused = bool(state.config.paused)
        facts = {**facts, "active": state.active, "limit": state.config.limit, "paused": paused, "holders": holders}
        if paused:
            return self._paused(facts, state.pause_words)
        detail = f"{state.active} of {state.config.limit} slots held"
        if not facts["attempts"]:
            detail += ", and others in the queue called to the rest"
        if seen.oldest:
            detail += f", oldest by {seen.oldest[0].shown} for {format_duration(seen.oldest[0].age(state.now))}"
        return self._timed_out(facts, detail)

    def _paused(self, facts: Facts, words: str) -> WaitTimeout:
        """The error when time is up and the governor is paused."""
        if self._deadline <= self._began:
            return WaitTimeout(f"{words}. {WHAT_TO_DO}", **facts)
        return WaitTimeout(f"{self._timed_out(facts, words)} {WHAT_TO_DO}", **facts)

    async def _look_for_dead(self, state: State) -> None:
        """Have looked for dead holders, as those do who wait: the next try may find that they were absent before."""
        from .reaper import Reaper

        await Reaper(self._stack).look(state)

    def _timed_out(self, facts: Facts, detail: str) -> WaitTimeout:
        tries = facts["attempts"]
        return WaitTimeout(
            f"Timed out after {facts['waited']:.1f} s waiting for a slot in governor '{self._governor.name}' "
            f"({tries} attempt{'' if tries == 1 else 's'}, {detail.rstrip('.')}).",
            **facts,
        )
