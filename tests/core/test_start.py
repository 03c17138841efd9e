# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Governor.start with each of its options, and the Slot that it returns."""

from __future__ import annotations

import asyncio
import logging

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import (
    InvalidValue,
    UnknownGovernor,
    WaitTimeout,
)
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import Owner
from ansible_collections.jetstream.governor.tests.support.client import connected, within
from ansible_collections.jetstream.governor.tests.support.history import most_at_once
from ansible_collections.jetstream.governor.tests.support.server import NatsServer
from ansible_collections.jetstream.governor.tests.support.workers import work


@within(20)
async def test_start_and_finish(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=1, max_age=60)
        governor = Governor(name, nc)
        assert governor.connection is nc
        slot = await governor.start("web01", owner=Owner.of("r", "web01"))
        assert (slot.holder, slot.owner, slot.governor) == ("web01", Owner("r", "", "web01"), name)
        assert slot.seq == manager.state.last_seq + 1
        assert slot.attempts == 1
        assert 0 <= slot.waited < 5
        assert await slot.still_held() is True
        assert [await slot.finish(), await slot.finish()] == [True, False]
        assert await slot.still_held() is False
        assert await manager.active() == 0


@within(20)
async def test_a_full_governor_at_timeout_zero(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        await Manager.create(name, nc, limit=2, max_age=60)
        governor = Governor(name, nc)
        slots = [await governor.start(holder, timeout=0) for holder in ("web01", "web02")]
        with pytest.raises(WaitTimeout) as caught:
            await governor.start("web03", timeout=0)
        sentence = (
            f"Timed out after 0.0 s waiting for a slot in governor '{name}' (1 attempt, 2 of 2 slots held, oldest by "
            "web01 for "
        )
        assert str(caught.value).startswith(sentence)
        facts = caught.value.facts
        assert (facts["attempts"], facts["active"], facts["limit"]) == (1, 2, 2)
        assert [(each["holder"], each["seq"]) for each in facts["holders"]] == [
            (slot.holder, slot.seq) for slot in slots
        ]
        assert all(0 <= each["age"] < 10 for each in facts["holders"])


@within(20)
async def test_a_timeout_is_kept(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        await Manager.create(name, nc, limit=1, max_age=60)
        governor = Governor(name, nc)
        await governor.start("web01")
        with pytest.raises(WaitTimeout, match=r"^Timed out after 0\.[5-9] s .*\(2 attempts, 1 of 1 slots held"):
            await governor.start("web02", timeout=0.5)


@within(20)
async def test_a_subject_that_is_given(server: NatsServer, name: str) -> None:
    """And is followed to where the governor listens by now, if that is elsewhere."""
    async with connected(server.url) as nc:
        await Manager.create(name, nc, limit=1, max_age=60, subject=f"c.governor.{name}")
        for subject in (f"c.governor.{name}", "nowhere"):
            slot = await Governor(name, nc, subject=subject).start("web01", timeout=0)
            assert (slot.attempts, await slot.finish()) == (1, True)


@within(20)
async def test_a_governor_that_does_not_exist(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        for subject in (None, "nowhere"):
            with pytest.raises(UnknownGovernor, match=f"^There is no governor '{name}'"):
                await Governor(name, nc, subject=subject).start("web01")


@within(20)
async def test_the_logger_is_told(server: NatsServer, name: str, caplog: pytest.LogCaptureFixture) -> None:
    async with connected(server.url) as nc:
        await Manager.create(name, nc, limit=1, max_age=60, queue=False)
        governor = Governor(name, nc, interval=0.1, logger=logging.getLogger("test.own"))
        with caplog.at_level(logging.DEBUG, "test.own"):
            slot = await governor.start("web01", timeout=0)
            with pytest.raises(WaitTimeout):
                await governor.start("web02", timeout=0.01)
        assert {record.name for record in caplog.records} == {"test.own"}
        assert caplog.messages[0] == f"web01 holds slot {slot.seq} of governor {name}"
        assert caplog.messages[-1] == f"governor {name} has no room, waiting without a queue"


@within(20)
async def test_as_a_context_manager(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=1, max_age=60)
        governor = Governor(name, nc)
        async with await governor.start("web01", timeout=0) as slot:
            assert [entry.seq for entry in await manager.entries()] == [slot.seq]
        assert await manager.active() == 0
        with pytest.raises(ZeroDivisionError):
            async with await governor.start("web01", timeout=0):
                raise ZeroDivisionError
        assert await manager.active() == 0


@within(20)
async def test_n_per_period(server: NatsServer, name: str) -> None:
    """Nobody leaves; max_age makes room, and not before."""
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=2, max_age=0.5)
        governor = Governor(name, nc, interval=0.02, leave_on_completion=False)
        slots = [await governor.start(f"h{number}", timeout=0) for number in range(2)]
        for slot in slots:
            async with slot:
                pass
        assert [await slot.finish() for slot in slots] == [False, False]
        assert await manager.active() == 2
        entry = await slots[0].entry()
        third = await governor.start("h2", timeout=10)
        entered = await third.entry()
        assert entry is not None
        assert entered is not None
        assert (entered.time - entry.time).total_seconds() >= 0.5


@within(20)
async def test_one_object_campaigns_many_times_at_once(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=3, max_age=60)
        governor = Governor(name, nc, interval=0.02)
        history = await asyncio.gather(*(work(governor, f"h{number}", 0.02, 15) for number in range(20)))
        assert len(history) == 20
        assert most_at_once(history) <= 3
        assert await manager.active() == 0


@within(20)
async def test_a_failed_start_does_not_spoil_the_object(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        await Manager.create(name, nc, limit=1, max_age=60)
        governor = Governor(name, nc)
        first = await governor.start("first", timeout=0)
        for _each in range(2):
            with pytest.raises(WaitTimeout):
                await governor.start("second", timeout=0)
        await first.finish()
        assert (await governor.start("second", timeout=0)).seq == first.seq + 1


@pytest.mark.parametrize("holder", ["web 01", "wéb01", "日本", "a/b:c", "x" * 255])
@within(20)
async def test_a_holder_is_stored_as_it_is(server: NatsServer, name: str, holder: str) -> None:
    async with connected(server.url) as nc:
        await Manager.create(name, nc, limit=1, max_age=60)
        slot = await Governor(name, nc).start(holder, owner=Owner.of("r", holder), timeout=0)
        entry = await slot.entry()
        assert entry is not None
        assert (entry.holder, entry.owner) == (holder, Owner("r", "", holder))
        assert await slot.finish() is True


@pytest.mark.parametrize(
    ("holder", "sentence"),
    [
        ("", "A holder must not be empty"),
        ("web\n01", "A holder must be printable and on one line, not "),
        ("web\r\nNats-Msg-Id: x", "A holder must be printable and on one line, not "),
        ("x" * 100_000, "A holder must be at most 255 bytes long, not 100000"),
    ],
)
@within(20)
async def test_a_holder_that_is_refused(server: NatsServer, name: str, holder: str, sentence: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=1, max_age=60)
        with pytest.raises(InvalidValue, match=f"^{sentence}"):
            await Governor(name, nc).start(holder, timeout=0)
        assert await manager.active() == 0
