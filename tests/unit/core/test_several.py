# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Slots of several governors without a server: in which order, what is given back, and what is told."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
from collections.abc import Awaitable, Sequence
from functools import partial
from typing import Any, Callable, Optional, cast

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core import several as module
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import (
    GovernorError,
    NoVerdict,
    UnknownGovernor,
    WaitTimeout,
    WrongOrder,
)
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import JetStream
from ansible_collections.jetstream.governor.plugins.module_utils.core.several import Part, Several
from ansible_collections.jetstream.governor.plugins.module_utils.core.slot import Slot
from ansible_collections.jetstream.governor.plugins.module_utils.core.stack import Stack
from ansible_collections.jetstream.governor.plugins.module_utils.core.state import State
from ansible_collections.jetstream.governor.tests.unit.core.fakes import a_state


def bounded(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Make an async test one that pytest can call, and that ends."""

    @functools.wraps(test)
    def run(**words: Any) -> None:
        async def in_time() -> None:
            await asyncio.wait_for(test(**words), 30)

        asyncio.run(in_time())

    return run


class FakeGovernor:
    """A governor whose waiters are called in the order in which they came. ``log`` has who entered and left what."""

    def __init__(self, name: str, limit: int, log: Optional[list[str]] = None) -> None:
        self.name = name
        self.limit = limit
        self.log = [] if log is None else log
        self.holders: list[Any] = []
        self.js = JetStream(nc=cast(Any, None))
        self.unreadable: Optional[GovernorError] = None
        self.answers_after = 0.0
        self.gives_back: Optional[GovernorError] = None
        self._waiting: list[asyncio.Event] = []

    async def state(self) -> State:
        await asyncio.sleep(0)
        if self.unreadable is not None:
            raise self.unreadable
        return a_state(len(self.holders), self.limit)

    async def start(self, holder: str, timeout: Optional[float]) -> Slot:
        waited, called = False, asyncio.Event()
        deadline = None if timeout is None else asyncio.get_running_loop().time() + timeout
        while len(self.holders) >= self.limit:
            left = None if deadline is None else deadline - asyncio.get_running_loop().time()
            if left is not None and left <= 0:
                raise WaitTimeout(f"Timed out in '{self.name}'.")
            waited = True
            self._waiting.append(called)
            try:
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(called.wait(), left)
            finally:
                with contextlib.suppress(ValueError):
                    self._waiting.remove(called)
            called.clear()
        slot = FakeSlot(self, holder, "queue" if waited else None)
        self.holders.append(slot)
        self.log.append(f"{holder} enters {self.name}")
        return cast(Slot, slot)

    def wake(self) -> None:
        for each in self._waiting[: max(0, self.limit - len(self.holders))]:
            each.set()

    async def has_waiter(self) -> None:
        """Wait until somebody waits here."""
        while not self._waiting:  # noqa: ASYNC110  # the event is what is waited for
            await asyncio.sleep(0)

    @property
    def stack(self) -> Stack:
        return cast(Stack, self)


class FakeSlot:
    seq = 1
    frees_on_finish = True

    def __init__(self, governor: FakeGovernor, holder: str, waited_by: Optional[str]) -> None:
        self.waited_by = waited_by
        self._governor = governor
        self._holder = holder

    async def finish(self) -> bool:
        await asyncio.sleep(self._governor.answers_after)
        failure = self._governor.unreadable or self._governor.gives_back
        if failure is not None:
            raise failure
        if self in self._governor.holders:
            self._governor.holders.remove(self)
            self._governor.log.append(f"{self._holder} leaves {self._governor.name}")
            self._governor.wake()
        return True

    async def still_held(self) -> bool:
        return self in self._governor.holders


def parts(holder: str, governors: Sequence[FakeGovernor]) -> list[Part]:
    return [Part(each.stack, partial(each.start, holder)) for each in governors]


async def finish(acquired: Sequence[Part]) -> None:
    for part in acquired:
        assert part.slot is not None
        await part.slot.finish()


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_EVERY", 0.01)


@bounded
async def test_the_smaller_limit_comes_first_then_the_name() -> None:
    log: list[str] = []
    governors = [FakeGovernor(name, limit, log) for name, limit in (("d", 9), ("c", 2), ("a", 9), ("b", 2))]
    wanted = parts("web01", governors)
    await Several(wanted).start(1)
    assert log == [f"web01 enters {name}" for name in "bcad"]
    assert [part.slot is not None for part in wanted] == [True] * 4


@bounded
async def test_a_governor_alone_is_not_read_before() -> None:
    alone = FakeGovernor("a", 1)
    alone.unreadable = NoVerdict("It would be asked twice.")
    await Several(parts("web01", [alone])).start(None)
    assert len(alone.holders) == 1


@bounded
async def test_what_is_held_is_given_back_when_time_is_up() -> None:
    narrow, middle, wide = governors = [FakeGovernor(name, limit) for name, limit in (("n", 1), ("m", 2), ("w", 3))]
    wide.holders = [object()] * 3
    several = Several(parts("web01", governors))
    with pytest.raises(WaitTimeout) as caught:
        await several.start(0.05)
    assert str(caught.value) == (
        "Timed out in 'w'. Meanwhile slots of 'n' and 'm' were held, and given back; all of it took 0.1s."
    )
    assert several.missing is not None
    assert several.missing.name == "w"
    assert [len(each.holders) for each in (narrow, middle)] == [0, 0]


@bounded
async def test_what_no_server_answers_for_is_told_and_given_back_later() -> None:
    narrow, wide = FakeGovernor("n", 1), FakeGovernor("w", 2)
    wide.holders = [object()] * 2
    wanted = parts("web01", [narrow, wide])
    waiting = asyncio.ensure_future(Several(wanted).start(0.1))
    await asyncio.sleep(0.02)
    narrow.unreadable = NoVerdict("No answer.")
    with pytest.raises(WaitTimeout, match=r"No server has answered so far that a slot of 'n' was given back\.$"):
        await waiting
    assert wanted[0].slot is not None, "others may go on to give it back"
    narrow.unreadable = None
    await narrow.js.wait_for_background(1)
    await asyncio.sleep(0.3)
    assert narrow.holders == []


@bounded
async def test_nothing_is_acquired_where_one_cannot_be_read() -> None:
    log: list[str] = []
    narrow, wide = FakeGovernor("n", 1, log), FakeGovernor("w", 2, log)
    wide.unreadable = UnknownGovernor("There is no governor 'w'.")
    with pytest.raises(UnknownGovernor, match=r"^There is no governor 'w'\.$"):
        await Several(parts("web01", [narrow, wide])).start(1)
    wide.unreadable = NoVerdict("No answer.")
    with pytest.raises(WaitTimeout, match=r"^Timed out after 0\.\d s without a look at governor 'w': No answer\.$"):
        await Several(parts("web01", [narrow, wide])).start(0.05)
    assert log == []


@bounded
async def test_a_slot_that_was_kept_is_given_back_for_one_that_comes_before_it() -> None:
    """Unless that one can be had at once."""
    for taken in (False, True):
        log: list[str] = []
        narrow, wide = FakeGovernor("n", 1, log), FakeGovernor("w", 2, log)
        wanted = parts("web01", [narrow, wide])
        wanted[1].slot = await wide.start("web01", None)
        other = await narrow.start("web02", None) if taken else None
        del log[:]
        waiting = asyncio.ensure_future(Several(wanted).start(2))
        await asyncio.sleep(0.05)
        if other is not None:
            assert log == ["web01 leaves w"]
            await other.finish()
        await waiting
        assert log[-1] == ("web01 enters w" if taken else "web01 enters n")


@bounded
async def test_an_attempt_that_fails_keeps_what_an_earlier_one_has_kept() -> None:
    narrow, wide = FakeGovernor("n", 1), FakeGovernor("w", 2)
    wide.holders = [object()] * 2
    wanted = parts("web01", [narrow, wide])
    wanted[0].slot = await narrow.start("web01", None)
    with pytest.raises(WaitTimeout, match=r"^Timed out in 'w'\.$"):
        await Several(wanted).start(0.05)
    assert len(narrow.holders) == 1


@bounded
async def test_all_are_given_back_at_the_same_time() -> None:
    """Where no server answers, each takes 15 s to give up, and the process was perhaps told to end."""
    governors = [FakeGovernor(name, limit) for limit, name in enumerate("abcd", 1)]
    governors[-1].holders = [object()] * 4
    for each in governors:
        each.answers_after = 0.3
    began = asyncio.get_running_loop().time()
    with pytest.raises(WaitTimeout):
        await Several(parts("web01", governors)).start(0.05)
    assert asyncio.get_running_loop().time() - began < 0.7
    assert [each.holders for each in governors[:3]] == [[]] * 3


@bounded
async def test_a_slot_that_could_not_be_given_back_is_not_worked_under(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody renews it any more, and the deletion may still come."""
    monkeypatch.setattr(module, "_LOOK_EVERY", 10)
    log: list[str] = []
    narrow, wide = FakeGovernor("n", 1, log), FakeGovernor("w", 2, log)
    wanted = parts("web01", [narrow, wide])
    wanted[1].slot = await wide.start("web01", None)
    other = await narrow.start("web02", None)
    wide.gives_back = NoVerdict("No answer.")
    waiting = asyncio.ensure_future(Several(wanted).start(5))
    await narrow.has_waiter()
    await other.finish()
    wide.gives_back = None
    await waiting
    assert log[-3:] == ["web01 enters n", "web01 leaves w", "web01 enters w"]


@bounded
async def test_a_slot_that_comes_in_spite_of_two_cancellations_is_given_back() -> None:
    """Before Python 3.12, asyncio may forget the first one, where an answer comes at the same moment."""
    narrow, wide = FakeGovernor("n", 1), FakeGovernor("w", 2)

    async def start(timeout: Optional[float]) -> Slot:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.sleep(0.02)
        return await wide.start("web01", timeout)

    wanted = [*parts("web01", [narrow]), Part(wide.stack, start)]
    waiting = asyncio.ensure_future(Several(wanted).start(None))
    await asyncio.sleep(0.02)
    for _each in range(2):
        waiting.cancel()
        await asyncio.sleep(0)
    await asyncio.wait([waiting])
    assert waiting.cancelled()
    assert [narrow.holders, wide.holders] == [[], []]


@bounded
async def test_a_wait_that_was_broken_off_counts_as_time_in_which_slots_are_lost() -> None:
    governors = [FakeGovernor(name, limit) for name, limit in (("a", 1), ("b", 2), ("c", 3))]
    a, b, c = governors
    b.holders = [object()] * 2
    wanted = parts("web01", governors)
    waiting = asyncio.ensure_future(Several(wanted).start(None))
    await asyncio.sleep(0.05)
    a.holders.clear()
    c.limit = 1
    # Nobody is called: the slot is found when its turn comes again.
    b.holders.clear()
    await waiting
    assert [await part.slot.still_held() for part in wanted if part.slot is not None] == [True] * 3


@bounded
async def test_the_place_in_the_queue_is_kept_where_the_order_allows_it() -> None:
    """What has come to stand behind is given back; who waits goes on to wait where it does."""
    log: list[str] = []
    a, b = FakeGovernor("a", 1, log), FakeGovernor("b", 2, log)
    b.holders = [object()] * 2
    first = asyncio.ensure_future(Several(parts("first", [a, b])).start(None))
    await asyncio.sleep(0.02)
    second = asyncio.ensure_future(b.start("second", None))
    await asyncio.sleep(0.02)
    a.limit = 3
    await asyncio.sleep(0.05)
    assert log == ["first enters a", "first leaves a"]
    for _each in range(2):
        del b.holders[0]
        b.wake()
        await asyncio.sleep(0.02)
    await asyncio.gather(first, second)
    assert log[2:] == ["first enters b", "first enters a", "second enters b"]


@bounded
async def test_who_waits_goes_elsewhere_when_another_one_comes_first() -> None:
    log: list[str] = []
    governors = [FakeGovernor(name, limit, log) for name, limit in (("a", 1), ("b", 2), ("c", 3))]
    _first, b, c = governors
    b.holders = [object()] * 2
    waiting = asyncio.ensure_future(Several(parts("web01", governors)).start(None))
    await asyncio.sleep(0.02)
    c.limit = 1
    await asyncio.sleep(0.05)
    assert log == ["web01 enters a", "web01 enters c"]
    del b.holders[0]
    b.wake()
    await waiting
    assert log == ["web01 enters a", "web01 enters c", "web01 enters b"]


@bounded
async def test_in_which_order_tasks_may_be_inside_each_other() -> None:
    a, b = FakeGovernor("a", 5), FakeGovernor("b", 1)
    with pytest.raises(WrongOrder, match=r"'b' \(limit 1\) would be waited for inside .* one of 'a' \(limit 5\)"):
        await Several(parts("web01", [a]), (), [b.stack]).start(None)
    assert a.holders == []
    # Work has begun around this one: what can be had at once is had.
    tried = parts("web01", [b])
    await Several(tried, [a.stack]).start(None)
    await finish(tried)
    unknown = FakeGovernor("c", 1)
    unknown.unreadable = UnknownGovernor("There is none.")
    await Several(parts("web01", [b]), (), [a.stack, unknown.stack]).start(None)
    assert len(b.holders) == 1


@bounded
async def test_a_wait_against_the_order_inside_work_comes_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AGAINST_ORDER", 0.1)
    outer, inner = FakeGovernor("a", 1), FakeGovernor("b", 2)
    inner.holders = [object()] * 2
    waiting = asyncio.ensure_future(Several(parts("web01", [inner]), [outer.stack]).start(None))
    await asyncio.sleep(0.2)
    assert not waiting.done(), "it waits in order"
    outer.limit = 9
    with pytest.raises(WaitTimeout, match="waiting for a slot in governor 'b' inside work that holds one of 'a': "):
        await waiting


@pytest.mark.parametrize("seed", range(3))
@bounded
async def test_nobody_waits_in_a_circle(seed: int) -> None:
    """Whatever becomes of the limits meanwhile; as long as they are not changed for ever."""
    luck = random.Random(seed)
    governors = [FakeGovernor(name, luck.randint(1, 3)) for name in "abcd"]

    async def work(holder: str) -> None:
        for _round in range(5):
            wanted = parts(holder, luck.sample(governors, luck.randint(2, 4)))
            await Several(wanted).start(None)
            await asyncio.sleep(luck.random() / 50)
            await finish(wanted)

    async def change() -> None:
        for _each in range(50):
            await asyncio.sleep(luck.random() / 25)
            each = luck.choice(governors)
            each.limit = luck.randint(1, 3)
            each.wake()

    await asyncio.gather(change(), *(work(f"h{number}") for number in range(16)))
    assert [each.holders for each in governors] == [[]] * 4
