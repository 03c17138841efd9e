# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which holders of a governor have given no sign of life for so long that they may be dead. No I/O.

One absence is no evidence: after an outage that is longer than the lease, the signs of all holders are forgotten, also
of those that live. So an absence is watched, in several looks, for longer than a living holder takes to give its next
sign. A look that failed is no look, and makes the watch begin anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .leases import SignsOfLife

# A holder gives a sign of life every third of its lease. These seconds are for a server that is slow, or an election.
_GRACE = 10.0

# In so many looks at least a holder must be absent.
_LOOKS = 3

# Into how many looks the time of a watch is divided.
_LOOKS_AT_ONE = 15


@dataclass
class _Absence:
    """A token that has been absent in so many looks, of which the first one was over at ``since``; from ``due`` on its
    holder may be dead.
    """

    since: float
    due: float
    looks: int = 1


class Absences:
    """The absences that one observer watches.

    Times are by the observer's clock. A look is made in the time from ``began`` to ``ended``.
    """

    def __init__(self) -> None:
        """Watch nothing so far."""
        self._absent: dict[str, _Absence] = {}
        self._last_look = 0.0

    def note_failed_look(self) -> None:
        """Begin anew: what happened meanwhile is not known."""
        self._absent.clear()

    def note_alive(self, token: str) -> None:
        """Note that the holder with this token has answered: its watch begins anew."""
        self._absent.pop(token, None)

    def note_look(self, leases: Mapping[str, float], signs: SignsOfLife, began: float, ended: float) -> list[str]:
        """Note what a look has seen, and return the tokens that were absent for long enough, which may be dead.

        ``leases`` are those of all entries, in seconds, by token.
        """
        longest = max([signs.lease, *leases.values()])
        if signs.age < required(longest, signs.lease) or began - self._last_look >= signs.lease:
            # Too young a stream cannot have all signs; and between looks as far apart as that, one may have come and
            # have been forgotten again.
            self._absent.clear()
        self._last_look = ended
        if signs.age < required(longest, signs.lease):
            return []
        now_absent = leases.keys() - signs.tokens
        self._forget(self._absent.keys() - now_absent)
        return [
            token for token in now_absent if self._is_due(token, required(leases[token], signs.lease), began, ended)
        ]

    def next_look(self, kept: float, now: float) -> float:
        """Return the seconds until the next look: as ``pace``, or less where the watch of a holder is over before."""
        waits = [absence.due - now for absence in self._absent.values() if absence.due > now]
        return min([pace(kept), *waits])

    @property
    def any(self) -> bool:
        """Whether somebody is absent."""
        return bool(self._absent)

    def _forget(self, tokens: Iterable[str]) -> None:
        for token in list(tokens):
            del self._absent[token]

    def _is_due(self, token: str, needed: float, began: float, ended: float) -> bool:
        absence = self._absent.get(token)
        if absence is None:
            self._absent[token] = _Absence(ended, ended + needed)
            return False
        absence.looks += 1
        absence.due = absence.since + needed
        return absence.looks >= _LOOKS and began >= absence.due


def required(lease: float, kept: float) -> float:
    """Return for how many seconds a holder with that lease must be seen to be absent before it may be dead.

    ``kept`` is for how long the stream keeps signs of life now: where that was made shorter than the holder's lease,
    the holder does not know, and believes in its lease to its end.
    """
    return max(0.0, lease - kept) + max(lease, kept) / 3 + _GRACE


def pace(kept: float) -> float:
    """Return the seconds between two looks at a governor in which somebody is absent."""
    return required(kept, kept) / _LOOKS_AT_ONE
