# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""How it stands with a governor that somebody waits for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .census import count_by_priority
from .entry import Entry
from .stack import Stack
from .state import State

if TYPE_CHECKING:
    from .waiter import Waiter


@dataclass(frozen=True)
class Situation:
    """A governor, as somebody who waits for it wants to know it.

    ``oldest``: those who have held their slots for longest, oldest first; at most as many as were asked for.
    ``position`` is about the waiter's number among the ``waiting`` in the queue, 1 for the next to be woken; the last
    number while it is not known yet. Both are None without a queue. ``by_priority`` is how many of them wait with which
    priority, None where that is not known, and in a queue without priorities. Where those who wait may have different
    priorities, ``position`` is None: others may come to stand before the waiter.
    """

    state: State
    oldest: list[Entry]
    waiting: int | None = None
    position: int | None = None
    by_priority: dict[str, int] | None = None


async def read_situation(stack: Stack, most_holders: int, waiter: Waiter | None = None) -> Situation:
    """Read how it stands, with at most so many holders, and with the waiter's position if one is given.

    Raises GovernorError.
    """
    state, oldest = await stack.state(), await stack.entries(most_holders)
    queue = await stack.queue.state() if waiter is not None and waiter.waited_by == "queue" else None
    if waiter is None or queue is None or not queue.waiting:
        return Situation(state, oldest)
    position = waiter.position_in(queue) or queue.waiting
    if not queue.prioritized:
        return Situation(state, oldest, queue.waiting, position)
    counts = await count_by_priority(stack.js, stack.name, queue.waiting)
    alike = counts is not None and list(filter(counts.get, counts)) == [waiter.urgency.given]
    return Situation(state, oldest, queue.waiting, position if alike else None, counts)
