# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The servers of a run, with proxies before them and gates between them, and one governor."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from nats.aio.client import Client
from nats.errors import Error

from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import ConfigRefused, NoVerdict
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import (
    LEASES_STREAM,
    queue_stream_name,
    stream_name,
)
from ansible_collections.jetstream.governor.plugins.module_utils.core.queue import CONSUMER
from ansible_collections.jetstream.governor.tests.soak.plan import LEASE, Plan
from ansible_collections.jetstream.governor.tests.support.client import Json, connected, until
from ansible_collections.jetstream.governor.tests.support.leases import shorten_leases
from ansible_collections.jetstream.governor.tests.support.proxy import Proxy
from ansible_collections.jetstream.governor.tests.support.routes import Routes, cluster_with_gates
from ansible_collections.jetstream.governor.tests.support.server import NatsServer

GOVERNOR = "soak"
STACK, QUEUE, LEASES = stream_name(GOVERNOR), queue_stream_name(GOVERNOR), LEASES_STREAM

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
_SMALL_DISK = "48m"


@dataclass(frozen=True)
class Stage:
    """``admin`` is a connection that nobody cuts. ``manager`` is the governor's, over it. ``small_disk`` is where the
    last node stores its data, on a small disk of its own; None where there is none.
    """

    plan: Plan
    nodes: list[NatsServer]
    routes: Routes
    proxies: list[Proxy]
    admin: Client
    manager: Manager
    small_disk: Path | None

    async def told(self, verb: str, request: Json | None = None) -> Json:
        """The answer to a JetStream API request; empty where there was none, or an error."""
        payload = json.dumps(request).encode() if request is not None else b""
        try:
            answer: Json = json.loads((await self.admin.request(f"$JS.API.{verb}", payload, timeout=2)).data)
        except Error:
            return {}
        return {} if "error" in answer else answer

    async def leader(self, stream: str) -> NatsServer | None:
        """The server that leads a stream; None while nobody can tell."""
        if len(self.nodes) == 1:
            return self.nodes[0]
        name = ((await self.told(f"STREAM.INFO.{stream}")).get("cluster") or {}).get("leader")
        return self.nodes[int(name.removeprefix("n"))] if name else None

    async def in_order(self) -> bool:
        """Whether the streams and the queue's consumer have leaders, and these all their replicas."""
        verbs = [*(f"STREAM.INFO.{stream}" for stream in (STACK, QUEUE, LEASES)), f"CONSUMER.INFO.{QUEUE}.{CONSUMER}"]
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
        disk = stack.enter_context(_small_disk(folder / "n2" / "data")) if plan.nodes > 1 else None
        if plan.nodes == 1:
            nodes, routes = [stack.enter_context(NatsServer(folder, _USERS))], Routes()
        else:
            nodes, routes = await stack.enter_async_context(cluster_with_gates(folder, _USERS))
        proxies = [await stack.enter_async_context(Proxy(node.port)) for node in nodes]
        admin = await stack.enter_async_context(connected([node.url for node in nodes]))
        manager = await create(plan, admin)
        made = Stage(plan, nodes, routes, proxies, admin, manager, disk)
        await shorten_leases(admin, LEASE, plan.replicas)
        yield made


@contextmanager
def _small_disk(path: Path) -> Iterator[Path | None]:
    """A disk of its own for this folder, where the machine allows that."""
    path.mkdir(parents=True)
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", f"size={_SMALL_DISK}", "tmpfs", str(path)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode:
        print("SKIPPED: no disk can be filled, as nothing may be mounted here", flush=True)
        yield None
        return
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


async def create(plan: Plan, admin: Client) -> Manager:
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
