# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The queue of a governor: made, changed and deleted with it, and told of every slot that is freed."""

from __future__ import annotations

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.config import Change
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import AlreadyExists, ConfigRefused
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.tests.support.client import ask, connected, stored_config, until, within
from ansible_collections.jetstream.governor.tests.support.queue import consumer, wake_ups
from ansible_collections.jetstream.governor.tests.support.server import NatsServer


async def the_queue_has(url: str, name: str, count: int) -> None:
    """So many wake-ups, in the end: whoever sends them waits for no answer."""
    async with connected(url) as nc:

        async def so_many() -> bool:
            return await wake_ups(nc, name) == count

        await until(so_many, 5, f"{count} wake-ups")


@within(20)
async def test_it_is_made_with_the_governor(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=7, max_age=60)
        assert manager.config.queue == "ready"
        stream = (await ask(nc, f"STREAM.INFO.GOVQUEUE_{name}"))["config"]
        assert stream["subjects"] == [f"$GOVERNOR.queue.{name}"]
        assert (stream["retention"], stream["discard"]) == ("workqueue", "old")
        assert (stream["max_msgs"], stream["max_age"], stream["num_replicas"]) == (1000, 10e9, 1)
        queue = (await consumer(nc, name))["config"]
        assert (queue["ack_policy"], queue["ack_wait"], queue["max_deliver"]) == ("explicit", 5e8, -1)
        assert queue["max_waiting"] >= 10_000
        knows_priorities = (nc.connected_server_version.major, nc.connected_server_version.minor) >= (2, 12)
        assert queue.get("priority_policy", "none") == ("prioritized" if knows_priorities else "none")


@within(20)
async def test_it_is_changed_and_removed_with_the_governor(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=7, max_age=60)
        made = (await ask(nc, f"STREAM.INFO.GOVQUEUE_{name}"))["config"]
        await manager.set_limit(3)
        assert (await ask(nc, f"STREAM.INFO.GOVQUEUE_{name}"))["config"] == made
        assert (await Manager.load(name, nc, look_closely=True)).config.queue == "ready"
        await manager.delete()
        assert await manager.queue.exists() is False


@within(20)
async def test_it_can_be_left_out_taken_away_and_given_back(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=1, max_age=60, queue=False)
        assert (manager.config.queue, await manager.queue.exists()) == ("absent", False)
        for wanted, before, after in ((True, "absent", "ready"), (False, "ready", "absent")):
            changed = await Manager.ensure(name, nc, limit=1, queue=wanted)
            assert changed.changes == (Change("queue", before, after),)
            assert (changed.config.queue, await changed.queue.exists()) == (after, wanted)
            assert (await Manager.ensure(name, nc, limit=1, queue=wanted)).changes == ()


@within(20)
async def test_a_governor_that_somebody_else_made_gets_one_when_that_is_asked_for(
    server: NatsServer, name: str
) -> None:
    async with connected(server.url) as nc:
        made = await Manager.create(name, nc, limit=1, max_age=60, queue=False)
        assert (await Manager.ensure(name, nc, limit=2)).changes == (Change("limit", 1, 2),)
        assert await made.queue.exists() is False
        assert (await Manager.ensure(name, nc, limit=2, queue=True)).changes == (Change("queue", "absent", "ready"),)
        assert (await made.queue.state()) is not None
        await made.set_limit(3)
        assert (await Manager.ensure(name, nc, limit=3)).changes == ()


@within(20)
async def test_a_setter_makes_none(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=1, max_age=60, queue=False)
        await manager.set_limit(2)
        assert await manager.queue.exists() is False


@pytest.mark.parametrize("broken", ["no consumer", "another bound", "another consumer"])
@within(20)
async def test_one_that_is_not_in_order_is_mended(server: NatsServer, name: str, broken: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=4, max_age=60)
        stream = (await ask(nc, f"STREAM.INFO.GOVQUEUE_{name}"))["config"]
        if broken == "another bound":
            await ask(nc, f"STREAM.UPDATE.GOVQUEUE_{name}", {**stream, "max_msgs": 9})
        else:
            await ask(nc, f"CONSUMER.DELETE.GOVQUEUE_{name}.queue")
        if broken == "another consumer":
            config = {
                "durable_name": "queue",
                "ack_policy": "explicit",
                "ack_wait": 60 * 10**9,
                "max_waiting": 1_000_000,
            }
            request = {"stream_name": f"GOVQUEUE_{name}", "config": config}
            await ask(nc, f"CONSUMER.CREATE.GOVQUEUE_{name}.queue", request)
        assert (await Manager.load(name, nc, look_closely=True)).config.queue == "broken"
        assert (await Manager.ensure(name, nc, limit=4)).changes == (Change("queue", "broken", "ready"),)
        assert (await Manager.ensure(name, nc, limit=4)).changes == ()
        assert await manager.queue.state() is not None


@within(20)
async def test_a_stream_that_only_has_its_name(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        other = {"name": f"GOVQUEUE_{name}", "subjects": [f"{name}.orders"], "retention": "limits", "storage": "memory"}
        await ask(nc, f"STREAM.CREATE.GOVQUEUE_{name}", other)
        with pytest.raises((ConfigRefused, AlreadyExists), match=f"^Could not make the queue of governor '{name}': "):
            await Manager.ensure(name, nc, limit=1, max_age=60)
        assert (await ask(nc, f"STREAM.INFO.GOVQUEUE_{name}"))["config"]["subjects"] == [f"{name}.orders"]


@within(20)
async def test_every_way_to_free_a_slot_sends_a_wake_up(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=4, max_age=60)
        governor = Governor(name, nc)
        slots = [await governor.start(f"web{number}", timeout=0) for number in range(4)]
        await slots[0].finish()
        await the_queue_has(server.url, name, 1)
        await manager.evict(slots[1].seq)
        await the_queue_has(server.url, name, 2)
        assert await slots[1].finish() is False
        assert await manager.reset() == 2
        await the_queue_has(server.url, name, 4)


@within(20)
async def test_only_so_many_wake_ups_are_kept(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=2, max_age=60)
        for _each in range(2):
            await manager.queue.wake(600)
        await the_queue_has(server.url, name, 1000)


@within(20)
async def test_a_limit_that_somebody_else_changed_leaves_it_in_order(server: NatsServer, name: str) -> None:
    """Choria knows nothing of the queue."""
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=1, max_age=60)
        await ask(nc, f"STREAM.UPDATE.GOVERNOR_{name}", {**await stored_config(nc, name), "max_msgs": 40})
        assert (await Manager.load(name, nc, look_closely=True)).config.queue == "ready"
        await manager.queue.wake(40)
        await the_queue_has(server.url, name, 40)


@within(20)
async def test_a_raised_limit_sends_as_many_wake_ups(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=2, max_age=60)
        await manager.set_limit(5)
        await the_queue_has(server.url, name, 3)
        await manager.set_limit(4)
        await the_queue_has(server.url, name, 3)
