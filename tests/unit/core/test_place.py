# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A place in the queue: what is asked for it, and what becomes of each wake-up that is handed out to it."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Optional

import pytest
from nats.errors import ConnectionClosedError, OutboundBufferLimitError

from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import PermissionRefused, WaitTimeout
from ansible_collections.jetstream.governor.tests.unit.core.fakes import (
    FakeStack,
    FakeTime,
    Outcome,
    QueueNats,
    a_state,
    governor,
)

PULL = "$JS.API.CONSUMER.MSG.NEXT.GOVQUEUE_g.queue"
FIRST, SECOND, THIRD = "$JS.ACK.1", "$JS.ACK.2", "$JS.ACK.3"
ACK, NAK, WORKING = b"+ACK", b"-NAK", b"+WPI"


class Waiter:
    """One that was refused and has joined the queue; it gets its first wake-up after a second.

    ``tries`` are what its tries then come to.
    """

    def __init__(self, *tries: Outcome) -> None:
        self.time, self.nats = FakeTime(), QueueNats()
        self.stack = FakeStack(None, *tries, state=a_state(2))
        self.time.at(1001, self.nats.send)

    def start(self, timeout: float = 600) -> Optional[int]:
        """The slot's number, or None when it timed out."""
        try:
            return asyncio.run(self._start(timeout))
        except WaitTimeout:
            return None

    async def hang(self) -> None:
        """For ever: this is where it is cancelled."""
        self._hanging.set()
        await asyncio.Event().wait()

    def cancelled(self) -> None:
        async def main() -> None:
            # Python 3.9 ties an event to the loop that runs when it is made.
            self._hanging = asyncio.Event()
            starting = asyncio.ensure_future(self._start(600))
            await asyncio.wait_for(self._hanging.wait(), 10)
            starting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await starting

        asyncio.run(main())

    async def _start(self, timeout: float) -> int:
        return (await governor(self.time, self.stack, self.nats).start("web01", timeout=timeout)).seq

    @property
    def pulls(self) -> list[dict[str, Any]]:
        return [json.loads(payload) for subject, payload in self.nats.published if subject == PULL]

    @property
    def settled(self) -> list[tuple[str, bytes]]:
        """What was told of which wake-up in the end."""
        return [each for each in self.told if each[1] != WORKING]

    @property
    def told(self) -> list[tuple[str, bytes]]:
        """What was told of which wake-up."""
        return [each for each in self.nats.published if each[0].startswith("$JS.ACK.")]


def test_what_is_asked_for_a_place() -> None:
    waiter = Waiter(5)
    waiter.start()
    month, beat = 30 * 24 * 3600 * 10**9, 4 * 10**9
    asked = {"batch": 1, "expires": month, "idle_heartbeat": beat, "group": "queue", "priority": 5}
    assert waiter.pulls == [asked]


def test_a_wake_up_that_led_to_a_slot_is_acknowledged_and_the_place_given_up() -> None:
    waiter = Waiter(5)
    assert waiter.start() == 5
    assert [subject for subject, _payload in waiter.nats.published] == [PULL, FIRST, FIRST]
    assert waiter.told == [(FIRST, WORKING), (FIRST, ACK)]
    assert waiter.nats.receive is None


def test_a_wake_up_is_settled_only_when_its_try_has_ended() -> None:
    """Who dies in between leaves it to the next in queue."""
    settled_before = []

    async def entering() -> Optional[int]:
        settled_before.extend(waiter.settled)
        return 5

    waiter = Waiter(entering)
    waiter.start()
    assert settled_before == []


def test_who_was_called_in_vain_goes_before_those_who_were_not_called() -> None:
    waiter = Waiter(None, None, 5)
    for moment in (1002, 1003):
        waiter.time.at(moment, waiter.nats.send)
    assert waiter.start() == 5
    sent = [subject for subject, payload in waiter.nats.published if payload != WORKING]
    assert sent == [PULL, FIRST, PULL, SECOND, PULL, THIRD]
    assert waiter.settled == [(FIRST, ACK), (SECOND, ACK), (THIRD, ACK)]
    normal, *again = waiter.pulls
    assert normal["priority"] == 5
    assert again == [{**normal, "priority": 4}] * 2


def test_when_time_is_up_a_wake_up_goes_on_to_the_next() -> None:
    async def slow() -> Optional[int]:
        waiter.time.now += 3
        return None

    waiter = Waiter(slow)
    assert waiter.start(timeout=2) is None
    assert (waiter.settled, len(waiter.pulls), waiter.nats.receive) == ([(FIRST, NAK)], 1, None)


def test_a_wake_up_of_one_who_is_cancelled_goes_on_to_the_next() -> None:
    async def trying() -> Optional[int]:
        await waiter.hang()
        return None

    waiter = Waiter(trying, None)
    waiter.cancelled()
    assert (waiter.settled, len(waiter.pulls), waiter.nats.receive) == ([(FIRST, NAK)], 1, None)


def test_a_wake_up_of_one_who_is_told_no_goes_on_to_the_next() -> None:
    waiter = Waiter(PermissionRefused("no"))
    with pytest.raises(PermissionRefused):
        waiter.start()
    assert (waiter.settled, waiter.nats.receive) == ([(FIRST, NAK)], None)


def test_who_is_cancelled_in_the_queue_gives_up_the_place() -> None:
    waiter = Waiter()
    waiter.time.at(1000.5, waiter.hang)
    waiter.cancelled()
    assert (waiter.settled, len(waiter.pulls), waiter.nats.receive) == ([], 1, None)


@pytest.mark.parametrize(("outcome", "verdict"), [(5, ACK), (PermissionRefused("no"), NAK)])
def test_wake_ups_that_come_too_late_go_on_to_the_next(outcome: Outcome, verdict: bytes) -> None:
    async def meanwhile() -> Optional[int]:
        await waiter.nats.send("100")
        await waiter.nats.send()
        await waiter.nats.send()
        assert not callable(outcome)
        if isinstance(outcome, PermissionRefused):
            raise outcome
        return 5

    waiter = Waiter(meanwhile)
    if verdict == ACK:
        waiter.start()
    else:
        with pytest.raises(PermissionRefused):
            waiter.start()
    assert waiter.settled == [(FIRST, verdict), (SECOND, NAK), (THIRD, NAK)]


def test_a_wake_up_that_comes_during_a_try_without_one_is_used_when_the_try_is_refused() -> None:
    async def meanwhile() -> Optional[int]:
        await waiter.nats.send()
        return None

    waiter = Waiter(None, meanwhile, 5)
    waiter.stack.now = a_state(1)
    assert waiter.start() == 5
    assert waiter.time.now == 1001.5
    assert waiter.settled == [(FIRST, ACK), (SECOND, ACK)]


def test_a_wake_up_behind_the_end_of_the_queue_goes_on_to_the_next() -> None:
    async def end_and_wake_up() -> None:
        await waiter.nats.send("409")
        await waiter.nats.send()

    waiter = Waiter(None, None)
    waiter.time.at(1002, end_and_wake_up)
    waiter.start(timeout=2.5)
    assert waiter.settled == [(FIRST, ACK), (SECOND, NAK)]


class Breaking(QueueNats):
    """Once ``broken``, nothing can be published."""

    def __init__(self) -> None:
        super().__init__()
        self.broken: Optional[Exception] = None

    async def publish(self, subject: str, payload: bytes = b"", reply: str = "") -> None:
        if self.broken:
            raise self.broken
        await super().publish(subject, payload, reply)


def breaking(nats: Breaking, error: Exception, outcome: Outcome) -> Outcome:
    """An outcome of a try, in the midst of which the connection breaks."""

    async def act() -> Optional[int]:
        nats.broken = error
        assert outcome is None or isinstance(outcome, int)
        return outcome

    return act


def test_a_connection_that_is_closed_while_a_wake_up_is_in_hand() -> None:
    time, nats = FakeTime(), Breaking()
    time.at(1001, nats.send)
    stack = FakeStack(None, breaking(nats, ConnectionClosedError(), None), None, 3, state=a_state(2))
    assert asyncio.run(governor(time, stack, nats).start("web01", timeout=20)).waited_by == "polling"


def test_a_join_that_fails_halfway_leaves_no_subscription() -> None:
    time, nats = FakeTime(), Breaking()
    nats.broken = OutboundBufferLimitError()
    with pytest.raises(WaitTimeout):
        asyncio.run(governor(time, FakeStack(None, state=a_state(2)), nats).start("web01", timeout=20))
    assert nats.receive is None


def test_leaving_ends_the_subscription_also_when_the_wake_up_cannot_be_settled() -> None:
    time, nats = FakeTime(), Breaking()
    time.at(1001, nats.send)
    stack = FakeStack(None, breaking(nats, OutboundBufferLimitError(), 5), state=a_state(2))
    assert asyncio.run(governor(time, stack, nats).start("web01", timeout=20)).seq == 5
    assert nats.receive is None
