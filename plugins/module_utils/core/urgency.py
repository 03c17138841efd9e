# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""How urgent a waiter is: the priority that it was given, and what its wait adds to that. No I/O."""

from __future__ import annotations

import math

from .errors import InvalidValue

# What a waiter may be given, the most urgent first.
PRIORITIES = ("urgent", "high", "normal", "low")
NORMAL = "normal"

# Seconds after which a waiter rises one step.
AGEING = 600.0

# Seconds. Who rises faster than this is as urgent as anybody at once, and each step is work for the server.
_SHORTEST_AGEING = 0.1


class Urgency:
    """How urgent one waiter is, who began to wait then.

    ``given`` is its priority. It rises one step after each ``ageing`` seconds, until it is urgent: ``rises_at`` is when
    the next step is due by the clock, infinite for none. Who waits for longer is never less urgent than another who was
    given the same, and rises first.
    """

    def __init__(self, given: str, ageing: float, began: float) -> None:
        self.given = given
        self._ageing = ageing
        self._step = PRIORITIES.index(given)
        self.rises_at = began + ageing if self._step else math.inf

    def rise(self, now: float) -> None:
        """Take all steps that are due."""
        while now >= self.rises_at:
            self._step -= 1
            self.rises_at = self.rises_at + self._ageing if self._step else math.inf

    def band(self, called_in_vain: bool = False) -> int:
        """Return the priority of its pull request, from 0 to 7; JetStream serves the lowest first.

        Who was called in vain comes before those who are as urgent, and after those who are more urgent.
        """
        return 2 * self._step + (0 if called_in_vain else 1)


def check_priority(priority: str) -> str:
    """Return the priority. Raises InvalidValue when there is no such one."""
    if priority not in PRIORITIES:
        raise InvalidValue(f"priority must be one of {', '.join(PRIORITIES)}, not {priority!r}.")
    return priority


def check_ageing(seconds: float) -> float:
    """Return the duration. Raises InvalidValue when it is too short."""
    if not seconds >= _SHORTEST_AGEING:
        raise InvalidValue(f"ageing must be at least {_SHORTEST_AGEING:g} s, not {seconds:g} s.")
    return seconds
