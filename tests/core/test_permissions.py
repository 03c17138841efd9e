# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A NATS user that may not do something: told at once, with the subject that has to be granted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Iterator

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import PermissionRefused, WaitTimeout
from ansible_collections.jetstream.governor.plugins.module_utils.core.listing import list_governors
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.plugins.module_utils.core.several import start_all
from ansible_collections.jetstream.governor.tests.support.client import connected, within
from ansible_collections.jetstream.governor.tests.support.queue import wait_for_queue
from ansible_collections.jetstream.governor.tests.support.server import NatsServer

# Without looking for refusals each request would wait for its timeout of 5 s, and be repeated for 15 s.
SOON = 2.0

USERS = """
authorization {
  users: [
    { user: all, password: x }
    { user: no_publish, password: x, permissions: { publish: { deny: "$GOVERNOR.campaign.>" } } }
    { user: no_delete, password: x, permissions: { publish: { deny: "$JS.API.STREAM.MSG.DELETE.>" } } }
    { user: no_api, password: x, permissions: { publish: { deny: "$JS.>" } } }
    { user: no_wait, password: x, permissions: { publish: { deny: "$JS.API.CONSUMER.MSG.NEXT.>" } } }
    { user: no_info, password: x, permissions: { publish: { deny: "$JS.API.CONSUMER.INFO.>" } } }
    { user: no_wake_up, password: x, permissions: { publish: { deny: "$GOVERNOR.queue.>" } } }
    { user: no_queue, password: x, permissions: { publish: { deny: "$JS.API.*.*.GOVQUEUE_queueless" } } }
    { user: no_read, password: x, permissions: { publish: { deny: "$JS.API.STREAM.MSG.GET.>" } } }
    { user: no_inbox, password: x, permissions: { subscribe: { deny: "_INBOX.>" } } }
    { user: own_inbox, password: x, permissions: { subscribe: { allow: "_own.>" } } }
  ]
}
"""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    with NatsServer(tmp_path_factory.mktemp("nats"), config=USERS) as running:
        yield running


def url(server: NatsServer, user: str) -> str:
    return server.url.replace("//", f"//{user}:x@")


async def refusal(doing: Awaitable[object]) -> str:
    """The sentence; and it came soon."""
    began = time.monotonic()
    with pytest.raises(PermissionRefused) as caught:
        await doing
    assert time.monotonic() - began < SOON
    return str(caught.value)


@pytest.mark.parametrize("timeout", [None, 0, 30])
@within(20)
async def test_on_publish(guarded: NatsServer, name: str, timeout: float | None) -> None:
    async with connected(url(guarded, "no_publish")) as nc:
        await Manager.create(name, nc, limit=1, max_age=60)
        assert await refusal(Governor(name, nc).start("web01", timeout=timeout)) == (
            f"Could not acquire a slot of governor '{name}': "
            f"this NATS user may not publish to '$GOVERNOR.campaign.{name}'. "
            "Grant the permission to the user."
        )


@within(20)
async def test_on_delete(guarded: NatsServer, name: str) -> None:
    async with connected(url(guarded, "no_delete")) as nc:
        manager = await Manager.create(name, nc, limit=1, max_age=60)
        slot = await Governor(name, nc).start("web01", timeout=0)
        sentence = (
            f"Could not free slot {slot.seq} of governor '{name}': this NATS user may not publish to "
            f"'$JS.API.STREAM.MSG.DELETE.GOVERNOR_{name}'. Grant the permission to the user."
        )
        assert await refusal(slot.finish()) == sentence
        # It is not done: the second call is refused as well, and not a no-op.
        assert await refusal(slot.finish()) == sentence
        assert await refusal(manager.evict(slot.seq)) == sentence
        assert await slot.still_held() is True


@within(20)
async def test_on_the_api(guarded: NatsServer, name: str) -> None:
    async with connected(url(guarded, "all")) as nc:
        await Manager.create(name, nc, limit=1, max_age=60)
    async with connected(url(guarded, "no_api")) as nc:
        may_not = "this NATS user may not publish to '$JS.API.STREAM"
        grant = "Grant the permission to the user."
        assert await refusal(Manager.load(name, nc)) == (
            f"Could not read governor '{name}': {may_not}.INFO.GOVERNOR_{name}'. {grant}"
        )
        assert await refusal(Manager.create(f"{name}-2", nc, limit=1, max_age=60, lease=False)) == (
            f"Could not create governor '{name}-2': {may_not}.CREATE.GOVERNOR_{name}-2'. {grant}"
        )
        assert await refusal(list_governors(nc)) == f"Could not list the governors: {may_not}.LIST'. {grant}"
        assert await refusal(Governor(name, nc).start("web01")) == (
            f"Could not read governor '{name}': {may_not}.INFO.GOVERNOR_{name}'. {grant}"
        )


@within(20)
async def test_entering_needs_no_api_where_the_subject_is_given(guarded: NatsServer, name: str) -> None:
    async with connected(url(guarded, "all")) as nc:
        manager = await Manager.create(name, nc, limit=1, max_age=60)
        async with connected(url(guarded, "no_api")) as limited:
            governor = Governor(name, limited, subject=manager.subject)
            assert (await governor.start("web01", timeout=0)).seq == manager.state.last_seq + 1


@within(20)
async def test_on_the_inbox(guarded: NatsServer, name: str) -> None:
    async with connected(url(guarded, "no_inbox")) as nc:
        for _each in range(2):
            sentence = await refusal(Manager.load(name, nc))
            assert sentence.startswith(
                f"Could not read governor '{name}': this NATS user may not subscribe to the inbox for answers (nats: "
                'permissions violation for subscription to "_inbox.'
            )
            assert sentence.endswith("Grant it, or set inbox_prefix to what the user may subscribe to.")


@within(20)
async def test_an_inbox_that_is_allowed(guarded: NatsServer, name: str) -> None:
    async with connected(url(guarded, "own_inbox"), inbox_prefix="_own") as nc:
        manager = await Manager.create(name, nc, limit=1, max_age=60)
        async with await Governor(name, nc).start("web01", timeout=0):
            assert await manager.active() == 1
        assert await manager.active() == 0


@within(20)
async def test_many_at_once_are_all_told(guarded: NatsServer, name: str) -> None:
    async with connected(url(guarded, "no_publish")) as nc:
        await Manager.create(name, nc, limit=1, max_age=60)
        governor = Governor(name, nc)
        told = await asyncio.gather(*(refusal(governor.start(f"h{number}")) for number in range(20)))
        assert len(set(told)) == 1


@within(20)
async def test_an_earlier_refusal_is_not_taken_for_a_later_one(guarded: NatsServer, name: str) -> None:
    async with connected(url(guarded, "no_publish")) as nc:
        manager = await Manager.create(name, nc, limit=1, max_age=60)
        await refusal(Governor(name, nc).start("web01"))
        await manager.set_subject(f"c.governor.{name}")
        assert (await Governor(name, nc).start("web01", timeout=0)).seq == manager.state.last_seq + 1
        await manager.reset()
        await manager.set_subject(f"$GOVERNOR.campaign.{name}")
        await refusal(Governor(name, nc).start("web01"))


@pytest.mark.parametrize("user", ["no_wait", "no_info"])
@within(20)
async def test_who_may_not_wait_in_the_queue_polls(guarded: NatsServer, name: str, user: str) -> None:
    async with connected(url(guarded, "all")) as nc, connected(url(guarded, user)) as barred:
        await Manager.create(name, nc, limit=1, max_age=60)
        slot = await Governor(name, nc).start("first", timeout=0)
        with pytest.raises(WaitTimeout) as caught:
            await Governor(name, barred, interval=0.3).start("web01", timeout=2)
        assert caught.value.facts["waited_by"] == "polling"
        waiting = asyncio.ensure_future(Governor(name, barred, interval=0.3).start("web01", timeout=10))
        await slot.finish()
        assert (await waiting).seq == slot.seq + 1


@pytest.mark.parametrize("waiter", ["all", "no_wake_up"])
@within(20)
async def test_who_may_not_wake_holds_nobody_up(guarded: NatsServer, name: str, waiter: str) -> None:
    """Those who wait notice, and tell each other; when nobody may, who waits tries."""
    async with connected(url(guarded, waiter)) as nc, connected(url(guarded, "no_wake_up")) as mute:
        await Manager.create(name, nc, limit=1, max_age=60)
        slot = await Governor(name, mute).start("first", timeout=0)
        waiting = asyncio.ensure_future(Governor(name, nc, interval=0.3).start("web01", timeout=10))
        await wait_for_queue(nc, name, 1)
        assert await slot.finish() is True
        assert (await waiting).waited_by == "queue"


@within(20)
async def test_who_may_not_make_a_queue_is_told(guarded: NatsServer) -> None:
    """No silent downgrade: without a queue has to be asked for."""
    async with connected(url(guarded, "no_queue")) as nc:
        sentence = await refusal(Manager.create("queueless", nc, limit=1, max_age=60))
        more = " Governor 'queueless' was created, but has no queue: 'queue: true' gives it one."
        assert "'$JS.API.STREAM.CREATE.GOVQUEUE_queueless'" in sentence
        assert sentence.endswith(more)
        assert "'$JS.API.STREAM.INFO.GOVQUEUE_queueless'" in await refusal(
            Manager.ensure("queueless", nc, limit=1, queue=True)
        )
        without = await Manager.ensure("queueless", nc, limit=1)
        assert (without.changes, without.config.queue) == ((), "unknown")
        # Whether there is one to delete is not known either: each run would be a change, and one could stay behind.
        unknown = (
            "Could not read the queue of governor 'queueless': this NATS user may not publish to '$JS.API.STREAM.INFO"
        )
        assert (await refusal(Manager.ensure("queueless", nc, limit=1, queue=False))).startswith(unknown)
        assert (await refusal(without.delete())).startswith(unknown)
        assert (await Manager.load("queueless", nc)).limit == 1


@within(20)
async def test_several_slots_need_no_reading_of_entries_after_a_wait(guarded: NatsServer, name: str) -> None:
    """As one slot does not: who may only acquire and release goes on without a look whether all are still there."""
    names = [f"{name}-narrow", f"{name}-wide"]
    async with connected(url(guarded, "all")) as nc, connected(url(guarded, "no_read")) as limited:
        for limit, each in enumerate(names, 1):
            await Manager.create(each, nc, limit=limit, max_age=60, lease=False)
        held = [await Governor(names[1], nc).start(holder) for holder in ("x", "y")]
        waiting = asyncio.ensure_future(start_all([Governor(each, limited) for each in names], "web01", timeout=10))
        await wait_for_queue(nc, names[1], 1)
        await held[0].finish()
        slots = await waiting
        # To release may need a look: sequences of older servers are used again.
        assert [await slot.over(nc).finish() for slot in slots] == [True, True]
