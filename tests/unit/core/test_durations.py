# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Durations as people write them, and as they are shown."""

from __future__ import annotations

from typing import Any, Optional

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.durations import (
    LONGEST,
    format_duration,
    parse_duration,
    parse_wait,
)
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import InvalidValue


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (0, 0.0),
        ("0", 0.0),
        (90, 90.0),
        ("90", 90.0),
        (1.5, 1.5),
        ("1.5", 1.5),
        (" 90s ", 90.0),
        ("90s", 90.0),
        ("250ms", 0.25),
        ("5m", 300.0),
        ("1h30m", 5400.0),
        ("1h0m0.5s", 3600.5),
        ("7d", 604800.0),
        ("1w", 604800.0),
        ("1y", 31536000.0),
        ("1.5h", 5400.0),
        ("30m1h", 5400.0),
    ],
)
def test_parsed(written: Any, seconds: float) -> None:
    assert parse_duration(written) == seconds


@pytest.mark.parametrize(
    "written",
    [
        *(
            "",
            " ",
            "soon",
            "s",
            "1x",
            "-1",
            "-5s",
            "1h-5m",
            "5 m",
            "1,5",
            "1e3",
            "0x10",
            ".5",
            "5.",
            "5.s",
            "1us",
            "5M",
        ),
        *(-1, -0.1, float("nan"), float("inf"), True, False, None, [], LONGEST, "300y", "nan", "inf", "µs"),
    ],
)
def test_refused(written: Any) -> None:
    with pytest.raises(InvalidValue) as caught:
        parse_duration(written, "max_age")
    assert str(caught.value) == (
        "max_age must be a number of seconds or a duration like 250ms, 90s, 5m, 1h30m or 7d (not negative, "
        f"below 292 years), not {written!r}."
    )


@pytest.mark.parametrize(("written", "seconds"), [("forever", None), (" forever ", None), ("0", 0.0), ("2m", 120.0)])
def test_a_wait_may_be_without_an_end(written: str, seconds: Optional[float]) -> None:
    assert parse_wait(written, "wait_timeout") == seconds


@pytest.mark.parametrize("written", ["", "soon", "Forever", "ever", "-1", "inf", None, True, LONGEST])
def test_no_wait(written: Any) -> None:
    with pytest.raises(InvalidValue) as caught:
        parse_wait(written, "wait_timeout")
    assert str(caught.value) == (
        "wait_timeout must be a number of seconds or a duration like 250ms, 90s, 5m, 1h30m or 7d (not negative, "
        f"below 292 years), or forever, not {written!r}."
    )


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0s"),
        (0.04, "0.0s"),
        (0.4, "0.4s"),
        (3, "3s"),
        (9.94, "9.9s"),
        (41.2, "41s"),
        (59.6, "1m"),
        (60, "1m"),
        (130, "2m10s"),
        (3600, "1h"),
        (3900, "1h5m"),
        (3601, "1h1s"),
        (273600, "3d4h"),
        (86400 * 400, "400d"),
        (90061, "1d1h"),
    ],
)
def test_shown(seconds: float, shown: str) -> None:
    assert format_duration(seconds) == shown


def test_every_millisecond_is_what_the_server_makes_of_it() -> None:
    """A server counts nanoseconds: a duration that does not survive that would be a change on every run."""
    for millis in range(100, 5000):
        seconds = parse_duration(f"{millis}ms")
        assert round(seconds * 1e9) == millis * 1_000_000
