# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was wrong in a run, and its figures: pure functions of its history."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Optional

from ansible_collections.jetstream.governor.tests.soak.crowding import Crowding, alive_until, most_crowded
from ansible_collections.jetstream.governor.tests.soak.history import EXPECTED, NO_VERDICT, History, Turn
from ansible_collections.jetstream.governor.tests.soak.idleness import Idleness, longest_idle

IDLE_BOUND = 20.0
"""Seconds that a slot may be idle while somebody waits and the servers are in order. Who lost its place in the queue
notices within ten."""
HANG_BOUND = 60.0
"""Seconds that a wait may take beyond its patience: a try in doubt is carried to its verdict."""


class Finding(NamedTuple):
    """``kind``: cap, twice, missing, leak, idle, hang or failure."""

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


def check(history: History) -> Verdict:
    crowding, idleness = most_crowded(history), longest_idle(history)
    findings = [
        *_above_cap(history, crowding),
        *_twice(history),
        *_missing(history),
        *_leaks(history),
        *_idle(history, idleness),
        *_hangs(history),
        *_failures(history),
    ]
    grants = sum(turn.granted is not None for turn in history.turns)
    doubts = sum(turn.because == NO_VERDICT for turn in history.turns)
    return Verdict(findings, grants, doubts, crowding, idleness)


def _above_cap(history: History, crowding: Crowding) -> Iterator[Finding]:
    if crowding.most > crowding.cap:
        at = history.at(crowding.moment)
        yield Finding("cap", f"{crowding.most} were at work under a limit of {crowding.cap}, {at}")


def _twice(history: History) -> Iterator[Finding]:
    holders: dict[int, str] = {}
    for turn in history.turns:
        if turn.granted is not None:
            first = holders.setdefault(turn.seq, turn.holder)
            if first != turn.holder:
                at = history.at(turn.granted)
                yield Finding("twice", f"sequence {turn.seq} was granted to {first} and to {turn.holder}, {at}")


def _missing(history: History) -> Iterator[Finding]:
    for turn in history.turns:
        if turn.missed is not None and turn.missed < alive_until(history, turn):
            at = history.at(turn.missed)
            yield Finding("missing", f"{turn.holder} was told that its entry {turn.seq} is gone, {at}")


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
        if turn.because not in EXPECTED:
            failed.setdefault(turn.because, []).append(turn)
    for because, turns in failed.items():
        first = turns[0]
        others = f", and {len(turns) - 1} more" if len(turns) > 1 else ""
        yield Finding("failure", f"{first.holder}, asked {history.at(first.asked)}{others}: {because}")
