# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replicas are added and taken away while holders are in: their entries stay."""

from __future__ import annotations

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.config import Change
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import ConfigRefused, WaitTimeout
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.tests.faults.crowd import create
from ansible_collections.jetstream.governor.tests.support.client import ask, connected, until, within
from ansible_collections.jetstream.governor.tests.support.server import NatsServer


@within(60)
async def test_three_one_three(unbroken: list[NatsServer], name: str) -> None:
    async with connected(unbroken[0].url) as nc:
        manager = await create(name, nc)
        assert manager.replicas == 3
        governor = Governor(name, nc)
        slots = [await governor.start(f"h{number}", timeout=5) for number in range(manager.limit)]
        for replicas in (1, 3):
            before = manager.replicas
            await manager.set_replicas(replicas)
            assert manager.replicas == replicas
            assert manager.changes == (Change("replicas", before, replicas),)

            async def in_place(wanted: int = replicas) -> bool:
                told = (await ask(nc, f"STREAM.INFO.{manager.stream}"))["cluster"]
                others = told.get("replicas") or []
                return "leader" in told and len(others) == wanted - 1 and all(each["current"] for each in others)

            await until(in_place, 30, f"{replicas} replicas are in place")
            assert (await Manager.load(name, nc)).replicas == replicas
            assert [await slot.still_held() for slot in slots] == [True] * len(slots)
            with pytest.raises(WaitTimeout, match="5 of 5 slots held"):
                await governor.start("late", timeout=0)
        assert [await slot.finish() for slot in slots] == [True] * len(slots)
        assert await manager.active() == 0


@within(60)
async def test_more_replicas_than_servers(unbroken: list[NatsServer], name: str) -> None:
    async with connected(unbroken[0].url) as nc:
        await create(name, nc)
        sentence = (
            rf"^Could not create governor '{name}-5': the server answered 'no suitable peers for placement.*' "
            r"\(error 10005\)\. The cluster has fewer JetStream servers than the replicas asked for, "
            r"or they have not all met yet\.$"
        )
        with pytest.raises(ConfigRefused, match=sentence):
            await Manager.create(f"{name}-5", nc, limit=1, max_age=60, replicas=5)


@pytest.mark.older_servers
@within(60)
async def test_replicas_that_expire_entries_each_by_itself(unbroken: list[NatsServer], name: str) -> None:
    """Refused on servers whose replicas come to differ then, unless forced; and told of for as long as it is so."""
    async with connected(unbroken[0].url) as nc:
        manager = await create(name, nc)
        if manager.js.server_version >= (2, 14):
            await manager.set_max_age(60)
            assert manager.hazards == []
            return
        with pytest.raises(
            ConfigRefused, match=rf"^Could not update governor '{name}': it has 3 replicas and a max_age"
        ):
            await manager.set_max_age(60)
        with pytest.raises(
            ConfigRefused, match=f"^Could not create governor '{name}-2': it has 3 replicas and a max_age"
        ):
            await Manager.create(f"{name}-2", nc, limit=1, max_age=60, replicas=3)
        forced = await Manager.create(f"{name}-2", nc, limit=1, max_age=60, replicas=3, force=True)
        (hazard,) = forced.hazards
        assert "more may hold a slot than the limit allows" in hazard
        await forced.set_limit(2)
