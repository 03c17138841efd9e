# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The leader of the governor's stream is cut off from the others, and goes on to answer for some seconds.

What the majority has done meanwhile it does not know: that it says "there is no such entry" is no verdict.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest
from nats.aio.client import Client

from ansible_collections.jetstream.governor.plugins.module_utils._campaign_options import CampaignRequest
from ansible_collections.jetstream.governor.plugins.module_utils._slots import SlotRequest, acquire
from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import JetStream
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import Owner
from ansible_collections.jetstream.governor.tests.faults.crowd import another_leads, create, lead_both, nobody_is_in
from ansible_collections.jetstream.governor.tests.support.client import connected, until, within
from ansible_collections.jetstream.governor.tests.support.routes import cluster_with_gates

pytestmark = pytest.mark.older_servers

PATIENT = 30.0


async def denies(nc: Client, name: str, seq: int) -> bool:
    """Whether the server that this leads to says that the entry of that sequence does not exist."""
    answer = await nc.request(f"$JS.API.STREAM.MSG.GET.GOVERNOR_{name}", f'{{"seq": {seq}}}'.encode(), timeout=1)
    return b'"err_code":10037' in answer.data


def request(governor: str, holder: str, run_id: str) -> SlotRequest:
    """As of a governor_slot task that acquires."""
    return SlotRequest(
        campaign=CampaignRequest(
            governor=governor,
            holder=holder,
            run_id=run_id,
            run_given=False,
            host=holder,
            wait_timeout=PATIENT,
            interval=None,
            backoff=None,
        ),
        seq=None,
        continue_on_timeout=False,
        guard="off",
        play=None,
        check_mode=False,
        warn=lambda _warning: None,
    )


@within(90)
async def test_what_the_majority_granted_is_not_gone(tmp_path: Path, name: str) -> None:
    async with cluster_with_gates(tmp_path) as (nodes, routes), contextlib.AsyncExitStack() as stack:
        nc = await stack.enter_async_context(connected(nodes[0].url))
        manager = await create(name, nc)
        cut_off = await lead_both(nodes, nc, name)
        others = [node.url for node in nodes if node is not cut_off]
        async with connected(cut_off.url) as alone, connected(others) as majority:
            routes.isolate(nodes.index(cut_off))
            await another_leads(nodes, name, than=cut_off)
            governor = Governor(name, JetStream(majority, timeout=1))
            leaving = await governor.start("web01", timeout=PATIENT)
            staying = await governor.start("web02", owner=Owner("run", "web02", "web02"), timeout=PATIENT)
            assert await denies(alone, name, staying.seq)
            js = JetStream(alone, timeout=1, patience=PATIENT)
            given_back = asyncio.ensure_future(leaving.over(js).finish())
            still_held = asyncio.ensure_future(staying.over(js).still_held())
            acquired = asyncio.ensure_future(acquire(js, request(name, "web02", "run")))
            asked = (given_back, still_held, acquired)

            async def knows_nothing() -> bool:
                return not await denies(alone, name, staying.seq)

            # The isolated server denies the entries, and then tells that it has no leader: neither is a verdict.
            await until(knows_nothing, PATIENT, "it gives up to lead")
            assert [each.result() for each in asked if each.done()] == []
            routes.heal()
            await asyncio.gather(*asked)
            assert (given_back.result(), still_held.result()) == (True, True)
            assert (acquired.result()["changed"], acquired.result()["slot"]["seq"]) == (False, staying.seq)
            assert [entry.seq for entry in await manager.entries()] == [staying.seq]
            assert await staying.finish() is True
        await nobody_is_in(manager)
