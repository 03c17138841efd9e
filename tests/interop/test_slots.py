# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A slot taken by one side counts, is seen, and can be freed by the other."""

from __future__ import annotations

import asyncio

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.entry import parse_time
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import EntryGone, NotOwner, WaitTimeout
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import JetStream
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import Owner
from ansible_collections.jetstream.governor.plugins.module_utils.core.stack import Stack, only_if
from ansible_collections.jetstream.governor.tests.interop.program import Choria, ChoriaError
from ansible_collections.jetstream.governor.tests.support.client import connected, within

# What a person may call a host: printable, but neither ASCII nor a word.
HOLDER = "wéb01 — 日本 ✓"


@within(90)
async def test_python_sees_choria_hold(choria: Choria, name: str) -> None:
    async with connected(choria.url) as nc:
        manager = await Manager.create(name, nc, limit=2, max_age=3600)
        async with choria.talk("start", name, HOLDER) as held:
            (entry,) = await manager.entries()

            assert (entry.seq, entry.holder) == (held.opening["seq"], HOLDER)
            assert (entry.owner, entry.token) == (None, None)
            assert await manager.active() == 1
            assert entry.time == await manager.last_active()

            assert await held.go_on() == {"finished": True}
        assert await manager.entries() == []


@within(90)
async def test_choria_sees_python_hold(choria: Choria, name: str) -> None:
    async with connected(choria.url) as nc:
        await choria.run("create", name, "2", "1h", "1")
        slot = await Governor(name, nc).start(HOLDER, owner=Owner("run", "", HOLDER), timeout=10)

        shown = await choria.run("show", name)
        assert shown["active"] == 1
        (entry,) = await (await Manager.load(name, nc)).entries()
        assert entry.time == parse_time(shown["last_active"])

        assert await slot.finish()
        assert (await choria.run("show", name))["active"] == 0


@within(90)
async def test_python_cannot_release_what_choria_holds(choria: Choria, name: str) -> None:
    async with connected(choria.url) as nc:
        manager = await Manager.create(name, nc, limit=1, max_age=3600)
        async with choria.talk("start", name, "web01") as held:
            seq = held.opening["seq"]

            with pytest.raises(NotOwner, match="it carries no owner"):
                await Stack(name, JetStream(nc)).delete(seq, only_if(name, lambda entry: entry.run_id == "run", "run"))

            assert [entry.seq for entry in await manager.entries()] == [seq]
            assert await held.go_on() == {"finished": True}


@within(90)
@pytest.mark.parametrize("first_made_by", ["choria", "python"])
async def test_a_late_finish_of_python_spares_choria_in_a_governor_made_anew(
    choria: Choria, name: str, first_made_by: str
) -> None:
    async with connected(choria.url) as nc:
        if first_made_by == "choria":
            await choria.run("create", name, "1", "1h", "1")
        else:
            await Manager.create(name, nc, limit=1, max_age=3600)
        manager = await Manager.load(name, nc)
        stale = await Governor(name, nc).start("python", timeout=10)
        await manager.delete(force=True)
        await choria.run("create", name, "1", "1h", "1")
        async with choria.talk("start", name, "go") as held:
            # Choria's count from 1 each time: there the sequence is that of the stale slot.
            assert (held.opening["seq"] == stale.seq) == (first_made_by == "choria")

            assert not await stale.finish()

            assert [entry.holder for entry in await manager.entries()] == ["go"]
            assert await held.go_on() == {"finished": True}


@within(90)
async def test_python_evicts_choria(choria: Choria, name: str) -> None:
    async with connected(choria.url) as nc:
        manager = await Manager.create(name, nc, limit=1, max_age=3600)
        async with choria.talk("start", name, HOLDER) as held:
            assert await manager.evict(held.opening["seq"]) == HOLDER

            assert await manager.active() == 0
            # Choria's finish does not take "gone already" for success.
            with pytest.raises(ChoriaError, match="no message found"):
                await held.go_on()


@within(90)
async def test_choria_evicts_python(choria: Choria, name: str) -> None:
    async with connected(choria.url) as nc:
        await choria.run("create", name, "1", "1h", "1")
        slot = await Governor(name, nc).start(HOLDER, timeout=10)

        assert await choria.run("evict", name, str(slot.seq)) == {"evicted": HOLDER}

        assert (await choria.run("show", name))["active"] == 0
        assert not await slot.finish()


@within(90)
async def test_evicting_twice_is_an_error_on_both_sides(choria: Choria, name: str) -> None:
    async with connected(choria.url) as nc:
        manager = await Manager.create(name, nc, limit=1, max_age=3600)
        slot = await Governor(name, nc).start("web01", timeout=10)
        await manager.evict(slot.seq)

        with pytest.raises(ChoriaError, match="no message found"):
            await choria.run("evict", name, str(slot.seq))
        with pytest.raises(EntryGone):
            await manager.evict(slot.seq)


@within(90)
async def test_python_waits_for_choria(choria: Choria, name: str) -> None:
    async with connected(choria.url) as nc:
        manager = await Manager.create(name, nc, limit=1, max_age=3600)
        async with choria.talk("start", name, "go") as held:
            with pytest.raises(WaitTimeout, match="go"):
                await Governor(name, nc, interval=0.05).start("python", timeout=0.3)

            waiter = asyncio.create_task(Governor(name, nc, interval=0.05).start("python", timeout=10))
            await held.go_on()
            slot = await waiter

        assert [entry.holder for entry in await manager.entries()] == ["python"]
        assert slot.seq == held.opening["seq"] + 1


@within(90)
async def test_choria_waits_for_python(choria: Choria, name: str) -> None:
    async with connected(choria.url) as nc:
        manager = await Manager.create(name, nc, limit=1, max_age=3600)
        slot = await Governor(name, nc).start("python", timeout=10)
        with pytest.raises(ChoriaError, match="context deadline exceeded"):
            await choria.run("start", "-timeout", "300ms", name, "go")

        waiter = asyncio.create_task(choria.run("start", name, "go"))
        await slot.finish()

        assert (await waiter)["seq"] == slot.seq + 1
        # Its process has ended without finishing: the slot stays taken.
        assert [entry.holder for entry in await manager.entries()] == ["go"]


@within(90)
async def test_the_same_holder_of_the_other_side_is_somebody_else(choria: Choria, name: str) -> None:
    async with connected(choria.url) as nc:
        manager = await Manager.create(name, nc, limit=1, max_age=3600)
        async with choria.talk("start", name, "web01") as held:
            with pytest.raises(WaitTimeout):
                await Governor(name, nc, interval=0.05).start("web01", owner=Owner("run", "", "web01"), timeout=0.3)

            assert [entry.seq for entry in await manager.entries()] == [held.opening["seq"]]


@within(90)
async def test_a_slot_on_the_subject_of_a_collective(choria: Choria, name: str) -> None:
    subject = f"acme.governor.{name}"
    async with connected(choria.url) as nc:
        manager = await Manager.create(name, nc, limit=2, max_age=3600, subject=subject)
        async with choria.talk("start", "-subject", subject, name, "go") as held:
            slot = await Governor(name, nc, subject=subject).start("python", timeout=10)

            assert [entry.holder for entry in await manager.entries()] == ["go", "python"]
            await slot.finish()
            await held.go_on()
        assert await manager.active() == 0


@within(90)
async def test_a_raised_limit_of_one_side_lets_the_other_in(choria: Choria, name: str) -> None:
    async with connected(choria.url) as nc:
        manager = await Manager.create(name, nc, limit=1, max_age=3600)
        await Governor(name, nc).start("first", timeout=10)
        waiter = asyncio.create_task(Governor(name, nc, interval=0.05).start("python", timeout=10))

        await choria.run("set-limit", name, "2")
        await waiter
        go = asyncio.create_task(choria.run("start", name, "go"))
        await (await Manager.load(name, nc)).set_limit(3)
        await go

        assert [entry.holder for entry in await manager.entries()] == ["first", "python", "go"]


@within(90)
async def test_neither_leaves_when_told_not_to(choria: Choria, name: str) -> None:
    async with connected(choria.url) as nc:
        manager = await Manager.create(name, nc, limit=2, max_age=3600)
        async with choria.talk("start", "-no-leave", name, "go") as held:
            assert await held.go_on() == {"finished": True}
        slot = await Governor(name, nc, leave_on_completion=False).start("python", timeout=10)
        await slot.finish()

        assert [entry.holder for entry in await manager.entries()] == ["go", "python"]
        with pytest.raises(WaitTimeout):
            await Governor(name, nc, interval=0.05).start("late", timeout=0.3)
        with pytest.raises(ChoriaError, match="context deadline exceeded"):
            await choria.run("start", "-timeout", "300ms", name, "late")


@within(90)
async def test_what_is_never_left_expires_for_both(choria: Choria, name: str) -> None:
    async with connected(choria.url) as nc:
        manager = await Manager.create(name, nc, limit=2, max_age=1)
        await choria.run("start", "-no-leave", name, "go")
        await Governor(name, nc, leave_on_completion=False).start("python", timeout=10)

        await choria.run("start", name, "next go")
        await Governor(name, nc, interval=0.05).start("next python", timeout=10)

        assert not {"go", "python"} & {entry.holder for entry in await manager.entries()}


@within(90)
async def test_each_side_resets_the_other(choria: Choria, name: str) -> None:
    async with connected(choria.url) as nc:
        manager = await Manager.create(name, nc, limit=2, max_age=3600)
        await choria.run("start", "-no-leave", name, "go")
        await Governor(name, nc).start("python", timeout=10)
        assert await manager.reset() == 2
        assert (await choria.run("show", name))["active"] == 0

        await choria.run("start", "-no-leave", name, "go")
        slot = await Governor(name, nc).start("python", timeout=10)
        assert (await choria.run("reset", name))["active"] == 0
        assert await manager.active() == 0
        assert not await slot.finish()


@within(90)
@pytest.mark.parametrize("holder", ["", "two\nlines", "x" * 100_000])
async def test_python_reads_any_holder_that_choria_takes(choria: Choria, name: str, holder: str) -> None:
    async with connected(choria.url) as nc:
        manager = await Manager.create(name, nc, limit=1, max_age=3600)
        seq = (await choria.run("start", "-no-leave", name, holder))["seq"]

        assert [entry.holder for entry in await manager.entries()] == [holder]
        assert await manager.evict(seq) == holder
