# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host that holds a slot already does not wait for itself: it is refused before it tries. No server."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import Optional

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.entry import Entry
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import (
    GovernorError,
    NoVerdict,
    PermissionRefused,
    WaitTimeout,
)
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import Owner
from ansible_collections.jetstream.governor.plugins.module_utils.core.state import State
from ansible_collections.jetstream.governor.plugins.plugin_utils._second_slot import HeldAlready, refuse_second
from ansible_collections.jetstream.governor.tests.unit.core.fakes import (
    FakeStack,
    FakeTime,
    a_state,
    an_entry,
    governor,
)

MINE = Owner("ctl-1", "web01", "anybody")


class CountingStack(FakeStack):
    """A stack that counts how often its entries are read, or raises ``fails`` instead."""

    def __init__(self, state: State, *entries: Entry, fails: Optional[GovernorError] = None) -> None:
        super().__init__(1, state=state, entries=entries)
        self.reads = 0
        self._fails = fails

    async def entries(self, most: Optional[int] = None) -> list[Entry]:
        self.reads += 1
        if self._fails:
            raise self._fails
        return await super().entries(most)


def acquires(stack: CountingStack) -> bool:
    """Tell whether a governed task of host web01 in run ctl-1 acquires a slot. Raises what ends it."""

    async def campaign() -> bool:
        made = governor(FakeTime(), stack)

        await made.start("web01", owner=MINE, timeout=5, admit=partial(refuse_second, owner=MINE))
        return True

    return asyncio.run(campaign())


def owned(owner: Optional[str]) -> Entry:
    return replace(an_entry(7, "deploy", age=130), owner=Owner.parse(owner))


@pytest.mark.parametrize(
    ("owner", "whose"),
    [("ctl-1/web01/deploy", "host 'web01' of run 'ctl-1'"), ("ctl-1//deploy", "the whole run 'ctl-1'")],
)
def test_a_slot_of_the_same_run_and_host(owner: str, whose: str) -> None:
    stack = CountingStack(a_state(1), an_entry(3, "db01", age=9), owned(owner))
    with pytest.raises(HeldAlready) as caught:
        acquires(stack)
    assert str(caught.value) == (
        f"Slot 7 of governor 'g' is held already by {whose}, for 2m10s. This task would wait for it where all slots "
        "are taken, and count twice where not: release it before (governor_slot with state: released), or do without "
        "governed here."
    )
    assert stack.entered == []


@pytest.mark.parametrize("owner", ["ctl-1/web02/deploy", "ctl-2/web01/deploy", "ctl-2//deploy", "ctl-1/web01", None])
def test_the_slots_of_others(owner: Optional[str]) -> None:
    assert acquires(CountingStack(a_state(1), owned(owner)))


def test_where_there_are_no_entries_none_are_read() -> None:
    stack = CountingStack(a_state(0))
    assert acquires(stack)
    assert stack.reads == 0


def test_an_emptiness_that_a_cut_off_leader_tells_is_not_believed() -> None:
    with pytest.raises(HeldAlready):
        acquires(CountingStack(replace(a_state(0), in_touch=False), owned(str(MINE))))


def test_who_may_not_read_the_entries_is_none_the_worse_off() -> None:
    assert acquires(CountingStack(a_state(1), fails=PermissionRefused("no")))


def test_a_server_that_does_not_answer() -> None:
    stack = CountingStack(a_state(1), fails=NoVerdict("No answer."))
    with pytest.raises(WaitTimeout, match=r"\(0 attempts, No answer\)\.$"):
        acquires(stack)
    assert stack.entered == []
