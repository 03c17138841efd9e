# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long an operation without an answer is repeated, and what its caller is told in the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import Callable, Optional, Union

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import (
    ConnectionClosed,
    GovernorError,
    NotSent,
    NoVerdict,
    PermissionRefused,
)
from ansible_collections.jetstream.governor.plugins.module_utils.core.timing import Timing, outcome, run_to_completion
from ansible_collections.jetstream.governor.tests.unit.core.fakes import FakeTime

# What one try does: how many seconds it takes, and what comes of it.
Try = tuple[float, Union[str, GovernorError]]


def run(time: FakeTime, *tries: Try, patience: float = 15.0, timeout: float = 0.0) -> tuple[str, int]:
    """The answer, and the number of tries it took; the last of ``tries`` is what all further ones do."""
    count = 0

    async def once() -> str:
        nonlocal count
        seconds, outcome = tries[min(count, len(tries) - 1)]
        count += 1
        time.now += seconds
        if isinstance(outcome, GovernorError):
            raise outcome
        return outcome

    deadline = time.now + timeout
    return asyncio.run(time.timing.until_verdict(once, patience, deadline)), count


def failure(time: FakeTime, *tries: Try, **limits: float) -> tuple[GovernorError, float]:
    """The exception, and after how many seconds it came."""
    began = time.now
    with pytest.raises(GovernorError) as caught:
        run(time, *tries, **limits)
    return caught.value, time.now - began


def test_a_verdict_is_returned_at_once() -> None:
    time = FakeTime()
    assert run(time, (0, "yes")) == ("yes", 1)
    assert time.slept == []


def test_a_bad_verdict_is_raised_at_once() -> None:
    error, after = failure(FakeTime(), (0, PermissionRefused("no")), timeout=100)
    assert (type(error), after) == (PermissionRefused, 0)


def test_no_answer_is_asked_again_beyond_the_deadline() -> None:
    """At the deadline it is unknown what the server did: the caller must be told what is true."""
    time = FakeTime()
    assert run(time, (5, NoVerdict("no answer")), (5, NoVerdict("no answer")), (0, "yes")) == ("yes", 3)


def test_no_answer_is_asked_for_as_long_as_patience_lasts_from_the_first_doubt() -> None:
    error, after = failure(FakeTime(), (5, NoVerdict("no answer")), patience=15)
    assert error.__class__ is NoVerdict
    # Doubt begins when the first try ends, after 5 s; the try under way when patience ends is carried through.
    assert 20 <= after <= 25.25


def test_doubt_does_not_shorten_a_later_deadline() -> None:
    error, after = failure(FakeTime(), (5, NoVerdict("no answer")), patience=15, timeout=100)
    assert error.__class__ is NoVerdict
    assert 100 <= after <= 105.25


def test_later_doubts_do_not_extend_patience() -> None:
    _error, after = failure(FakeTime(), (1, NoVerdict("no answer")), patience=3)
    assert 4 <= after <= 5.25


def test_what_was_never_sent_ends_at_the_deadline() -> None:
    error, after = failure(FakeTime(), (0, NotSent("no connection")), patience=15, timeout=2)
    assert error.__class__ is NotSent
    assert after == 2


def test_one_try_when_nothing_can_be_sent_and_no_time_is_given() -> None:
    time = FakeTime()
    error, after = failure(time, (0, NotSent("no connection")), timeout=0)
    assert (type(error), after, time.slept) == (NotSent, 0, [])


def test_doubt_remains_when_the_connection_is_lost_afterwards() -> None:
    """The first request may have been carried out: NotSent would be a lie."""
    error, after = failure(FakeTime(), (5, NoVerdict("no answer")), (0, NotSent("no connection", code=1)), patience=15)
    assert error.__class__ is NoVerdict
    assert str(error) == "no connection"
    assert error.facts == {"code": 1}
    assert after == 20


def test_a_connection_that_comes_back_in_time() -> None:
    time = FakeTime()
    assert run(time, (0, NotSent("lost")), (0, NotSent("lost")), (0, "yes"), timeout=2) == ("yes", 3)
    assert time.slept == [0.25, 0.25]


def test_a_verdict_ends_doubt() -> None:
    error, after = failure(FakeTime(), (5, NoVerdict("no answer")), (0, PermissionRefused("no")))
    assert (type(error), after) == (PermissionRefused, 5.25)


def test_a_connection_that_is_given_up_leaves_the_doubt() -> None:
    """That no more can be asked is no verdict on what was asked before."""
    error, after = failure(FakeTime(), (5, NoVerdict("no answer")), (0, ConnectionClosed("closed")))
    assert (type(error), str(error), after) == (NoVerdict, "closed", 5.25)


def test_a_connection_that_is_given_up_before_anything_was_sent() -> None:
    error, after = failure(FakeTime(), (0, NotSent("lost")), (0, ConnectionClosed("closed")), timeout=5)
    assert (type(error), after) == (ConnectionClosed, 0.25)


def test_the_clock_goes_on_while_the_machine_is_suspended() -> None:
    assert abs(Timing().clock() - time.clock_gettime(time.CLOCK_BOOTTIME)) < 1


def carried(work: Callable[[], Awaitable[str]], cancels: int) -> Optional[str]:
    """The outcome of work that is carried through, though it is cancelled so often; None: CancelledError."""

    async def main() -> Optional[str]:
        task = asyncio.ensure_future(run_to_completion(work()))
        for _each in range(cancels):
            await asyncio.sleep(0)
            task.cancel()
        try:
            return await task
        except asyncio.CancelledError:
            return None

    return asyncio.run(main())


@pytest.mark.parametrize(("cancels", "outcome"), [(0, "done"), (1, None), (3, None)])
def test_what_is_carried_through_ends_before_its_caller(cancels: int, outcome: Optional[str]) -> None:
    ended = []

    async def work() -> str:
        for _each in range(10):
            await asyncio.sleep(0)
        ended.append(True)
        return "done"

    assert carried(work, cancels) == outcome
    assert ended == [True]


def test_an_error_of_what_is_carried_through() -> None:
    async def work() -> str:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        carried(work, 0)
    assert carried(work, 1) is None


def test_a_cancellation_in_the_moment_of_the_outcome_is_not_forgotten() -> None:
    """As asyncio.wait_for forgets it before Python 3.12, also where that waits inside, as in nats-py."""

    async def cancelled_just_then(fails: bool) -> bool:
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        waiting = asyncio.ensure_future(outcome(asyncio.wait_for(answer, 5), 5))
        await asyncio.sleep(0.01)
        if fails:
            answer.set_exception(NoVerdict("No answer."))
        else:
            answer.set_result(1)
        waiting.cancel()
        await asyncio.wait([waiting])
        return waiting.cancelled()

    assert [asyncio.run(cancelled_just_then(fails)) for fails in (False, True)] == [True, True]


def test_an_outcome_that_takes_too_long() -> None:
    async def too_long() -> bool:
        work = asyncio.ensure_future(asyncio.sleep(5))
        with pytest.raises(asyncio.TimeoutError):
            await outcome(work, 0.01)
        await asyncio.wait([work])
        return work.cancelled()

    assert asyncio.run(too_long())
