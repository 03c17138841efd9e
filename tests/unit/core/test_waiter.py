# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who waits in the queue, who polls, and when the one becomes the other."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from types import SimpleNamespace
from typing import Any, Optional

import pytest
from nats.errors import ConnectionClosedError

from ansible_collections.jetstream.governor.plugins.module_utils.core import campaign
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import (
    PermissionRefused,
    WaitTimeout,
)
from ansible_collections.jetstream.governor.plugins.module_utils.core.queue import QueueState
from ansible_collections.jetstream.governor.tests.unit.core.fakes import (
    FakeNats,
    FakeStack,
    FakeSubscription,
    FakeTime,
    QueueNats,
    a_state,
    failure,
    full_until,
    governor,
    start,
)

SUBJECT = "$GOVERNOR.campaign.g"
PULL = "$JS.API.CONSUMER.MSG.NEXT.GOVQUEUE_g.queue"
FULL = a_state(2)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Options for somebody who wants to know how it stands, and so has the queue counted; and is told nothing."""

    async def report(*_words: Any) -> None:
        pass

    monkeypatch.setattr(campaign, "report", report)
    return {"on_wait": lambda _waited, _seen: None}


def test_without_a_queue_the_governor_is_polled() -> None:
    time, nats = FakeTime(), FakeNats()
    slot = start(time, FakeStack(full_until(time, 1003), state=FULL), nats)
    assert (slot.waited, slot.attempts, slot.waited_by) == (3, 13, "polling")
    assert set(time.slept) == {0.25}


def test_without_a_queue_one_is_looked_for_every_5_seconds() -> None:
    time, nats = FakeTime(), FakeNats()
    slot = start(time, FakeStack(full_until(time, 1011), state=FULL), nats)
    assert (slot.waited, slot.attempts) == (11, 45)
    assert nats.count(PULL) == 3


@pytest.mark.parametrize("options", [{"interval": 0.3}, {"interval": 60}, {"backoff": [60000]}])
def test_a_queue_that_is_made_meanwhile_is_joined(options: dict[str, Any]) -> None:
    """However long the pause between two tries is."""
    time, nats = FakeTime(), QueueNats()
    nats.queue = None
    time.set_at(1003, nats, queue=QueueState(1, 0))
    time.at(1007, nats.send)
    slot = start(time, FakeStack(full_until(time, 1007), state=FULL), nats, **options)
    assert (slot.waited, slot.waited_by) == (7, "queue")
    assert nats.count(PULL) == 2


def test_in_a_queue_nobody_tries_before_a_wake_up_comes() -> None:
    time, nats = FakeTime(), QueueNats()
    nats.beats(time)
    time.at(1051.5, nats.send)
    slot = start(time, FakeStack(None, 5, state=FULL), nats)
    assert (slot.seq, slot.attempts, slot.waited, slot.waited_by) == (5, 2, 51.5, "queue")
    assert nats.count(PULL) == 1


def test_a_slot_that_was_free_at_once_was_not_waited_for() -> None:
    nats = QueueNats()
    assert start(FakeTime(), FakeStack(1, state=FULL), nats).waited_by is None
    assert nats.published == []


def test_a_timeout_in_the_queue_ends_with_a_last_try() -> None:
    time, nats, stack = FakeTime(), QueueNats(), FakeStack(None, state=FULL)
    error = failure(time, stack, nats, timeout=3)
    assert error.__class__ is WaitTimeout
    assert (error.facts["waited"], error.facts["attempts"], error.facts["waited_by"]) == (3, 2, "queue")


def test_a_slot_that_gets_free_without_a_wake_up_is_taken_at_the_end() -> None:
    time, nats = FakeTime(), QueueNats()
    slot = start(time, FakeStack(None, 5, state=FULL), nats, timeout=0.5)
    assert (slot.waited, slot.waited_by) == (0.5, "queue")


@pytest.mark.parametrize("options", [{"backoff": [10]}, {"interval": 0.3}])
def test_in_a_queue_neither_backoff_nor_interval_leads_to_tries(options: dict[str, Any]) -> None:
    time, nats, stack = FakeTime(), QueueNats(), FakeStack(None, state=FULL)
    assert failure(time, stack, nats, timeout=3, **options).facts["attempts"] == 2


def test_a_backoff_goes_on_where_the_queue_is_lost() -> None:
    time, nats = FakeTime(), QueueNats()
    time.set_at(1001.5, nats, queue=None)
    time.at(1001.5, partial(nats.send, "409"))
    start(time, FakeStack(full_until(time, 1002), state=FULL), nats, backoff=[100, 200, 300])
    # The first pause was over when the queue was lost: a try at once, and the next pauses.
    assert time.slept == pytest.approx([1, 2.5, 0, 0.2, 0.3])


@pytest.mark.parametrize(("status", "moment"), [("409", 1002), ("409", 1004.5), ("408", 1004.5)])
def test_a_place_that_is_lost_soon_after_joining_is_polled_for_until_5_seconds_are_over(
    status: str, moment: float
) -> None:
    time, nats = FakeTime(), QueueNats()
    time.at(moment, partial(nats.send, status))
    time.at(1006, nats.send)
    slot = start(time, FakeStack(full_until(time, 1006), state=FULL), nats)
    assert (slot.waited, slot.waited_by, nats.count(PULL)) == (6, "queue", 2)
    # The first, one when the place is lost and every quarter of a second from then on, and one for the wake-up.
    assert slot.attempts == 1 + 1 + (1005 - moment) * 4 + 1


@pytest.mark.parametrize("status", ["409", "503"])
def test_a_place_that_is_lost_later_is_joined_again_at_once(status: str) -> None:
    time, nats = FakeTime(), QueueNats()
    time.at(1007, partial(nats.send, status))
    time.at(1009, nats.send)
    slot = start(time, FakeStack(None, 5, state=FULL), nats)
    assert (slot.waited, slot.waited_by, nats.count(PULL)) == (9, "queue", 2)


def test_a_place_of_which_nothing_is_heard_for_9_seconds_is_joined_again() -> None:
    time, nats = FakeTime(), QueueNats()
    time.at(1004, partial(nats.send, "100"))
    pulls = []

    async def count() -> None:
        pulls.append(nats.count(PULL))

    for moment in (1012.99, 1013.01):
        time.at(moment, count)
    time.at(1014, nats.send)
    slot = start(time, FakeStack(None, 5, state=FULL), nats)
    assert (slot.waited, slot.waited_by, pulls) == (14, "queue", [1, 2])


@pytest.mark.parametrize("queue", [10059, 10014])
def test_a_queue_that_a_look_does_not_find_is_polled_without(queue: int) -> None:
    time, nats = FakeTime(), QueueNats()
    time.set_at(1002, nats, queue=queue)
    slot = start(time, FakeStack(full_until(time, 1007), state=FULL), nats)
    assert (slot.waited, slot.waited_by) == (7, "polling")
    assert time.slept[:2] == [1, 2.5]
    assert set(time.slept[2:]) == {0, 0.25}


@pytest.mark.parametrize(("queue", "pause"), [(10008, 2.5), (None, 0.25)])
def test_who_knows_that_many_wait_polls_less_often_until_the_queue_is_gone(queue: Optional[int], pause: float) -> None:
    """While it only has no leader, all those who waited in it poll."""
    time, nats = FakeTime(), QueueNats(waiting=250)
    time.set_at(1003, nats, queue=queue)
    time.at(1003, partial(nats.send, "409"))
    start(time, FakeStack(full_until(time, 1020), state=FULL), nats)
    assert ({2.5, 0.25} & set(time.slept)) == {pause}


def test_who_may_not_pull_polls_for_good() -> None:
    time = FakeTime()

    class Refusing(QueueNats):
        async def pulled(self) -> None:
            # In the words of nats-py, which are in lower case.
            self.last_error = Exception(f'nats: permissions violation for publish to "{PULL.lower()}"')

    nats = Refusing()
    slot = start(time, FakeStack(full_until(time, 1030), state=FULL), nats)
    assert (slot.waited, slot.waited_by, nats.count(PULL)) == (30, "polling", 1)
    assert set(time.slept[2:]) == {0.25}


def test_an_earlier_refusal_is_not_taken_for_one_of_the_pull() -> None:
    time, nats = FakeTime(), QueueNats()
    nats.last_error = Exception(f'nats: permissions violation for publish to "{PULL.lower()}"')
    time.at(1003, nats.send)
    assert start(time, FakeStack(None, 5, state=FULL), nats).waited_by == "queue"


def test_who_may_not_look_polls_for_good() -> None:
    time, nats = FakeTime(), QueueNats()
    stack = FakeStack(full_until(time, 1030), state=PermissionRefused("no"))
    slot = start(time, stack, nats, subject=SUBJECT)
    assert (slot.waited, slot.waited_by, nats.count(PULL)) == (30, "polling", 1)


def test_a_queue_that_cannot_be_joined_for_want_of_a_connection_is_tried_later() -> None:
    class Closed(QueueNats):
        async def subscribe(self, *rest: Any, **more: Any) -> FakeSubscription:
            if time.now < 1004:
                raise ConnectionClosedError
            return await super().subscribe(*rest, **more)

    time = FakeTime()
    nats = Closed()
    time.at(1006, nats.send)
    slot = start(time, FakeStack(full_until(time, 1006), state=FULL), nats)
    assert (slot.waited, slot.waited_by, nats.count(PULL)) == (6, "queue", 1)


def test_the_place_is_told_while_it_is_known() -> None:
    time, nats = FakeTime(), QueueNats(waiting=7)
    places: list[Optional[int]] = []

    async def tries() -> Optional[int]:
        places.extend(waiting.position_in(QueueState(7, 0)) for waiting in made.waits)
        return 5 if time.now >= 1008 else None

    made = governor(time, FakeStack(tries, state=FULL), nats)
    for moment in (1000.5, 1003):
        time.at(moment, nats.send)
    time.set_at(1006, nats, queue=None)
    time.at(1006, partial(nats.send, "409"))
    asyncio.run(made.start("web01", timeout=600))
    assert places[:3] == [None, 7, None]
    assert set(places[3:]) == {None}


def test_those_who_join_together_know_their_places_apart_where_the_queue_is_counted(told: dict[str, Any]) -> None:
    """By the first look, a second later, others have joined it too."""
    time, nats = FakeTime(), QueueNats(waiting=3)
    places: list[Optional[int]] = []

    async def look() -> None:
        places.extend(waiting.position_in(QueueState(50, 1)) for waiting in made.waits)

    for moment in (1000.5, 1002):
        time.at(moment, look)

    # The third is counted while nothing happens; then the others come.
    for moment, queue in ((1000.1, QueueState(3, 0)), (1000.2, QueueState(3, 0)), (1000.3, QueueState(50, 0))):
        time.set_at(moment, nats, queue=queue)
    time.at(1004, nats.send)
    made = governor(time, FakeStack(None, 5, state=FULL), nats, **told)
    asyncio.run(made.start("web01", timeout=600))
    # One of those before it was called meanwhile.
    assert places == [2, 2]


@pytest.mark.parametrize("error", [10059, 10008])
def test_a_queue_that_cannot_be_counted_is_waited_in(error: int, told: dict[str, Any]) -> None:
    class Uncounted(QueueNats):
        async def request(self, *_rest: Any, **_more: Any) -> Any:
            return SimpleNamespace(data=json.dumps({"error": {"code": 503, "err_code": error, "description": "no"}}))

    time, nats = FakeTime(), Uncounted()
    time.at(1000.5, nats.send)
    slot = start(time, FakeStack(None, 5, state=FULL), nats, **told)
    assert (slot.waited, slot.waited_by) == (0.5, "queue")
