# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tell a person of a wait that takes long: for what, since when, at which position in the queue."""

from __future__ import annotations

from collections.abc import Callable

from ..module_utils._secrecy import redact
from ..module_utils.core.durations import format_duration
from ..module_utils.core.errors import GovernorError
from ..module_utils.core.situation import Situation
from ..module_utils.core.urgency import NORMAL


class Progress:
    """The lines about one holder's wait."""

    def __init__(self, governor: str, holder: str, show: Callable[[str], None], priority: str = NORMAL) -> None:
        """Make it; ``show`` is called with each line."""
        self._who = f"{holder} waits for {governor}" + ("" if priority == NORMAL else f", priority {priority}")
        self._show = show

    def tell(self, waited: float, seen: Situation | GovernorError) -> None:
        """Show a line: the ``on_wait`` of a ``Governor``.

        ``waited`` is in seconds. ``seen`` is how it stands with the governor, or why that could not be read.
        """
        if isinstance(seen, GovernorError):
            self._show(f"{self._who}: {format_duration(waited)}. {redact(str(seen))}")
            return
        state = seen.state
        told = [f"{self._who}: {state.active} of {state.config.limit} slots held", format_duration(waited)]
        told += [f"oldest {each.shown} {format_duration(each.age(state.now))}" for each in seen.oldest]
        if seen.waiting is not None:
            told.append(_in_the_queue(seen))
        paused = f". {state.pause_words}" if state.pause_words else ""
        self._show(", ".join(told) + paused)


def _in_the_queue(seen: Situation) -> str:
    """Word who waits: the position, or where others may come before the waiter, how many wait with which priority."""
    if seen.position is not None:
        return f"about position {seen.position} of {seen.waiting} in the queue"
    counts = ", ".join(f"{count} {priority}" for priority, count in (seen.by_priority or {}).items() if count)
    return f"{seen.waiting} in the queue" + (f" ({counts})" if counts else "")
