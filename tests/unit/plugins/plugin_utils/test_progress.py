# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The words for a wait that takes long."""

from __future__ import annotations

from typing import Any, Union

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import GovernorError, NoVerdict
from ansible_collections.jetstream.governor.plugins.module_utils.core.pause import Pause
from ansible_collections.jetstream.governor.plugins.module_utils.core.situation import Situation
from ansible_collections.jetstream.governor.plugins.plugin_utils._progress import Progress
from ansible_collections.jetstream.governor.tests.unit.core.fakes import a_state, an_entry

RANKS = {"urgent": 1, "high": 0, "normal": 0, "low": 6}
OLDEST = [an_entry(1, "db01", 130)]


def told(seen: Union[Situation, GovernorError], waited: float = 20.0) -> str:
    lines: list[str] = []
    Progress("db", "web01", lines.append).tell(waited, seen)
    [line] = lines
    return line


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"waiting": 7, "position": 3}, ", oldest db01 2m10s, about position 3 of 7 in the queue"),
        ({"waiting": 7, "by_priority": RANKS}, ", oldest db01 2m10s, 7 in the queue (1 urgent, 6 low)"),
        ({"waiting": 200}, ", oldest db01 2m10s, 200 in the queue"),
        ({}, ", oldest db01 2m10s"),
        ({"oldest": []}, ""),
    ],
)
def test_how_it_stands(more: dict[str, Any], words: str) -> None:
    seen = Situation(**{"state": a_state(2), "oldest": OLDEST, **more})
    assert told(seen) == f"web01 waits for db: 2 of 2 slots held, 20s{words}"


def test_another_priority_than_the_normal_one_is_told() -> None:
    lines: list[str] = []
    Progress("db", "web01", lines.append, "low").tell(20.0, Situation(a_state(2), [], waiting=7, position=3))
    assert lines == [
        "web01 waits for db, priority low: 2 of 2 slots held, 20s, about position 3 of 7 in the queue",
    ]


def test_a_pause() -> None:
    paused = Pause("deploy@ctl1", None, "incident 4711")
    seen = Situation(a_state(2, paused=paused), OLDEST, waiting=7, position=3)
    assert told(seen) == (
        "web01 waits for db: 2 of 2 slots held, 20s, oldest db01 2m10s, about position 3 of 7 in the queue. "
        "g is paused by deploy@ctl1: incident 4711"
    )


def test_a_server_that_does_not_answer() -> None:
    """The wait may be without an end: a person who waits wants to know for what. A password stays hidden."""
    assert (
        told(NoVerdict("No answer from nats://u:p@h."), 10) == "web01 waits for db: 10s. No answer from nats://***@h."
    )
