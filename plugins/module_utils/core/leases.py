# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The signs of life of all holders: one small stream, in which each slot has a subject with one message.

A holder gives a sign of life soon after it has entered, and then again and again until it finishes. The stream forgets
it after its max_age, which is the lease. The signs do not stand in the governor itself, because a full one with
replicas takes no message from anybody, and because whoever could renew an entry there could also stay beyond max_age.
"""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary, WeakSet

from .config import Condition
from .entry import parse_time
from .errors import EntryGone, JetStreamUnavailable, NoLeases, NotSent, NoVerdict, UnknownGovernor
from .jetstream import JetStream, Json, check_echo
from .names import ALL_LEASES, LEASES_STREAM, lease_subject, lease_subjects, lease_token
from .state import hears_majority

if TYPE_CHECKING:
    from nats.aio.client import Client

# Seconds, of a stream that is made here. One that exists keeps its max_age.
_LEASE = 60.0

# What makes the stream fit for leases, other than its max_age and replicas.
_NATURE: Json = {
    "name": LEASES_STREAM,
    "subjects": [ALL_LEASES],
    "retention": "limits",
    "storage": "file",
    "discard": "old",
    "max_msgs_per_subject": 1,
}

_READING = "Could not read the stream of leases"


@dataclass(frozen=True)
class SignsOfLife:
    """The tokens of a governor whose holders have given a sign of life within the last ``lease`` seconds.

    ``age`` is for how many seconds the stream has existed: from before that, there can be no signs.
    """

    tokens: frozenset[str]
    lease: float
    age: float


class _Stream(NamedTuple):
    """For how many seconds the stream keeps a sign of life, and its JetStream domain, if that has a name."""

    length: float
    domain: str | None


class Leases:
    """The stream of leases. An object can be made whether the stream exists or not."""

    def __init__(self, js: JetStream) -> None:
        self.js = js

    async def length(self) -> float:
        """Return for how many seconds a sign of life lasts. Raises NoLeases where there is no stream."""
        return (await self._stream()).length

    async def renew(self, governor: str, token: str) -> None:
        """Give a sign of life, once, and wait for its acknowledgement.

        Raises NoLeases where there is no stream, and NotSent where the stream is there but does not listen: it has no
        leader at this moment.
        """
        headers = {"Nats-Expected-Stream": LEASES_STREAM}
        what = f"Could not renew a lease of governor '{governor}'"
        subject, sign = lease_subject(governor, token), uuid.uuid4().hex.encode()
        domain = (await self._stream()).domain
        try:
            ack = await self.js.publish(subject, sign, headers, what=what)
        except UnknownGovernor as exc:
            await self._check_presence()
            raise NotSent(f"{what}: {LEASES_STREAM}, the stream of leases, does not listen now.") from exc
        _renewed.add(self.js.nc)
        if ack.get("domain") != domain and await self._stored(subject) != sign:
            # Another domain has leases too, and was nearer. Its stream says nothing of this one.
            raise NoVerdict(f"{what}: domain '{domain}' has not acknowledged it.")

    @property
    def were_renewed(self) -> bool:
        """Whether some lease was renewed over this connection already: the NATS user has the right, and a stream."""
        return self.js.nc in _renewed

    async def _stored(self, subject: str) -> bytes:
        try:
            answer = await self._ask("STREAM.MSG.GET", _READING, {"last_by_subj": subject})
        except EntryGone:
            return b""
        return base64.b64decode(answer["message"].get("data", ""))

    async def _stream(self) -> _Stream:
        """Read what does not change as a rule, once over each connection, also where thousands come at once."""
        known, api = _streams.setdefault(self.js.nc, {}), self.js.api
        reading = known.get(api)
        if reading is None or (reading.done() and (reading.cancelled() or reading.exception())):
            reading = known[api] = asyncio.ensure_future(self._read())
        # Whoever is cancelled does not end it for the others.
        return await asyncio.shield(reading)

    async def _read(self) -> _Stream:
        info = await self._ask("STREAM.INFO", _READING)
        return _Stream(_length(info), info.get("domain"))

    async def look(self, governor: str) -> SignsOfLife:
        """Return who is alive, in the words of a server in touch with a majority of the replicas.

        Raises NoVerdict from any other server, and NoLeases where there is no stream.
        """
        tokens: set[str] = set()
        offset = 0
        while True:
            request = {"subjects_filter": lease_subjects(governor), "offset": offset}
            info = await self._ask("STREAM.INFO", _READING, request)
            if not hears_majority(info.get("cluster") or {}):
                raise NoVerdict(
                    "The server that answers for the leases has no contact with a majority of the replicas."
                )
            page = info["state"].get("subjects") or {}
            tokens.update(lease_token(subject) for subject in page)
            offset += len(page)
            if not page or offset >= int(info.get("total", 0)):
                age = (parse_time(info["ts"]) - parse_time(info["created"])).total_seconds()
                return SignsOfLife(frozenset(tokens), _length(info), age)

    async def last_signs(self, governor: str, tokens: Iterable[str]) -> dict[str, datetime]:
        """Return when the holders with these tokens gave their last signs of life, by the server's clock.

        Those whose signs are forgotten are left out, and all of them where there is no stream.
        """
        asked = list(tokens)
        found = await asyncio.gather(*(self._last_sign(governor, token) for token in asked))
        return {token: time for token, time in zip(asked, found) if time is not None}

    async def condition(self, replicas: int) -> Condition:
        """Return "ready" where the stream is as ``make`` would make it for at least so many replicas.

        Otherwise "broken", also where there is no stream: whoever asks has a governor that needs one.
        """
        config = await self._config(_READING)
        return "ready" if config is not None and _is_fit(config, replicas) else "broken"

    async def make(self, replicas: int, what: str) -> None:
        """Create the stream, or bring an existing one into form, with at least so many replicas.

        ``what`` is the beginning of an error's message. Raises ConfigRefused when another kind of stream has its name,
        AlreadyExists when somebody else creates it at the same time, NotApplied when the server has stored another
        configuration, and PermissionRefused.
        """
        present = await self._config(what)
        if present is not None and _is_fit(present, replicas):
            return
        wanted = {
            **(present or {"description": "Signs of life of those who hold slots of governors"}),
            **_NATURE,
            "max_age": (present or {}).get("max_age") or round(_LEASE * 1e9),
            "num_replicas": max(replicas, (present or {}).get("num_replicas", 1)),
        }
        verb = "STREAM.CREATE" if present is None else "STREAM.UPDATE"
        info = await self.js.until_verdict(lambda: self._ask(verb, what, wanted))
        check_echo(wanted, info["config"], what)

    async def _config(self, what: str) -> Json | None:
        """Return the configuration of the stream; None where there is none."""
        try:
            return dict((await self.js.until_verdict(lambda: self._ask("STREAM.INFO", what)))["config"])
        except NoLeases:
            return None

    async def _check_presence(self) -> None:
        """Raises NoLeases where there is no stream, and NotSent where nobody can tell."""
        try:
            await self._ask("STREAM.INFO", _READING)
        except JetStreamUnavailable as exc:
            # Somebody has told the lease, so that there was one before.
            raise NotSent(str(exc)) from exc

    async def _last_sign(self, governor: str, token: str) -> datetime | None:
        request = {"last_by_subj": lease_subject(governor, token)}
        try:
            answer = await self.js.until_verdict(lambda: self._ask("STREAM.MSG.GET", _READING, request))
        except (EntryGone, NoLeases):
            return None
        return parse_time(answer["message"]["time"])

    async def _ask(self, verb: str, what: str, request: Json | None = None) -> Json:
        try:
            return await self.js.call(f"{verb}.{LEASES_STREAM}", request, what=what)
        except UnknownGovernor as exc:
            raise _no_leases(self.js) from exc


_renewed: WeakSet[Client] = WeakSet()
_streams: WeakKeyDictionary[Client, dict[str, asyncio.Future[_Stream]]] = WeakKeyDictionary()


def _no_leases(js: JetStream) -> NoLeases:
    return NoLeases(
        f"There is no stream of leases ({LEASES_STREAM}) at {js.location}. Creating or changing a governor makes it."
    )


def _is_fit(config: Json, replicas: int) -> bool:
    fit = all(config.get(key) == value for key, value in _NATURE.items()) and config.get("max_age", 0) > 0
    return fit and int(config.get("num_replicas", 1)) >= replicas


def _length(info: Json) -> float:
    return float(info["config"].get("max_age", 0)) / 1e9
