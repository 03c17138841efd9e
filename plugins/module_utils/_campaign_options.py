# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that ``governor_slot`` and ``governed`` share: how to campaign for a slot, and the request that makes.

The two differ in how long they wait by default, and in their other options.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable

from .core.durations import parse_duration, parse_wait
from .core.errors import InvalidValue
from .core.names import Owner, check_name, check_run_id
from .core.urgency import AGEING, NORMAL, PRIORITIES, check_ageing

if TYPE_CHECKING:
    from .core.stack import Stack

# Seconds. A waiter that asks more often than this burdens the server for nothing.
_SHORTEST_INTERVAL = 0.01


def campaign_options(wait_timeout: str) -> dict[str, dict[str, Any]]:
    """Return the argument spec of the options, in which ``wait_timeout`` is the default of that option."""
    return {
        "governor": {"type": "str", "required": True},
        "holder": {"type": "str"},
        "run_id": {"type": "str"},
        "wait_timeout": {"type": "str", "default": wait_timeout},
        "interval": {"type": "str"},
        "backoff": {"type": "list", "elements": "str"},
        "priority": {"type": "str", "choices": list(PRIORITIES), "default": NORMAL},
        "ageing": {"type": "str", "default": "10m"},
    }


@dataclass(frozen=True)
class CampaignRequest:
    """Which slot a task asks for, for whom, and how it waits. Times are in seconds.

    ``holder`` is empty where the task named none. ``run_id`` and ``host`` say whose the slot is: ``host`` is empty
    where it is the whole run's, and ``run_given`` tells whether the task itself named the run. ``wait_timeout`` is None
    to wait for ever and 0 to try once. ``interval`` and ``backoff`` are None where the core is to choose. ``priority``
    is how urgent the task is, and rises one step after each ``ageing``.
    """

    governor: str
    holder: str
    run_id: str
    run_given: bool
    host: str
    wait_timeout: float | None
    interval: float | None
    backoff: str | Sequence[int] | None
    priority: str = NORMAL
    ageing: float = AGEING

    @property
    def owner(self) -> Owner:
        """The owner of the slot. Raises InvalidValue for a holder or host that cannot be a part of one."""
        return Owner.of(self.run_id, self.holder, self.host)


def parse_campaign(params: Mapping[str, Any], run_id: str, host: str) -> CampaignRequest:
    """Return the request that ``params`` make, which are as the argument spec gives them.

    ``run_id`` and ``host`` are the owner's as the controller has found them, since it alone knows them. Raises
    InvalidValue for what is wrong whatever the server says.
    """
    return CampaignRequest(
        governor=check_name(params["governor"]),
        holder=params["holder"] or "",
        run_id=check_run_id(run_id),
        run_given=bool(params["run_id"]),
        host=host,
        wait_timeout=parse_wait(params["wait_timeout"], "wait_timeout"),
        interval=_interval(params["interval"]),
        backoff=_backoff(params["backoff"]),
        priority=params["priority"],
        ageing=check_ageing(parse_duration(params["ageing"], "ageing")),
    )


async def warn_of_no_priority(campaign: CampaignRequest, stack: Stack, warn: Callable[[str], None]) -> None:
    """Warn where the priority of the task has no effect. Who does not wait, and who is as urgent as most, need none."""
    if campaign.priority == NORMAL or campaign.wait_timeout == 0:
        return
    why = await stack.queue.why_unordered()
    if why is not None:
        warn(f"priority: {campaign.priority} has no effect in governor '{campaign.governor}': {why}.")


def _interval(value: str | None) -> float | None:
    if value is None:
        return None
    interval = parse_duration(value, "interval")
    if interval < _SHORTEST_INTERVAL:
        raise InvalidValue(f"interval must be at least {_SHORTEST_INTERVAL * 1000:.0f} ms, not {value!r}.")
    return interval


def _backoff(value: list[str] | None) -> str | list[int] | None:
    """Return the name of a policy for one word, and milliseconds for numbers. The core refuses unknown names."""
    if not value:
        return None
    if len(value) == 1 and not value[0].isdecimal():
        return value[0]
    if not all(step.isdecimal() for step in value):
        raise InvalidValue(f"backoff must be the name of a policy or a list of milliseconds, not {', '.join(value)}.")
    return [int(step) for step in value]
