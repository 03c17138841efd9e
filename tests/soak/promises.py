# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long it took: to hand on a dead holder's slot, to notice a lost one, and to get any."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Optional

from ansible_collections.jetstream.governor.tests.soak.history import History, Orphan, Turn

NOTICED_IN_ORDER = 2.0
"""Seconds beyond a third of the lease within which a holder is told that its entry is gone, when nothing is broken."""
NOTICED_AT_LAST = 2.0
"""Seconds beyond its lease within which a holder is told in any case."""
_HANDED_ON = 10.0
"""Seconds beyond the lease and the observation of a dead holder, until its slot is handed on."""
_WAITS = 2.0
"""Seconds after which a waiter has looked for the dead for the first time."""


class Moment(NamedTuple):
    """It took so many seconds until that moment; 0 where there was nothing of the kind."""

    seconds: float = 0.0
    moment: float = 0.0
    whose: str = "nobody"


class Promises(NamedTuple):
    """The worst of each kind. ``handed_on_in_order``: after the last fault of servers that struck meanwhile.
    ``noticed_in_order`` is of those whom no fault disturbed, ``noticed`` of all. ``without_grant``: while somebody
    waited, after the last fault of servers was over.
    """

    handed_on: Moment
    handed_on_in_order: Moment
    noticed: Moment
    noticed_in_order: Moment
    without_grant: Moment


def kept_promises(history: History) -> Promises:
    noticed = list(_noticed(history))
    return Promises(
        handed_on=max((_handed_on(history, orphan, orphan.killed) for orphan in history.orphans), default=Moment()),
        handed_on_in_order=max(
            (_handed_on(history, orphan, _in_order_since(history, orphan)) for orphan in history.orphans),
            default=Moment(),
        ),
        noticed=max((moment for _turn, moment in noticed), default=Moment()),
        noticed_in_order=max((moment for turn, moment in noticed if not _disturbed(history, turn)), default=Moment()),
        without_grant=_without_grant(history),
    )


def handed_on_within(history: History) -> float:
    return history.lease + history.observation + _HANDED_ON


def longest_without_grant(history: History) -> float:
    """All slots may be those of dead holders; or all holders may be at work that takes twice their lease."""
    return handed_on_within(history) + 2 * history.lease


# -- dead holders


def _in_order_since(history: History, orphan: Orphan) -> float:
    """What happens to servers makes waiters watch anew."""
    return max([orphan.killed, *(trouble.end for trouble in history.troubles if trouble.start < orphan.gone)])


def _handed_on(history: History, orphan: Orphan, start: float) -> Moment:
    """The longest time for which somebody waited on end since ``start``."""
    gone = min(orphan.gone, history.closed)
    longest = Moment(0.0, gone, orphan.holder)
    for began, ended in _joined((turn.asked + _WAITS, turn.waited_until) for turn in history.turns):
        until = min(ended, gone)
        longest = max(longest, Moment(until - max(began, start), until, orphan.holder))
    return longest


def _joined(spans: Iterable[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Those that meet, as one."""
    current: Optional[tuple[float, float]] = None
    for began, ended in sorted(span for span in spans if span[0] < span[1]):
        if current is not None and began <= current[1]:
            current = current[0], max(current[1], ended)
            continue
        if current is not None:
            yield current
        current = began, ended
    if current is not None:
        yield current


# -- lost slots


def _noticed(history: History) -> Iterator[tuple[Turn, Moment]]:
    """For how long a holder took a slot for its own that it had lost, without the time for which it stood still."""
    for turn in history.turns:
        since = _lost_since(history, turn)
        if since is None or turn.lost is None:
            continue
        stood = sum(max(0.0, min(end, turn.lost) - max(start, since)) for start, end in turn.stills)
        yield turn, Moment(max(0.0, turn.lost - since - stood), turn.lost, turn.holder)


def _lost_since(history: History, turn: Turn) -> Optional[float]:
    """When the slot was surely lost; None where that is not known."""
    if turn.lease_over is not None:
        return turn.lease_over
    known = [turn.evicted_by] if turn.evicted_by is not None else []
    known += [reset.end for reset in history.resets if turn.granted is not None and turn.granted <= reset.start]
    return min(known, default=None)


def _disturbed(history: History, turn: Turn) -> bool:
    since, told = _lost_since(history, turn), turn.lost
    assert since is not None
    assert told is not None
    # A fault just before may still be felt.
    return any(
        each.start <= told and since <= each.end + history.lease / 3
        for each in (*history.troubles, *history.disturbances)
    )


# -- nobody waits for ever


def _without_grant(history: History) -> Moment:
    healed = max((trouble.end for trouble in history.troubles), default=history.began)
    grants = sorted(turn.granted for turn in history.turns if turn.granted is not None)
    longest = Moment()
    for began, ended in _joined((turn.asked, turn.waited_until) for turn in history.turns):
        start, end = max(began, healed), min(ended, history.closed)
        marks = [start, *(moment for moment in grants if start < moment < end), end]
        for before, after in zip(marks, marks[1:]):
            longest = max(longest, Moment(after - before, after, "somebody"))
    return longest
