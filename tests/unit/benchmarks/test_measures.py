# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the benchmarks make of recorded times."""

from __future__ import annotations

import math
from typing import Optional

import pytest

from ansible_collections.jetstream.governor.tests.benchmarks.measures import (
    Turn,
    Workload,
    hand_overs,
    overtakers,
    percentile,
    summary,
)


def turn(
    seq: int, entered: float, left: float, *, refused: Optional[float] = None, process: int = 0, refusals: int = 1
) -> Turn:
    return Turn(process, 0.0, refused, refusals if refused is not None else 0, seq, entered, left, left + 0.5)


@pytest.mark.parametrize(
    ("values", "percent", "found"),
    [
        ([7], 50, 7),
        ([3, 1, 2], 50, 2),
        ([4, 3, 2, 1], 50, 2),
        (range(1, 101), 99, 99),
        (range(1, 201), 99, 198),
        (range(1, 51), 99, 50),
        (range(1, 101), 100, 100),
        (range(1, 101), 0, 1),
    ],
)
def test_percentile(values: list[float], percent: float, found: float) -> None:
    assert percentile(values, percent) == found


def test_nothing_has_no_percentile() -> None:
    assert math.isnan(percentile([], 50))


def test_a_hand_over_is_from_the_end_of_work_to_the_next_beginning() -> None:
    turns = [turn(1, 0, 10), turn(2, 13, 20, refused=1), turn(3, 21, 30, refused=1)]
    assert hand_overs(turns, limit=1) == [3, 1]


def test_the_first_enter_empty_slots() -> None:
    assert hand_overs([turn(1, 0, 10), turn(2, 0, 10)], limit=2) == []


def test_it_does_not_count_where_nobody_waited() -> None:
    newcomer = turn(2, 50, 60)
    refused_only_later = turn(3, 75, 80, refused=70)
    assert hand_overs([turn(1, 0, 10), newcomer, refused_only_later], limit=1) == []


def test_the_slot_that_was_left_first_is_taken_first() -> None:
    turns = [turn(1, 0, 11), turn(2, 0, 10), turn(3, 12, 20, refused=1), turn(4, 14, 20, refused=1)]
    assert hand_overs(turns, limit=2) == [2, 3]


def test_a_newcomer_takes_the_slot_that_it_finds() -> None:
    turns = [turn(1, 0, 10), turn(2, 11, 20), turn(3, 22, 30, refused=1)]
    assert hand_overs(turns, limit=1) == [2]


def test_the_sequences_tell_who_entered_first_not_who_learned_of_it_first() -> None:
    turns = [turn(1, 0, 10), turn(2, 0, 12), turn(4, 13, 20, refused=1), turn(3, 15, 20, refused=1)]
    assert hand_overs(turns, limit=2) == [5, 1]


def test_in_one_process_who_was_refused_first_has_queued_first() -> None:
    turns = [turn(1, 1, 2, refused=0.001), turn(2, 2, 3, refused=0.002), turn(3, 3, 4, refused=0.003)]
    assert overtakers(turns) == 0
    swapped = [turn(1, 1, 2, refused=0.001), turn(2, 2, 3, refused=0.003), turn(3, 3, 4, refused=0.002)]
    assert overtakers(swapped) == 1


@pytest.mark.parametrize(("later", "found"), [(0.02, 0), (0.03, 1)])
def test_between_processes_it_takes_a_margin_to_be_sure(later: float, found: int) -> None:
    turns = [turn(1, 1, 2, refused=1 + later, process=0), turn(2, 2, 3, refused=1, process=1)]
    assert overtakers(turns, margin=0.025) == found


def test_all_who_overtook_count_and_each_once() -> None:
    turns = [turn(seq, seq, seq + 1, refused=10 - seq) for seq in range(1, 6)]
    assert overtakers(turns) == 4


def test_who_found_a_slot_at_once_overtakes_nobody() -> None:
    assert overtakers([turn(1, 1, 2), turn(2, 2, 3, refused=0)]) == 0


def test_the_ideal_has_no_empty_slot() -> None:
    assert Workload(10, 200, 0.2).ideal == pytest.approx(4)
    assert Workload(10, 201, 0.2).ideal == pytest.approx(4.2)


def test_in_the_ideal_the_longest_wait_is_twice_the_mean() -> None:
    assert Workload(10, 200, 0.2).ideal_spread == pytest.approx(2)
    # The first of three waits for nobody, the second 4 s, the third 7 s.
    assert Workload(1, 3, 5, apart=1).ideal_spread == pytest.approx(8 / 4)


def test_a_summary_of_an_ideal_run() -> None:
    turns = [turn(1, 0, 10), turn(2, 10, 20, refused=1), turn(3, 20, 30, refused=2, refusals=4)]
    found = summary(turns, limit=1)
    assert found.finished == 3
    assert found.most == 1
    assert found.seconds == 30.5
    assert found.refusals == pytest.approx(5 / 3)
    assert found.hand_overs == [0, 0]
    assert found.overtakers == 0
    assert found.spread == 2
