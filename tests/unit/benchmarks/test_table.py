# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the benchmarks tell what they found."""

from __future__ import annotations

import math

import pytest

from ansible_collections.jetstream.governor.tests.benchmarks.table import Goal, Table, milliseconds, percent


def test_a_table_is_markdown_in_columns() -> None:
    table = Table("Times", ["", "a", "longer"], [["row", "1 s", "2"], ["longer row", "10 s", "3"]], ["A note."])
    assert str(table).splitlines() == [
        "### Times",
        "",
        "|            |    a | longer |",
        "|:-----------|-----:|-------:|",
        "| row        |  1 s |      2 |",
        "| longer row | 10 s |      3 |",
        "",
        "A note.",
    ]


def test_a_goal_says_whether_it_is_met() -> None:
    assert str(Goal("time", ">= 97 %", "98.0 %", met=True)) == ">= 97 %: met"
    assert str(Goal("time", ">= 97 %", "96.9 %", met=False)) == ">= 97 %: MISSED"


@pytest.mark.parametrize(("share", "told"), [(0.97, "97.0 %"), (0.9699, "96.9 %"), (0.57, "57.0 %"), (1.5, "150.0 %")])
def test_a_share_is_never_rounded_up_to_a_goal(share: float, told: str) -> None:
    assert percent(share) == told


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.0012, "1.2 ms"), (0.0496, "49.6 ms"), (4.5674, "4,567 ms"), (math.nan, "-")]
)
def test_milliseconds(seconds: float, told: str) -> None:
    assert milliseconds(seconds) == told
