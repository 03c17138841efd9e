# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state of a governor, as its server tells it in the answer to STREAM.INFO."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .config import GovernorConfig
from .entry import parse_time
from .jetstream import Json

# Seconds. Heartbeats come every second, and a replica calls an election when it has heard nothing from its leader for
# at least four: a leader that has heard from a majority within this time is the only one.
_IN_TOUCH = 2.0


@dataclass(frozen=True)
class State:
    """The state of a governor at the time ``now`` of the server's clock.

    ``stream`` is the configuration of its stream, and ``config`` what of it belongs to the governor. ``active`` is the
    number of entries. ``last_active`` is the time of the last entry that was ever made, None when there was none;
    ``oldest`` is the time of the oldest entry that is there, None when there is none.

    ``clustered`` says whether the server is in a cluster. ``leader`` is the server that has answered, None without a
    cluster. ``in_touch`` says whether that server has heard from a majority of the replicas in the last two seconds,
    so that no other server leads. ``domain`` is the JetStream domain of the stream, None when the domain has no name.
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
        """Return the state that an answer to STREAM.INFO describes.

        Raises NotAGovernor when the stream does not behave as a governor.
        """
        state, cluster = info["state"], info.get("cluster") or {}
        # A single server names a leader, itself, but no cluster.
        clustered = bool(cluster.get("name"))
        return cls(
            config=GovernorConfig.from_stream(info["config"]),
            stream=info["config"],
            active=int(state["messages"]),
            last_seq=int(state["last_seq"]),
            last_active=_moment(state["last_ts"]),
            created=parse_time(info["created"]),
            now=parse_time(info["ts"]),
            oldest=parse_time(state["first_ts"]) if int(state["messages"]) else None,
            clustered=clustered,
            leader=cluster.get("leader") if clustered else None,
            in_touch=hears_majority(cluster),
            domain=info.get("domain"),
        )

    @property
    def room(self) -> int:
        """How many could get a slot now: none while the governor is paused."""
        return 0 if self.config.paused else max(0, self.config.limit - self.active)

    @property
    def pause_words(self) -> str:
        """Who has paused the governor, since when and why, in words without a full stop; empty where nobody has."""
        return self.config.paused.words(self.config.name, self.now.astimezone()) if self.config.paused else ""

    @property
    def surely_empty(self) -> bool:
        """Whether there is no entry, as told by a leader that has heard from a majority of the replicas."""
        return self.in_touch and not self.active

    @property
    def expires_in(self) -> float | None:
        """The seconds until the oldest entry expires by max_age. None when no entry will expire."""
        if self.oldest is None or not self.config.max_age:
            return None
        return self.config.max_age - (self.now - self.oldest).total_seconds()

    @property
    def duplicate_window(self) -> float:
        """The seconds for which the server recognises an entry that is sent again."""
        return float(self.stream.get("duplicate_window", 0)) / 1e9


def _moment(text: str) -> datetime | None:
    """Return the time, or None for the year 1 or 1970, by which servers say "never"."""
    moment = parse_time(text)
    return moment if moment.year > 1970 else None


def hears_majority(cluster: Json) -> bool:
    """Return whether a server has heard from a majority of a stream's replicas in the last two seconds.

    ``cluster`` is that part of its answer to STREAM.INFO, empty where there is no cluster.
    """
    replicas = cluster.get("replicas") or []
    # A replica that was never heard from has no age at all. It is not current either.
    near = [
        each
        for each in replicas
        if each.get("current") and not each.get("offline") and each.get("active", 0) < _IN_TOUCH * 1e9
    ]
    return 2 * (len(near) + 1) > len(replicas) + 1
