# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a person is told of a wait, and when. No server, and a clock that only sleeping moves."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any, Optional, Union, cast

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import GovernorError, NoVerdict
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import JetStream
from ansible_collections.jetstream.governor.plugins.module_utils.core.queue import Queue, QueueState
from ansible_collections.jetstream.governor.plugins.module_utils.core.stack import Stack
from ansible_collections.jetstream.governor.plugins.module_utils.core.state import State
from ansible_collections.jetstream.governor.plugins.plugin_utils.progress import Progress, pauses
from ansible_collections.jetstream.governor.tests.unit.core.fakes import FakeNats, FakeTime, a_state, an_entry


class FakeWaiting:
    def __init__(self, place: Optional[int], by: str = "queue") -> None:
        self.by = by
        self.counts = False
        self._place = place

    def position_in(self, _queue: Queue) -> Optional[int]:
        return self._place


def told(
    monkeypatch: pytest.MonkeyPatch,
    waiting: FakeWaiting,
    seconds: float = 25,
    state: Union[State, GovernorError, None] = None,
    queue: Union[QueueState, GovernorError, None] = None,
) -> list[tuple[float, str]]:
    """What is told, and when, of a wait of so many seconds."""
    time, lines = FakeTime(), cast("list[tuple[float, str]]", [])

    def answers(answer: Any) -> Any:
        async def answered(*_args: Any, **_options: Any) -> Any:
            if isinstance(answer, GovernorError):
                raise answer
            return answer

        return answered

    monkeypatch.setattr(Stack, "state", answers(state or a_state(2)))
    monkeypatch.setattr(Stack, "entries", answers([an_entry(1, "db01", 130)]))
    monkeypatch.setattr(Queue, "state", answers(queue))

    async def wait() -> None:
        js = JetStream(nc=cast(Any, FakeNats()), timing=time.timing)
        progress = Progress("db", "web01", js, lambda line: lines.append((time.now - 1000, line)))
        for _each in range(2):
            progress.begin(cast(Any, waiting))
        ended = asyncio.Event()

        async def end() -> None:
            ended.set()

        time.at(1000 + seconds, end)
        await ended.wait()
        progress.end()

    asyncio.run(wait())
    return lines


def test_less_and_less_often() -> None:
    moments = list(itertools.accumulate(itertools.islice(pauses(), 9)))
    assert moments == [10, 20, 40, 80, 160, 320, 620, 920, 1220]


def test_of_a_short_wait_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, FakeWaiting(3), seconds=10) == []


def test_the_place_in_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = FakeWaiting(3)
    line = "web01 waits for db: 2 of 2 slots held, {}, oldest db01 2m10s, about place 3 of 7 in the queue"
    assert told(monkeypatch, waiting, queue=QueueState(7, 0)) == [(10, line.format("10s")), (20, line.format("20s"))]
    assert waiting.counts, "where others join at the same moment, this one knows its place apart"


@pytest.mark.parametrize(
    ("waiting", "queue", "told_of"),
    [
        (FakeWaiting(None), QueueState(7, 0), ", about place 7 of 7 in the queue"),
        (FakeWaiting(1), QueueState(0, 0), ""),
        (FakeWaiting(1), None, ""),
        (FakeWaiting(None, "polling"), QueueState(7, 0), ""),
    ],
)
def test_what_is_not_known_is_not_told(
    monkeypatch: pytest.MonkeyPatch, waiting: FakeWaiting, queue: Optional[QueueState], told_of: str
) -> None:
    lines = told(monkeypatch, waiting, seconds=15, queue=queue)
    assert [line for _moment, line in lines] == [
        f"web01 waits for db: 2 of 2 slots held, 10s, oldest db01 2m10s{told_of}"
    ]


def test_a_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait may be without an end: a person who waits wants to know for what."""
    lines = told(monkeypatch, FakeWaiting(3), seconds=15, state=NoVerdict("No answer from nats://u:p@h."))
    assert lines == [(10, "web01 waits for db: 10s. No answer from nats://***@h.")]
