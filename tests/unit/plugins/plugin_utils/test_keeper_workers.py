# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the keeper makes of what a worker says, and of its death. No server, and a fake of what is done for slots."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any, Callable, Optional

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils._settings import Settings
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import Owner
from ansible_collections.jetstream.governor.plugins.plugin_utils import _keeper_workers as keeper_workers
from ansible_collections.jetstream.governor.plugins.plugin_utils._keeper_words import (
    Address,
    Held,
    address_words,
    held_words,
    line,
    word,
)
from ansible_collections.jetstream.governor.plugins.plugin_utils._keeper_workers import Worker, death

ADDRESS = Address(Settings(), "g")
OWNER = Owner("run", "web01", "web01")
HELD = Held(ADDRESS, 7, "token", 60.0, 12.5, "web01", OWNER, stops_work=True)


class FakeSlots:
    """Notes what it is told to do."""

    def __init__(self) -> None:
        self.done: list[Any] = []
        self.on_lost: Optional[Callable[[str], None]] = None
        self.governor_created: Optional[str] = "noon"

    def watch(self, address: Address) -> None:
        self.done.append(("watch", address.governor))

    def hold(self, held: Held, on_lost: Optional[Callable[[str], None]] = None) -> None:
        self.done.append(("hold", held.seq))
        self.on_lost = on_lost

    def leave(self, held: Held, gives_back: bool) -> None:
        self.done.append(("give back" if gives_back else "leave", held.seq))

    def give_back_untold(self, address: Address, owner: Owner) -> None:
        self.done.append(("give back untold", address.governor, owner))

    def sweep_at_the_end(self, address: Address, run_id: str) -> None:
        self.done.append(("sweep", address.governor, run_id))

    async def created(self, _address: Address) -> Optional[str]:
        return self.governor_created


@pytest.fixture
def slots(monkeypatch: pytest.MonkeyPatch) -> FakeSlots:
    made = FakeSlots()
    monkeypatch.setattr(keeper_workers, "end_work_of", lambda pid: made.done.append(("end the work", pid)))
    monkeypatch.setattr(keeper_workers, "_DIES_WITHIN", 0.2)
    return made


class Said:
    """The end of the link that a worker has, whose process is another one."""

    def __init__(self, slots: FakeSlots) -> None:
        self.process = subprocess.Popen(["sleep", "60"])
        self._slots = slots

    async def __aenter__(self) -> Said:
        mine, keepers = socket.socketpair()
        self.reader, self.writer = await asyncio.open_connection(sock=mine)

        async def load() -> Any:
            return self._slots

        worker = Worker(load, *await asyncio.open_connection(sock=keepers))
        self.served = asyncio.ensure_future(worker.serve())
        self.say("here", pid=self.process.pid)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self.process.kill()
        self.process.wait()
        self.writer.close()
        await asyncio.wait_for(self.served, 5)

    def say(self, say: str, **more: Any) -> None:
        self.writer.write(line(say, **more))

    async def done(self, *done: Any) -> None:
        for _each in range(500):
            if self._slots.done == list(done):
                return
            await asyncio.sleep(0.01)
        assert self._slots.done == list(done)


def test_a_worker_that_is_done_leaves_its_slot(slots: FakeSlots) -> None:
    async def works() -> None:
        async with Said(slots) as worker:
            worker.say("wait", owner=OWNER, **address_words(ADDRESS))
            worker.say("hold", **held_words(HELD))
            worker.say("done", gives_back=False)
            await worker.done(("watch", "g"), ("hold", 7), ("leave", 7))
            await asyncio.wait_for(worker.served, 5)

    asyncio.run(works())


def test_a_worker_that_could_not_release_its_slot_leaves_that_to_the_keeper(slots: FakeSlots) -> None:
    async def works() -> None:
        async with Said(slots) as worker:
            worker.say("hold", **held_words(HELD))
            worker.say("done", gives_back=True)
            await worker.done(("hold", 7), ("give back", 7))

    asyncio.run(works())


@pytest.mark.parametrize("keeps_open", [False, True])
def test_the_work_of_a_dead_worker_is_ended_before_its_slot_is_given_back(slots: FakeSlots, keeps_open: bool) -> None:
    """``keeps_open``: what it has forked has the connection still."""

    async def works() -> None:
        async with Said(slots) as worker:
            worker.say("hold", **held_words(HELD))
            await worker.done(("hold", 7))
            worker.process.kill()
            if not keeps_open:
                worker.writer.close()
            await worker.done(("hold", 7), ("end the work", worker.process.pid), ("give back", 7))

    asyncio.run(works())


def test_what_was_said_just_before_the_death_counts(slots: FakeSlots) -> None:
    async def works() -> None:
        async with Said(slots) as worker:
            worker.say("hold", **held_words(HELD))
            worker.say("done", gives_back=False)
            worker.process.kill()
            worker.process.wait()
            worker.writer.close()
            await worker.done(("hold", 7), ("leave", 7))

    asyncio.run(works())


def test_a_connection_that_ends_while_its_process_lives_ends_no_work(slots: FakeSlots) -> None:
    async def works() -> None:
        async with Said(slots) as worker:
            worker.say("hold", **held_words(HELD))
            worker.writer.close()
            await worker.done(("hold", 7), ("give back", 7))

    asyncio.run(works())


def test_a_worker_that_dies_in_its_wait_may_have_a_slot_all_the_same(slots: FakeSlots) -> None:
    async def works() -> None:
        async with Said(slots) as worker:
            worker.say("wait", owner=OWNER, **address_words(ADDRESS))
            await worker.done(("watch", "g"))
            worker.process.kill()
            worker.writer.close()
            await worker.done(("watch", "g"), ("end the work", worker.process.pid), ("give back untold", "g", OWNER))

    asyncio.run(works())


def test_nonsense_ends_the_link(slots: FakeSlots) -> None:
    async def works() -> None:
        async with Said(slots) as worker:
            worker.say("hold", **held_words(HELD))
            worker.writer.write(b"nonsense\n")
            await worker.done(("hold", 7), ("give back", 7))

    asyncio.run(works())


def test_a_module_is_told_of_its_governor_and_its_slot_is_kept_without_a_worker(slots: FakeSlots) -> None:
    async def works() -> None:
        async with Said(slots) as worker:
            worker.say("sweep", run_id="run", **address_words(ADDRESS))
            assert word(await worker.reader.readline()) == {"say": "governor", "created": "noon"}
            worker.say("adopt", **held_words(HELD))
            worker.say("done", gives_back=False)
            await worker.done(("sweep", "g", "run"), ("hold", 7))
            await asyncio.wait_for(worker.served, 5)

    asyncio.run(works())


@pytest.mark.parametrize("created", ["noon", None])
def test_a_module_that_reads_files_finds_its_governor_in_one(
    slots: FakeSlots, tmp_path: Path, created: Optional[str]
) -> None:
    slots.governor_created = created
    file = tmp_path / "created"

    async def works() -> None:
        async with Said(slots) as worker:
            worker.say("sweep", run_id="run", file=str(tmp_path / "gone" / "created"), **address_words(ADDRESS))
            worker.say("sweep", run_id="run", file=str(file), **address_words(ADDRESS))
            worker.say("done", gives_back=False)
            await asyncio.wait_for(worker.served, 5)

    asyncio.run(works())
    assert file.read_text(encoding="utf-8") == (created or "")
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("stops_work", [True, False])
def test_a_lost_slot_is_told_of_and_by_a_signal_where_that_is_wanted(slots: FakeSlots, stops_work: bool) -> None:
    held = Held(ADDRESS, 7, "token", 60.0, 12.5, "web01", OWNER, stops_work=stops_work)

    async def works() -> None:
        async with Said(slots) as worker:
            worker.say("hold", **held_words(held))
            await worker.done(("hold", 7))
            assert slots.on_lost is not None
            slots.on_lost("it was evicted")
            assert word(await worker.reader.readline()) == {"say": "lost", "why": "it was evicted"}
            if stops_work:
                # It has no handler for the signal.
                assert await asyncio.to_thread(worker.process.wait) == -signal.SIGUSR1
            else:
                assert worker.process.poll() is None

    asyncio.run(works())


@pytest.mark.parametrize("told_by_the_system", [True, False])
def test_the_death_of_a_process(monkeypatch: pytest.MonkeyPatch, told_by_the_system: bool) -> None:
    if not told_by_the_system:
        monkeypatch.delattr(os, "pidfd_open", raising=False)
        monkeypatch.setattr(keeper_workers, "_LOOK_EVERY", 0.01)

    async def dies() -> None:
        dying = asyncio.ensure_future(death(process.pid))
        await asyncio.sleep(0.1)
        assert not dying.done()
        process.kill()
        process.wait()
        await asyncio.wait_for(dying, 5)
        # That one is gone already.
        await asyncio.wait_for(death(process.pid), 5)

    with subprocess.Popen(["sleep", "60"]) as process:
        asyncio.run(dies())
