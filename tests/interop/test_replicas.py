# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replicated governors, on a cluster of three servers."""

from __future__ import annotations

from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.tests.interop.program import Choria
from ansible_collections.jetstream.governor.tests.support.client import connected, stored_config, within


@within(90)
async def test_python_takes_over_what_choria_replicated(choria_on_cluster: Choria, name: str) -> None:
    async with connected(choria_on_cluster.url) as nc:
        await choria_on_cluster.run("create", name, "3", "1h", "3")
        before = await stored_config(nc, name)

        manager = await Manager.ensure(name, nc, limit=3, max_age=3600, replicas=3)
        assert manager.replicas == 3
        assert await stored_config(nc, name) == before

        await manager.set_replicas(1)
        assert (await choria_on_cluster.run("show", name))["replicas"] == 1


@within(90)
async def test_choria_takes_over_what_python_replicated(choria_on_cluster: Choria, name: str) -> None:
    async with connected(choria_on_cluster.url) as nc:
        await Manager.create(name, nc, limit=3, max_age=3600, replicas=3)
        before = await stored_config(nc, name)

        assert (await choria_on_cluster.run("create", name, "3", "1h", "3"))["replicas"] == 3
        assert await stored_config(nc, name) == before

        await choria_on_cluster.run("set-limit", name, "7")
        manager = await Manager.load(name, nc)
        assert (manager.limit, manager.replicas) == (7, 3)
