# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting for a slot: when the next try is made, when it ends, and what the caller is told then."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, Optional

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.entry import Entry
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import (
    GovernorError,
    InvalidValue,
    NotSent,
    NoVerdict,
    PermissionRefused,
    UnknownGovernor,
    WaitTimeout,
)
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import Owner
from ansible_collections.jetstream.governor.plugins.module_utils.core.slot import Slot
from ansible_collections.jetstream.governor.plugins.module_utils.core.stack import Refusal
from ansible_collections.jetstream.governor.plugins.module_utils.core.state import State
from ansible_collections.jetstream.governor.tests.unit.core.fakes import (
    Answered,
    FakeStack,
    FakeTime,
    Outcome,
    Publishing,
    a_state,
    an_entry,
    governor,
)

SUBJECT = "$GOVERNOR.campaign.g"
OWNER = Owner("r", "web01", "web01")


def taking(time: FakeTime, seconds: float, outcome: Outcome) -> Outcome:
    """An outcome that comes after so many seconds."""

    async def act() -> Answered:
        time.now += seconds
        assert not callable(outcome)
        return outcome

    return act


def start(time: FakeTime, stack: FakeStack, timeout: Optional[float] = None, **options: Any) -> Slot:
    return asyncio.run(governor(time, stack, **options).start("web01", owner=OWNER, timeout=timeout))


def refused(time: FakeTime, stack: FakeStack, timeout: Optional[float], **options: Any) -> GovernorError:
    with pytest.raises(GovernorError) as caught:
        start(time, stack, timeout, **options)
    return caught.value


async def nobody_asks(_wanted: Any) -> Optional[Entry]:
    raise AssertionError("all entries were read")


def another_leads_and_has_it(stack: FakeStack) -> None:
    """It has taken the last try as entry 2."""

    async def in_touch() -> State:
        return a_state(2, leader="n1", replicas=3)

    async def entries(most: Optional[int] = None) -> list[Entry]:
        return [an_entry(1, "web03", 41), replace(an_entry(2, "web01", 0), token=stack.tokens[-1])][:most]

    stack.trusted_state, stack.entries = in_touch, entries  # type: ignore[method-assign]


def test_a_free_slot_is_taken_at_the_first_try() -> None:
    time, stack = FakeTime(), FakeStack(7, state=a_state())
    slot = start(time, stack)
    assert (slot.seq, slot.holder, slot.owner, slot.governor) == (7, "web01", OWNER, "g")
    assert (slot.attempts, slot.waited, time.slept) == (1, 0, [])
    assert stack.entered == [Publishing(SUBJECT, "web01", OWNER, slot.token)]


def test_a_full_governor_is_tried_every_interval_with_the_same_token() -> None:
    """A deposed leader may have refused what its successor has taken: the token finds that entry."""
    time, stack = FakeTime(), FakeStack(None, None, None, 9, state=a_state())
    slot = start(time, stack, interval=0.5)
    assert (slot.seq, slot.attempts, slot.waited) == (9, 4, 1.5)
    assert time.slept == [0.5, 0.5, 0.5]
    assert stack.tokens == [slot.token] * 4


def test_a_token_that_is_not_taken_again_after_a_refusal_is_replaced_at_once() -> None:
    """Replicated streams of nats-server 2.10 and 2.11 never take a token that they have refused."""
    time = FakeTime()
    undecided = Refusal.UNDECIDED
    stack = FakeStack(None, undecided, None, undecided, 9, state=a_state())
    slot = start(time, stack, interval=0.5)
    assert (slot.seq, time.slept) == (9, [0.5, 0.5])
    first, again, second, again_second, third = stack.tokens
    assert first == again != second == again_second != third == slot.token


def test_an_entry_that_was_refused_and_stored_is_found_when_time_is_up() -> None:
    """Another leads than when the wait began, and has taken what the first one refused."""
    stack = FakeStack(None, state=a_state(2, leader="n0", replicas=3))
    another_leads_and_has_it(stack)
    slot = start(FakeTime(), stack, timeout=0)
    assert (slot.seq, slot.token, len(stack.entered)) == (2, stack.tokens[0], 1)


def test_a_refusal_of_the_one_leader_that_there_is_was_right() -> None:
    stack = FakeStack(None, state=a_state(2, leader="n0", replicas=3))
    assert refused(FakeTime(), stack, 0).__class__ is WaitTimeout


def test_a_token_that_half_the_window_has_forgotten_is_looked_for_and_replaced() -> None:
    """The server may not recognise it any more, and would take it a second time."""
    time = FakeTime()
    stack = FakeStack(None, None, 9, state=a_state(2))
    slot = start(time, stack, interval=61)
    assert slot.seq == 9
    assert len(set(stack.tokens)) == 3


def test_a_token_that_its_only_leader_refused_is_not_looked_for() -> None:
    """Thousands whose windows end while they wait would all read all entries."""
    time = FakeTime()
    stack = FakeStack(None, 9, state=a_state(2))
    stack.find = nobody_asks  # type: ignore[assignment,method-assign]
    slot = start(time, stack, interval=61)
    assert (slot.seq, len(set(stack.tokens))) == (9, 2)


def test_who_may_not_read_enters_with_a_new_token_after_the_window() -> None:
    stack = FakeStack(None, 9, state=a_state(2))

    async def refused_to_read() -> State:
        raise PermissionRefused("may not read")

    stack.trusted_state = refused_to_read  # type: ignore[method-assign]
    slot = start(FakeTime(), stack, interval=61, subject=SUBJECT)
    assert (slot.seq, len(set(stack.tokens))) == (9, 2)


def test_a_token_that_was_stored_all_the_same_is_found_after_its_window() -> None:
    stack = FakeStack(None, state=a_state(2, leader="n0", replicas=3))
    another_leads_and_has_it(stack)
    slot = start(FakeTime(), stack, interval=61)
    assert (slot.seq, slot.token, len(stack.entered)) == (2, stack.tokens[0], 1)


def test_the_default_interval_is_a_quarter_of_a_second() -> None:
    time = FakeTime()
    start(time, FakeStack(None, 1, state=a_state()))
    assert time.slept == [0.25]


@pytest.mark.parametrize(
    ("backoff", "slept"),
    [
        ([10, 20, 40], [0.01, 0.02, 0.04, 0.04]),
        ("FiveSecStartGrace", [0, 0.025, 0.05, 0.075]),
        ("FiveSec", [0.5, 0.75, 1.0, 1.5]),
    ],
)
def test_a_backoff_takes_the_place_of_the_interval(backoff: Any, slept: list[float]) -> None:
    time = FakeTime()
    start(time, FakeStack(None, None, None, None, 1, state=a_state()), backoff=backoff)
    assert time.slept == pytest.approx(slept)


def test_each_acquisition_has_a_token_of_its_own() -> None:
    stack = FakeStack(1, 2, state=a_state())
    first, second = (start(FakeTime(), stack) for _each in range(2))
    assert first.token != second.token


def test_the_subject_is_read_from_the_stream_unless_it_is_given() -> None:
    moved = a_state(subject="c.governor.g")
    stack = FakeStack(1, state=moved)
    start(FakeTime(), stack)
    start(FakeTime(), stack, subject="elsewhere")
    assert [each.subject for each in stack.entered] == ["c.governor.g", "elsewhere"]


def test_waiting_ends_at_the_timeout_with_a_last_try() -> None:
    time = FakeTime()
    stack = FakeStack(None, state=a_state(2), entries=[an_entry(1, "web03", 41), an_entry(2, "web04", 3)])
    error = refused(time, stack, 1.1, interval=0.5)
    assert error.__class__ is WaitTimeout
    assert time.slept == pytest.approx([0.5, 0.5, 0.1])
    assert str(error) == (
        "Timed out after 1.1 s waiting for a slot in governor 'g' "
        "(4 attempts, 2 of 2 slots held, oldest by web03 for 41s)."
    )
    assert error.facts == {
        "attempts": 4,
        "waited": 1.1,
        "waited_by": "polling",
        "active": 2,
        "limit": 2,
        "paused": False,
        "holders": [{"holder": "web03", "seq": 1, "age": 41.0}, {"holder": "web04", "seq": 2, "age": 3.0}],
    }


def test_a_slot_that_gets_free_at_the_very_end_is_taken() -> None:
    slot = start(FakeTime(), FakeStack(None, None, 5, state=a_state(2)), timeout=0.3)
    assert (slot.seq, slot.attempts) == (5, 3)


def test_one_try_at_timeout_zero() -> None:
    time, stack = FakeTime(), FakeStack(None, state=a_state(2))
    error = refused(time, stack, 0)
    assert (type(error), time.slept, len(stack.entered)) == (WaitTimeout, [], 1)
    assert str(error) == ("Timed out after 0.0 s waiting for a slot in governor 'g' (1 attempt, 2 of 2 slots held).")


def test_a_timeout_zero_gets_what_is_free() -> None:
    assert start(FakeTime(), FakeStack(3, state=a_state()), timeout=0).seq == 3


def test_an_answer_that_got_lost_is_asked_for_with_the_same_token() -> None:
    time = FakeTime()
    stack = FakeStack(taking(time, 5, NoVerdict("no answer")), 4, state=a_state())
    slot = start(time, stack)
    assert (slot.seq, slot.attempts) == (4, 2)
    assert stack.tokens == [slot.token] * 2


def test_a_token_that_is_neither_stored_nor_refused_is_given_up_after_an_election() -> None:
    """A refusal whose answer was lost is never told again by nats-server 2.10 and 2.11: waiting goes on afterwards."""
    time = FakeTime()
    undecided = taking(time, 5, Refusal.UNDECIDED)
    stack = FakeStack(undecided, undecided, undecided, undecided, Refusal.UNDECIDED, 7, state=a_state())
    slot = start(time, stack, timeout=600)
    assert slot.seq == 7
    assert len(set(stack.tokens[:5])) == 1
    assert stack.tokens[5] == slot.token != stack.tokens[0]


def test_an_answer_that_got_lost_is_asked_for_beyond_the_timeout() -> None:
    time = FakeTime()
    lost = taking(time, 5, NoVerdict("no answer"))
    slot = start(time, FakeStack(lost, lost, 4, state=a_state()), timeout=1)
    assert (slot.seq, slot.attempts, slot.waited) == (4, 3, 10.5)


def test_when_no_answer_ever_comes_the_doubt_is_told() -> None:
    time = FakeTime()
    stack = FakeStack(taking(time, 5, NoVerdict("Could not enter: no answer within 5 s.")), state=a_state())
    error = refused(time, stack, 1)
    assert error.__class__ is NoVerdict
    assert str(error) == (
        "Could not enter: no answer within 5 s. It is unknown whether 'web01' has entered governor 'g': an entry is "
        "withdrawn when a server answers while this process is still there; else it ends by itself."
    )
    assert error.facts == {"attempts": 4, "waited": 3 * (5 + 0.25) + 5, "waited_by": None}
    assert len(set(stack.tokens)) == 1


def test_a_lost_connection_is_waited_for_until_the_timeout_only() -> None:
    time = FakeTime()
    stack = FakeStack(None, NotSent("Could not enter: the connection to NATS is lost."), state=a_state(2))
    error = refused(time, stack, 2)
    assert error.__class__ is WaitTimeout
    assert time.now == 1002
    assert str(error) == (
        "Timed out after 2.0 s waiting for a slot in governor 'g' "
        f"({len(stack.entered)} attempts, Could not enter: the connection to NATS is lost)."
    )


def test_a_connection_that_comes_back_is_made_use_of() -> None:
    lost = NotSent("the connection to NATS is lost")
    time = FakeTime()
    stack = FakeStack(None, lost, lost, lost, 8, state=a_state(2))
    assert start(time, stack, timeout=2).seq == 8


def test_the_subject_is_waited_for_until_the_timeout_only() -> None:
    """The governor cannot be read while the connection is lost: that, too, is a part of the wait."""
    time = FakeTime()
    error = refused(time, FakeStack(1, state=NotSent("Could not read: the connection to NATS is lost.")), 2)
    assert error.__class__ is WaitTimeout
    assert time.now == 1002
    assert "the connection to NATS is lost" in str(error)


def test_a_wait_without_timeout_begins_also_when_the_connection_is_lost_for_long() -> None:
    time = FakeTime()
    stack = FakeStack(1, state=NotSent("the connection to NATS is lost"))

    async def main() -> int:
        waiting = asyncio.ensure_future(governor(time, stack).start("web01"))
        while time.now < 1300:
            await asyncio.sleep(0)
            assert not waiting.done(), waiting.exception()
        stack.now = a_state()
        return (await waiting).seq

    assert asyncio.run(main()) == 1


def test_who_holds_the_slots_is_left_out_when_it_cannot_be_read() -> None:
    gone = UnknownGovernor("There is no governor 'g'.")
    error = refused(FakeTime(), FakeStack(None, state=gone), 0, subject=SUBJECT)
    assert error.__class__ is WaitTimeout
    assert str(error) == (
        "Timed out after 0.0 s waiting for a slot in governor 'g' "
        "(1 attempt, and who holds the slots could not be read: There is no governor 'g')."
    )
    assert error.facts == {"attempts": 1, "waited": 0.0, "waited_by": None}


def test_an_entry_that_was_evicted_before_it_was_known_is_followed_by_one_with_a_new_token() -> None:
    stack = FakeStack(NoVerdict("no answer"), Refusal.STALE, 6, state=a_state())
    slot = start(FakeTime(), stack)
    assert slot.seq == 6
    first, again, fresh = stack.tokens
    assert first == again != fresh
    assert slot.token == fresh


def test_nobody_listens_because_the_governor_is_gone() -> None:
    gone = UnknownGovernor("There is no governor 'g'.")
    error = refused(FakeTime(), FakeStack(Refusal.UNHEARD, state=gone), 10, subject=SUBJECT)
    assert (type(error), str(error)) == (UnknownGovernor, "There is no governor 'g'.")


def test_nobody_listens_because_the_governor_has_moved() -> None:
    """It is followed to where it listens now."""
    stack = FakeStack(Refusal.UNHEARD, 3, state=a_state(subject="c.governor.g"))
    assert start(FakeTime(), stack, 10, subject=SUBJECT).seq == 3
    assert [each.subject for each in stack.entered] == [SUBJECT, "c.governor.g"]


def test_nobody_listens_for_a_moment_because_the_leader_changes() -> None:
    stack = FakeStack(Refusal.UNHEARD, Refusal.UNHEARD, 2, state=a_state())
    assert start(FakeTime(), stack, timeout=10).seq == 2


def test_other_verdicts_end_the_wait_at_once() -> None:
    time = FakeTime()
    error = refused(time, FakeStack(PermissionRefused("no"), state=a_state()), None)
    assert (type(error), time.slept) == (PermissionRefused, [])


@pytest.mark.parametrize("holder", ["", "a\nb", "x" * 300])
def test_a_bad_holder_is_refused_before_anything_is_sent(holder: str) -> None:
    stack = FakeStack(1, state=a_state())
    with pytest.raises(InvalidValue, match="^A holder must"):
        asyncio.run(governor(FakeTime(), stack).start(holder))
    assert stack.entered == []


@pytest.mark.parametrize("options", [{"backoff": "Never"}, {"backoff": []}, {"subject": "a.*"}])
def test_bad_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        governor(FakeTime(), FakeStack(1, state=a_state()), **options)


def test_an_owner_that_could_not_be_read_again_is_refused() -> None:
    """It goes into a header: with a line break it would forge another one."""
    stack = FakeStack(1, state=a_state())
    forged = Owner("r", "web01", "web01\r\nGovernor-Token: forged")
    with pytest.raises(InvalidValue, match="^A holder must be printable and on one line"):
        asyncio.run(governor(FakeTime(), stack).start("web01", owner=forged))
    assert stack.entered == []


@pytest.mark.parametrize("interval", [0, -1.5])
def test_an_interval_without_a_pause_is_refused(interval: float) -> None:
    with pytest.raises(InvalidValue, match=f"^interval must be more than 0 s, not {interval:g}"):
        governor(FakeTime(), FakeStack(1, state=a_state()), interval=interval)


def test_whoever_names_the_subject_cannot_be_admitted_by_a_state_that_is_not_read() -> None:
    async def admit(_stack: object, _state: State) -> None:
        raise AssertionError("nothing was read")

    made = governor(FakeTime(), FakeStack(1, state=a_state()), subject=SUBJECT)
    with pytest.raises(InvalidValue, match="^admit needs a governor whose subject is read from its stream"):
        asyncio.run(made.start("web01", admit=admit))
