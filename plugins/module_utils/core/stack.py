# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The entries of a governor: publish, read and delete them, each carried to a known verdict.

Every request that got no answer is repeated until there is one, and every operation here is safe to repeat: an entry
carries its token as message id, a deletion names the entry that it is for. Only a server in touch with a majority of
the replicas is believed when it says that an entry is not there: a leader that is cut off goes on answering for some
ten seconds, and does not know what the others have granted since.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from dataclasses import replace
from enum import Enum
from typing import Callable

from .bulk import read_from
from .entry import Entry, entry_headers
from .errors import (
    EntryGone,
    EntryTooLong,
    GovernorError,
    GovernorFull,
    JetStreamUnavailable,
    NotOwner,
    NotSent,
    NoVerdict,
    SubjectTaken,
    Undecided,
    UnknownGovernor,
)
from .jetstream import JetStream, Json
from .names import Owner, stream_name
from .pause import takes_any_size
from .queue import Queue
from .state import State
from .timing import Answer, run_to_completion

# Streams that are made here, on nats-server 2.11.2 and newer, count from the microseconds of the clock, others from 1:
# no stream counts up to this. From there on a sequence names one entry for ever, also when the governor is made anew.
UNIQUE_FROM = 10**15

# A sequence that no entry has. (Removing one that is still to come resets replicated streams of nats-server 2.10.)
_NOBODY = 0
_BEARS_UNKNOWN_SEQUENCES = (2, 11)

# An entry that another domain has stored is looked for so often in this one, with so many seconds in between.
_LOOKS_FOR_A_TWIN, _BETWEEN_LOOKS = 10, 0.2

# So many entries are read singly before it is worth asking for all the others at once.
_FEW = 4


class Refusal(Enum):
    """Why an entry was not stored. The values are for sentences."""

    FULL = "the governor is full"
    PAUSED = "the governor is paused"
    STALE = "an earlier try had stored the entry of this token, and it is gone already"
    UNDECIDED = "the server has seen the entry of this token, and does not tell where it is"
    UNHEARD = "no stream listens on the subject"


class Found(int):
    """The sequence of an entry that an earlier request has stored, nobody knows when."""


class Stack:
    """The entries of one governor, and the ``queue`` of those who wait for room among them."""

    def __init__(self, name: str, js: JetStream) -> None:
        self.name = name
        self.stream = stream_name(name)
        self.js = js
        self.queue = Queue(name, js)

    async def state(self) -> State:
        """Read the state of the governor. Raises UnknownGovernor, and NotAGovernor for another stream of that name."""
        return State.from_info(await self._ask(f"STREAM.INFO.{self.stream}", "Could not read"))

    async def trusted_state(self) -> State:
        """Read the state from a server in touch with a majority of the replicas. Raises NoVerdict from any other.

        Whatever is asked next is answered by that server, or by one that became leader after it.
        """
        state = await self.state()
        if not state.in_touch:
            raise NoVerdict(
                f"{state.leader or self.js.server}, which answers for governor '{self.name}', has no contact with a "
                "majority of the replicas: its answer may be out of date."
            )
        return state

    async def publish(
        self,
        subject: str,
        holder: str,
        owner: Owner | None,
        token: str,
        *,
        lease: float | None = None,
        domain: str | None = None,
    ) -> int | Refusal:
        """Publish an entry once. Return its sequence, Found where it was stored before, or why it was not stored.

        Safe to repeat with the same token until it is refused: replicated streams of nats-server 2.10 and 2.11 never
        take a token that they refused once. ``lease``: for how many seconds a sign of life of the holder lasts, None
        where it gives none. ``domain``: the JetStream domain of the governor, None where that is not known. Raises
        SubjectTaken when a governor of another domain has stored the entry, and others of the tree.
        """
        # Without the name of the stream, an entry could end up in whatever stream has the subject now.
        headers = {**entry_headers(owner, token, lease), "Nats-Expected-Stream": self.stream}
        what = f"Could not acquire a slot of governor '{self.name}'"
        try:
            ack = await self.js.publish(subject, holder.encode(), headers, what=what)
        except GovernorFull:
            return Refusal.FULL
        except EntryTooLong:
            if await self._takes_this_size():
                return Refusal.PAUSED
            raise
        except Undecided:
            return Refusal.UNDECIDED
        except UnknownGovernor:
            return Refusal.UNHEARD
        seq = int(ack["seq"])
        if domain is not None and ack.get("domain", domain) != domain:
            await self._stored_elsewhere(seq, token, ack["domain"], domain)
        if ack.get("duplicate"):
            return await self._stored_before(seq, token)
        return seq

    async def _takes_this_size(self) -> bool:
        """Tell whether an entry that was refused as too long is so only because of a pause, which may just have ended.

        Who may not read the governor waits, as for any other governor.
        """
        state = await self.js.if_permitted(self.state())
        return state is None or state.config.paused is not None or takes_any_size(state.stream)

    async def _stored_before(self, seq: int, token: str) -> int | Refusal:
        """Tell what became of an entry that the server calls a duplicate.

        It remembers a message id for as long as its window lasts, also when the message is gone.
        """
        if not seq:
            return Refusal.UNDECIDED
        stored = await self._read(seq)
        return Found(seq) if stored is not None and stored.token == token else Refusal.STALE

    async def moved(self, subject: str, was_there: bool) -> State:
        """Return the state of a governor that listens on ``subject`` no more.

        Raises UnknownGovernor when it is gone, and NotSent when it listens there all the same, so that its server must
        be away. ``was_there``: this JetStream has answered before, so that its silence is no verdict either.
        """
        try:
            state = await self.state()
        except JetStreamUnavailable as exc:
            if not was_there:
                raise
            raise NotSent(str(exc)) from exc
        if state.config.subject == subject:
            raise NotSent(f"No stream listens on '{subject}', the subject of governor '{self.name}'.")
        return state

    async def entry(self, seq: int) -> Entry | None:
        """Read the entry of that sequence; None when there is none."""
        return await self.js.until_verdict(lambda: self._read(seq))

    async def entry_of(self, seq: int, token: str) -> Entry | None:
        """Read the entry of that sequence if it has the token; None when it is gone, or another's."""

        async def once() -> Entry | None:
            found = await self._read(seq)
            if found is not None and found.token != token:
                await self.trusted_state()
                found = await self._read(seq)
            return found if found is not None and found.token == token else None

        return await self.js.until_verdict(once)

    async def entries(self, most: int | None = None) -> list[Entry]:
        """Read all entries, oldest first, or at most so many of them."""
        entries: list[Entry] = []
        while most is None or len(entries) < most:
            found = await self._next(entries[-1].seq + 1 if entries else 1)
            if found is None:
                break
            entries.append(found)
            if most is None and len(entries) == _FEW:
                entries += await self._rest(found.seq + 1)
        return entries

    async def find(self, wanted: Callable[[Entry], bool]) -> Entry | None:
        """Return the oldest entry that is wanted; None when there is none."""
        for entry in await self.entries():
            # Read anew: where many were read at once, some may be gone.
            if wanted(entry) and await self.entry(entry.seq) is not None:
                return entry
        return None

    async def wait_for_pending(self) -> None:
        """Wait until the server has done all that it was asked before.

        A deletion of what never was takes its turn after it. Raises NoVerdict while no majority of the replicas
        answers.
        """
        try:
            await self._delete(_NOBODY)
        except EntryGone:
            return

    async def delete(self, seq: int, check: Callable[[Entry], None]) -> Entry | None:
        """Delete an entry after ``check`` has seen it, and may raise. Return it; None when it was gone before."""
        asked_for: Entry | None = None

        async def once() -> Entry | None:
            nonlocal asked_for
            found = await self._read(seq)
            if found is None or (asked_for is not None and found.token != asked_for.token):
                # An earlier try whose answer was lost has done it, if there was one.
                return asked_for
            await self._checked(found, check)
            try:
                await self._delete(seq)
            except EntryGone:
                # In a cluster an earlier try may take effect only now.
                return asked_for
            except NotSent:
                raise
            except (NoVerdict, asyncio.CancelledError):
                asked_for = found
                raise
            return found

        return await self._freed(once)

    def with_token(self, token: str) -> Callable[[Entry], None]:
        """Return a check for ``delete`` that raises NotOwner for the entry of another acquisition."""
        return only_if(self.name, lambda entry: entry.token == token, "whoever held that slot before")

    async def delete_own(self, seq: int, token: str, in_doubt: bool = False) -> bool:
        """Delete the entry of that sequence and token. Return False when it was gone before. Raises NotOwner.

        It is not read first where a sequence names one entry for ever. ``in_doubt``: a deletion was tried before and
        got no answer, so that an entry which is gone is gone because of it.
        """
        if seq < UNIQUE_FROM or self.js.server_version < _BEARS_UNKNOWN_SEQUENCES:
            return await self.delete(seq, self.with_token(token)) is not None or in_doubt
        asked = in_doubt

        async def once() -> bool:
            nonlocal asked
            try:
                await self._delete(seq)
            except EntryGone:
                # As in delete.
                return asked
            except NotSent:
                raise
            except (NoVerdict, asyncio.CancelledError):
                asked = True
                raise
            return True

        return await self._freed(once)

    async def _freed(self, deletion: Callable[[], Awaitable[Answer]]) -> Answer:
        """Carry a deletion to its verdict, and wake the queue. Do it anew if the caller is cancelled meanwhile."""

        async def carried_out() -> Answer:
            deleted = await self.js.until_verdict(deletion)
            if deleted:
                await self.queue.wake(1)
            return deleted

        try:
            return await carried_out()
        except asyncio.CancelledError:
            with contextlib.suppress(GovernorError):
                await run_to_completion(carried_out())
            raise

    async def purge(self) -> int:
        """Delete the entries that there are now, not those that come meanwhile. Return how many they were."""
        state = await self.js.until_verdict(self.trusted_state)
        if not state.active:
            return 0
        request = {"seq": state.last_seq + 1}
        verb = f"STREAM.PURGE.{self.stream}"
        answer = await self.js.until_verdict(lambda: self._ask(verb, "Could not reset", request))
        if not state.config.paused:
            await self.queue.wake(min(state.active, state.config.limit))
        # A repeated purge finds nothing left; what the state counted is then the better number.
        return int(answer["purged"]) or state.active

    async def _stored_elsewhere(self, seq: int, token: str, domain: str, mine: str) -> None:
        """Withdraw what another domain has stored, and perhaps this one as well. Raises SubjectTaken."""
        twin = Stack(self.name, replace(self.js, domain=domain))
        left = ""
        try:
            await twin.delete(seq, self.with_token(token))
            # The other domain was nearer: here, the entry may still be on its way.
            for _each in range(_LOOKS_FOR_A_TWIN):
                entry = await self.find(lambda each: each.token == token)
                if entry is not None:
                    await self.delete(entry.seq, self.with_token(token))
                    break
                await self.js.timing.sleep(_BETWEEN_LOOKS)
        except GovernorError as exc:
            left = f" An entry was left behind: {exc}"
        raise SubjectTaken(
            f"Governor '{self.name}' exists in the JetStream domains '{mine}' and '{domain}', and one subject leads to "
            f"both: each entry would be in both. Delete one of the two, or give it another subject.{left}"
        )

    async def _rest(self, seq: int) -> list[Entry]:
        """Those from that sequence on that can be had at once."""
        rest = []
        for found in await read_from(self.js, self.stream, seq):
            # Headers may have been lost on the way; entries of Go clients have none.
            whole = found.token is not None and str(found.owner or "").isascii()
            entry = found if whole else await self.entry(found.seq)
            rest += [entry] if entry is not None else []
        return rest

    async def _checked(self, entry: Entry, check: Callable[[Entry], None]) -> None:
        try:
            check(entry)
        except GovernorError as exc:
            await self.trusted_state()
            if await self._read(entry.seq) != entry:
                raise NoVerdict(f"{exc} But that has changed while it was looked at.") from exc
            raise

    async def _read(self, seq: int) -> Entry | None:
        return await self._message({"seq": seq})

    async def _next(self, seq: int) -> Entry | None:
        return await self.js.until_verdict(lambda: self._message({"seq": seq, "next_by_subj": ">"}))

    async def _message(self, request: Json) -> Entry | None:
        found = await self._seen(request)
        if found is None and (await self.trusted_state()).config.replicas > 1:
            # The first answer may have been a deposed leader's, and the one after it its successor's.
            found = await self._seen(request)
        return found

    async def _seen(self, request: Json) -> Entry | None:
        try:
            answer = await self._ask(f"STREAM.MSG.GET.{self.stream}", "Could not read the entries of", request)
        except EntryGone:
            return None
        return Entry.from_message(answer["message"])

    async def _delete(self, seq: int) -> None:
        """Raises EntryGone. In a cluster a majority of the replicas agrees to either."""
        # no_erase: the entry holds nothing that would need to be overwritten on disk first.
        request = {"seq": seq, "no_erase": True}
        await self._ask(f"STREAM.MSG.DELETE.{self.stream}", f"Could not free slot {seq} of", request)

    async def _ask(self, verb: str, what: str, request: Json | None = None) -> Json:
        try:
            return await self.js.call(verb, request, what=f"{what} governor '{self.name}'")
        except UnknownGovernor as exc:
            raise UnknownGovernor(
                f"There is no governor '{self.name}' at {self.js.location} (stream {self.stream} not found)."
            ) from exc


def only_if(governor: str, wanted: Callable[[Entry], bool], asker: str) -> Callable[[Entry], None]:
    """Return a check for ``Stack.delete`` that raises NotOwner for an entry that is not wanted.

    ``asker`` is whose it would have to be, for the sentence.
    """

    def check(entry: Entry) -> None:
        if not wanted(entry):
            raise NotOwner(_not_yours(governor, entry, asker))

    return check


def _not_yours(governor: str, entry: Entry, asker: str) -> str:
    again = (
        "" if entry.seq >= UNIQUE_FROM else "Sequences count from 1 again where a governor is deleted and made anew. "
    )
    return (
        f"Slot {entry.seq} of governor '{governor}' is held by '{entry.shown}' ({entry.whose}), not by {asker}: it was "
        f"not freed. {again}To free it whoever owns it, evict it by its sequence alone."
    )
