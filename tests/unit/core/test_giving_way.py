# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A newcomer that finds a slot empty, and whether it leaves it to those in the queue who were called to it."""

from __future__ import annotations

from typing import Union

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import NoVerdict
from ansible_collections.jetstream.governor.plugins.module_utils.core.queue import QueueState
from ansible_collections.jetstream.governor.plugins.module_utils.core.stack import Refusal
from ansible_collections.jetstream.governor.plugins.module_utils.core.state import State
from ansible_collections.jetstream.governor.tests.unit.core.fakes import (
    FakeStack,
    FakeTime,
    QueueNats,
    a_state,
    failure,
    start,
)

PULL = "$JS.API.CONSUMER.MSG.NEXT.GOVQUEUE_g.queue"
TWO_EMPTY, ONE_EMPTY, FULL = (a_state(active, limit=2) for active in range(3))


def coming(queue: Union[QueueState, int, None]) -> tuple[FakeTime, QueueNats]:
    """Somebody comes when that is seen of the queue; it is called after a second."""
    time, nats = FakeTime(), QueueNats()
    nats.queue = queue
    time.at(1001, nats.send)
    return time, nats


def test_who_was_called_to_the_slot_goes_first() -> None:
    time, nats = coming(QueueState(3, 9, ack_pending=1))
    slot = start(time, FakeStack(5, state=ONE_EMPTY), nats)
    assert (slot.waited, slot.attempts, slot.waited_by) == (1, 1, "queue")


@pytest.mark.parametrize(
    ("state", "queue"),
    [
        (ONE_EMPTY, QueueState(3, 9)),
        (TWO_EMPTY, QueueState(3, 9, ack_pending=1)),
        (ONE_EMPTY, QueueState(3, 9, ack_pending=1, redelivered=1)),
        (FULL, QueueState(3, 9, ack_pending=1)),
        (ONE_EMPTY, None),
        (ONE_EMPTY, 10008),
    ],
    ids=[
        "nobody was called",
        "a slot is left",
        "in the place of another",
        "full",
        "no queue",
        "no leader of the queue",
    ],
)
def test_nobody_else_is_given_way_to(state: State, queue: Union[QueueState, int, None]) -> None:
    time, nats = coming(queue)
    slot = start(time, FakeStack(5, state=state), nats)
    assert (slot.waited, slot.attempts, slot.waited_by, nats.count(PULL)) == (0, 1, None, 0)


def test_who_names_the_subject_tries_without_a_question() -> None:
    time, nats = coming(QueueState(3, 9, ack_pending=1))
    assert start(time, FakeStack(5, state=ONE_EMPTY), nats, subject="$GOVERNOR.campaign.g").waited == 0


def test_without_time_to_wait_giving_way_is_being_too_late() -> None:
    time, nats = coming(QueueState(3, 9, ack_pending=1))
    error = failure(time, FakeStack(5, state=ONE_EMPTY), nats, timeout=0)
    assert "(0 attempts, 1 of 2 slots held, and others in the queue called to the rest)" in str(error)
    assert (error.facts["attempts"], error.facts["active"]) == (0, 1)


def test_the_token_of_the_first_try_is_kept_until_it_is_refused() -> None:
    """Its entry may be on its way through the cluster: with another token there could be two."""
    time, nats = coming(QueueState(3, 9, ack_pending=1))
    stack = FakeStack(NoVerdict("no answer"), Refusal.UNDECIDED, 5, state=ONE_EMPTY)
    slot = start(time, stack, nats)
    assert stack.tokens == [slot.token] * 3
