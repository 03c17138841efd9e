# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Campaign for a slot, and hold it: ``Governor.start`` and the ``Slot`` that it returns."""

from __future__ import annotations

import asyncio
import logging
import math
import uuid
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable

from .backoff import backoff as backoff_policy
from .durations import format_duration
from .entry import Entry
from .errors import GovernorError, NotOwner, NotSent, NoVerdict, Undecided, UnknownGovernor, WaitTimeout
from .jetstream import JetStream, jetstream
from .line import Line
from .names import check_label, check_subject
from .stack import Stack, StaleToken, State

if TYPE_CHECKING:
    from nats.aio.client import Client

    from .waiting import Waiting


class Governor:
    """A governor to campaign in. One object may campaign many times, also at the same time.

    ``interval``: seconds, varied from 50 to 150 %, between tries, or in a line between looks at the governor; None:
    0.25 and 5. ``backoff``: a policy of Choria's by name, or a list of milliseconds; without a line it takes the place
    of the interval. ``subject``: where to campaign; None reads it from the stream, and gives way to those in the line
    who have just been called to the slots that are empty. ``leave_on_completion=False``: ``finish`` leaves the entry to
    max_age, for so many holders per period. ``on_refused`` is called with the wait whenever a try finds the governor
    full, or gives way. ``nc``: a nats-py connection, or a JetStream where domain, timeouts or clock
    are to differ.
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
        self.line = Line(name, self.js)
        self.leave_on_completion = leave_on_completion
        self.on_refused = on_refused or (lambda _waiting: None)
        self._interval = interval
        self._backoff = backoff_policy(backoff) if backoff is not None else None
        self._subject = check_subject(subject) if subject else None

    @property
    def connection(self) -> Client:
        return self.js.nc

    async def start(self, holder: str, *, owner: str | None = None, timeout: float | None = None) -> Slot:
        """Enter, waiting for a free slot for ``timeout`` seconds (None: for ever, 0: one try).

        ``owner`` says who may release the slot by name; None: only the Slot that is returned. Raises WaitTimeout
        (with who holds the slots), UnknownGovernor, PermissionRefused and others of the tree. A try that has begun is
        carried to its verdict, if need be beyond the timeout: whatever this returns or raises, an entry is left behind
        only if it returns; NoVerdict says that even this could not be made sure.
        """
        wait = _Campaign(self, check_label(holder, "A holder"), owner, timeout)
        if self._subject:
            return await wait.run(self._subject)
        state = await wait.state()
        empty = state.config.limit - state.active
        return await wait.run(state.config.subject, gives_way=empty > 0 and await self.line.has_called(empty))

    def waiting(self, subject: str) -> Waiting:
        """For one waiter that campaigns there: when another try is worthwhile."""
        # Imported by those who wait alone: Ansible compiles what a module imports anew for each task.
        from .waiting import Waiting

        return Waiting(self.stack, self.line, subject, self._interval, self._backoff)


class Slot:
    """A slot that is held: ``seq`` is its sequence in the governor, ``waited`` seconds and ``attempts`` it took.

    ``waited_by`` is "line" or "polling", None when a slot was free at once.
    Also an asynchronous context manager, which finishes on the way out.
    """

    def __init__(self, campaign: _Campaign, seq: int) -> None:
        self.governor = campaign.governor.name
        self.seq = seq
        self.holder = campaign.holder
        self.owner = campaign.owner
        self.token = campaign.token
        self.waited = campaign.waited
        self.attempts = campaign.attempts
        self.waited_by = campaign.waited_by
        self._stack = campaign.governor.stack
        self._leave = campaign.governor.leave_on_completion
        self._finished = False

    async def finish(self) -> bool:
        """Give the slot back; False when there was nothing to give back any more (finished, evicted, expired or gone
        with its governor).

        Raises NoVerdict when no server answered for the connection's patience: call it again then.
        """
        if self._finished or not self._leave:
            self._finished = True
            return False
        try:
            removed = await self._stack.remove(self.seq, self.check_mine)
        except (NotOwner, UnknownGovernor) as exc:
            # The stream was deleted, and perhaps made anew to count from 1 again: this slot went with the old one.
            self._stack.js.logger.warning("%s", exc)
            removed = None
        self._finished = True
        return removed is not None

    def over(self, nc: Client | JetStream) -> Slot:
        """The same slot over another connection."""
        moved = copy(self)
        moved._stack = Stack(self.governor, jetstream(nc))
        return moved

    async def entry(self) -> Entry | None:
        """The entry as the server has it; None when the slot is lost (evicted, expired, gone with its governor)."""
        try:
            found = await self._stack.entry(self.seq)
        except UnknownGovernor:
            return None
        return found if found is not None and found.token == self.token else None

    async def still_held(self) -> bool:
        return await self.entry() is not None

    async def __aenter__(self) -> Slot:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.finish()

    def check_mine(self, entry: Entry) -> None:
        """A check for ``Stack.remove``: raises NotOwner for any entry but this slot's."""
        if entry.token != self.token:
            raise NotOwner(_not_yours(self.governor, entry, f"'{self.holder}' who held it before"))


def must_be_owned_by(governor: str, owner: str) -> Callable[[Entry], None]:
    """A check for ``Stack.remove``: raises NotOwner for what another owner holds."""

    def check(entry: Entry) -> None:
        if entry.owner != owner:
            raise NotOwner(_not_yours(governor, entry, f"'{owner}'"))

    return check


def _not_yours(governor: str, entry: Entry, asker: str) -> str:
    owner = f"its owner is '{entry.owner}'" if entry.owner else "it carries no owner, as entries of Go clients"
    return (
        f"Slot {entry.seq} of governor '{governor}' is held by '{entry.shown}' ({owner}), not by {asker}: it was not "
        "released. Sequences count from 1 again when a governor is deleted and made anew. To remove it whoever "
        "owns it, evict it."
    )


class _Campaign:
    """One acquisition: tries, each with a token, and what is to be told when it ends."""

    def __init__(self, governor: Governor, holder: str, owner: str | None, timeout: float | None) -> None:
        self.governor = governor
        self.holder = holder
        self.owner = owner
        self.timeout = timeout
        self._renew()
        self.attempts = 0
        self.waited_by: str | None = None
        self._taken: int | None = None
        self._timing = governor.js.timing
        self._began = self._timing.clock()
        self._deadline = math.inf if timeout is None else self._began + timeout

    @property
    def waited(self) -> float:
        return self._timing.clock() - self._began

    async def state(self) -> State:
        """The governor's. Reading it is a part of the wait already, and leaves nothing in doubt."""
        try:
            return await self._timing.until_verdict(self.governor.stack.state, 0.0, self._deadline)
        except NoVerdict as exc:
            raise await self._timed_out(str(exc)) from exc

    async def run(self, subject: str, gives_way: bool = False) -> Slot:
        """``gives_way``: to those in the line who were called to the empty slots, and queue before the first try."""
        seq = None if gives_way else await self._try_once(subject)
        if seq is None:
            return await self._wait(subject)
        return self._entered(seq)

    async def _wait(self, subject: str) -> Slot:
        async with self.governor.waiting(subject) as waiting:
            while True:
                # The next try keeps the token. In a cluster, a leader that was deposed and does not know it may refuse
                # what its successor takes: then the server answers the next try with that entry.
                self._refused = self.attempts > 0
                self.governor.on_refused(waiting)
                left = self._deadline - self._timing.clock()
                if left <= 0:
                    return await self._last_look()
                await waiting.worthwhile(left)
                self.waited_by = waiting.by
                seq = await self._try_once(subject)
                if seq is not None:
                    return self._entered(seq)

    def _entered(self, seq: int) -> Slot:
        self.governor.js.logger.info("%s holds slot %d of governor %s", self.holder, seq, self.governor.name)
        return Slot(self, seq)

    async def _try_once(self, subject: str) -> int | None:
        """One try, carried to its verdict, also when the caller loses patience in the middle of it."""
        try:
            return await self._verdict(subject)
        except NotSent as exc:
            raise await self._timed_out(str(exc)) from exc
        except NoVerdict as exc:
            raise NoVerdict(
                f"{exc} It is unknown whether '{self.holder}' has entered governor '{self.governor.name}': look at "
                "its entries; max_age ends an entry that nobody gives back.",
                **self.facts,
            ) from exc
        except GovernorError:
            raise
        except BaseException:
            # Cancelled, or ended by an exception that a signal has raised, as Ansible's task timeout does.
            await asyncio.shield(self._withdraw(subject))
            raise

    async def _verdict(self, subject: str) -> int | None:
        js, stack = self.governor.js, self.governor.stack
        undecided_since = math.inf

        async def once() -> int | None:
            nonlocal undecided_since
            self.attempts += 1
            try:
                return await self._enter(subject)
            except Undecided:
                undecided_since = min(undecided_since, self._timing.clock())
                if self._timing.clock() - undecided_since < js.patience:
                    raise
                # No election takes so long: this is a refusal whose answer was lost (see Stack.enter).
                return None
            except UnknownGovernor as exc:
                # Nobody listens: the governor is gone (which this tells), has moved, or its server is away.
                if (await stack.state()).config.subject != subject:
                    raise UnknownGovernor(
                        f"Governor '{self.governor.name}' does not listen on '{subject}' any more: start again."
                    ) from exc
                raise NotSent(str(exc)) from exc

        return await self._timing.until_verdict(once, js.patience, self._deadline)

    async def _enter(self, subject: str) -> int | None:
        stack = self.governor.stack
        try:
            return await stack.enter(subject, self.holder, self.owner, self.token)
        except (StaleToken, Undecided) as exc:
            if isinstance(exc, Undecided) and not self._refused:
                raise
            # Its entry is gone; or it was refused, and some servers never take such a token again (see Stack.enter).
            self._renew()
            return await stack.enter(subject, self.holder, self.owner, self.token)

    def _renew(self) -> None:
        self.token = _new_token()
        self._refused = False

    async def _last_look(self) -> Slot:
        """WaitTimeout, unless the entries that are read for it show that the last try was taken all the same."""
        error = await self._timed_out()
        if self._taken is not None:
            return Slot(self, self._taken)
        raise error

    async def _withdraw(self, subject: str) -> None:
        """Make sure that a try which was cut short leaves no entry: repeat it, and remove what it made."""
        try:
            seq = await self.governor.js.until_verdict(lambda: self._enter(subject))
            if seq is not None:
                # Also where leave_on_completion is off: nobody has been told of this entry.
                await self.governor.stack.remove(seq, Slot(self, seq).check_mine)
        except GovernorError as exc:
            self.governor.js.logger.warning("%s", exc)

    @property
    def facts(self) -> dict[str, Any]:
        return {"attempts": self.attempts, "waited": round(self.waited, 3), "waited_by": self.waited_by}

    async def _timed_out(self, reason: str = "") -> WaitTimeout:
        """The error, with who holds the slots as far as that can still be learned."""
        waited, tries = self.waited, f"{self.attempts} attempt{'' if self.attempts == 1 else 's'}"
        facts, detail = self.facts, reason
        if not reason:
            facts_now, detail = await self._situation()
            facts.update(facts_now)
        return WaitTimeout(
            f"Timed out after {waited:.1f} s waiting for a slot in governor '{self.governor.name}' "
            f"({tries}, {detail.rstrip('.')}).",
            **facts,
        )

    async def _situation(self) -> tuple[dict[str, Any], str]:
        stack = self.governor.stack
        try:
            state = await stack.state()
            entries: list[Entry] = await stack.entries()
        except GovernorError as exc:
            return {}, f"and who holds the slots could not be read: {exc}"
        self._taken = next((entry.seq for entry in entries if entry.token == self.token), None)
        facts = {
            "active": state.active,
            "limit": state.config.limit,
            "holders": [{"holder": e.holder, "seq": e.seq, "age": round(e.age(state.now), 3)} for e in entries],
        }
        detail = f"{state.active} of {state.config.limit} slots held"
        if not self.attempts:
            detail += ", and others in the line called to the rest"
        if entries:
            oldest = entries[0]
            detail += f", oldest by {oldest.shown} for {format_duration(oldest.age(state.now))}"
        return facts, detail


def _new_token() -> str:
    return str(uuid.uuid4())
