# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the turns of many waiters say of how slots were handed over: pure arithmetic on recorded times."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ansible_collections.jetstream.governor.tests.support.history import Interval, most_at_once

MARGIN = 0.050
"""Seconds by which a waiter must have been refused before one of another process to have queued before it for certain.

Where hundreds are refused at once, more processes than cores take some turns until all that was written is sent.
"""


class Turn(NamedTuple):
    """One waiter of that process, in the order of its life; times in seconds on the clock that all processes share.

    ``first_refusal`` is None where a slot was free at once. ``entered`` to ``left`` is the work itself: it begins when
    the waiter has learned that it is in, and ends before it asks to leave. ``gone`` is when leaving was answered.
    """

    process: int
    asked: float
    first_refusal: float | None
    refusals: int
    seq: int
    entered: float
    left: float
    gone: float

    @property
    def waited(self) -> float:
        return self.entered - self.asked


class Workload(NamedTuple):
    """So many waiters on so many slots, for so many seconds of work each; they come all at once, or so far apart."""

    limit: int
    waiters: int
    hold: float
    apart: float = 0.0

    @property
    def ideal(self) -> float:
        """Seconds that it takes when no slot is ever empty while somebody waits, and somebody always does."""
        return math.ceil(self.waiters / self.limit) * self.hold

    @property
    def ideal_spread(self) -> float:
        """The longest wait in mean waits, when they enter in the order in which they came."""
        waits = [each // self.limit * self.hold - each * self.apart for each in range(self.waiters)]
        return max(waits) * len(waits) / sum(waits)

    def __str__(self) -> str:
        apart = f" {self.apart * 1e3:g} ms apart" if self.apart else ""
        return f"limit {self.limit}, {self.waiters:,} waiters{apart}, {self.hold:g} s"


class Summary(NamedTuple):
    """``finished``: how many waiters had their turn. ``most``: how many worked at once. ``seconds``: from the first who
    asked to the last who was gone. ``refusals``: for each grant. ``spread``: the longest wait, in mean waits.
    """

    finished: int
    most: int
    seconds: float
    refusals: float
    hand_overs: list[float]
    overtakers: int
    spread: float


def summary(turns: Sequence[Turn], limit: int) -> Summary:
    """Of at least one turn."""
    waits = [turn.waited for turn in turns]
    return Summary(
        finished=len(turns),
        most=most_at_once(Interval(turn.entered, turn.left) for turn in turns),
        seconds=max(turn.gone for turn in turns) - min(turn.asked for turn in turns),
        refusals=sum(turn.refusals for turn in turns) / len(turns),
        hand_overs=hand_overs(turns, limit),
        overtakers=overtakers(turns),
        spread=max(waits) / (sum(waits) / len(waits)),
    )


def percentile(values: Iterable[float], percent: float) -> float:
    """The smallest of the values that so many percent of them do not exceed; NaN when there are none."""
    ranked = sorted(values)
    if not ranked:
        return math.nan
    return ranked[max(0, math.ceil(len(ranked) * percent / 100) - 1)]


def hand_overs(turns: Sequence[Turn], limit: int) -> list[float]:
    """How long it took from the end of one's work to the beginning of the next one's, while somebody waited.

    The first ``limit`` to enter, by their sequences, found empty slots; each that follows takes the slot that was left
    first among those that nobody has taken. It counts where the one that enters had been refused before the slot was
    left. Where several slots are empty at once, who took which is an assumption; their mean does not depend on it.
    """
    followers = sorted(turns, key=lambda turn: turn.seq)[limit:]
    moments = sorted(turn.left for turn in turns)
    return [
        turn.entered - left
        for turn, left in zip(followers, moments)
        if turn.first_refusal is not None and turn.first_refusal <= left
    ]


def overtakers(turns: Iterable[Turn], margin: float = MARGIN) -> int:
    """How many entered before somebody who had queued before them for certain; only those who had to wait count.

    The order of entering is that of the sequences. In one process, whose requests go over one connection, who was
    refused first has queued first; of two processes that is certain by the margin only.
    """
    queued = [(turn.seq, turn.process, turn.first_refusal) for turn in turns if turn.first_refusal is not None]
    found, earliest_behind, in_process = 0, math.inf, dict[int, float]()
    for _seq, process, since in sorted(queued, reverse=True):
        behind = in_process.get(process, math.inf)
        found += behind < since or earliest_behind + margin < since
        in_process[process] = min(behind, since)
        earliest_behind = min(earliest_behind, since)
    return found
