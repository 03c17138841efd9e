# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checker finds what is planted in a clean history, and nothing in the clean one."""

from __future__ import annotations

import math
from typing import Any, Optional

import pytest

from ansible_collections.jetstream.governor.tests.soak.checker import HANG_BOUND, IDLE_BOUND, Verdict, check
from ansible_collections.jetstream.governor.tests.soak.history import CANCELLED, History, Left, Limit, Trouble, Turn

CLOSED = 200.0


def history(turns: list[Turn], limit: int = 2, max_age: float = 0.0, **more: Any) -> History:
    return History(0.0, [Limit(-math.inf, -math.inf, limit)], max_age, turns, closed=CLOSED, **more)


def turn(seq: int, began: float, ended: float, asked: float = 0.0, **more: Any) -> Turn:
    """Granted just before the work began, and released just after it."""
    moments = {"granted": began, "entered": began, "released": ended}
    return Turn(f"t{seq}", asked, seq=seq, token=f"token {seq}", began=began, ended=ended, **{**moments, **more})


def clean() -> list[Turn]:
    """Two slots, five turns, no moment idle, and one who has not waited long enough."""
    turns = [turn(1, 0, 10), turn(2, 0, 15), turn(3, 10, 20), turn(4, 15, 25), turn(5, 20, 30)]
    return [*turns, Turn("t6", 5.0, patience=8.0, gave_up=13.0, because="timed out")]


def kinds(verdict: Verdict) -> list[str]:
    return [finding.kind for finding in verdict.findings]


def texts(verdict: Verdict) -> list[str]:
    return [str(finding) for finding in verdict.findings]


def test_a_clean_history_passes() -> None:
    verdict = check(history(clean()))
    assert verdict.findings == []
    assert verdict.grants == 5
    assert verdict.crowding[:2] == (2, 2)
    assert verdict.idleness[:2] == (0.0, 0.0)
    assert verdict.doubts == 0


def test_an_empty_history_passes() -> None:
    assert check(history([])).findings == []


def test_waits_without_a_verdict_are_counted() -> None:
    assert check(history([Turn("t1", 0.0, gave_up=1.0, because="no verdict")])).doubts == 1


# -- above the cap


def test_one_too_many_at_work() -> None:
    verdict = check(history([*clean(), turn(7, 12, 14, asked=12)]))
    assert texts(verdict) == ["cap: 3 were at work under a limit of 2, at 12.00 s"]


def test_work_that_has_just_ended_is_over() -> None:
    assert check(history([turn(1, 0, 10), turn(2, 10, 20)], limit=1)).findings == []


@pytest.mark.parametrize(("began", "found"), [(15.0, ["cap"]), (16.5, [])])
def test_what_has_expired_is_under_no_cap(began: float, found: list[str]) -> None:
    turns = [turn(1, 6, 30, entered=6.0), turn(2, began, 17, asked=14)]
    assert kinds(check(history(turns, limit=1, max_age=10.0))) == found


def test_what_may_have_expired_is_under_no_cap() -> None:
    """It is not known when this one entered: perhaps as soon as it asked."""
    turns = [turn(1, 6, 30, entered=None), turn(2, 15, 17, asked=14)]
    assert check(history(turns, limit=1, max_age=10.0)).findings == []


@pytest.mark.parametrize(("evicted", "found"), [(4.0, []), (6.0, ["cap"])])
def test_who_was_evicted_is_under_no_cap(evicted: float, found: list[str]) -> None:
    turns = [turn(1, 0, 10, evicted=evicted), turn(2, 5, 8)]
    assert kinds(check(history(turns, limit=1))) == found


@pytest.mark.parametrize(
    ("lowered", "entered", "found"),
    [
        # It entered before the limit was lowered, though it worked only after that.
        (Limit(8.0, 9.0, 1), 7.0, []),
        # It is not known which came first.
        (Limit(8.0, 9.0, 1), 8.5, []),
        (Limit(8.0, 9.0, 1), 9.5, ["cap"]),
        (Limit(8.0, math.inf, 1), 9.5, []),
    ],
)
def test_the_limit_is_that_of_the_entry(lowered: Limit, entered: float, found: list[str]) -> None:
    past = history([turn(1, 0, 20), turn(2, 10, 20, asked=6, granted=entered, entered=entered)])
    past.limits.append(lowered)
    assert kinds(check(past)) == found


# -- one sequence twice, and entries that are missing or left


def test_one_sequence_granted_twice() -> None:
    twin = Turn("twin", 30.0, seq=5, granted=40.0, began=40.0, ended=41.0, released=41.0)
    verdict = check(history([*clean(), twin]))
    assert texts(verdict) == ["twice: sequence 5 was granted to t5 and to twin, at 40.00 s"]


def test_an_entry_that_is_missing_while_its_holder_is_at_work() -> None:
    verdict = check(history([turn(1, 0, 10, missed=5.0)]))
    assert texts(verdict) == ["missing: t1 was told, at 5.00 s, that its entry 1 is gone"]


@pytest.mark.parametrize(
    ("missed", "max_age", "evicted", "found"),
    [
        (5.0, 10.0, None, ["missing"]),
        (10.5, 10.0, None, []),
        (5.0, 0.0, 4.0, []),
        (5.0, 0.0, 6.0, ["missing"]),
    ],
)
def test_an_entry_that_has_expired_or_was_evicted_is_not_missing(
    missed: float, max_age: float, evicted: Optional[float], found: list[str]
) -> None:
    turns = [turn(1, 0, 20, missed=missed, evicted=evicted)]
    assert kinds(check(history(turns, max_age=max_age))) == found


def test_an_entry_without_a_holder() -> None:
    turns = [*clean(), Turn("t7", 2.0, gave_up=3.0, because=CANCELLED)]
    verdict = check(history(turns, left=[Left(7, "t7"), Left(8, "nobody"), Left(5, "t5")]))
    assert texts(verdict) == [
        "leak: the entry 7 of t7 is left (asked at 2.00 s, cancelled at 3.00 s)",
        "leak: the entry 8 of nobody is left (no turn of this run)",
        "leak: the entry 5 of t5 is left (it was released, at 30.00 s)",
    ]


def test_an_entry_that_was_said_to_be_gone_and_is_left() -> None:
    verdict = check(history([turn(1, 0, 10, missed=10.0)], left=[Left(1, "t1")]))
    assert kinds(verdict) == ["missing", "leak"]
    assert verdict.findings[1].text == "the entry 1 of t1 is left (its holder was told that it is gone, at 10.00 s)"


# -- idle slots


def waits(start: float, end: float) -> Turn:
    return Turn("waiter", start, gave_up=end, because="timed out")


LONG = IDLE_BOUND + 10


def test_an_idle_slot_while_somebody_waits() -> None:
    verdict = check(history([turn(1, 0, LONG), waits(0, LONG)]))
    assert texts(verdict) == [f"idle: a slot was idle for {LONG:.1f} s while somebody waited, until at {LONG:.2f} s"]
    assert verdict.idleness[:2] == (LONG, LONG)


def test_slots_that_nobody_waits_for_are_not_idle() -> None:
    assert check(history([turn(1, 0, 10), turn(2, 50, 60, asked=50)])).idleness[:2] == (0.0, 0.0)


def test_each_waiter_begins_anew() -> None:
    turns = [turn(1, 0, 100, asked=0), waits(0, 12), waits(30, 45)]
    assert check(history(turns)).idleness[:2] == (15.0, 15.0)


def test_a_slot_is_idle_until_it_is_taken() -> None:
    turns = [turn(1, 0, 10), turn(2, 13, 20), turn(3, 20, 30)]
    assert check(history(turns, limit=1)).idleness[:2] == (3.0, 3.0)


def test_slots_that_are_handed_over_one_by_one_are_each_idle_for_short() -> None:
    """At every moment from 10 to 15 some slot is idle, but each only for two seconds."""
    turns = [turn(1, 0, 10), turn(2, 0, 11), turn(3, 12, 13), turn(4, 13, 30), turn(5, 15, 30)]
    assert check(history(turns)).idleness[:2] == (2.0, 2.0)


def test_trouble_is_told_apart() -> None:
    past = history([turn(1, 0, LONG), waits(0, LONG)], troubles=[Trouble("killed", 5.0, 17.0)])
    verdict = check(past)
    assert verdict.findings == []
    assert verdict.idleness[:2] == (LONG - 12, LONG)


def test_a_limit_that_is_raised_makes_a_slot() -> None:
    past = history([turn(1, 0, 100), waits(0, 100)], limit=1)
    past.limits.append(Limit(50.0, 51.0, 2))
    assert check(past).idleness[:2] == (49.0, 49.0)


def test_a_limit_that_is_lowered_takes_one_away() -> None:
    past = history([turn(1, 0, 100), waits(0, 100)], limit=2)
    past.limits.append(Limit(5.0, 6.0, 1))
    assert check(past).idleness[:2] == (5.0, 5.0)


def test_what_has_expired_leaves_a_slot() -> None:
    past = history([turn(1, 0, 100), waits(0, 18)], limit=1, max_age=10.0)
    assert check(past).idleness[:2] == (8.0, 8.0)


# -- what does not end, or not well


def test_a_wait_without_an_end() -> None:
    assert texts(check(history([Turn("t1", 190.0)], limit=0))) == [
        "hang: t1 got neither a slot nor an error, asked at 190.00 s"
    ]


def test_who_had_to_be_stopped_hung() -> None:
    stopped = Turn("t1", 190.0, gave_up=CLOSED + 1, because=CANCELLED)
    assert kinds(check(history([stopped], limit=0))) == ["hang"]


@pytest.mark.parametrize(("seconds", "found"), [(HANG_BOUND, []), (HANG_BOUND + 1, ["hang"])])
def test_a_wait_far_beyond_its_patience(seconds: float, found: list[str]) -> None:
    late = Turn("t1", 0.0, patience=5.0, gave_up=5.0 + seconds, because="timed out")
    assert kinds(check(history([late], limit=0))) == found


@pytest.mark.parametrize("released", [None, CLOSED + 1])
def test_a_release_without_an_end(released: Optional[float]) -> None:
    assert texts(check(history([turn(1, 190, 195, asked=190, released=released)]))) == [
        "hang: t1 did not end, granted 1 at 190.00 s"
    ]


def test_what_else_did_not_come_to_its_end() -> None:
    assert texts(check(history([], broken=["n1 killed, at 3.00 s: not in order"]))) == [
        "hang: n1 killed, at 3.00 s: not in order"
    ]


def test_errors_that_no_fault_explains_are_told_once() -> None:
    offline, refused = "ServerError: stream is offline", "PermissionRefused: may not"
    errors = [offline, "timed out", offline, refused]
    turns = [Turn(f"t{number}", 3.0, gave_up=4.0, because=error) for number, error in enumerate(errors)]
    assert texts(check(history(turns))) == [
        f"failure: t0, asked at 3.00 s, and 1 more: {offline}",
        f"failure: t3, asked at 3.00 s: {refused}",
    ]
