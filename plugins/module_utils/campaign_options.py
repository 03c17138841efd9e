# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""How to campaign for a slot: the options that ``governor_slot`` and ``governed`` share, with waits of their own."""

from __future__ import annotations

from typing import Any

from .core.durations import parse_duration, parse_wait
from .core.errors import InvalidValue

# A waiter that asks more often than this burdens the server for nothing.
_SHORTEST_INTERVAL = 0.01


def campaign_options(wait_timeout: str) -> dict[str, dict[str, Any]]:
    """An argument spec; ``wait_timeout`` is the default of that option."""
    return {
        "governor": {"type": "str", "required": True},
        "holder": {"type": "str"},
        "run_id": {"type": "str"},
        "wait_timeout": {"type": "str", "default": wait_timeout},
        "interval": {"type": "str"},
        "backoff": {"type": "list", "elements": "str"},
    }


def wait_seconds(value: str) -> float | None:
    """None: for ever. Raises InvalidValue."""
    return parse_wait(value, "wait_timeout")


def interval_seconds(value: str | None) -> float | None:
    """None stays None: it depends on how is waited. Raises InvalidValue."""
    if value is None:
        return None
    interval = parse_duration(value, "interval")
    if interval < _SHORTEST_INTERVAL:
        raise InvalidValue(f"interval must be at least {_SHORTEST_INTERVAL * 1000:.0f} ms, not {value!r}.")
    return interval


def backoff_policy(value: list[str] | None) -> str | list[int] | None:
    """One word is a policy's name; numbers are milliseconds. What is neither is refused by the core."""
    if not value:
        return None
    if len(value) == 1 and not value[0].isdecimal():
        return value[0]
    if not all(step.isdecimal() for step in value):
        raise InvalidValue(f"backoff must be the name of a policy or a list of milliseconds, not {', '.join(value)}.")
    return [int(step) for step in value]
