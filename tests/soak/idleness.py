# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long a slot was idle while somebody waited for one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from ansible_collections.jetstream.governor.tests.soak.history import History


class Idleness(NamedTuple):
    """Seconds of the slot that was idle longest while somebody waited: while the servers were in order (until
    ``moment``), and in all.
    """

    in_order: float
    in_all: float
    moment: float


def longest_idle(history: History) -> Idleness:
    """Slots have no names: who enters is taken to enter the one that was idle longest."""
    longest, before = Idleness(0.0, 0.0, history.began), history.began
    now: Counter[str] = Counter()
    slots: list[Idleness] = []
    for moment, what, by in sorted(_changes(history)):
        if now["waiting"]:
            passed = moment - before
            slots = [
                Idleness(each.in_order + (0.0 if now["troubles"] else passed), each.in_all + passed, moment)
                for each in slots
            ]
            longest = _longer(longest, slots)
        now[what] += by
        slots = _adjusted(slots if now["waiting"] else [], max(0, now["limit"] - now["taken"]), moment)
        before = moment
    return longest


def _longer(longest: Idleness, slots: list[Idleness]) -> Idleness:
    if not slots:
        return longest
    in_order, moment = max((longest.in_order, longest.moment), (slots[0].in_order, slots[0].moment))
    return Idleness(in_order, max(longest.in_all, slots[0].in_all), moment)


def _adjusted(slots: list[Idleness], free: int, moment: float) -> list[Idleness]:
    """As many as are free now; the first was idle longest."""
    kept = slots[max(0, len(slots) - free) :]
    return kept + [Idleness(0.0, 0.0, moment)] * (free - len(kept))


def _changes(history: History) -> Iterator[tuple[float, str, int]]:
    for moment, what, by in _all_changes(history):
        yield min(moment, history.closed), what, by


def _all_changes(history: History) -> Iterator[tuple[float, str, int]]:
    for turn in history.turns:
        yield turn.asked, "waiting", 1
        yield turn.waited_until, "waiting", -1
        if turn.granted is not None:
            yield turn.granted, "taken", 1
            expires = turn.granted + history.max_age if history.max_age else math.inf
            ends = [each for each in (turn.ended, turn.killed) if each is not None]
            yield min([*ends, expires]), "taken", -1
    for orphan in history.orphans:
        yield orphan.killed, "taken", 1
        yield orphan.gone, "taken", -1
    yield history.began, "limit", history.limits[0].limit
    for before, after in zip(history.limits, history.limits[1:]):
        # In doubt the lower one is in force.
        raised = after.limit > before.limit
        yield after.answered if raised else after.sent, "limit", after.limit - before.limit
    for trouble in history.troubles:
        yield trouble.start, "troubles", 1
        yield trouble.end, "troubles", -1
