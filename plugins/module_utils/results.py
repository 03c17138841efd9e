# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Governors and entries as the modules return them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from .core.config import Desired, GovernorConfig
from .core.entry import Entry, format_time
from .core.names import stream_name
from .core.state import State


def governor_result(config: GovernorConfig, state: State | None, hazards: list[str]) -> dict[str, Any]:
    """``state`` None: the governor would be created (check mode)."""
    return {**asdict(config), **_as_of(state, config.name, config.limit), "hazards": hazards}


def governor_to_come(name: str, desired: Desired) -> dict[str, Any]:
    """One that an earlier task would create (check mode): None, of its queue "unknown", is what is not known of it."""
    return {
        **asdict(desired),
        "queue": "unknown",
        **desired.given(),
        "name": name,
        **_as_of(None, name, desired.limit),
        "hazards": [],
    }


def _as_of(state: State | None, name: str, limit: int | None) -> dict[str, Any]:
    """What is not a setting. ``state`` and ``limit`` are None where they are not known yet."""
    active = state.active if state else 0
    return {
        "stream": stream_name(name),
        "active": active,
        "over_limit": limit is not None and active > limit,
        "last_active": format_time(state.last_active) if state else None,
        "created": format_time(state.created) if state else None,
    }


def entry_result(entry: Entry, state: State) -> dict[str, Any]:
    return {
        "seq": entry.seq,
        "holder": entry.holder,
        "run_id": entry.run_id,
        "host": entry.host or None,
        "acquired_at": format_time(entry.time),
        "age": round(entry.age(state.now), 3),
        "expires_at": format_time(entry.expires_at(state.config.max_age)),
    }
