# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""When work was done, as the work itself recorded it, and how much of it was going on at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Interval(NamedTuple):
    """From ``start`` to ``end`` on one clock; the end itself is not part of it."""

    start: float
    end: float


def most_at_once(intervals: Iterable[tuple[float, float]]) -> int:
    """The largest number of intervals that share a moment; 0 when there are none."""
    steps: list[tuple[float, int]] = []
    for start, end in intervals:
        if end < start:
            raise ValueError(f"an interval ends at {end}, before it starts at {start}")
        steps += [(start, 1), (end, -1)]
    # At the same moment the ends come first: who starts as another ends does not overlap it.
    steps.sort()
    most = now = 0
    for _moment, step in steps:
        now += step
        most = max(most, now)
    return most
