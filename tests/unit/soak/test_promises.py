# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checker finds each promise of leases that is broken in a history, and nothing where it is kept."""

from __future__ import annotations

import math
from typing import Any, Optional

import pytest

from ansible_collections.jetstream.governor.tests.soak.checker import Verdict, check
from ansible_collections.jetstream.governor.tests.soak.history import (
    UNKNOWN,
    History,
    Left,
    Limit,
    Orphan,
    Reset,
    Trouble,
    Turn,
)
from ansible_collections.jetstream.governor.tests.soak.promises import longest_without_grant

LEASE, OBSERVATION, CLOSED = 6.0, 12.0, 200.0
HANDED_ON = LEASE + OBSERVATION + 10


def history(turns: list[Turn], limit: int = 1, **more: Any) -> History:
    limits = [Limit(-math.inf, -math.inf, limit)]
    return History(0.0, limits, 0.0, turns, closed=CLOSED, lease=LEASE, observation=OBSERVATION, **more)


def turn(seq: int, began: float, ended: Optional[float], asked: float = 0.0, **more: Any) -> Turn:
    """Granted just before the work began, and released just after it."""
    moments = {"granted": began, "entered": began, "released": ended}
    return Turn(f"t{seq}", asked, seq=seq, token=f"token {seq}", began=began, ended=ended, **{**moments, **more})


def waits(start: float, end: float) -> Turn:
    return Turn("waiter", start, gave_up=end, because="timed out")


def texts(verdict: Verdict) -> list[str]:
    return [str(finding) for finding in verdict.findings]


def kinds(verdict: Verdict) -> list[str]:
    return [finding.kind for finding in verdict.findings]


# -- P1: never above the cap, of those who were not told that their slot is lost


@pytest.mark.parametrize(("lost", "found"), [(20.0, []), (20.5, ["cap"]), (None, ["cap"])])
def test_who_was_told_is_under_no_cap(lost: Optional[float], found: list[str]) -> None:
    assert kinds(check(history([turn(1, 0, 30, lost=lost), turn(2, 20.2, 25)]))) == found


@pytest.mark.parametrize(("stills", "found"), [([(10.0, 40.0)], []), ([], ["cap", "late", "late"])])
def test_who_stands_still_does_not_work(stills: list[tuple[float, float]], found: list[str]) -> None:
    """Who does not ought to have known it at the end of its lease."""
    turns = [turn(1, 0, 40.1, lease_over=15.0, lost=40.05, stills=stills), turn(2, 30, 35)]
    assert kinds(check(history(turns))) == found


def test_the_dead_do_not_work() -> None:
    assert check(history([turn(1, 0, None, killed=10.0), turn(2, 10.5, 12)])).crowding[:2] == (1, 1)


# -- P2: a dead holder's slot is handed on


def killed(at: float, gone: float, **more: Any) -> History:
    """While somebody waited all the time."""
    dead = turn(1, 0, None, killed=at)
    return history([dead, waits(at - 10, gone)], orphans=[Orphan("t1", at, gone)], **more)


@pytest.mark.parametrize(("seconds", "found"), [(HANDED_ON, []), (HANDED_ON + 1, ["dead"])])
def test_a_slot_that_is_handed_on_late(seconds: float, found: list[str]) -> None:
    verdict = check(killed(50, 50 + seconds))
    assert [kind for kind in kinds(verdict) if kind == "dead"] == found
    assert verdict.promises.handed_on[:2] == (seconds, 50 + seconds)


def test_a_slot_that_is_never_handed_on() -> None:
    past = killed(50, math.inf)
    past.turns[1].gave_up = None
    assert "dead: t1: handed on only after 150.0 s, not 28, at 200.00 s" in texts(check(past))


def test_trouble_makes_waiters_watch_anew() -> None:
    verdict = check(killed(50, 90, troubles=[Trouble("killed", 55, 70)]))
    assert "dead" not in kinds(verdict)
    assert (verdict.promises.handed_on.seconds, verdict.promises.handed_on_in_order.seconds) == (40, 20)


def test_nobody_needs_a_slot_for_which_nobody_waits() -> None:
    past = history([turn(1, 0, None, killed=50.0), waits(50, 53)], orphans=[Orphan("t1", 50, 190)])
    assert check(past).promises.handed_on.seconds == 1


# -- P3 and P4: no phantom, and nothing left


def test_a_phantom() -> None:
    assert kinds(check(history([turn(1, 0, 10, missed=5.0)]))) == ["missing"]


@pytest.mark.parametrize(("resets", "found"), [([], ["twice"]), ([Reset(11, 12)], []), ([Reset(31, 32)], ["twice"])])
def test_a_sequence_comes_again_when_an_older_server_makes_the_governor_anew(
    resets: list[Reset], found: list[str]
) -> None:
    again = Turn("again", 12.0, seq=1, granted=20.0, began=20.0, ended=30.0, released=30.0)
    assert kinds(check(history([turn(1, 0, 10), again], resets=resets))) == found


def test_an_entry_that_is_left() -> None:
    verdict = check(history([turn(1, 0, 8)], left=[Left(1, "t1")]))
    assert texts(verdict) == ["leak: the entry 1 of t1 is left (it was released, at 8.00 s)"]


# -- P5: a lost slot is noticed


@pytest.mark.parametrize(("noticed", "found"), [(3.9, []), (4.1, ["late"])])
def test_an_eviction_that_is_noticed_late(noticed: float, found: list[str]) -> None:
    past = history([turn(1, 0, 50, evicted=9.5, evicted_by=10.0, lost=10 + noticed, missed=10 + noticed)])
    verdict = check(past)
    assert kinds(verdict) == found
    assert verdict.promises.noticed.seconds == pytest.approx(noticed)


@pytest.mark.parametrize(("noticed", "found"), [(7.9, []), (8.1, ["late"])])
def test_a_fault_excuses_up_to_the_end_of_the_lease(noticed: float, found: list[str]) -> None:
    past = history(
        [turn(1, 0, 50, evicted=9.5, evicted_by=10.0, lost=10 + noticed)],
        disturbances=[Trouble("a client cut off", 9.0, 20.0)],
    )
    assert kinds(check(past)) == found


def test_who_stood_still_could_not_notice() -> None:
    past = history([turn(1, 0, 50, lease_over=10.0, lost=40.0, stills=[(5.0, 39.9)])])
    verdict = check(past)
    assert verdict.findings == []
    assert verdict.promises.noticed.seconds == pytest.approx(0.1)


def test_a_governor_that_was_made_anew_is_noticed() -> None:
    past = history([turn(1, 0, 50, lost=14.9, missed=14.9)], resets=[Reset(9.0, 10.0)])
    assert texts(check(past)) == ["late: t1: noticed only after 4.9 s, not 4, at 14.90 s"]


def test_who_waited_when_the_governor_was_made_anew_may_fail() -> None:
    gone = Turn("w", 5.0, gave_up=9.5, because=UNKNOWN)
    assert check(history([gone], limit=0, resets=[Reset(9.0, 10.0)])).findings == []
    assert kinds(check(history([gone], limit=0))) == ["failure"]


# -- P6: nobody alive is reaped


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({}, ["reaped"]),
        # It had been told before that its lease is over.
        ({"lease_over": 15.0, "lost": 15.0}, []),
        # It was told only after that.
        ({"lease_over": 25.0, "lost": 25.0}, ["reaped"]),
    ],
)
def test_a_holder_that_is_reaped_alive(more: dict[str, Any], found: list[str]) -> None:
    verdict = check(history([turn(7, 0, 30, missed=20.0, **more)], reaped={7: 19.5}))
    assert kinds(verdict) == found
    assert verdict.count("reaped") == len(found)


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({}, ["reaped"]),
        ({"killed": 10.0}, []),
        ({"stills": [(5.0, 25.0)]}, []),
        # It could have given a sign since.
        ({"stills": [(5.0, 9.0)]}, ["reaped"]),
    ],
)
def test_a_holder_that_does_not_know_yet(more: dict[str, Any], found: list[str]) -> None:
    past = history([turn(7, 0, 30, **more)], reaped={7: 19.5})
    assert kinds(check(past)) == found


def test_a_sequence_that_was_reaped_before_the_governor_was_made_anew() -> None:
    assert check(history([turn(7, 20, 30, asked=19)], reaped={7: 10.0})).findings == []


def test_what_was_reaped_after_the_work_was_given_up() -> None:
    """Since the end of the work nobody gave signs of life."""
    assert check(history([turn(7, 0, 30, released=60, missed=60.0)], reaped={7: 55.0})).findings == []


# -- P7: nobody waits for ever


def test_the_time_without_a_grant_counts_from_the_last_fault() -> None:
    past = history([turn(1, 0, 100), waits(20, 100)], troubles=[Trouble("killed", 30, 40)])
    assert check(past).promises.without_grant.seconds == 60
    assert "starved" in kinds(check(past))


def test_grants_and_pauses_divide_it() -> None:
    turns = [turn(1, 0, 30), turn(2, 30, 55, asked=5), turn(3, 70, 80, asked=65)]
    assert check(history(turns)).promises.without_grant.seconds == 25


def test_the_longest_work_explains_a_time_without_a_grant() -> None:
    bound = longest_without_grant(history([]))
    assert bound == HANDED_ON + 2 * LEASE
    past = history([turn(1, 0, bound - 1), waits(0, bound - 1)])
    assert check(past).findings == []
