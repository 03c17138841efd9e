# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tell of a wait now and then, less and less often."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Callable, Union

from .errors import GovernorError
from .situation import Situation, read_situation
from .stack import Stack
from .timing import Timing

if TYPE_CHECKING:
    from .waiter import Waiter

# Seconds before the first report, and the most between two.
_FIRST = 10.0
_LONGEST = 300.0

# Called with the seconds waited, and with the situation, or why it could not be read.
OnWait = Callable[[float, Union[Situation, GovernorError]], None]


def pauses() -> Iterator[float]:
    """Yield the seconds before the first report, and then between two: less and less often, without an end."""
    yield _FIRST
    pause = _FIRST
    while True:
        yield pause
        pause = min(2 * pause, _LONGEST)


async def report(stack: Stack, waiter: Waiter, timing: Timing, began: float, on_wait: OnWait) -> None:
    """Tell of a wait that ``began`` then, until it is cancelled."""
    for pause in pauses():
        await timing.sleep(pause)
        try:
            seen: Situation | GovernorError = await read_situation(stack, 1, waiter)
        except GovernorError as exc:
            seen = exc
        on_wait(timing.clock() - began, seen)
