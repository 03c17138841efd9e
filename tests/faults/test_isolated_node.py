# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node is cut off from the others in the middle of the work, while its clients still reach it, and comes back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ansible_collections.jetstream.governor.tests.faults.crowd import (
    another_leads,
    create,
    crowd,
    lead_both,
    nobody_is_in,
)
from ansible_collections.jetstream.governor.tests.support.client import connected, within
from ansible_collections.jetstream.governor.tests.support.routes import cluster_with_gates

pytestmark = pytest.mark.older_servers

STAYS_AWAY = 2.0
"""Seconds after the others have elected a leader."""


@within(75)
async def test_the_leader_is_cut_off(tmp_path: Path, name: str) -> None:
    async with cluster_with_gates(tmp_path) as (nodes, routes):
        urls = [node.url for node in nodes]
        async with connected(urls) as nc:
            manager = await create(name, nc)
            async with crowd(name, urls) as people:
                await people.has_done(0.25)
                victim = await lead_both(nodes, nc, name)
                routes.isolate(nodes.index(victim))
                await another_leads(nodes, name, than=victim)
                await asyncio.sleep(STAYS_AWAY)
                routes.heal()
                await people.finishes()
            await nobody_is_in(manager)
