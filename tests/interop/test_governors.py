# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A governor made by one side is the same governor to the other."""

from __future__ import annotations

import asyncio

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import UnknownGovernor
from ansible_collections.jetstream.governor.plugins.module_utils.core.listing import list_governors
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import stream_name
from ansible_collections.jetstream.governor.tests.interop.program import Choria, ChoriaError
from ansible_collections.jetstream.governor.tests.support.client import connected, stored_config, within

# As Go writes a duration, and in seconds. 0 means that entries never expire.
AGES = [("0s", 0.0), ("250ms", 0.25), ("90s", 90.0), ("1h30m", 5400.0)]


@within(90)
@pytest.mark.parametrize(("duration", "seconds"), AGES)
async def test_python_loads_what_choria_created(choria: Choria, name: str, duration: str, seconds: float) -> None:
    async with connected(choria.url) as nc:
        await choria.run("create", name, "3", duration, "1")

        manager = await Manager.load(name, nc)

        assert (manager.name, manager.stream) == (name, f"GOVERNOR_{name}")
        assert manager.subject == f"$GOVERNOR.campaign.{name}"
        assert (manager.limit, manager.max_age, manager.replicas) == (3, seconds, 1)
        assert await manager.active() == 0
        assert await manager.last_active() is None


@within(90)
async def test_python_loads_what_choria_created_for_a_collective(choria: Choria, name: str) -> None:
    async with connected(choria.url) as nc:
        await choria.run("create", "-collective", "acme", name, "3", "1h", "1")

        assert (await Manager.load(name, nc)).subject == f"acme.governor.{name}"


@within(90)
@pytest.mark.parametrize(("_duration", "seconds"), AGES)
async def test_choria_shows_what_python_created(choria: Choria, name: str, _duration: str, seconds: float) -> None:
    async with connected(choria.url) as nc:
        await Manager.create(name, nc, limit=3, max_age=seconds)

        assert await choria.run("load", name) == {"name": name}
        assert await choria.run("show", name) == {
            "name": name,
            "stream": f"GOVERNOR_{name}",
            "limit": 3,
            "max_age": seconds,
            "replicas": 1,
            "subject": f"$GOVERNOR.campaign.{name}",
            "active": 0,
            "last_active": None,
        }


@within(90)
async def test_both_create_the_same_stream_but_for_its_leases_and_where_it_counts_from(
    choria: Choria, name: str
) -> None:
    async with connected(choria.url) as nc:
        await choria.run("create", name, "3", "1h", "1")
        by_choria = await stored_config(nc, name)
        await (await Manager.load(name, nc)).delete()

        await Manager.create(name, nc, limit=3, max_age=3600)

        by_python = await stored_config(nc, name)
        assert "first_seq" not in by_choria
        metadata = {**by_choria.get("metadata", {}), "governor_lease": "true"}
        assert by_python == {**by_choria, "first_seq": by_python["first_seq"], "metadata": metadata}


@within(90)
@pytest.mark.parametrize(("duration", "seconds"), AGES)
async def test_ensuring_what_choria_made_changes_nothing(
    choria: Choria, name: str, duration: str, seconds: float
) -> None:
    async with connected(choria.url) as nc:
        await choria.run("create", "-collective", "acme", name, "3", duration, "1")
        before = await stored_config(nc, name)

        await Manager.ensure(name, nc, limit=3, max_age=seconds, replicas=1, subject=f"acme.governor.{name}")

        assert await stored_config(nc, name) == before


@within(90)
@pytest.mark.parametrize(("duration", "seconds"), AGES)
async def test_choria_changes_nothing_on_what_python_made(
    choria: Choria, name: str, duration: str, seconds: float
) -> None:
    async with connected(choria.url) as nc:
        await Manager.create(
            name, nc, limit=3, max_age=seconds, subject=f"acme.governor.{name}", description="Described by us"
        )
        before = await stored_config(nc, name)

        await choria.run("create", "-collective", "acme", name, "3", duration, "1")

        assert await stored_config(nc, name) == before


@within(90)
async def test_choria_sees_what_python_changed(choria: Choria, name: str) -> None:
    async with connected(choria.url) as nc:
        await choria.run("create", name, "3", "1h", "1")
        manager = await Manager.load(name, nc)

        await manager.set_limit(7)
        await manager.set_max_age(45)
        await manager.set_subject(f"acme.governor.{name}")

        shown = await choria.run("show", name)
        assert (shown["limit"], shown["max_age"], shown["subject"]) == (7, 45, f"acme.governor.{name}")


@within(90)
async def test_python_sees_what_choria_changed(choria: Choria, name: str) -> None:
    async with connected(choria.url) as nc:
        await Manager.create(name, nc, limit=3, max_age=3600)

        await choria.run("set-limit", name, "7")
        await choria.run("set-max-age", name, "45s")
        await choria.run("set-subject", name, f"acme.governor.{name}")

        manager = await Manager.load(name, nc)
        assert (manager.limit, manager.max_age, manager.subject) == (7, 45, f"acme.governor.{name}")


@within(90)
async def test_what_choria_changes_keeps_its_leases(choria: Choria, name: str) -> None:
    async with connected(choria.url) as nc:
        await Manager.create(name, nc, limit=3)
        before = await stored_config(nc, name)

        await choria.run("set-limit", name, "7")

        assert await stored_config(nc, name) == {**before, "max_msgs": 7}
        assert (await Manager.load(name, nc, look_closely=True)).config.lease == "ready"


@within(90)
async def test_nobody_of_either_side_enters_a_paused_governor(choria: Choria, name: str) -> None:
    """Choria's waiters give up at once; its tools keep the pause, whatever they change."""
    async with connected(choria.url) as nc:
        manager = await Manager.create(name, nc, limit=1)
        async with choria.talk("start", name, "in before") as held:
            waits = asyncio.ensure_future(choria.run("start", "-timeout", "60s", name, "waits"))
            # It tries four times a second.
            await asyncio.sleep(0.6)
            assert not waits.done()
            await manager.pause("deploy@ctl1", "incident 4711")
            paused = await stored_config(nc, name)
            # Also while it is full.
            with pytest.raises(ChoriaError, match="message size exceeds maximum allowed"):
                await asyncio.wait_for(waits, 30)
            assert await held.go_on() == {"finished": True}
        with pytest.raises(ChoriaError, match="message size exceeds maximum allowed"):
            await choria.run("start", name, "late")

        await choria.run("set-limit", name, "7")

        assert await stored_config(nc, name) == {**paused, "max_msgs": 7}
        assert await manager.active() == 0
        await (await Manager.load(name, nc)).resume()
        async with choria.talk("start", name, "in after") as held:
            assert await held.go_on() == {"finished": True}


@within(90)
async def test_changes_of_one_side_keep_those_of_the_other(choria: Choria, name: str) -> None:
    async with connected(choria.url) as nc:
        await choria.run("create", name, "3", "1h", "1")
        stale = await Manager.load(name, nc)
        await choria.run("set-limit", name, "7")

        await stale.set_max_age(45)

        shown = await choria.run("show", name)
        assert (shown["limit"], shown["max_age"]) == (7, 45)


@within(90)
async def test_a_governor_is_unknown_to_both_until_it_is_made(choria: Choria, name: str) -> None:
    async with connected(choria.url) as nc:
        with pytest.raises(ChoriaError, match=r"^unknown governor$"):
            await choria.run("load", name)
        with pytest.raises(UnknownGovernor, match=stream_name(name)):
            await Manager.load(name, nc)


@within(90)
async def test_what_python_deletes_is_gone_for_choria(choria: Choria, name: str) -> None:
    async with connected(choria.url) as nc:
        await choria.run("create", name, "3", "1h", "1")

        await (await Manager.load(name, nc)).delete()

        with pytest.raises(ChoriaError, match=r"^unknown governor$"):
            await choria.run("load", name)


@within(90)
async def test_both_list_a_collective_alike(choria: Choria, name: str) -> None:
    mine, theirs, default, other = (f"{name}-{kind}" for kind in ("python", "go", "default", "other"))
    async with connected(choria.url) as nc:
        await Manager.create(mine, nc, limit=1, max_age=60, subject=f"{name}.governor.{mine}")
        await choria.run("create", "-collective", name, theirs, "1", "1m", "1")
        await choria.run("create", default, "1", "1m", "1")
        await choria.run("create", "-collective", "elsewhere", other, "1", "1m", "1")

        assert await choria.run("list", name) == {"governors": sorted([mine, theirs])}
        assert await list_governors(nc, collective=name) == sorted([mine, theirs])
        # Choria has no list that would show a governor on its own library's default subject.
        assert {mine, theirs, default, other} <= set(await list_governors(nc))
