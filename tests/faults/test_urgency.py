# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting with different priorities in a governor with three replicas, also when the queue gets another leader."""

from __future__ import annotations

import asyncio

from nats.errors import Error

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.tests.faults.crowd import LIMIT, create
from ansible_collections.jetstream.governor.tests.support.client import ask, connected, until, within
from ansible_collections.jetstream.governor.tests.support.queue import wait_for_queue
from ansible_collections.jetstream.governor.tests.support.server import NatsServer

PRIORITIES = ("urgent", "high", "normal", "low")


@within(90)
async def test_priorities_outlive_the_leader_of_the_queue(unbroken: list[NatsServer], name: str) -> None:
    """All places are lost and joined again, in any order; what was waited for until then counts."""
    order: list[str] = []
    async with connected(unbroken[0].url) as nc, connected(unbroken[1].url) as far:
        await create(name, nc)
        slots = [await Governor(name, nc).start(f"first {number}") for number in range(LIMIT)]

        async def one(holder: str, priority: str, ageing: float = 600.0) -> None:
            slot = await Governor(name, far).start(holder, priority=priority, ageing=ageing)
            order.append(holder)
            await slot.finish()

        tasks = []
        for priority in reversed(PRIORITIES):
            tasks += [asyncio.ensure_future(one(priority, priority)) for _each in range(2)]
        # By the time that the leader goes, it is among the urgent.
        tasks.append(asyncio.ensure_future(one("aged", "low", 0.5)))
        await wait_for_queue(nc, name, len(tasks))
        await asyncio.sleep(3)
        before = (await ask(nc, f"CONSUMER.INFO.GOVQUEUE_{name}.queue"))["cluster"]["leader"]
        await ask(nc, f"CONSUMER.LEADER.STEPDOWN.GOVQUEUE_{name}.queue")

        async def another_leads() -> bool:
            try:
                told = await ask(nc, f"CONSUMER.INFO.GOVQUEUE_{name}.queue")
            except (AssertionError, Error):
                # There is no leader at the moment.
                return False
            leader = told.get("cluster", {}).get("leader")
            return bool(leader and leader != before and told["num_waiting"] == len(tasks))

        await until(another_leads, 30, "all wait at another leader")
        # One slot goes from hand to hand.
        await slots.pop().finish()
        await asyncio.wait_for(asyncio.gather(*tasks), 30)
        assert sorted(order[:3]) == ["aged", "urgent", "urgent"]
        assert order[3:] == ["high", "high", "normal", "normal", "low", "low"]
