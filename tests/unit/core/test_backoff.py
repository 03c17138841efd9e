# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Retry policies: they grow, stay at their last step, and vary from 50 to 150 %."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Union

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.backoff import POLICIES, Backoff, backoff
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import InvalidValue


def middle() -> float:
    return 0.5


def steps(policy: Union[str, Sequence[int]], count: int) -> list[float]:
    chosen = backoff(policy)
    return [chosen.delay(retry, middle) for retry in range(count)]


def test_a_list_of_milliseconds_saturates() -> None:
    assert steps([10, 20, 40], 5) == [0.01, 0.02, 0.04, 0.04, 0.04]


@pytest.mark.parametrize(
    ("policy", "first", "last", "length"),
    [
        ("FiveSecStartGrace", 0.0, 5.0, 20),
        ("FiveSec", 0.5, 5.0, 11),
        ("TwentySec", 0.5, 20.0, 44),
        ("Default", 0.5, 5.0, 11),
    ],
)
def test_policies_by_name(policy: str, first: float, last: float, length: int) -> None:
    delays = steps(policy, length + 3)
    assert delays[0] == first
    assert delays[length - 1 :] == [last] * 4
    assert delays[length - 2] < last
    assert delays == sorted(delays)


def test_every_policy_is_one() -> None:
    assert set(POLICIES) == {"FiveSecStartGrace", "FiveSec", "TwentySec", "Default"}


@pytest.mark.parametrize(("random", "delay"), [(0.0, 0.5), (0.25, 0.75), (0.999, 1.499)])
def test_the_delay_varies_with_the_random_number(random: float, delay: float) -> None:
    assert Backoff([1000]).delay(0, lambda: random) == pytest.approx(delay)


@pytest.mark.parametrize("millis", [[], [-1], [10, -1], [1.5], ["10"], [True], [None]])
def test_bad_lists(millis: list[Any]) -> None:
    with pytest.raises(InvalidValue) as caught:
        backoff(millis)
    assert str(caught.value) == (
        "A backoff must be one of Default, FiveSec, FiveSecStartGrace, TwentySec or a list of milliseconds that are "
        f"not negative, not {millis!r}."
    )


@pytest.mark.parametrize("policy", ["", "fivesec", "OneSec", "100"])
def test_bad_names(policy: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        backoff(policy)
    assert str(caught.value) == (
        "A backoff must be one of Default, FiveSec, FiveSecStartGrace, TwentySec or a list of milliseconds, "
        f"not {policy!r}."
    )
