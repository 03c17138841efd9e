# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two servers with a JetStream domain each, joined as hub and leaf: what is published in one reaches the other.

A governor that is in both would have each entry twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client
from nats.errors import Error

from ansible_collections.jetstream.governor.plugins.module_utils._governors import present
from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import SubjectTaken
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import JetStream
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.plugins.module_utils.core.twins import warning_of_twin
from ansible_collections.jetstream.governor.tests.support.client import ask, connected, stored_config, until, within
from ansible_collections.jetstream.governor.tests.support.proxy import Proxy
from ansible_collections.jetstream.governor.tests.support.server import NatsServer, free_ports

pytestmark = pytest.mark.older_servers

ONE_WAY = 0.05


def in_domain(folder: Path, domain: str, config: str) -> NatsServer:
    jetstream = f'jetstream {{ store_dir: "{folder / domain / "data"}", domain: {domain} }}'
    return NatsServer(folder / domain, f"server_name: {domain}\n{jetstream}\n{config}", jetstream=False)


@asynccontextmanager
async def hub_and_leaf(folder: Path) -> AsyncIterator[tuple[Client, Client]]:
    """A connection to each. They are so far from each other that the nearer one answers first."""
    (port,) = free_ports(1)
    async with AsyncExitStack() as stack:
        hub = stack.enter_context(in_domain(folder, "hub", f'leafnodes {{ listen: "127.0.0.1:{port}" }}'))
        between = await stack.enter_async_context(Proxy(port, ONE_WAY))
        leaf = stack.enter_context(
            in_domain(folder, "leaf", f'leafnodes {{ remotes: [ {{ url: "{between.url}" }} ] }}')
        )
        at_hub, at_leaf = [await stack.enter_async_context(connected(each.url)) for each in (hub, leaf)]

        async def joined() -> bool:
            try:
                await at_leaf.request("$JS.hub.API.INFO", b"", timeout=1)
            except Error:
                return False
            return True

        await until(joined, 20, "the leaf has joined the hub")
        yield at_hub, at_leaf


async def create_at_hub(name: str, at_hub: Client, at_leaf: Client) -> None:
    """And wait until the leaf knows of it."""
    manager = await Manager.create(name, at_hub, limit=1, max_age=0)

    async def reached() -> bool:
        try:
            # No stream has that name: nothing is stored.
            await at_leaf.request(manager.subject, b"", timeout=1, headers={"Nats-Expected-Stream": "none"})
        except Error:
            return False
        return True

    await until(reached, 10, "the leaf sends on what is published for the hub's governor")


@within(40)
async def test_the_twin_is_not_created(tmp_path: Path, name: str) -> None:
    async with hub_and_leaf(tmp_path) as (at_hub, at_leaf):
        await create_at_hub(name, at_hub, at_leaf)
        with pytest.raises(SubjectTaken, match=f"^Could not create governor '{name}': .*another JetStream domain"):
            await Manager.create(name, at_leaf, limit=1, max_age=0)
        assert (await ask(at_leaf, "STREAM.NAMES", {}))["total"] == 0
        # The hub's governor is of use to clients of the leaf.
        slot = await Governor(name, JetStream(at_leaf, domain="hub")).start("web01", timeout=5)
        assert await slot.finish() is True


@within(40)
async def test_an_entry_is_in_neither_where_a_twin_takes_it(tmp_path: Path, name: str) -> None:
    """One that was made by others. The one that is nearer answers first."""
    async with hub_and_leaf(tmp_path) as (at_hub, at_leaf):
        await create_at_hub(name, at_hub, at_leaf)
        await ask(at_leaf, f"STREAM.CREATE.GOVERNOR_{name}", await stored_config(at_hub, name))
        with pytest.raises(SubjectTaken, match=f"^Governor '{name}' exists in the JetStream domains '.*' and '.*'"):
            await Governor(name, JetStream(at_leaf, domain="hub")).start("web01", timeout=5)

        async def empty() -> bool:
            infos = [await ask(nc, f"STREAM.INFO.GOVERNOR_{name}") for nc in (at_hub, at_leaf)]
            return [info["state"]["messages"] for info in infos] == [0, 0]

        await until(empty, 5, "no entry is left in either")


@within(40)
async def test_a_twin_is_warned_of_where_the_own_domain_answers_first(tmp_path: Path, name: str) -> None:
    """In check mode as well."""
    async with hub_and_leaf(tmp_path) as (at_hub, at_leaf):
        await create_at_hub(name, at_hub, at_leaf)
        js = JetStream(at_leaf)
        assert await warning_of_twin(js, (await Manager.load(name, JetStream(at_hub))).state) is None
        await ask(at_leaf, f"STREAM.CREATE.GOVERNOR_{name}", await stored_config(at_hub, name))
        # What is not given to the module is None.
        params: dict[str, Any] = defaultdict(lambda: None, name=name, limit=1, force=False)
        for check_mode in (True, False):
            warnings: list[str] = []
            await present(js, params, check_mode, warnings.append)
            assert len(warnings) == 1
            assert warnings[0].startswith(
                f"Governor '{name}' of the JetStream domain 'leaf' has a twin in another domain"
            )
