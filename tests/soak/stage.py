# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The servers of a run, with proxies before them and gates between them, and one governor."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from nats.aio.client import Client
from nats.errors import Error

from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import ConfigRefused, NoVerdict
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import queue_stream_name, stream_name
from ansible_collections.jetstream.governor.plugins.module_utils.core.queue import CONSUMER
from ansible_collections.jetstream.governor.tests.soak.plan import Plan
from ansible_collections.jetstream.governor.tests.support.client import Json, connected, until
from ansible_collections.jetstream.governor.tests.support.proxy import Proxy
from ansible_collections.jetstream.governor.tests.support.routes import Routes, cluster_with_gates
from ansible_collections.jetstream.governor.tests.support.server import NatsServer

GOVERNOR = "soak"
STACK, QUEUE = stream_name(GOVERNOR), queue_stream_name(GOVERNOR)

POLLER = {"user": "poller", "password": "poller"}
"""A client that may not wait in the queue."""
_USERS = """
authorization { users: [
  { user: worker, password: worker }
  { user: poller, password: poller, permissions: { publish: { deny: "$JS.API.CONSUMER.MSG.NEXT.>" } } }
] }
no_auth_user: worker
"""

_OUT_OF_TOUCH = 2.0
"""Seconds after which a replica that was not heard of is away."""


@dataclass(frozen=True)
class Stage:
    """``admin`` is a connection that nobody cuts. ``manager`` is the governor's, over it."""

    plan: Plan
    nodes: list[NatsServer]
    routes: Routes
    proxies: list[Proxy]
    admin: Client
    manager: Manager

    async def told(self, verb: str, request: Json | None = None) -> Json:
        """The answer to a JetStream API request; empty where there was none, or an error."""
        payload = json.dumps(request).encode() if request is not None else b""
        try:
            answer: Json = json.loads((await self.admin.request(f"$JS.API.{verb}", payload, timeout=2)).data)
        except Error:
            return {}
        return {} if "error" in answer else answer

    async def leader(self) -> NatsServer | None:
        """The server that leads the governor's stream; None while nobody can tell."""
        if len(self.nodes) == 1:
            return self.nodes[0]
        name = ((await self.told(f"STREAM.INFO.{STACK}")).get("cluster") or {}).get("leader")
        return self.nodes[int(name.removeprefix("n"))] if name else None

    async def in_order(self) -> bool:
        """Whether both streams and the queue's consumer have leaders, and these all their replicas."""
        verbs = (f"STREAM.INFO.{STACK}", f"STREAM.INFO.{QUEUE}", f"CONSUMER.INFO.{QUEUE}.{CONSUMER}")
        told = await asyncio.gather(*(self.told(verb) for verb in verbs))
        return all(map(_in_order, told))


def _in_order(told: Json) -> bool:
    cluster = told.get("cluster") or {}
    replicas = cluster.get("replicas") or []
    return bool(told) and (not cluster.get("name") or bool(cluster.get("leader"))) and all(map(_in_touch, replicas))


def _in_touch(replica: Json) -> bool:
    return bool(replica["current"]) and not replica.get("offline") and replica["active"] < _OUT_OF_TOUCH * 1e9


@asynccontextmanager
async def stage(plan: Plan, folder: Path) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        if plan.nodes == 1:
            nodes, routes = [stack.enter_context(NatsServer(folder, _USERS))], Routes()
        else:
            nodes, routes = await stack.enter_async_context(cluster_with_gates(folder, _USERS))
        proxies = [await stack.enter_async_context(Proxy(node.port)) for node in nodes]
        admin = await stack.enter_async_context(connected([node.url for node in nodes]))
        yield Stage(plan, nodes, routes, proxies, admin, await _create(plan, admin))


async def _create(plan: Plan, admin: Client) -> Manager:
    made: list[Manager] = []

    async def created() -> bool:
        try:
            made.append(
                await Manager.create(GOVERNOR, admin, limit=plan.limit, max_age=plan.max_age, replicas=plan.replicas)
            )
        except (ConfigRefused, NoVerdict):
            # The servers of a young cluster have not all met yet.
            return False
        return True

    await until(created, 60, "the governor is made")
    return made[0]
