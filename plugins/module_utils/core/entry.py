# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""One entry of a governor: who holds the slot, who may release it, since when, and whether its holder gives signs of
life."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from .names import Owner, whose

OWNER_HEADER = "Governor-Owner"
TOKEN_HEADER = "Governor-Token"  # noqa: S105  # the name of a header
LEASE_HEADER = "Governor-Lease"
MSG_ID_HEADER = "Nats-Msg-Id"


@dataclass(frozen=True)
class Entry:
    """One entry. ``owner`` and ``token`` are None where it carries none, as those of Go clients.

    ``time`` is the server's, in UTC. ``lease`` is for how many seconds each sign of life of the holder lasts; None
    where the holder gives none.
    """

    seq: int
    holder: str
    owner: Owner | None
    token: str | None
    time: datetime
    lease: float | None = None

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Entry:
        """Return the entry in the ``message`` of a STREAM.MSG.GET answer."""
        headers = _headers(base64.b64decode(message.get("hdrs", "")))
        body = base64.b64decode(message.get("data", ""))
        return cls.of(int(message["seq"]), body, headers, parse_time(message["time"]))

    @classmethod
    def of(cls, seq: int, body: bytes, headers: Mapping[str, str], time: datetime) -> Entry:
        """Return the entry that a message with this body and these headers is."""
        return cls(
            seq,
            body.decode(errors="replace"),
            Owner.parse(headers.get(OWNER_HEADER)),
            headers.get(TOKEN_HEADER),
            time,
            _lease(headers),
        )

    @property
    def run_id(self) -> str | None:
        """The run that owns it; None where the entry carries no owner."""
        return self.owner.run_id if self.owner else None

    @property
    def host(self) -> str | None:
        """The host of that run: empty where the slot is the whole run's, None where the entry carries no owner."""
        return self.owner.host if self.owner else None

    @property
    def whose(self) -> str:
        """The run and host that own it, for sentences."""
        return (
            whose(self.owner.run_id, self.owner.host) if self.owner else "it carries no owner, as entries of Go clients"
        )

    @property
    def shown(self) -> str:
        """The holder, for sentences: on one line and not endless, whatever a Go client wrote."""
        text = self.holder if self.holder.isprintable() else repr(self.holder)[1:-1]
        return text if len(text) <= 60 else text[:57] + "..."

    def age(self, now: datetime) -> float:
        """Return for how many seconds it has been there at that time of the server; never negative."""
        return max(0.0, (now - self.time).total_seconds())

    def expires_at(self, max_age: float) -> datetime | None:
        """Return when max_age (seconds; 0 is never) evicts the entry; None for never."""
        return self.time + timedelta(seconds=max_age) if max_age else None


def entry_headers(owner: Owner | None, token: str, lease: float | None = None) -> dict[str, str]:
    """Return the headers of a new entry. The token is also its message id, so that a repeated one is recognised.

    ``lease`` is in seconds, None for an entry whose holder gives no signs of life.
    """
    headers = {MSG_ID_HEADER: token, TOKEN_HEADER: token}
    if owner is not None:
        headers[OWNER_HEADER] = str(owner)
    if lease is not None:
        headers[LEASE_HEADER] = f"{lease:g}"
    return headers


def parse_time(text: str) -> datetime:
    """Parse a server's RFC 3339 time, whose fraction has up to nine digits, to the microsecond. Raises ValueError."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)", text)
    if match is None:
        raise ValueError(f"not an RFC 3339 time: {text!r}")
    seconds, fraction, zone = match.groups()
    zone = "+00:00" if zone == "Z" else zone
    return datetime.fromisoformat(f"{seconds}.{(fraction or '').ljust(6, '0')[:6]}{zone}").astimezone(timezone.utc)


def format_time(moment: datetime | None) -> str | None:
    """Write a time in RFC 3339, UTC, with milliseconds; None stays None."""
    if moment is None:
        return None
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _lease(headers: Mapping[str, str]) -> float | None:
    """Return the lease; None also for one that is no number: whoever wrote it, nobody reaps the entry for it."""
    try:
        lease = float(headers.get(LEASE_HEADER, ""))
    except ValueError:
        return None
    return lease if math.isfinite(lease) and lease > 0 else None


def _headers(block: bytes) -> dict[str, str]:
    lines = block.decode(errors="replace").split("\r\n")[1:]
    pairs = (line.partition(":") for line in lines if ":" in line)
    return {name: value.strip() for name, _colon, value in pairs}
