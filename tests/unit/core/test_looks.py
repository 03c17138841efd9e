# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one who waits in the queue does about what it sees when it looks at the governor."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import (
    JetStreamUnavailable,
    NoVerdict,
    UnknownGovernor,
)
from ansible_collections.jetstream.governor.plugins.module_utils.core.state import State
from ansible_collections.jetstream.governor.tests.unit.core.fakes import (
    FakeStack,
    FakeTime,
    QueueNats,
    a_state,
    failure,
    governor,
    start,
)

WAKE_UP = "$GOVERNOR.queue.g"
FULL, ONE_EMPTY = a_state(2), a_state(1)


def test_an_empty_slot_that_stays_is_called_out_and_then_tried() -> None:
    time, nats = FakeTime(), QueueNats(waiting=3)
    slot = start(time, FakeStack(None, 5, state=ONE_EMPTY), nats)
    assert time.slept == [1, 0.25, 0.25]
    assert (slot.waited_by, nats.count(WAKE_UP)) == ("queue", 1)


def test_as_many_wake_ups_are_sent_as_slots_are_empty() -> None:
    nats = QueueNats()
    start(FakeTime(), FakeStack(None, 5, state=a_state(1, limit=4)), nats)
    assert nats.count(WAKE_UP) == 3


def test_the_interval_is_that_of_the_looks() -> None:
    time, nats = FakeTime(), QueueNats()
    time.at(1006, nats.send)
    start(time, FakeStack(None, 5, state=FULL), nats, interval=2)
    assert time.slept == [1, 1, 2, 2]


def test_a_look_that_gets_no_answer_is_repeated_soon() -> None:
    time, nats = FakeTime(), QueueNats()
    stack = FakeStack(None, 5, state=NoVerdict("no answer"))
    time.set_at(1002.5, stack, now=ONE_EMPTY)
    slot = start(time, stack, nats, subject="$GOVERNOR.campaign.g")
    assert time.slept == [1, 1, 2, 0.25, 0.25]
    assert slot.waited_by == "queue"


@pytest.mark.parametrize(("replicas", "attempts"), [(1, 2), (3, 3)])
def test_a_refusal_of_a_replicated_governor_is_made_sure_once(replicas: int, attempts: int) -> None:
    time, nats = FakeTime(), QueueNats()
    nats.beats(time)
    stack = FakeStack(None, state=a_state(2, replicas=replicas))
    assert failure(time, stack, nats, timeout=50).facts["attempts"] == attempts
    assert len(set(stack.tokens)) == 1


def test_each_refusal_of_a_replicated_governor_is_made_sure() -> None:
    time, nats = FakeTime(), QueueNats()
    nats.beats(time)
    tried: list[float] = []
    time.at(1012, nats.send)

    async def tries() -> None:
        tried.append(time.now - 1000)

    failure(time, FakeStack(tries, state=a_state(2, replicas=3)), nats, timeout=50)
    assert tried == [0, 10, 12, 22, 50]


@pytest.mark.parametrize("lost", [True, False])
def test_a_governor_that_is_gone_ends_the_wait(lost: bool) -> None:
    """Noticed at a look, or at once when its queue has gone with it."""
    time, nats, stack = FakeTime(), QueueNats(), FakeStack(None, state=FULL)
    gone = UnknownGovernor("There is no governor 'g'.")
    time.set_at(1002, stack, now=gone)
    if lost:
        time.at(1002, partial(nats.send, "409"))
    error = failure(time, stack, nats)
    assert (error, time.now) == (gone, 1002 if lost else 1003.5)


def test_a_look_that_finds_no_jetstream_ends_no_wait() -> None:
    """A server that has just started may not answer yet."""
    time, nats = FakeTime(), QueueNats()
    stack = FakeStack(None, 5, state=JetStreamUnavailable("no JetStream answers"))
    time.at(1006, nats.send)
    slot = asyncio.run(governor(time, stack, nats, subject="$GOVERNOR.campaign.g").start("web01", timeout=20))
    assert (slot.waited, slot.waited_by) == (6, "queue")


class SlowToTell(FakeStack):
    """A look at it takes five seconds, but for the one before the first try."""

    def __init__(self, time: FakeTime) -> None:
        super().__init__(None, 5, state=FULL)
        self._time = time

    async def state(self) -> State:
        if self.entered:
            await self._time.timing.sleep(5)
        return await super().state()


def test_a_wake_up_that_comes_in_the_midst_of_a_look_is_used_at_once() -> None:
    time, nats = FakeTime(), QueueNats()
    time.at(1003, nats.send)
    slot = start(time, SlowToTell(time), nats)
    assert (slot.waited, slot.attempts) == (3, 2)


def test_a_place_that_is_lost_in_the_midst_of_a_look_is_given_up_at_once() -> None:
    time, nats, listening = FakeTime(), QueueNats(), []

    async def note() -> None:
        listening.append(nats.receive is not None)

    time.at(1002.9, note)
    time.at(1003, partial(nats.send, "409"))
    time.at(1003.1, note)
    start(time, SlowToTell(time), nats)
    assert listening == [True, False]
