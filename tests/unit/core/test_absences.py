# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who was absent for long enough: the looks, their distances and what makes a watch begin anew."""

from __future__ import annotations

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.absences import Absences, pace, required
from ansible_collections.jetstream.governor.plugins.module_utils.core.leases import SignsOfLife

LEASES = {"a": 60.0, "b": 60.0}
NEEDED = 30.0
OLD = 1e6


def signs(*tokens: str, lease: float = 60.0, age: float = OLD) -> SignsOfLife:
    return SignsOfLife(frozenset(tokens), lease, age)


def look(absences: Absences, at: float, *alive: str, age: float = OLD) -> list[str]:
    """A look that takes a second and begins then; return who is due."""
    return absences.note_look(LEASES, signs(*alive, age=age), at, at + 1)


def test_what_is_required() -> None:
    assert required(60, 60) == NEEDED
    assert required(6, 6) == 12
    # The stream was told to forget sooner than the holder believes, or later.
    assert required(60, 9) == 51 + NEEDED
    assert required(9, 60) == NEEDED
    assert pace(60) == 2


def test_who_is_absent_for_long_enough_is_due() -> None:
    absences = Absences()
    assert look(absences, 100, "b") == []
    assert absences.any
    assert look(absences, 110, "b") == []
    # From the end of the first look to the begin of this one it is a moment less than it takes.
    assert look(absences, 130.9, "b") == []
    assert look(absences, 131, "b") == ["a"]


def test_two_looks_are_too_few() -> None:
    absences = Absences()
    assert look(absences, 100, "b") == []
    assert look(absences, 140, "b") == []
    assert look(absences, 141, "b") == ["a"]


def test_a_sign_begins_the_watch_anew() -> None:
    absences = Absences()
    for at in (100, 110, 120):
        look(absences, at, "b")
    assert look(absences, 125, "a", "b") == []
    assert not absences.any
    assert [look(absences, at, "b") for at in (126, 136, 146, 156)] == [[], [], [], []]
    assert look(absences, 157, "b") == ["a"]


@pytest.mark.parametrize("begin_anew", [Absences.note_failed_look, lambda absences: absences.note_alive("a")])
def test_a_failed_look_and_an_answer_begin_it_anew(begin_anew) -> None:  # type: ignore[no-untyped-def]
    absences = Absences()
    for at in (100, 110, 120):
        look(absences, at, "b")
    begin_anew(absences)
    assert [look(absences, at, "b") for at in (131, 141, 151, 161)] == [[], [], [], []]
    assert look(absences, 162, "b") == ["a"]


def test_looks_as_far_apart_as_a_lease_begin_it_anew() -> None:
    """A sign of life may have come in between, and have been forgotten again."""
    absences = Absences()
    assert [look(absences, at, "b") for at in (100, 161, 222, 283)] == [[], [], [], []]
    assert [look(absences, at, "b") for at in (293, 303, 315)] == [[], [], ["a"]]


def test_a_stream_that_is_too_young_says_nothing() -> None:
    """Not all holders can have given a sign since it was made."""
    absences = Absences()
    assert [look(absences, at, "b", age=at - 100) for at in (100, 110, 120, 129)] == [[], [], [], []]
    assert not absences.any
    assert [look(absences, at, "b", age=at - 100) for at in (130, 140, 150, 161)] == [[], [], [], ["a"]]


def test_an_outage_longer_than_the_lease_leaves_all_alive() -> None:
    """All signs are forgotten then. Those who live give the next one within a third of their lease."""
    absences = Absences()
    assert [look(absences, at) for at in (200, 207, 214)] == [[], [], []]
    assert look(absences, 220, "a", "b") == []
    assert [look(absences, at, "a", "b") for at in (230, 240, 250)] == [[], [], []]


def test_who_has_gone_is_forgotten() -> None:
    """An entry that was released is not looked for any more, and its token may come again."""
    absences = Absences()
    for at in (100, 110, 120):
        look(absences, at, "b")
    assert absences.note_look({"b": 60.0}, signs("b"), 131, 132) == []
    assert not absences.any
    assert look(absences, 133, "b") == []


def test_the_next_look_is_no_later_than_the_end_of_a_watch() -> None:
    absences = Absences()
    assert absences.next_look(60, 100) == pace(60)
    look(absences, 100, "b")
    assert absences.next_look(60, 110) == pace(60)
    assert absences.next_look(60, 129.5) == 1.5
    # Who is due is judged by the look itself.
    assert absences.next_look(60, 131) == pace(60)
