# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is told of a wait, and how often."""

from __future__ import annotations

import asyncio
import itertools
from typing import Optional, Union, cast

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import GovernorError, NoVerdict
from ansible_collections.jetstream.governor.plugins.module_utils.core.queue import QueueState
from ansible_collections.jetstream.governor.plugins.module_utils.core.report import pauses, report
from ansible_collections.jetstream.governor.plugins.module_utils.core.situation import Situation
from ansible_collections.jetstream.governor.plugins.module_utils.core.state import State
from ansible_collections.jetstream.governor.plugins.module_utils.core.waiter import Waiter
from ansible_collections.jetstream.governor.tests.unit.core.fakes import (
    FakeNats,
    FakeStack,
    FakeTime,
    a_state,
    an_entry,
    governor,
)

HOLDERS = [an_entry(1, "db01", 130), an_entry(2, "db02", 60)]
Seen = Union[Situation, GovernorError]


class FakeWaiter:
    """One that waits, and knows its position or not."""

    def __init__(self, position: Optional[int] = None, by: str = "queue") -> None:
        self.waited_by = by
        self._position = position

    def position_in(self, _queue: QueueState) -> Optional[int]:
        return self._position


def told(
    waiter: FakeWaiter,
    queue: Union[QueueState, None] = None,
    seconds: float = 15,
    state: Union[State, GovernorError, None] = None,
) -> list[tuple[float, Seen]]:
    """What is told of a wait of so many seconds, and when."""
    time, reports = FakeTime(), cast("list[tuple[float, Seen]]", [])
    nats = FakeNats()
    nats.queue = queue

    async def wait() -> None:
        stack = governor(time, FakeStack(None, state=state or a_state(2), entries=HOLDERS), nats).stack
        ended = asyncio.Event()

        async def end() -> None:
            ended.set()

        time.at(1000 + seconds, end)
        telling = asyncio.ensure_future(
            report(stack, cast(Waiter, waiter), time.timing, 1000, lambda *told: reports.append(told))
        )
        await ended.wait()
        telling.cancel()

    asyncio.run(wait())
    return reports


def test_less_and_less_often() -> None:
    moments = list(itertools.accumulate(itertools.islice(pauses(), 9)))
    assert moments == [10, 20, 40, 80, 160, 320, 620, 920, 1220]


def test_of_a_short_wait_nothing_is_told() -> None:
    assert told(FakeWaiter(3), QueueState(7, 0), seconds=10) == []


def test_how_it_stands_with_one_in_the_queue() -> None:
    seen = Situation(a_state(2), HOLDERS[:1], waiting=7, position=3)
    assert told(FakeWaiter(3), QueueState(7, 0), seconds=25) == [(10, seen), (20, seen)]


def test_a_position_that_is_not_known_yet_is_the_last() -> None:
    assert told(FakeWaiter(), QueueState(7, 0)) == [(10, Situation(a_state(2), HOLDERS[:1], waiting=7, position=7))]


@pytest.mark.parametrize(
    ("waiter", "queue"),
    [(FakeWaiter(1), QueueState(0, 0)), (FakeWaiter(1), None), (FakeWaiter(by="polling"), QueueState(7, 0))],
)
def test_without_a_place_no_position_is_told(waiter: FakeWaiter, queue: Optional[QueueState]) -> None:
    assert told(waiter, queue) == [(10, Situation(a_state(2), HOLDERS[:1]))]


def test_a_server_that_does_not_answer() -> None:
    away = NoVerdict("No answer.")
    assert told(FakeWaiter(3), state=away) == [(10, away)]
