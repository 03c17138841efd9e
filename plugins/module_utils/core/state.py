# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A governor as its server sees it, from the answer to STREAM.INFO."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

from .config import GovernorConfig, Json
from .entry import parse_time

# Seconds. A replica that hears nothing of its leader for at least four calls an election; heartbeats come each second.
_IN_TOUCH = 2.0


@dataclass(frozen=True)
class State:
    """A governor as the server sees it at its time ``now``.

    ``last_active`` is when somebody entered last, None when nobody ever did; ``oldest`` when the oldest entry was made,
    None when there is none. ``leader`` is the server that told it, None where there is no cluster; ``in_touch``:
    whether that one has just heard of a majority of the replicas, so that no other leads. ``domain``: the JetStream
    domain that the stream is in, None where domains have no names.
    """

    config: GovernorConfig
    stream: Json
    active: int
    last_seq: int
    last_active: datetime | None
    created: datetime
    now: datetime
    oldest: datetime | None
    clustered: bool = False
    leader: str | None = None
    in_touch: bool = True
    domain: str | None = None

    @classmethod
    def from_info(cls, info: Json) -> State:
        state, cluster = info["state"], info.get("cluster") or {}
        # A single server tells a leader, itself, but no cluster's name.
        clustered = bool(cluster.get("name"))
        return cls(
            config=GovernorConfig.from_stream(info["config"]),
            stream=info["config"],
            active=int(state["messages"]),
            last_seq=int(state["last_seq"]),
            last_active=_moment(state["last_ts"]),
            created=parse_time(info["created"]),
            # Servers before 2.10 do not tell their time.
            now=parse_time(info["ts"]) if "ts" in info else datetime.now(timezone.utc),
            oldest=parse_time(state["first_ts"]) if int(state["messages"]) else None,
            clustered=clustered,
            leader=cluster.get("leader") if clustered else None,
            in_touch=_in_touch(cluster),
            domain=info.get("domain"),
        )

    @property
    def surely_empty(self) -> bool:
        """Whether there is no entry, and a server says so that would know."""
        return self.in_touch and not self.active

    @property
    def expires_in(self) -> float | None:
        """Seconds until max_age evicts the oldest entry; None when nothing will expire."""
        if self.oldest is None or not self.config.max_age:
            return None
        return self.config.max_age - (self.now - self.oldest).total_seconds()

    @property
    def duplicate_window(self) -> float:
        """Seconds for which the server recognises an entry that is repeated."""
        return float(self.stream.get("duplicate_window", 0)) / 1e9


def _moment(text: str) -> datetime | None:
    """None for the time of what never was, which servers write as the year 1 or 1970."""
    moment = parse_time(text)
    return moment if moment.year > 1970 else None


def _in_touch(cluster: Json) -> bool:
    replicas = cluster.get("replicas") or []
    # A replica that was never heard of has no age at all; it is not current.
    near = [
        each
        for each in replicas
        if each.get("current") and not each.get("offline") and each.get("active", 0) < _IN_TOUCH * 1e9
    ]
    return 2 * (len(near) + 1) > len(replicas) + 1
