# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A waiter that rises in the queue: what is asked of the server, and what becomes of wake-ups meanwhile."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from types import SimpleNamespace
from typing import Any, Optional

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import InvalidValue
from ansible_collections.jetstream.governor.plugins.module_utils.core.queue import QueueState
from ansible_collections.jetstream.governor.tests.unit.core.fakes import (
    FakeStack,
    FakeSubscription,
    FakeTime,
    QueueNats,
    a_state,
    governor,
    start,
)

PULL = "$JS.API.CONSUMER.MSG.NEXT.GOVQUEUE_g.queue"
FULL = a_state(2)


class Urgent(QueueNats):
    """A connection to a server whose queue knows priorities, and that has the place beat."""

    def __init__(self, time: FakeTime) -> None:
        super().__init__()
        self.time = time
        self.queue = QueueState(1, 0, prioritized=True)
        self.asked: list[tuple[float, int]] = []
        self.late: Optional[str] = None
        self.beats(time)

    async def publish(self, subject: str, payload: bytes = b"", reply: str = "") -> None:
        if subject == PULL:
            self.asked.append((self.time.now - 1000, json.loads(payload)["priority"]))
        await super().publish(subject, payload, reply)

    async def on_its_way(self, given_up: FakeSubscription) -> None:
        if self.late is not None:
            late, self.late = self.late, None
            await given_up.receive(SimpleNamespace(headers=None, reply=late))


def told(nats: QueueNats) -> list[tuple[str, bytes]]:
    return [each for each in nats.published if each[0].startswith("$JS.ACK.")]


def test_a_low_one_asks_anew_whenever_it_rises() -> None:
    time = FakeTime()
    nats = Urgent(time)
    time.at(1050, nats.send)
    slot = start(time, FakeStack(None, 5, state=FULL), nats, priority="low", ageing=12)
    assert nats.asked == [(0, 7), (12, 5), (24, 3), (36, 1)]
    assert (slot.waited, slot.attempts, nats.subscribed) == (50, 2, [])


def test_until_it_rises_nothing_more_is_asked() -> None:
    time = FakeTime()
    nats = Urgent(time)
    time.at(1050, nats.send)
    start(time, FakeStack(None, 5, state=FULL), nats)
    assert nats.asked == [(0, 5)]


def test_only_the_newest_request_is_left_in_the_queue() -> None:
    time = FakeTime()
    nats = Urgent(time)
    listened: list[int] = []

    async def count() -> None:
        listened.append(sum(each.subject.startswith("_INBOX.") for each in nats.subscribed))

    time.at(1011, count)
    time.at(1020, count)
    time.at(1021, nats.send)
    start(time, FakeStack(None, 5, state=FULL), nats, priority="low", ageing=12)
    assert listened == [1, 1]


def test_a_wake_up_on_its_way_to_the_old_request_is_used() -> None:
    time = FakeTime()
    nats = Urgent(time)
    nats.late = "$JS.ACK.late"
    slot = start(time, FakeStack(None, 5, state=FULL), nats, priority="low", ageing=12)
    assert (slot.attempts, slot.waited < 20) == (2, True)
    assert told(nats) == [("$JS.ACK.late", b"+WPI"), ("$JS.ACK.late", b"+ACK")]


def test_a_wake_up_to_the_old_request_that_was_in_vain_leaves_one_request() -> None:
    time = FakeTime()
    nats = Urgent(time)
    nats.late = "$JS.ACK.late"
    time.at(1020, nats.send)
    start(time, FakeStack(None, None, 5, state=FULL), nats, priority="low", ageing=12)
    assert [priority for _moment, priority in nats.asked] == [7, 5, 4]
    assert (nats.subscribed, told(nats)[-1]) == ([], ("$JS.ACK.1", b"+ACK"))


def test_a_wake_up_to_the_old_request_of_one_who_has_gone_goes_on_to_the_next() -> None:
    time = FakeTime()
    nats = Urgent(time)

    async def main() -> None:
        arrives = asyncio.Event()

        async def on_its_way(given_up: FakeSubscription) -> None:
            await arrives.wait()
            await given_up.receive(SimpleNamespace(headers=None, reply="$JS.ACK.late"))

        nats.on_its_way = on_its_way  # type: ignore[method-assign]
        time.at(1015, nats.send)
        made = governor(time, FakeStack(None, 5, state=FULL), nats)
        await made.start("web01", priority="low", ageing=12)
        arrives.set()
        await made.js.wait_for_background(5)

    asyncio.run(main())
    assert told(nats)[-1] == ("$JS.ACK.late", b"-NAK")
    assert nats.subscribed == []


@pytest.mark.parametrize("queue", [QueueState(1, 0), QueueState(1, 0, prioritized=True)])
def test_in_a_queue_without_priorities_nobody_goes_to_its_end(queue: QueueState) -> None:
    time = FakeTime()
    nats = Urgent(time)
    nats.queue = queue
    time.at(1030, nats.send)
    start(time, FakeStack(None, 5, state=FULL), nats, ageing=12)
    assert len(nats.asked) == (3 if queue.prioritized else 1)


def test_who_joins_again_keeps_what_it_has_waited_for() -> None:
    time = FakeTime()
    nats = Urgent(time)
    time.at(1026, partial(nats.send, "409"))
    time.at(1030, nats.send)
    start(time, FakeStack(None, 5, state=FULL), nats, priority="low", ageing=12)
    assert nats.asked == [(0, 7), (12, 5), (24, 3), (26, 3)]


@pytest.mark.parametrize(("given", "listens"), [("low", 2), ("normal", 0), ("urgent", 2)])
def test_those_who_are_not_normal_answer_while_they_wait(given: str, listens: int) -> None:
    time = FakeTime()
    nats = Urgent(time)
    answering: list[str] = []

    async def look() -> None:
        answering.extend(each.subject for each in nats.subscribed if not each.subject.startswith("_INBOX."))

    time.at(1005, look)
    time.at(1006, nats.send)
    start(time, FakeStack(None, 5, state=FULL), nats, priority=given)
    assert answering == ["$GOVERNOR.waiting.g.all", "$GOVERNOR.waiting.g.any any"][:listens]
    assert nats.subscribed == []


@pytest.mark.parametrize("wrong", [{"priority": "asap"}, {"ageing": 0}])
def test_what_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        start(FakeTime(), FakeStack(1, state=FULL), QueueNats(), **wrong)
