# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which plays can come to an end: the table of what was seen with real plays of six hosts, and what follows from it."""

from __future__ import annotations

from typing import Optional

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils._guard import (
    REFUSED,
    WAYS_OUT,
    Deadlock,
    Play,
    deadlock,
)

CERTAIN, POSSIBLE, SAFE = True, False, None


def verdict(strategy: str, forks: int, limit: int, throttle: int = 0, batch: int = 6) -> Optional[bool]:
    found = deadlock(Play(strategy, batch, forks, throttle), limit)
    return None if found is None else found.alone


@pytest.mark.parametrize(
    ("strategy", "forks", "limit", "throttle", "expected"),
    [
        # One run alone; what deadlocked is certain, what came to an end is not.
        ("linear", 10, 2, 0, CERTAIN),
        ("linear", 10, 6, 0, POSSIBLE),
        ("linear", 10, 2, 1, CERTAIN),
        ("free", 10, 2, 0, SAFE),
        ("free", 5, 2, 0, POSSIBLE),
        ("free", 4, 2, 0, CERTAIN),
        ("free", 2, 1, 0, CERTAIN),
        ("free", 10, 2, 2, CERTAIN),
        ("free", 5, 1, 3, CERTAIN),
        ("host_pinned", 2, 1, 0, SAFE),
        ("host_pinned", 10, 2, 0, SAFE),
        ("host_pinned", 3, 1, 2, CERTAIN),
        ("host_pinned", 3, 2, 2, CERTAIN),
        ("host_pinned", 4, 2, 3, CERTAIN),
        # A throttle that the forks never reach blocks nobody.
        ("host_pinned", 3, 1, 3, SAFE),
        ("host_pinned", 3, 1, 4, SAFE),
        ("host_pinned", 3, 2, 3, SAFE),
        ("host_pinned", 2, 1, 2, SAFE),
        ("host_pinned", 5, 2, 5, SAFE),
    ],
)
def test_what_was_seen_with_six_hosts(
    strategy: str, forks: int, limit: int, throttle: int, expected: Optional[bool]
) -> None:
    assert verdict(strategy, forks, limit, throttle) is expected


def test_two_runs_of_serial_2_with_limit_2() -> None:
    """They deadlocked three times of three: each held one slot and waited for one."""
    assert verdict("linear", 10, 2, batch=2) is POSSIBLE


@pytest.mark.parametrize("strategy", ["linear", "debug", "free", "host_pinned", "mitogen_linear", "anything"])
@pytest.mark.parametrize("batch", [0, 1])
def test_one_host_at_a_time_is_always_safe(strategy: str, batch: int) -> None:
    assert verdict(strategy, 1, 1, throttle=1, batch=batch) is SAFE


@pytest.mark.parametrize(
    ("strategy", "as_good_as"),
    [
        ("debug", "linear"),
        ("ansible.builtin.linear", "linear"),
        ("ansible.builtin.debug", "linear"),
        ("mitogen_linear", "linear"),
        ("ansible.builtin.free", "free"),
        ("mitogen_free", "free"),
        ("ansible.builtin.host_pinned", "host_pinned"),
        ("mitogen_host_pinned", "host_pinned"),
    ],
)
def test_other_names_of_the_strategies(strategy: str, as_good_as: str) -> None:
    rows = [(forks, limit, throttle) for forks in (2, 4, 5, 10) for limit in (1, 2, 6) for throttle in (0, 1, 3)]
    assert [verdict(strategy, *row) for row in rows] == [verdict(as_good_as, *row) for row in rows]


@pytest.mark.parametrize("strategy", ["mitogen", "serial_killer", "acme.fast.freedom", ""])
def test_an_unknown_strategy_is_not_judged(strategy: str) -> None:
    assert verdict(strategy, 1, 1) is SAFE


@pytest.mark.parametrize(
    ("forks", "throttle", "expected"),
    [
        # With two slots, four of the hosts can wait: a fifth fork lets a holder go on, unless another run has them.
        (4, 0, CERTAIN),
        (5, 0, POSSIBLE),
        (6, 0, SAFE),
        (10, 4, CERTAIN),
        (10, 5, POSSIBLE),
        (10, 6, SAFE),
        (4, 5, CERTAIN),
        (5, 9, POSSIBLE),
    ],
)
def test_free_is_as_good_as_the_smaller_of_forks_and_throttle(
    forks: int, throttle: int, expected: Optional[bool]
) -> None:
    assert verdict("free", forks, 2, throttle) is expected


def test_as_many_slots_as_hosts_are_no_help_against_other_runs() -> None:
    assert verdict("linear", 10, 100) is POSSIBLE
    assert verdict("free", 5, 100) is POSSIBLE
    assert verdict("host_pinned", 10, 100, throttle=2) is POSSIBLE


def sentence(strategy: str, forks: int, limit: int, throttle: int = 0, batch: int = 6) -> str:
    found = deadlock(Play(strategy, batch, forks, throttle), limit)
    assert isinstance(found, Deadlock)
    return found.sentence


def test_what_is_said_under_linear() -> None:
    assert sentence("linear", 5, 2) == (
        "This play would never end: strategy linear runs this task on all 6 hosts of the batch before any of them goes "
        "on to release its slot, and the limit is 2."
    )
    assert sentence("linear", 5, 2, batch=2) == (
        "This play can deadlock with another run on the same governor: each could hold some of the 2 slots and wait "
        "for more, since strategy linear lets no host go on to release its slot before all 2 hosts of the batch have "
        "one."
    )


def test_what_is_said_under_free_names_what_is_too_few() -> None:
    assert sentence("free", 4, 2) == (
        "This play can deadlock: with 4 forks, strategy free, 6 hosts and a limit of 2, hosts that wait can keep those "
        "with a slot from going on to release it; it takes more than 4."
    )
    assert "with throttle: 2, strategy host_pinned, 6 hosts" in sentence("host_pinned", 10, 2, throttle=2)
    assert sentence("free", 5, 2) == (
        "This play can deadlock with another run on the same governor: while that one holds the slots, 5 forks can all "
        "be taken by hosts that wait, of 6 hosts."
    )


def test_the_ways_out_are_safe() -> None:
    for way in ("serial: 1", "strategy: host_pinned", "run_once: true", "raise the limit", "guard: off"):
        assert way in WAYS_OUT
    assert REFUSED.endswith(WAYS_OUT)
    assert verdict("linear", 5, 2, batch=1) is SAFE
    assert verdict("host_pinned", 5, 2) is SAFE
