# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""How urgent a waiter is, when it rises, and where it stands in the queue then."""

from __future__ import annotations

import math

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import InvalidValue
from ansible_collections.jetstream.governor.plugins.module_utils.core.urgency import (
    PRIORITIES,
    Urgency,
    check_ageing,
    check_priority,
)


@pytest.mark.parametrize(("given", "waiting"), list(zip(PRIORITIES, (1, 3, 5, 7))))
def test_the_more_urgent_come_first(given: str, waiting: int) -> None:
    assert Urgency(given, 600, 1000).band() == waiting


@pytest.mark.parametrize("given", PRIORITIES)
def test_who_was_called_in_vain_is_before_equals_and_behind_the_more_urgent(given: str) -> None:
    urgency = Urgency(given, 600, 1000)
    more_urgent = [Urgency(each, 600, 1000).band() for each in PRIORITIES[: PRIORITIES.index(given)]]
    assert max([-1, *more_urgent]) < urgency.band(called_in_vain=True) < urgency.band()


def test_a_low_one_rises_a_step_each_ten_minutes() -> None:
    urgency = Urgency("low", 600, 1000)
    stands = []
    while urgency.rises_at < math.inf:
        stands.append((urgency.rises_at, urgency.band()))
        urgency.rise(urgency.rises_at)
    assert stands == [(1600, 7), (2200, 5), (2800, 3)]
    assert urgency.band() == Urgency("urgent", 600, 0).band()
    assert urgency.given == "low"


def test_nobody_rises_early() -> None:
    urgency = Urgency("low", 600, 1000)
    urgency.rise(1599.9)
    assert urgency.band() == 7


def test_steps_that_are_overdue_are_taken_at_once() -> None:
    """As where the queue was away for half an hour."""
    urgency = Urgency("low", 600, 1000)
    urgency.rise(2300)
    assert (urgency.band(), urgency.rises_at) == (3, 2800)


def test_the_urgent_have_nowhere_to_rise() -> None:
    urgency = Urgency("urgent", 600, 1000)
    urgency.rise(1e9)
    assert (urgency.band(), urgency.rises_at) == (1, math.inf)


@pytest.mark.parametrize("given", PRIORITIES)
def test_equals_keep_their_order(given: str) -> None:
    """Who began first is never behind, and comes first where both stand in one band: it was there before."""
    first, second = Urgency(given, 600, 1000), Urgency(given, 600, 1001)
    for now in range(1002, 4000):
        first.rise(now)
        second.rise(now)
        assert (first.band(), first.rises_at) <= (second.band(), second.rises_at)


def test_what_is_refused() -> None:
    with pytest.raises(InvalidValue, match=r"^priority must be one of urgent, high, normal, low, not 'asap'\.$"):
        check_priority("asap")
    for seconds in (0, 0.05, -1, math.nan):
        with pytest.raises(InvalidValue, match=r"^ageing must be at least 0.1 s, not "):
            check_ageing(seconds)
    assert (check_priority("low"), check_ageing(0.1)) == ("low", 0.1)
