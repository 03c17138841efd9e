# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Setters are effective at once, keep the entries, and leave the rest of the stream alone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.config import Change
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import (
    ConfigRefused,
    GovernorError,
    InUse,
    InvalidValue,
    UnknownGovernor,
    WaitTimeout,
)
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.tests.support.client import ask, connected, stored_config, until, within
from ansible_collections.jetstream.governor.tests.support.queue import wait_for_queue
from ansible_collections.jetstream.governor.tests.support.server import NatsServer


@within(20)
async def test_a_raised_limit_lets_a_waiter_in(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=1, max_age=60)
        governor = Governor(name, nc, interval=0.02)
        first = await governor.start("first", timeout=0)
        with pytest.raises(WaitTimeout):
            await governor.start("early", timeout=0)
        waiting = asyncio.ensure_future(governor.start("second", timeout=10))
        await manager.set_limit(2)
        assert (manager.limit, manager.changes) == (2, (Change("limit", 1, 2),))
        second = await waiting
        assert [entry.seq for entry in await manager.entries()] == [first.seq, second.seq]


@within(20)
async def test_a_lowered_limit_keeps_the_holders_and_lets_nobody_in(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=3, max_age=60)
        governor = Governor(name, nc)
        slots = [await governor.start(f"h{number}", timeout=0) for number in range(3)]
        await manager.set_limit(1)
        assert [await slot.still_held() for slot in slots] == [True] * 3
        assert await manager.active() == 3
        for slot in slots:
            with pytest.raises(WaitTimeout, match=r"[123] of 1 slots held"):
                await governor.start("late", timeout=0)
            assert await slot.finish() is True
        assert (await governor.start("last", timeout=0)).seq == slots[-1].seq + 1


@within(20)
async def test_max_age_applies_to_entries_that_are_there(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=2, max_age=0)
        slot = await Governor(name, nc).start("web01", timeout=0)
        await manager.set_max_age(0.2)
        assert manager.max_age == 0.2

        async def expired() -> bool:
            return await manager.active() == 0

        await until(expired, 10, "the entry expires")
        assert await slot.still_held() is False
        assert await slot.finish() is False


@within(20)
async def test_the_duplicate_window_follows_max_age(server: NatsServer, name: str) -> None:
    """The server refuses a window longer than max_age, and keeps a short one when max_age grows."""
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=1, max_age=300)
        for max_age, window in ((10, 10), (119.5, 119.5), (600, 120), (0, 120), (0.1, 0.1)):
            await manager.set_max_age(max_age)
            assert (await stored_config(nc, name))["duplicate_window"] == window * 1e9


@within(20)
async def test_a_changed_subject(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=2, max_age=60)
        old = manager.subject
        slot = await Governor(name, nc).start("first", timeout=0)
        await manager.set_subject(f"c.governor.{name}")
        assert manager.subject == f"c.governor.{name}"
        assert await slot.still_held() is True
        assert (await Governor(name, nc).start("second", timeout=0)).seq == slot.seq + 1
        assert [entry.holder for entry in await manager.entries()] == ["first", "second"]
        # Who was told of the old one follows.
        assert await slot.finish() is True
        assert (await Governor(name, nc, subject=old).start("third", timeout=0)).seq == slot.seq + 2


@within(20)
async def test_a_waiter_follows_a_changed_subject(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=1, max_age=60)
        governor = Governor(name, nc, interval=0.02)
        first = await governor.start("first", timeout=0)
        waiting = asyncio.ensure_future(governor.start("second", timeout=10))
        await wait_for_queue(nc, name, 1)
        await manager.set_subject(f"c.governor.{name}")
        await first.finish()
        slot = await waiting
        assert (slot.seq, slot.waited_by) == (first.seq + 1, "queue")


@within(20)
async def test_a_waiter_learns_that_the_governor_is_gone(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=1, max_age=60)
        governor = Governor(name, nc, interval=0.02)
        await governor.start("first", timeout=0)
        waiting = asyncio.ensure_future(governor.start("second", timeout=10))
        await manager.delete(force=True)
        with pytest.raises(UnknownGovernor, match=f"^There is no governor '{name}'"):
            await waiting


@within(20)
async def test_replicas_need_a_cluster(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        with pytest.raises(ConfigRefused) as caught:
            await Manager.create(name, nc, limit=1, max_age=0, replicas=3)
        assert str(caught.value) == (
            f"Could not create governor '{name}': the server answered 'replicas > 1 not supported in non-clustered "
            "mode' (error 10074). More than one replica needs a cluster of JetStream servers."
        )
        manager = await Manager.create(name, nc, limit=1, max_age=0)
        with pytest.raises(ConfigRefused) as caught:
            await manager.set_replicas(3)
        assert str(caught.value) == (
            f"Could not update governor '{name}': 3 replicas need a cluster of JetStream servers, and "
            f"127.0.0.1:{server.port} is in none."
        )
        with pytest.raises(ConfigRefused):
            await Manager.ensure(name, nc, limit=1, replicas=5)
        assert (await stored_config(nc, name))["num_replicas"] == 1
        await manager.set_replicas(1)
        assert (manager.replicas, manager.changes) == (1, ())


@within(20)
async def test_setting_what_is_set_already_changes_nothing(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=2, max_age=60)
        await manager.set_limit(2)
        assert manager.changes == ()
        await manager.set_max_age(60)
        assert manager.changes == ()
        await manager.set_replicas(1)
        assert manager.changes == ()
        await manager.set_subject(manager.subject)
        assert manager.changes == ()


@within(20)
async def test_bad_values_are_refused_and_change_nothing(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=2, max_age=60)
        before = await stored_config(nc, name)
        for setting, sentence in (
            (manager.set_limit(0), "limit must be at least 1, not 0"),
            (manager.set_max_age(0.01), "max_age must be 0 .never., or at least 0.1 s"),
            (manager.set_replicas(9), "replicas must be 1 to 5, not 9"),
            (manager.set_subject("a.*"), "A governor's subject must be tokens"),
        ):
            with pytest.raises(InvalidValue, match=f"^{sentence}"):
                await setting
        assert await stored_config(nc, name) == before


@within(20)
async def test_what_the_server_will_not_have_is_told_in_its_words(server: NatsServer, name: str) -> None:
    """A subject that no rule here forbids, and the server does: the error is raised, and nothing is changed."""
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=2, max_age=60)
        sentence = rf"^Could not update governor '{name}': the server answered '.*subject.*' \(error \d+\)\."
        with pytest.raises(GovernorError, match=sentence):
            await manager.set_subject("$JS.API.STREAM.NAMES")
        assert manager.subject == (await Manager.load(name, nc)).subject == f"$GOVERNOR.campaign.{name}"


@pytest.mark.parametrize(
    ("option", "value", "field", "stored"),
    [
        ("limit", 6, "max_msgs", 6),
        ("description", "other", "description", "other"),
        ("max_age", 240.0, "max_age", 240_000_000_000),
    ],
)
@within(20)
async def test_fields_that_are_not_the_governors_are_kept(
    server: NatsServer, name: str, option: str, value: Any, field: str, stored: Any
) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=5, max_age=300)
        extra: dict[str, Any] = {
            "metadata": {"team": "blue", "größe": "ü"},
            "compression": "s2",
            "max_bytes": 1_000_000,
            "max_msg_size": 4096,
            "allow_direct": True,
            "republish": {"src": ">", "dest": "copy.>"},
        }
        await ask(nc, f"STREAM.UPDATE.{manager.stream}", {**await stored_config(nc, name), **extra})
        before = await stored_config(nc, name)
        assert {key: before[key] for key in extra} == {**extra, "metadata": {**before["metadata"], **extra["metadata"]}}
        changed = await Manager.ensure(name, nc, **{"limit": 5, option: value})
        assert [change.option for change in changed.changes] == [option]
        after = await stored_config(nc, name)
        assert after == {**before, field: stored}


@within(20)
async def test_deleting_it(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=2, max_age=60)
        await Governor(name, nc).start("web01", timeout=0)
        with pytest.raises(InUse) as caught:
            await manager.delete()
        assert str(caught.value) == (
            f"Governor '{name}' has 1 active entries; their holders would go on without a cap. Wait for them, or use "
            "force to delete it all the same."
        )
        assert await Manager.find(name, nc) is not None
        await manager.delete(force=True)
        assert await Manager.find(name, nc) is None
        with pytest.raises(UnknownGovernor, match=f"^There is no governor '{name}'"):
            await manager.delete()


@within(20)
async def test_a_plan_for_a_governor_that_went_away_is_told_so(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=2, max_age=60)
        await manager.delete()
        with pytest.raises(UnknownGovernor, match=f"^There is no governor '{name}'"):
            await manager.set_limit(3)
