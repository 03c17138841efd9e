# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Those who want a slot of a paused governor: what they try, what they leave alone, and what they are told."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, Optional, Union

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.entry import Entry
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import (
    EntryTooLong,
    GovernorError,
    NoVerdict,
    PermissionRefused,
    WaitTimeout,
)
from ansible_collections.jetstream.governor.plugins.module_utils.core.lookout import Advice, Lookout
from ansible_collections.jetstream.governor.plugins.module_utils.core.pause import Pause
from ansible_collections.jetstream.governor.plugins.module_utils.core.queue import QueueState
from ansible_collections.jetstream.governor.plugins.module_utils.core.reaper import Reaper
from ansible_collections.jetstream.governor.plugins.module_utils.core.stack import Refusal, Stack
from ansible_collections.jetstream.governor.plugins.module_utils.core.state import State
from ansible_collections.jetstream.governor.tests.unit.core.fakes import (
    FakeNats,
    FakeStack,
    FakeTime,
    QueueNats,
    a_state,
    an_entry,
    failure,
    governor,
    start,
)

PAUSE = Pause("deploy@ctl1", None, "incident 4711")
PAUSED = a_state(1, paused=PAUSE)
WORDS = "g is paused by deploy@ctl1: incident 4711"
WAKE_UP = "$GOVERNOR.queue.g"


def test_there_is_no_room() -> None:
    assert [a_state(active).room for active in (0, 1, 2, 3)] == [2, 1, 0, 0]
    assert PAUSED.room == 0


@pytest.mark.parametrize("state", [PAUSED, a_state(2, paused=PAUSE)])
def test_a_single_try_is_told_who_has_paused_it_and_why(state: State) -> None:
    """Also where it was full when it was tried, and is paused when the words are looked for."""
    for refusal in (Refusal.PAUSED, Refusal.FULL):
        error = failure(FakeTime(), FakeStack(refusal, state=state), FakeNats(), timeout=0)
        assert error.__class__ is WaitTimeout
        assert str(error) == f"{WORDS}. Wait until it is resumed, or resume it by 'paused: false'."
        assert (error.facts["paused"], error.facts["limit"], error.facts["attempts"]) == (True, 2, 1)


def test_a_wait_that_ends_during_a_pause() -> None:
    error = failure(FakeTime(), FakeStack(Refusal.PAUSED, state=PAUSED), FakeNats(), timeout=0.5)
    assert error.__class__ is WaitTimeout
    assert str(error) == (
        f"Timed out after 0.5 s waiting for a slot in governor 'g' (3 attempts, {WORDS}). "
        "Wait until it is resumed, or resume it by 'paused: false'."
    )


def test_in_the_queue_free_slots_of_a_paused_governor_are_left_alone_until_it_is_resumed() -> None:
    """Whoever resumes it may die before it calls those who wait: then they find the free slot as any other."""
    time, nats = FakeTime(), QueueNats()
    nats.beats(time)
    stack = FakeStack(Refusal.PAUSED, 5, state=PAUSED)
    time.set_at(1031, stack, now=a_state(1))
    slot = start(time, stack, nats)
    assert (slot.attempts, slot.waited_by, nats.count(WAKE_UP)) == (2, "queue", 1)
    assert 31 < slot.waited < 37


def test_who_is_called_in_vain_during_a_pause_stays_first() -> None:
    time, nats = FakeTime(), QueueNats()
    nats.beats(time)
    time.at(1002, nats.send)
    time.at(1030, nats.send)
    slot = start(time, FakeStack(Refusal.PAUSED, Refusal.PAUSED, 5, state=PAUSED), nats)
    assert (slot.attempts, slot.waited) == (3, 30)
    assert [b'"priority": 4' in payload for subject, payload in nats.published if subject.endswith(".queue")] == [
        False,
        True,
    ]


def looks(*states: State) -> list[Advice]:
    lookout = Lookout(FakeTime().timing, "$GOVERNOR.campaign.g", None)
    lookout.note_join()
    return [lookout.advise(state, QueueState(3, 0)) for state in states]


def test_after_a_pause_an_empty_slot_is_looked_at_twice_as_ever() -> None:
    empty = a_state(1)
    assert looks(empty, PAUSED, PAUSED, PAUSED, empty, empty) == [Advice.WAIT] * 5 + [Advice.WAKE]


def test_a_refusal_is_made_sure_after_the_pause() -> None:
    """While it lasts, the server would refuse also what it has stored."""
    time = FakeTime()
    lookout = Lookout(time.timing, "$GOVERNOR.campaign.g", None)
    lookout.note_join()
    lookout.note_refusal()
    time.now += 60
    full = a_state(2, replicas=3)
    paused = replace(full, config=replace(full.config, paused=PAUSE))
    advices = [lookout.advise(state, QueueState(3, 0)) for state in (paused, paused, full)]
    assert advices == [Advice.WAIT, Advice.WAIT, Advice.TRY]


@pytest.mark.parametrize(
    ("active", "more", "looks_for_dead"),
    [
        (2, {}, True),
        (1, {}, False),
        (2, {"paused": PAUSE}, True),
        (1, {"paused": PAUSE}, True),
        (0, {"paused": PAUSE}, False),
        (1, {"paused": PAUSE, "lease": False}, False),
    ],
)
def test_dead_holders_are_looked_for_during_a_pause_too(
    monkeypatch: pytest.MonkeyPatch, active: int, more: dict[str, Any], looks_for_dead: bool
) -> None:
    seen: list[State] = []

    async def look(_reaper: Reaper, state: State) -> float:
        seen.append(state)
        return 5.0

    monkeypatch.setattr(Reaper, "_look", look)
    state = a_state(active, **{"lease": True, **more})

    async def once() -> None:
        # Before Python 3.10, a lock is made for the loop that runs.
        await Reaper(governor(FakeTime(), FakeStack(None, state=state)).stack).look(state)

    asyncio.run(once())
    assert bool(seen) is looks_for_dead


def holds_it(stack: FakeStack) -> None:
    """The first token was stored."""

    async def entries(most: Optional[int] = None) -> list[Entry]:
        return [replace(an_entry(7, "web01", 0), token=stack.tokens[0])][:most]

    stack.entries = entries  # type: ignore[method-assign]


def test_an_entry_whose_answer_was_lost_just_before_the_pause_is_found() -> None:
    """A paused governor refuses a token before it looks whether it has that."""
    stack = FakeStack(NoVerdict("no answer"), Refusal.PAUSED, state=a_state())
    holds_it(stack)
    slot = start(FakeTime(), stack, FakeNats())
    assert (slot.seq, slot.attempts, len(set(stack.tokens))) == (7, 2, 1)


def test_where_there_is_none_it_was_refused() -> None:
    stack = FakeStack(NoVerdict("no answer"), Refusal.PAUSED, 8, state=a_state())
    assert start(FakeTime(), stack, FakeNats()).seq == 8


def test_what_was_stored_just_before_the_pause_is_withdrawn_from_it() -> None:
    time = FakeTime()

    async def main() -> FakeStack:
        sent = asyncio.Event()

        async def unanswered() -> Optional[int]:
            sent.set()
            await asyncio.Event().wait()
            return None

        stack = FakeStack(unanswered, Refusal.PAUSED, state=a_state())
        holds_it(stack)
        starting = asyncio.ensure_future(governor(time, stack).start("web01"))
        await sent.wait()
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        return stack

    assert asyncio.run(main()).removed == [7]


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        (PAUSED, Refusal.PAUSED),
        # It was resumed meanwhile.
        (a_state(), Refusal.PAUSED),
        # As one who may only enter and leave.
        (PermissionRefused("no"), Refusal.PAUSED),
        ({"max_msg_size": 40}, EntryTooLong),
        (NoVerdict("no answer"), NoVerdict),
    ],
)
def test_an_entry_that_is_too_long(state: Any, outcome: Union[Refusal, type[GovernorError]]) -> None:
    """It is so for a pause, or because the stream takes only short messages, which no wait would change."""
    if isinstance(state, dict):
        state = replace(a_state(), stream={**a_state().stream, **state})

    class Refusing(FakeNats):
        async def request(self, subject: str, *_rest: Any, **_more: Any) -> Any:
            assert subject == "s"
            return SimpleNamespace(data=b'{"error": {"err_code": 10054, "description": "message size exceeds"}}')

    async def publish() -> Union[int, Refusal]:
        stack = governor(FakeTime(), FakeStack(None, state=state), Refusing()).stack
        real = Stack("g", stack.js)
        real.state = stack.state  # type: ignore[method-assign]
        return await real.publish("s", "web01", None, "t")

    if isinstance(outcome, Refusal):
        assert asyncio.run(publish()) is outcome
    else:
        with pytest.raises(outcome):
            asyncio.run(publish())
