# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""How it stands with a governor that somebody waits for: read once, and told now and then to whoever wants to know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Union

from .entry import Entry
from .errors import GovernorError
from .stack import Stack
from .state import State
from .timing import Timing

if TYPE_CHECKING:
    from .waiting import Waiting

# Seconds before the first report, and the most between two.
_FIRST = 10.0
_LONGEST = 300.0


@dataclass(frozen=True)
class Situation:
    """A governor, as somebody who waits for it wants to know it.

    ``oldest``: those who have held their slots for longest, oldest first; at most as many as were asked for.
    ``position``: about which number of the ``waiting`` in the queue the waiter has, 1 if it is called next; both are
    None where that is not known, or it waits without a queue.
    """

    state: State
    oldest: list[Entry]
    waiting: int | None = None
    position: int | None = None


# Called with the seconds waited, and with the situation, or why it could not be read.
OnWait = Callable[[float, Union[Situation, GovernorError]], None]


async def situation(stack: Stack, holders: int, waiting: Waiting | None = None) -> Situation:
    """Read it, with at most so many holders; with the waiter's place if there is one. Raises GovernorError."""
    state, oldest = await stack.state(), await stack.entries(holders)
    queue = await stack.queue.state() if waiting is not None and waiting.by == "queue" else None
    if waiting is None or queue is None or not queue.waiting:
        return Situation(state, oldest)
    return Situation(state, oldest, queue.waiting, waiting.position_in(queue) or queue.waiting)


def pauses() -> Iterator[float]:
    """Yield the seconds before the first report, and then between two: less and less often, without an end."""
    yield _FIRST
    pause = _FIRST
    while True:
        yield pause
        pause = min(2 * pause, _LONGEST)


async def report(stack: Stack, waiting: Waiting, timing: Timing, began: float, on_wait: OnWait) -> None:
    """Tell of a wait that ``began`` then, until it is cancelled."""
    for pause in pauses():
        await timing.sleep(pause)
        try:
            seen: Situation | GovernorError = await situation(stack, 1, waiting)
        except GovernorError as exc:
            seen = exc
        on_wait(timing.clock() - began, seen)
