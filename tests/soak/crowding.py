# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many were at work at once, and how many were allowed to be."""

from __future__ import annotations

import math
from typing import NamedTuple

from ansible_collections.jetstream.governor.tests.soak.history import History, Turn

CLOCKS = 0.1
"""Seconds by which the server's account of a moment and ours may differ."""


class Crowding(NamedTuple):
    """At ``moment`` so many were at work, where the limit was ``cap`` when the last of them entered."""

    most: int
    cap: int
    moment: float


def most_crowded(history: History) -> Crowding:
    """The moment that is furthest above the cap, or else closest to it."""
    worst = Crowding(0, history.limits[0].limit, history.began)
    working: dict[str, Turn] = {}
    for moment, step, turn in _steps(history):
        if step < 0:
            del working[turn.holder]
            continue
        working[turn.holder] = turn
        worst = max(worst, _crowding(history, working, moment), key=lambda each: (each.most - each.cap, each.most))
    return worst


def alive_until(history: History, turn: Turn) -> float:
    """Until then nobody can have ended the entry, nor for want of signs of life: after the work there are none, nor of
    who stands still or is dead.
    """
    signs = [each for each in (turn.lease_over, turn.killed) if each is not None]
    signs += [start + history.lease for start, end in turn.stills if end - start > history.lease]
    signs += [turn.ended + history.lease] if turn.ended is not None else []
    return min([_ended_by_others(history, turn), *signs])


def _ended_by_others(history: History, turn: Turn) -> float:
    """Until then neither max_age nor an eviction can have ended the entry, nor was its governor made anew."""
    ends = [turn.since + history.max_age - CLOCKS] if history.max_age else []
    ends += [turn.evicted] if turn.evicted is not None else []
    ends += [reset.start for reset in history.resets if turn.since - CLOCKS <= reset.end]
    return min(ends, default=math.inf)


def _steps(history: History) -> list[tuple[float, int, Turn]]:
    steps: list[tuple[float, int, Turn]] = []
    for turn in history.turns:
        if turn.began is None:
            continue
        # Work that goes on when its entry has expired, or was evicted, is under no cap any more.
        end = min(history.closed, turn.works_until, _ended_by_others(history, turn))
        if end > turn.began:
            steps += [(turn.began, 1, turn), (end, -1, turn)]
    # At the same moment the ends come first, as in most_at_once.
    return sorted(steps, key=lambda step: step[:2])


def _crowding(history: History, working: dict[str, Turn], moment: float) -> Crowding:
    # When the last of these entered all others were in already, so that its limit was the one to keep: a limit that is
    # lowered later puts nobody out.
    last = max(working.values(), key=lambda turn: turn.seq)
    entered_by = last.granted if last.entered is None else last.entered
    assert entered_by is not None
    cap = max(history.limits_between(last.since - CLOCKS, entered_by + CLOCKS))
    return Crowding(len(working), cap, moment)
