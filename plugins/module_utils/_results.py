# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the faces tell of governors, entries and slots: one function for each kind of description."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from .core.config import Desired, GovernorConfig
from .core.entry import Entry, format_time
from .core.names import stream_name
from .core.pause import Pause
from .core.state import State

if TYPE_CHECKING:
    from ._campaign_options import CampaignRequest
    from .core.slot import Slot

Result = dict[str, Any]

# What is told of the wait where there was none: the slot is held already, or check mode foretells it.
NO_WAIT: Result = {"waited": 0.0, "attempts": 0, "waited_by": None}


class Owned(Protocol):
    """What has an owner: an entry, or the request for one."""

    @property
    def holder(self) -> str:
        """The holder, for people to read."""

    @property
    def run_id(self) -> str | None:
        """The run that owns it. None for entries of Go clients, which carry no owner."""

    @property
    def host(self) -> str | None:
        """The host of that run that owns it. Empty where the whole run does, None for entries of Go clients."""


def governor_result(config: GovernorConfig, state: State | None, hazards: list[str]) -> Result:
    """Return what is told of a governor with these settings. ``state`` is None for one that check mode would create."""
    return {
        "name": config.name,
        **config.as_options(),
        **_pause_result(config.name, config.paused),
        **_as_of(state, config.name, config.limit),
        "hazards": hazards,
    }


def predicted_governor(name: str, desired: Desired) -> Result:
    """Return what check mode tells of a governor that does not exist yet, and that an earlier task may create.

    It has the keys of any other governor. What is not known is None, and "unknown" for the queue.
    """
    return {
        **dict.fromkeys(("limit", "max_age", "replicas", "subject", "description", "paused", "reason")),
        "queue": "unknown",
        "lease": "unknown",
        **desired.as_options(),
        "name": name,
        **_pause_result(name, desired.paused or None),
        **_as_of(None, name, desired.limit),
        "hazards": [],
    }


def _pause_result(name: str, pause: Pause | None) -> Result:
    """Return what is told of a pause beside the settings; None is what is not known, and all of it without one."""
    if pause is None:
        return {"paused_by": None, "paused_since": None, "pause": None}
    return {
        "paused_by": pause.by or None,
        "paused_since": format_time(pause.since),
        "pause": pause.words(name, datetime.now().astimezone()),
    }


def _as_of(state: State | None, name: str, limit: int | None) -> Result:
    """Return what is not a setting. ``state`` and ``limit`` are None where they are not known yet."""
    active = state.active if state else 0
    return {
        "stream": stream_name(name),
        "active": active,
        "over_limit": limit is not None and active > limit,
        "last_active": format_time(state.last_active) if state else None,
        "created": format_time(state.created) if state else None,
    }


def owner_result(owned: Owned) -> Result:
    """Return who holds and owns it.

    ``host`` is None where the whole run owns it; ``run_id`` and ``host`` are None for entries of Go clients.
    """
    return {"holder": owned.holder, "run_id": owned.run_id, "host": owned.host or None}


def entry_result(entry: Entry, state: State, renewed_at: datetime | None = None) -> Result:
    """Return what governor_info tells of an entry of the governor that is in this ``state``.

    ``renewed_at`` is when its holder gave its last sign of life, None where there is none.
    """
    return {
        "seq": entry.seq,
        **owner_result(entry),
        "acquired_at": format_time(entry.time),
        "age": round(entry.age(state.now), 3),
        "expires_at": format_time(entry.expires_at(state.config.max_age)),
        "lease": entry.lease,
        "renewed_at": format_time(renewed_at),
    }


def ended_result(entry: Entry, now: datetime) -> Result:
    """Return what governor_slot tells of an entry that it releases or evicts; ``now`` is by the server's clock."""
    return {**owner_result(entry), "seq": entry.seq, "held": round(entry.age(now), 3)}


def slot_result(campaign: CampaignRequest, entry: Entry | None, state: State | None) -> Result:
    """Return what governor_slot tells of the slot that was campaigned for.

    ``entry`` is None where the slot is still to come (check mode), or gone already; ``state`` is None where the
    governor is still to come. What is not known then is None.
    """
    expires_at = entry.expires_at(state.config.max_age) if entry and state else None
    return {
        "governor": campaign.governor,
        "stream": stream_name(campaign.governor),
        "seq": entry.seq if entry else None,
        **owner_result(campaign),
        "acquired_at": format_time(entry.time) if entry else None,
        "expires_at": format_time(expires_at),
        "lease": entry.lease if entry else None,
    }


def governed_result(
    campaign: CampaignRequest, action: str | None, slot: Slot | None, *, kept: bool = False, held: float | None = None
) -> Result:
    """Return what governed tells of its slot, always with the same keys; None is what is not known, or does not apply.

    ``action`` is what was run under it, None where that is several things. ``slot`` is None before there is one.
    ``kept``: an attempt before this one waited for the slot. ``held`` is for how many seconds, None while it is held.
    """
    waited = dict.fromkeys(NO_WAIT)
    if slot is not None:
        waited = NO_WAIT if kept else wait_result(slot)
    return {
        "governor": campaign.governor,
        "holder": slot.holder if slot else campaign.holder,
        "action": action,
        "priority": campaign.priority,
        "seq": slot.seq if slot else None,
        "lease": slot.lease if slot else None,
        **waited,
        "held": None if held is None else round(held, 3),
        "released": None,
        "lost": None,
    }


def wait_result(slot: Slot) -> Result:
    """Return how the slot was waited for."""
    return {"waited": round(slot.waited, 3), "attempts": slot.attempts, "waited_by": slot.waited_by}
