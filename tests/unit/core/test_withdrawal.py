# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A caller that loses patience in the middle of a try: no entry is left behind."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, Optional

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import GovernorFull, NoVerdict
from ansible_collections.jetstream.governor.plugins.module_utils.core.stack import Refusal
from ansible_collections.jetstream.governor.plugins.module_utils.core.state import State
from ansible_collections.jetstream.governor.tests.unit.core.fakes import (
    FakeStack,
    FakeTime,
    Outcome,
    a_state,
    an_entry,
    governor,
)


def cancelled_in_mid_try(*outcomes: Outcome, **options: Any) -> FakeStack:
    """Cancel a start while its first try has no answer yet; ``outcomes`` are what the tries after that get."""
    time = FakeTime()

    async def main() -> FakeStack:
        sent = asyncio.Event()

        async def unanswered() -> Optional[int]:
            sent.set()
            await asyncio.Event().wait()
            raise AssertionError("waited for ever, and it ended")

        stack = FakeStack(unanswered, *outcomes, state=a_state())
        starting = asyncio.ensure_future(governor(time, stack, **options).start("web01"))
        await sent.wait()
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        return stack

    return asyncio.run(main())


def test_the_entry_of_the_try_is_found_by_its_token_and_removed() -> None:
    stack = cancelled_in_mid_try(3)
    assert stack.removed == [3]
    assert len(stack.entered) == 2
    assert len(set(stack.tokens)) == 1


def test_also_of_a_holder_that_would_not_have_left() -> None:
    """leave_on_completion=False keeps the entries of those who got in; this one did not."""
    assert cancelled_in_mid_try(3, leave_on_completion=False).removed == [3]


def test_an_answer_that_gets_lost_again_is_asked_for_again() -> None:
    stack = cancelled_in_mid_try(NoVerdict("no answer"), NoVerdict("no answer"), 3)
    assert stack.removed == [3]
    assert len(set(stack.tokens)) == 1


def test_a_try_that_was_refused_has_left_nothing() -> None:
    assert cancelled_in_mid_try(None).removed == []


@pytest.mark.parametrize("outcome", [Refusal.STALE, NoVerdict("no answer"), GovernorFull("full")])
def test_what_goes_wrong_then_does_not_hide_that_it_was_cancelled(outcome: Outcome) -> None:
    assert cancelled_in_mid_try(outcome).removed == []


def test_a_second_cancellation_does_not_stop_the_withdrawal() -> None:
    """Nor does it end before that: what has started it may end with its event loop, and all that goes on there."""
    time = FakeTime()

    async def main() -> None:
        sent, go_on = asyncio.Event(), asyncio.Event()

        async def unanswered() -> Optional[int]:
            sent.set()
            await asyncio.Event().wait()
            return None

        async def slow() -> Optional[int]:
            sent.set()
            await go_on.wait()
            return 3

        stack = FakeStack(unanswered, slow, state=a_state())
        starting = asyncio.ensure_future(governor(time, stack).start("web01"))
        for _each in range(3):
            await sent.wait()
            starting.cancel()
            await asyncio.sleep(0)
        assert not starting.done()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await starting
        assert stack.removed == [3]

    asyncio.run(main())


def test_a_cancelled_waiter_takes_back_what_was_stored_though_it_was_refused() -> None:
    """By a leader that was deposed and did not know it."""
    time = FakeTime()

    async def main() -> None:
        time.asleep = asyncio.Event()
        stack = FakeStack(None, state=a_state(2, leader="n0", replicas=3))
        starting = asyncio.ensure_future(governor(time, stack).start("web01"))
        await time.asleep.wait()
        stack.now = a_state(2, leader="n1", replicas=3)
        stack.holding = [replace(an_entry(7, "web01", 0), token=stack.tokens[0])]
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        assert stack.removed == [7]

    asyncio.run(main())


def test_a_waiter_that_is_cancelled_in_its_last_look_takes_back_what_was_stored_though_it_was_refused() -> None:
    async def main() -> None:
        looks = asyncio.Event()
        stack = FakeStack(None, state=a_state(2, leader="n0", replicas=3))

        async def trusted_state() -> State:
            if not looks.is_set():
                looks.set()
                await asyncio.Event().wait()
            return a_state(2, leader="n1", replicas=3)

        stack.trusted_state = trusted_state  # type: ignore[method-assign]
        starting = asyncio.ensure_future(governor(FakeTime(), stack).start("web01", timeout=0))
        await looks.wait()
        stack.holding = [replace(an_entry(7, "web01", 0), token=stack.tokens[0])]
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        assert stack.removed == [7]

    asyncio.run(main())


def test_a_token_without_any_verdict_is_withdrawn_when_there_is_an_answer() -> None:
    """For as long as the connection is not closed, beside whatever the caller does then."""
    time = FakeTime()

    async def main() -> None:
        away = NoVerdict("no answer")
        stack = FakeStack(away, state=a_state())
        stack.settles = away
        made = governor(time, stack)
        with pytest.raises(NoVerdict):
            await made.start("web01", timeout=1)
        (withdrawal,) = made.js.background
        for _each in range(200):
            await asyncio.sleep(0)
        assert not withdrawal.done()
        # It has been away for longer than the server knows the token: the entries are read.
        stack.holding = [replace(an_entry(7, "web01", 0), token=stack.tokens[0])]
        time.now += 600
        for _each in range(50):
            await asyncio.sleep(0)
        stack.settles = None
        await withdrawal
        assert (stack.removed, made.js.background) == ([7], set())

    asyncio.run(main())


def test_cancelled_between_two_tries_nothing_needs_to_be_withdrawn() -> None:
    time = FakeTime()

    async def main() -> None:
        time.asleep = asyncio.Event()
        stack = FakeStack(None, state=a_state(2))
        starting = asyncio.ensure_future(governor(time, stack).start("web01"))
        await time.asleep.wait()
        tries = len(stack.entered)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        assert len(stack.entered) == tries
        assert stack.removed == []

    asyncio.run(main())
