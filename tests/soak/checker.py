# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was wrong in a run, and its figures: pure functions of its history."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple, Optional

from ansible_collections.jetstream.governor.tests.soak.crowding import Crowding, alive_until, most_crowded
from ansible_collections.jetstream.governor.tests.soak.history import EXPECTED, NO_VERDICT, UNKNOWN, History, Turn
from ansible_collections.jetstream.governor.tests.soak.idleness import Idleness, longest_idle
from ansible_collections.jetstream.governor.tests.soak.promises import (
    NOTICED_AT_LAST,
    NOTICED_IN_ORDER,
    Moment,
    Promises,
    handed_on_within,
    kept_promises,
    longest_without_grant,
)

IDLE_BOUND = 20.0
"""Seconds that a slot may be idle while somebody waits and the servers are in order. Who lost its place in the queue
notices within ten."""
HANG_BOUND = 60.0
"""Seconds that a wait may take beyond its patience: a try in doubt is carried to its verdict."""


class Finding(NamedTuple):
    """``kind``: cap, twice, missing, reaped, leak, dead, late, starved, idle, hang or failure."""

    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


class Verdict(NamedTuple):
    """``doubts``: waits that ended without a verdict of the server's."""

    findings: list[Finding]
    grants: int
    doubts: int
    crowding: Crowding
    idleness: Idleness
    promises: Promises

    def count(self, *kinds: str) -> int:
        return sum(finding.kind in kinds for finding in self.findings)


def check(history: History) -> Verdict:
    crowding, idleness, promises = most_crowded(history), longest_idle(history), kept_promises(history)
    findings = [
        *_above_cap(history, crowding),
        *_twice(history),
        *_missing(history),
        *_leaks(history),
        *_late(history, promises),
        *_idle(history, idleness),
        *_hangs(history),
        *_failures(history),
    ]
    grants = sum(turn.granted is not None for turn in history.turns)
    doubts = sum(turn.because == NO_VERDICT for turn in history.turns)
    return Verdict(findings, grants, doubts, crowding, idleness, promises)


def _above_cap(history: History, crowding: Crowding) -> Iterator[Finding]:
    if crowding.most > crowding.cap:
        at = history.at(crowding.moment)
        yield Finding("cap", f"{crowding.most} were at work under a limit of {crowding.cap}, {at}")


def _twice(history: History) -> Iterator[Finding]:
    holders: dict[int, Turn] = {}
    for turn in history.turns:
        if turn.granted is None:
            continue
        first = holders.setdefault(turn.seq, turn)
        if first is not turn and not _made_anew_between(history, first, turn):
            at = history.at(turn.granted)
            yield Finding("twice", f"sequence {turn.seq} was granted to {first.holder} and to {turn.holder}, {at}")


def _made_anew_between(history: History, one: Turn, other: Turn) -> bool:
    """Whether they may have been in different governors: made anew on an older server, it counts from 1 again."""
    assert one.granted is not None
    assert other.granted is not None
    early, late = sorted((one.granted, other.granted))
    return any(early <= reset.end and reset.start <= late for reset in history.resets)


def _missing(history: History) -> Iterator[Finding]:
    for turn in history.turns:
        reaped = _reaped(history, turn)
        gone = min((each for each in (turn.missed, reaped) if each is not None), default=math.inf)
        if gone >= alive_until(history, turn):
            continue
        told = "was not told" if turn.missed is None else f"was told, {history.at(turn.missed)},"
        how = "" if reaped is None else f", reaped {history.at(reaped)}"
        kind = "missing" if reaped is None else "reaped"
        yield Finding(kind, f"{turn.holder} {told} that its entry {turn.seq} is gone{how}")


def _reaped(history: History, turn: Turn) -> Optional[float]:
    """When its entry was reaped. In a governor that is made anew on an older server sequences come again."""
    moment = history.reaped.get(turn.seq)
    return None if moment is None or turn.granted is None or moment < turn.granted else moment


def _leaks(history: History) -> Iterator[Finding]:
    turns = {turn.holder: turn for turn in history.turns}
    for entry in history.left:
        fate = _fate(history, turns.get(entry.holder))
        yield Finding("leak", f"the entry {entry.seq} of {entry.holder} is left ({fate})")


def _fate(history: History, turn: Optional[Turn]) -> str:
    if turn is None:
        return "no turn of this run"
    if turn.gave_up is not None:
        return f"asked {history.at(turn.asked)}, {turn.because} {history.at(turn.gave_up)}"
    if turn.missed is not None:
        return f"its holder was told that it is gone, {history.at(turn.missed)}"
    if turn.released is not None:
        return f"it was released, {history.at(turn.released)}"
    return "it was never released"


def _late(history: History, promises: Promises) -> Iterator[Finding]:
    yield from _beyond(history, promises.handed_on_in_order, handed_on_within(history), "dead", "handed on")
    yield from _beyond(history, promises.noticed_in_order, history.lease / 3 + NOTICED_IN_ORDER, "late", "noticed")
    yield from _beyond(history, promises.noticed, history.lease + NOTICED_AT_LAST, "late", "noticed at last")
    yield from _beyond(history, promises.without_grant, longest_without_grant(history), "starved", "a slot granted")


def _beyond(history: History, worst: Moment, bound: float, kind: str, what: str) -> Iterator[Finding]:
    if worst.seconds > bound:
        at = history.at(worst.moment)
        yield Finding(kind, f"{worst.whose}: {what} only after {worst.seconds:.1f} s, not {bound:g}, {at}")


def _idle(history: History, idleness: Idleness) -> Iterator[Finding]:
    if idleness.in_order > IDLE_BOUND:
        until = history.at(idleness.moment)
        yield Finding("idle", f"a slot was idle for {idleness.in_order:.1f} s while somebody waited, until {until}")


def _hangs(history: History) -> Iterator[Finding]:
    for turn in history.turns:
        waited = turn.waited_until - turn.asked
        if turn.waited_until > history.closed:
            yield Finding("hang", f"{turn.holder} got neither a slot nor an error, asked {history.at(turn.asked)}")
        elif turn.patience is not None and waited > turn.patience + HANG_BOUND:
            asked = f"with a patience of {turn.patience:g} s, asked {history.at(turn.asked)}"
            yield Finding("hang", f"{turn.holder} waited for {waited:.1f} s {asked}")
        elif turn.granted is not None and not turn.because and turn.over > history.closed:
            yield Finding("hang", f"{turn.holder} did not end, granted {turn.seq} {history.at(turn.granted)}")
    for each in history.broken:
        yield Finding("hang", each)


def _failures(history: History) -> Iterator[Finding]:
    """Each error once: a fault may strike everybody."""
    failed: dict[str, list[Turn]] = {}
    for turn in history.turns:
        if turn.because not in EXPECTED and not _was_being_made_anew(history, turn):
            failed.setdefault(turn.because, []).append(turn)
    for because, turns in failed.items():
        first = turns[0]
        others = f", and {len(turns) - 1} more" if len(turns) > 1 else ""
        yield Finding("failure", f"{first.holder}, asked {history.at(first.asked)}{others}: {because}")


def _was_being_made_anew(history: History, turn: Turn) -> bool:
    return turn.because == UNKNOWN and any(
        turn.asked <= reset.end and reset.start <= turn.over for reset in history.resets
    )
