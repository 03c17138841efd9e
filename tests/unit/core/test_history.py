# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The count that every test of a cap rests on."""

from __future__ import annotations

import random

import pytest

from ansible_collections.jetstream.governor.tests.support.history import Interval, most_at_once


@pytest.mark.parametrize(
    ("intervals", "most"),
    [
        ([], 0),
        ([(0, 1)], 1),
        ([(0, 1), (2, 3)], 1),
        ([(0, 1), (1, 2)], 1),
        ([(1, 2), (0, 1)], 1),
        ([(0, 2), (1, 3)], 2),
        ([(0, 9), (1, 2), (3, 4)], 2),
        ([(0, 9), (1, 5), (4, 6), (5, 7)], 3),
        ([(0, 1)] * 7, 7),
        ([(0, 10), (5, 5), (5, 6)], 2),
    ],
)
def test_most_at_once(intervals: list[tuple[float, float]], most: int) -> None:
    assert most_at_once(intervals) == most


def test_it_agrees_with_counting_at_every_moment() -> None:
    numbers = random.Random(4)
    for _each in range(50):
        starts = [numbers.randrange(30) for _each in range(20)]
        intervals = [Interval(start, start + numbers.randrange(1, 10)) for start in starts]
        counted = max(sum(each.start <= moment < each.end for each in intervals) for moment in range(40))
        assert most_at_once(intervals) == counted


def test_an_interval_that_ends_before_it_starts_is_no_interval() -> None:
    with pytest.raises(ValueError, match="ends at 1, before it starts at 2"):
        most_at_once([(2, 1)])
