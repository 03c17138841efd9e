# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Giving a slot back: once, only one's own, and again when it is unknown whether it was done."""

from __future__ import annotations

import asyncio
import logging
from typing import Optional, Union

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.entry import Entry
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import GovernorError, NotOwner, NoVerdict
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import Owner
from ansible_collections.jetstream.governor.plugins.module_utils.core.slot import Slot
from ansible_collections.jetstream.governor.plugins.module_utils.core.stack import UNIQUE_FROM, only_if
from ansible_collections.jetstream.governor.tests.unit.core.fakes import (
    NOON,
    FakeStack,
    FakeTime,
    a_state,
    governor,
)


class Removing(FakeStack):
    """A stack whose removals end as the test says, one after the other."""

    def __init__(self, *removals: Union[bool, GovernorError]) -> None:
        super().__init__(1, state=a_state())
        self.removals = list(removals)
        self.calls = 0
        self.again: list[bool] = []

    async def delete_own(self, _seq: int, _token: str, in_doubt: bool = False) -> bool:
        self.calls += 1
        self.again.append(in_doubt)
        outcome = self.removals.pop(0)
        if isinstance(outcome, GovernorError):
            raise outcome
        return outcome


async def held(stack: FakeStack, leave_on_completion: bool = True) -> Slot:
    return await governor(FakeTime(), stack, leave_on_completion=leave_on_completion).start("web01")


def test_the_second_finish_is_a_quiet_no_op() -> None:
    async def main() -> None:
        stack = Removing(True)
        slot = await held(stack)
        assert [await slot.finish(), await slot.finish(), await slot.finish()] == [True, False, False]
        assert stack.calls == 1

    asyncio.run(main())


def test_a_slot_that_is_gone_was_not_given_back() -> None:
    async def main() -> None:
        assert await (await held(Removing(False))).finish() is False

    asyncio.run(main())


def test_a_finish_without_answer_can_be_called_again() -> None:
    async def main() -> None:
        stack = Removing(NoVerdict("no answer"), NoVerdict("no answer"), True)
        slot = await held(stack)
        for _each in range(2):
            with pytest.raises(NoVerdict):
                await slot.finish()
        assert await slot.finish() is True
        assert stack.again == [False, True, True]

    asyncio.run(main())


def test_what_another_holds_by_now_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        assert await (await held(Removing(NotOwner("Slot 1 is another's.")))).finish() is False

    with caplog.at_level(logging.WARNING, "jetstream.governor"):
        asyncio.run(main())
    assert caplog.messages == ["Slot 1 is another's."]


def test_who_does_not_leave_leaves_the_entry() -> None:
    async def main() -> None:
        stack = Removing()
        slot = await held(stack, leave_on_completion=False)
        assert await slot.finish() is False
        async with slot:
            pass
        assert stack.calls == 0

    asyncio.run(main())


def test_the_context_manager_gives_the_slot_back_also_after_an_exception() -> None:
    async def main() -> None:
        stack = Removing(True)
        with pytest.raises(ZeroDivisionError):
            async with await held(stack):
                raise ZeroDivisionError
        assert stack.calls == 1

    asyncio.run(main())


@pytest.mark.parametrize(
    ("owner", "said"),
    [
        ("other//web01", "(the whole run 'other')"),
        ("other/web01/nightly", "(host 'web01' of run 'other')"),
        (None, "(it carries no owner, as entries of Go clients)"),
        ("", "(it carries no owner, as entries of Go clients)"),
    ],
)
def test_who_may_release_by_owner(owner: Optional[str], said: str) -> None:
    check = only_if("g", lambda entry: entry.run_id == "mine", "run 'mine'")
    check(Entry(4, "web01", Owner("mine", "web01", "web01"), "t", NOON))
    with pytest.raises(NotOwner) as caught:
        check(Entry(4, "web01", Owner.parse(owner), "t", NOON))
    assert str(caught.value).startswith(f"Slot 4 of governor 'g' is held by 'web01' {said}, not by run 'mine': it was")


@pytest.mark.parametrize(("seq", "said"), [(4, True), (UNIQUE_FROM, False)])
def test_that_a_sequence_may_be_used_twice_is_told_where_it_may(seq: int, said: bool) -> None:
    with pytest.raises(NotOwner) as caught:
        only_if("g", lambda _entry: False, "mine")(Entry(seq, "web01", Owner("other", "", "web01"), "t", NOON))
    assert ("Sequences count from 1 again" in str(caught.value)) is said
