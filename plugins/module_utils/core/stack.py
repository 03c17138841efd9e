# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The capped stack that a governor is: enter, read, remove, each carried to a known verdict.

Every request that got no answer is repeated until there is one, and every operation here is safe to repeat: an
entry carries its token as message id, a removal first reads whom it would remove.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Callable

from .config import GovernorConfig, Json
from .entry import Entry, entry_headers, parse_time
from .errors import EntryGone, GovernorError, GovernorFull, Undecided, UnknownGovernor
from .jetstream import JetStream
from .line import Line
from .names import stream_name


class StaleToken(GovernorError):
    """The token's entry was made and is gone already: a new try needs a new token."""


@dataclass(frozen=True)
class State:
    """A governor as the server sees it at its time ``now``.

    ``last_active`` is when somebody entered last, None when nobody ever did; ``oldest`` when the oldest entry was made,
    None when there is none.
    """

    config: GovernorConfig
    stream: Json
    active: int
    last_seq: int
    last_active: datetime | None
    created: datetime
    now: datetime
    clustered: bool
    oldest: datetime | None

    @classmethod
    def from_info(cls, info: Json) -> State:
        state = info["state"]
        return cls(
            config=GovernorConfig.from_stream(info["config"]),
            stream=info["config"],
            active=int(state["messages"]),
            last_seq=int(state["last_seq"]),
            last_active=parse_time(state["last_ts"]) if int(state["last_seq"]) else None,
            created=parse_time(info["created"]),
            # Servers before 2.10 do not tell their time.
            now=parse_time(info["ts"]) if "ts" in info else datetime.now(timezone.utc),
            # A single server tells a leader, itself, but no cluster's name.
            clustered=bool((info.get("cluster") or {}).get("name")),
            oldest=parse_time(state["first_ts"]) if int(state["messages"]) else None,
        )

    @property
    def expires_in(self) -> float | None:
        """Seconds until max_age evicts the oldest entry; None when nothing will expire."""
        if self.oldest is None or not self.config.max_age:
            return None
        return self.config.max_age - (self.now - self.oldest).total_seconds()


class Stack:
    def __init__(self, name: str, js: JetStream) -> None:
        self.name = name
        self.stream = stream_name(name)
        self.js = js
        self._line = Line(name, js)

    async def state(self) -> State:
        """Raises UnknownGovernor and NotAGovernor."""
        return State.from_info(await self._ask(f"STREAM.INFO.{self.stream}", "Could not read"))

    async def enter(self, subject: str, holder: str, owner: str | None, token: str) -> int | None:
        """The sequence of the entry, or None when the governor is full. One try; safe to repeat with the same token
        until it is refused: replicated streams of nats-server 2.10 and 2.11 never take a token that they refused once.

        Raises StaleToken when the token's entry was stored by an earlier try and has been removed since, Undecided
        when the server has seen the token but shows no entry of it.
        """
        # Without the name of the stream, an entry could end up in whatever stream has the subject now.
        headers = {**entry_headers(owner, token), "Nats-Expected-Stream": self.stream}
        what = f"Could not enter governor '{self.name}'"
        try:
            ack = await self.js.publish(subject, holder.encode(), headers, what=what)
        except GovernorFull:
            return None
        except Undecided:
            return await self._pending(token, what)
        seq = int(ack["seq"])
        if ack.get("duplicate") and not seq:
            return await self._pending(token, what)
        if ack.get("duplicate"):
            # The server remembers a message id for as long as its window lasts, also when the message is gone.
            stored = await self._read(seq)
            if stored is None or stored.token != token:
                raise StaleToken(f"The slot {seq} of governor '{self.name}' was taken and is gone already.")
        return seq

    async def entry(self, seq: int) -> Entry | None:
        """The entry of that sequence, or None when there is none."""
        return await self.js.until_verdict(lambda: self._read(seq))

    async def entries(self) -> list[Entry]:
        """All entries, oldest first."""
        entries: list[Entry] = []
        while True:
            found = await self._next(entries[-1].seq + 1 if entries else 1)
            if found is None:
                return entries
            entries.append(found)

    async def oldest(self) -> Entry | None:
        return await self._next(1)

    async def remove(self, seq: int, check: Callable[[Entry], None]) -> Entry | None:
        """Remove the entry after ``check`` has seen it (and may raise); None when it was gone before.

        As all that frees slots here, it tells the line.
        """
        doomed: Entry | None = None

        async def once() -> Entry | None:
            nonlocal doomed
            found = await self._read(seq)
            if found is None or (doomed is not None and found.token != doomed.token):
                # An earlier try whose answer was lost has done it, if there was one.
                return doomed
            check(found)
            repeated, doomed = doomed is not None, found
            try:
                await self._ask(f"STREAM.MSG.DELETE.{self.stream}", f"Could not remove slot {seq} of", _deletion(seq))
            except EntryGone:
                # In a cluster an earlier try may take effect only now.
                return found if repeated else None
            return found

        removed = await self.js.until_verdict(once)
        if removed is not None:
            await self._line.raise_chances(1)
        return removed

    async def clear(self) -> int:
        """Remove the entries that there are now, and not those that come meanwhile; how many they were."""
        state = await self.js.until_verdict(self.state)
        if not state.active:
            return 0
        request = {"seq": state.last_seq + 1}
        verb = f"STREAM.PURGE.{self.stream}"
        answer = await self.js.until_verdict(lambda: self._ask(verb, "Could not reset", request))
        await self._line.raise_chances(min(state.active, state.config.limit))
        # A repeated purge finds nothing left; what the state counted is then the better number.
        return int(answer["purged"]) or state.active

    async def _pending(self, token: str, what: str) -> int:
        for entry in await self.entries():
            if entry.token == token:
                return entry.seq
        raise Undecided(f"{what}: the server has seen the entry of token {token}, but does not have it.")

    async def _read(self, seq: int) -> Entry | None:
        return await self._message({"seq": seq})

    async def _next(self, seq: int) -> Entry | None:
        return await self.js.until_verdict(lambda: self._message({"seq": seq, "next_by_subj": ">"}))

    async def _message(self, request: Json) -> Entry | None:
        try:
            answer = await self._ask(f"STREAM.MSG.GET.{self.stream}", "Could not read the entries of", request)
        except EntryGone:
            return None
        return Entry.from_message(answer["message"])

    async def _ask(self, verb: str, what: str, request: Json | None = None) -> Json:
        try:
            return await self.js.call(verb, request, what=f"{what} governor '{self.name}'")
        except UnknownGovernor as exc:
            raise UnknownGovernor(f"There is no governor '{self.name}' (stream {self.stream} not found).") from exc


def _deletion(seq: int) -> Json:
    # no_erase: the entry holds nothing that would need to be overwritten on disk first.
    return {"seq": seq, "no_erase": True}
