# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pause of a governor: in its stream, in words, and in the plan from one to the other."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any, Optional

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.config import (
    Change,
    Desired,
    GovernorConfig,
    plan_change,
)
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import InvalidValue
from ansible_collections.jetstream.governor.plugins.module_utils.core.pause import Pause
from ansible_collections.jetstream.governor.tests.unit.core.fakes import a_state

SINCE = datetime(2026, 11, 24, 14, 2, 11, 345000, tzinfo=timezone.utc)
PAUSE = Pause("deploy@ctl1", SINCE, "incident 4711")
RUNNING = a_state(active=1, limit=5).config
PAUSED = replace(RUNNING, paused=PAUSE)
NOTES = {
    "governor_paused_by": "deploy@ctl1",
    "governor_paused_since": "2026-11-24T14:02:11.345Z",
    "governor_paused_reason": "incident 4711",
    "governor_max_msg_size": "-1",
}


def planned(current: Optional[GovernorConfig], **desired: Any) -> tuple[Optional[Pause], tuple[Change, ...]]:
    plan = plan_change("g", current, Desired(**desired), "nats1:4222")
    return plan.after.paused, plan.changes


@pytest.mark.parametrize(
    ("pause", "words"),
    [
        (PAUSE, "g is paused by deploy@ctl1 since 14:02: incident 4711"),
        (replace(PAUSE, reason=None), "g is paused by deploy@ctl1 since 14:02"),
        (replace(PAUSE, reason="Do not touch."), "g is paused by deploy@ctl1 since 14:02: Do not touch"),
        (Pause("", None), "g is paused"),
        (Pause("a\nb", None, "c\nd"), "g is paused by a\\nb: c\\nd"),
    ],
)
def test_a_pause_in_words(pause: Pause, words: str) -> None:
    assert pause.words("g", SINCE + timedelta(hours=3)) == words


@pytest.mark.parametrize(
    ("now", "since"),
    [
        (datetime(2026, 11, 24, 23, 59, tzinfo=timezone.utc), "14:02"),
        (datetime(2026, 11, 25, 0, 1, tzinfo=timezone.utc), "2026-11-24 14:02"),
        # Where the reader is, the day may be another.
        (datetime(2026, 11, 24, 16, 30, tzinfo=timezone(timedelta(hours=2))), "16:02"),
        (datetime(2026, 11, 25, 4, 0, tzinfo=timezone(timedelta(hours=10, minutes=30))), "00:32"),
        (datetime(2026, 11, 24, 22, 0, tzinfo=timezone(timedelta(hours=-8))), "06:02"),
    ],
)
def test_since_when_by_the_readers_clock(now: datetime, since: str) -> None:
    assert Pause("", SINCE).words("g", now) == f"g is paused since {since}"


def test_a_paused_stream_and_back() -> None:
    running = RUNNING.to_stream()
    paused = PAUSED.to_stream(running)
    assert paused == {**running, "max_msg_size": 1, "metadata": NOTES}
    assert GovernorConfig.from_stream(paused).paused == PAUSE
    assert RUNNING.to_stream(paused) == running
    assert GovernorConfig.from_stream(running).paused is None


def test_what_else_the_stream_has_comes_back_with_it() -> None:
    running = {**RUNNING.to_stream(), "max_msg_size": 4096, "metadata": {"team": "blue"}}
    paused = PAUSED.to_stream(running)
    assert (paused["max_msg_size"], paused["metadata"]) == (
        1,
        {**NOTES, "team": "blue", "governor_max_msg_size": "4096"},
    )
    # Also after it was changed meanwhile.
    assert RUNNING.to_stream(replace(PAUSED, limit=7).to_stream(paused)) == {**running, "max_msgs": 5}


def test_a_new_governor_may_be_paused() -> None:
    assert PAUSED.to_stream()["max_msg_size"] == 1
    pause, changes = planned(None, limit=5, paused=PAUSE)
    assert pause == PAUSE
    assert changes[-2:] == (Change("paused", None, True), Change("reason", None, "incident 4711"))
    assert planned(None, limit=5, paused=False)[0] is None


def test_a_pause_without_its_notes_is_one_all_the_same() -> None:
    """As when somebody has set the size by hand, or the metadata."""
    by_hand = {**RUNNING.to_stream(), "max_msg_size": 1}
    for notes in ({}, {"governor_paused_since": "yesterday", "governor_max_msg_size": "big"}):
        stream = {**by_hand, "metadata": notes}
        assert GovernorConfig.from_stream(stream).paused == Pause("", None)
        assert RUNNING.to_stream(stream) == RUNNING.to_stream()


def test_notes_without_the_size_are_no_pause() -> None:
    """As when somebody has let others in by hand: what the server does counts, and the next change clears them away."""
    stream = {**RUNNING.to_stream(), "metadata": NOTES}
    config = GovernorConfig.from_stream(stream)
    assert config.paused is None
    assert config.to_stream(stream) == RUNNING.to_stream()
    assert planned(config, paused=PAUSE)[0] == PAUSE


def test_a_pause_and_its_end_are_changes() -> None:
    assert planned(RUNNING, paused=PAUSE) == (
        PAUSE,
        (Change("paused", False, True), Change("reason", None, "incident 4711")),
    )
    assert planned(RUNNING, paused=replace(PAUSE, reason=None))[1] == (Change("paused", False, True),)
    assert planned(PAUSED, paused=False) == (
        None,
        (Change("paused", True, False), Change("reason", "incident 4711", None)),
    )


@pytest.mark.parametrize("reason", [None, "incident 4711"])
def test_who_paused_it_first_stays(reason: Optional[str]) -> None:
    again = Pause("root@ctl2", SINCE + timedelta(hours=1), reason)
    assert planned(replace(PAUSED, queue="ready"), paused=again) == (PAUSE, ())


def test_a_new_reason_is_a_change_and_leaves_who_and_when() -> None:
    again = Pause("root@ctl2", SINCE + timedelta(hours=1), "still burning")
    assert planned(PAUSED, paused=again) == (
        replace(PAUSE, reason="still burning"),
        (Change("reason", "incident 4711", "still burning"),),
    )


def test_a_limit_and_a_pause_are_two_things() -> None:
    assert planned(PAUSED, limit=2) == (PAUSE, (Change("limit", 5, 2),))
    plan = plan_change("g", replace(PAUSED, limit=2), Desired(paused=False), "nats1:4222")
    assert plan.after == replace(RUNNING, limit=2)


@pytest.mark.parametrize("desired", [{"paused": False}, {}])
def test_one_that_is_not_paused_needs_no_resuming(desired: dict[str, Any]) -> None:
    assert planned(RUNNING, **desired) == (None, ())


@pytest.mark.parametrize("reason", [" ", "a\nb", "x" * 256])
def test_a_reason_fits_on_a_line(reason: str) -> None:
    with pytest.raises(InvalidValue, match="^A reason must"):
        planned(RUNNING, paused=replace(PAUSE, reason=reason))
