# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backoff: how long to wait before the next try. Pure, since the source of randomness is an argument."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable

from .errors import InvalidValue

Random = Callable[[], float]

_FIVE_SEC = (500, 750, 1000, 1500, 2000, 2500, 3000, 3500, 4000, 4500, 5000)

# The policies of Choria's backoff package, under the names that they have there, in milliseconds.
POLICIES = {
    "FiveSecStartGrace": (
        0,
        25,
        50,
        75,
        100,
        125,
        150,
        200,
        250,
        500,
        750,
        1000,
        1500,
        2000,
        2500,
        3000,
        3500,
        4000,
        4500,
        5000,
    ),
    "FiveSec": _FIVE_SEC,
    "TwentySec": (
        *_FIVE_SEC,
        5500,
        5750,
        6000,
        6500,
        7000,
        7500,
        8000,
        8500,
        9000,
        9500,
        10000,
        10500,
        10750,
        11000,
        11500,
        12000,
        12500,
        13000,
        13500,
        14000,
        14500,
        15000,
        15500,
        15750,
        16000,
        16500,
        17000,
        17500,
        18000,
        18500,
        19000,
        19500,
        20000,
    ),
    "Default": _FIVE_SEC,
}


class Backoff:
    """Delays that follow a list of milliseconds, stay at its last one, and vary from 50 to 150 % of it.

    ``millis`` is the list. Raises InvalidValue when it is empty, or when one of its items is not an integer or is
    negative.
    """

    def __init__(self, millis: Sequence[int]) -> None:
        if not millis or any(isinstance(step, bool) or not isinstance(step, int) or step < 0 for step in millis):
            raise InvalidValue(
                f"A backoff must be one of {', '.join(sorted(POLICIES))} or a list of milliseconds that are not "
                f"negative, not {list(millis)!r}."
            )
        self.millis: tuple[int, ...] = tuple(millis)

    def delay(self, retry: int, random: Random) -> float:
        """Return the seconds to wait before a retry. ``retry`` is its number, from 0; ``random`` returns 0 to 1."""
        step = self.millis[min(retry, len(self.millis) - 1)]
        return step / 1000 * (0.5 + random())


def backoff(policy: str | Sequence[int]) -> Backoff:
    """Return the backoff for the name of one of Choria's policies, or for a list of milliseconds.

    Raises InvalidValue when there is no policy of that name, or when ``Backoff`` refuses the list.
    """
    if not isinstance(policy, str):
        return Backoff(policy)
    if policy not in POLICIES:
        raise InvalidValue(
            f"A backoff must be one of {', '.join(sorted(POLICIES))} or a list of milliseconds, not {policy!r}."
        )
    return Backoff(POLICIES[policy])
