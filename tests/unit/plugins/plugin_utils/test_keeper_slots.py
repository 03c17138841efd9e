# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the keeper does for slots, on a server that is a list of entries."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, Callable, Optional

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils._connection import CannotConnect
from ansible_collections.jetstream.governor.plugins.module_utils._settings import Settings
from ansible_collections.jetstream.governor.plugins.module_utils.core.entry import Entry
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import Owner
from ansible_collections.jetstream.governor.plugins.module_utils.core.timing import Timing
from ansible_collections.jetstream.governor.plugins.plugin_utils import _keeper_slots as module
from ansible_collections.jetstream.governor.plugins.plugin_utils._keeper_slots import Slots
from ansible_collections.jetstream.governor.plugins.plugin_utils._keeper_words import Address, Held
from ansible_collections.jetstream.governor.tests.unit.core.fakes import NOON, a_state

ADDRESS = Address(Settings(), "g")
OWNER = Owner("run", "web01", "web01")
HELD = Held(ADDRESS, 7, "token 7", 60.0, 0.0, "web01", OWNER)


def an_entry(seq: int, owner: Optional[Owner] = OWNER) -> Entry:
    return Entry(seq, "web01", owner, f"token {seq}", NOON)


class World:
    """The server, and all that is done there."""

    def __init__(self) -> None:
        self.entries_there: list[Entry] = []
        self.connections: list[Any] = []
        self.reachable = True
        self.renewed: list[int] = []
        self.looked = 0
        self.full = False

    @contextlib.asynccontextmanager
    async def connected(self, _settings: Settings) -> AsyncIterator[Any]:
        if not self.reachable:
            raise CannotConnect("Could not connect.")
        self.connections.append(SimpleNamespace(nc=SimpleNamespace(is_closed=False)))
        yield self.connections[-1]

    def stack(self, name: str, js: Any) -> Any:
        return SimpleNamespace(name=name, js=js, state=self.state, entries=self.entries, delete=self.delete)

    def slot(self, *, seq: int, **facts: Any) -> Any:
        async def finish() -> bool:
            return self._remove(seq)

        async def still_held() -> bool:
            return any(entry.seq == seq for entry in self.entries_there)

        return SimpleNamespace(seq=seq, finish=finish, still_held=still_held, **facts)

    def renewal(self, slot: Any, _on_lost: object) -> Any:
        async def run() -> None:
            self.renewed.append(slot.seq)
            while await slot.still_held():  # noqa: ASYNC110  # it is a fake of one who looks
                await asyncio.sleep(0.005)

        return SimpleNamespace(run=run)

    def reaper(self, _stack: object) -> Any:
        async def look(_state: object) -> float:
            self.looked += 1
            return 0.01

        return SimpleNamespace(look=look)

    async def state(self) -> Any:
        return a_state(active=1 if self.full else 0, limit=1)

    async def entries(self) -> list[Entry]:
        return list(self.entries_there)

    async def delete(self, seq: int, check: Callable[[Entry], None]) -> bool:
        for entry in self.entries_there:
            if entry.seq == seq:
                check(entry)
        return self._remove(seq)

    def _remove(self, seq: int) -> bool:
        before = len(self.entries_there)
        self.entries_there = [entry for entry in self.entries_there if entry.seq != seq]
        return len(self.entries_there) < before

    @property
    def left(self) -> list[int]:
        return [entry.seq for entry in self.entries_there]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr(module, "connected", made.connected)
    monkeypatch.setattr(module, "Stack", made.stack)
    monkeypatch.setattr(module, "Slot", made.slot)
    monkeypatch.setattr(module, "Renewal", made.renewal)
    monkeypatch.setattr(module, "Reaper", made.reaper)
    monkeypatch.setattr(module, "_LOOK_EVERY", 0.01)
    monkeypatch.setattr(module, "_CONNECT_EVERY", 0.01)
    return made


def with_slots(work: Callable[[Slots], Awaitable[None]]) -> None:
    async def run() -> None:
        await asyncio.wait_for(work(Slots()), 5)

    asyncio.run(run())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110  # of what sets no event
        await asyncio.sleep(0.005)


def test_all_slots_are_renewed_over_one_connection(world: World) -> None:
    world.entries_there = [an_entry(7), an_entry(8)]

    async def work(slots: Slots) -> None:
        slots.hold(HELD)
        slots.hold(replace(HELD, seq=8, token="token 8"))
        # It is told of again: nothing is to be done.
        slots.hold(HELD)
        await until(lambda: sorted(world.renewed) == [7, 8])
        assert len(world.connections) == 1

    with_slots(work)


def test_a_slot_without_a_lease_is_not_renewed_and_given_back_all_the_same(world: World) -> None:
    world.entries_there = [an_entry(7)]

    async def work(slots: Slots) -> None:
        held = replace(HELD, lease=None)
        slots.hold(held)
        slots.leave(held, gives_back=True)
        await slots.end()
        assert (world.left, world.renewed) == ([], [])

    with_slots(work)


def test_a_slot_that_was_to_be_kept_is_not_given_back(world: World) -> None:
    world.entries_there = [an_entry(7), an_entry(8)]

    async def work(slots: Slots) -> None:
        held = replace(HELD, lease=None, ends_with_worker=False)
        slots.hold(held)
        slots.leave(held, gives_back=True)
        slots.sweep_at_the_end(ADDRESS, "run")
        await slots.end()
        assert world.left == [7], "the other one was left by nobody on purpose"

    with_slots(work)


def test_what_others_hold_stays_at_the_end(world: World) -> None:
    workflow = Owner("workflow", "", "web01")
    world.entries_there = [an_entry(7), an_entry(8, workflow), an_entry(9, None)]

    async def work(slots: Slots) -> None:
        slots.sweep_at_the_end(ADDRESS, "run")
        await slots.end()
        assert world.left == [8, 9]

    with_slots(work)


def test_a_waiter_that_died_had_none_of_the_slots_that_are_known(world: World) -> None:
    other = Owner("run", "web02", "web02")
    world.entries_there = [an_entry(7), an_entry(8), an_entry(9, other)]

    async def work(slots: Slots) -> None:
        slots.hold(HELD)
        slots.give_back_untold(ADDRESS, OWNER)
        await until(lambda: world.left == [7, 9])
        slots.leave(HELD, gives_back=False)

    with_slots(work)


def test_a_connection_that_is_closed_for_good_is_made_anew(world: World) -> None:
    world.entries_there = [an_entry(7)]

    async def work(slots: Slots) -> None:
        slots.hold(HELD)
        await until(lambda: world.renewed == [7])
        world.connections[0].nc.is_closed = True
        await until(lambda: world.renewed == [7, 7])
        assert len(world.connections) == 2

    with_slots(work)


def test_a_slot_that_no_server_renews_is_lost(world: World) -> None:
    world.reachable = False
    told: list[str] = []

    async def work(slots: Slots) -> None:
        now = Timing().clock()
        slots.hold(replace(HELD, lease=0.1, renewed_at=now), told.append)
        await until(lambda: bool(told))
        assert Timing().clock() > now + 0.1
        assert told[0] == "Could not connect."

    with_slots(work)


def test_a_slot_without_a_lease_is_looked_after_where_its_loss_is_to_stop_the_work(world: World) -> None:
    world.entries_there = [an_entry(7)]
    told: list[str] = []

    async def work(slots: Slots) -> None:
        slots.hold(replace(HELD, lease=None, stops_work=True), told.append)
        await asyncio.sleep(0.05)
        assert not told
        world.entries_there = []
        await until(lambda: told == ["it was evicted, it has expired, or the governor was deleted"])

    with_slots(work)


def test_dead_holders_are_looked_for_where_it_is_full(world: World) -> None:
    async def work(slots: Slots) -> None:
        slots.watch(ADDRESS)
        await asyncio.sleep(0.05)
        assert not world.looked
        world.full = True
        await until(lambda: world.looked > 1)

    with_slots(work)


def test_a_worker_is_told_of_a_governor_and_waits_for_no_server_that_is_away(world: World) -> None:
    async def work(slots: Slots) -> None:
        assert await slots.created(ADDRESS) == NOON.isoformat()
        world.reachable = False
        away = Address(Settings(servers=("nats://away:4222",)), "g")
        assert await slots.created(away) is None
        world.reachable = True
        assert await slots.created(away) is None, "nobody tries it again for a worker"
        slots.watch(away)
        await until(lambda: len(world.connections) == 2)
        assert await slots.created(away) == NOON.isoformat()

    with_slots(work)


def test_the_end_goes_on_while_the_server_is_away(world: World) -> None:
    world.entries_there = [an_entry(7)]
    world.reachable = False

    async def work(slots: Slots) -> None:
        slots.sweep_at_the_end(ADDRESS, "run")
        ending = asyncio.ensure_future(slots.end())
        _ended, going_on = await asyncio.wait([ending], timeout=0.05)
        assert going_on
        world.reachable = True
        await ending
        assert world.left == []

    with_slots(work)
