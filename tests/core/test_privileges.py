# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sets of permissions in the guide: each does all that its kind of user does, and without any of its rights not.

The users of one kind are tried all at the same time, each on governors of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Callable

import pytest
from nats.aio.client import Client

from ansible_collections.jetstream.governor.plugins.module_utils._governors import info
from ansible_collections.jetstream.governor.plugins.module_utils.core.absences import required
from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.census import count_by_priority
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import GovernorError
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import JetStream
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import alive_subject
from ansible_collections.jetstream.governor.tests.support.client import ask, connected, until
from ansible_collections.jetstream.governor.tests.support.leases import shorten_leases
from ansible_collections.jetstream.governor.tests.support.server import NatsServer

GUIDE = Path(__file__).parents[2] / "docs" / "docsite" / "rst" / "guide_permissions.rst"
LEASE = 1.5

# Seconds by which a waiter has had its first look at a governor. The next one is minutes later where it asks for that.
_FIRST_LOOK_OVER = 1.7


@dataclass(frozen=True)
class Rights:
    """What one user may do, with the words of the guide for each right."""

    publish: dict[str, str]
    subscribe: dict[str, str]
    allow_responses: bool

    @classmethod
    def documented(cls, kind: str) -> Rights:
        block = re.search(rf"^   {kind} = {{\n(.*?)^   }}", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        assert block is not None, f"the guide has no {kind}"
        publish, subscribe = (
            dict(re.findall(r'"(\S+)"\s+# (.*)', part)) for part in re.findall(r"\[(.*?)\]", block[1], re.DOTALL)
        )
        return cls(publish, subscribe, "allow_responses: true" in block[1])

    def without_each(self) -> Iterator[tuple[str, Rights]]:
        """Each time one right less, which is named by what it is for."""
        for subject, purpose in self.publish.items():
            yield purpose, replace(self, publish={key: what for key, what in self.publish.items() if key != subject})
        for subject, purpose in self.subscribe.items():
            yield (
                purpose,
                replace(self, subscribe={key: what for key, what in self.subscribe.items() if key != subject}),
            )
        if self.allow_responses:
            yield "answer that", replace(self, allow_responses=False)

    def as_config(self, name: str, governor: str) -> str:
        """A user of the server's configuration."""

        def listed(subjects: dict[str, str]) -> str:
            listed = ", ".join(f'"{subject.replace("db-restarts", governor)}"' for subject in subjects)
            # An empty list would allow everything.
            return f"{{ allow: [{listed}] }}" if listed else '{ deny: ">" }'

        return (
            f"{{ user: {name}, password: x, permissions: {{ publish: {listed(self.publish)}, "
            f"subscribe: {listed(self.subscribe)}{', allow_responses: true' if self.allow_responses else ''} }} }}"
        )


@dataclass(frozen=True)
class Trial:
    """One user, on a governor of its own, beside one who may do everything."""

    nc: Client
    root: Client
    governor: str

    async def acquires_and_releases(self) -> None:
        slot = await Governor(self.governor, self.nc).start("w", timeout=0)
        assert await slot.finish()

    async def holds_a_slot_for_longer_than_a_lease(self) -> None:
        slot = await Governor(self.governor, self.nc).start("w", timeout=0)
        first = slot.renewed_at
        await until(lambda: slot.renewed_at > first + LEASE, 2 * LEASE, "signs of life")
        assert await slot.finish()

    async def waits_in_the_queue(self) -> None:
        before = await Governor(self.governor, self.root).start("r", timeout=0)
        waits = asyncio.ensure_future(Governor(self.governor, self.nc).start("w", timeout=4))
        # Until after its first look, by which it must have seen the queue.
        await asyncio.sleep(_FIRST_LOOK_OVER)
        await before.finish()
        slot = await waits
        assert slot.waited_by == "queue"
        await until(self._nobody_is_called, 2, "it has said that the call has arrived")
        assert await slot.finish()

    async def _nobody_is_called(self) -> bool:
        return not (await ask(self.root, f"CONSUMER.INFO.GOVQUEUE_{self.governor}.queue"))["num_ack_pending"]

    async def calls_the_next_one(self) -> None:
        # Without a lease, whose first sign the waiter might miss and look more often.
        slot = await Governor(self.governor, self.nc).start("w", timeout=0, lease=False)
        waits = asyncio.ensure_future(Governor(self.governor, self.root, interval=600).start("r"))
        await until(self._somebody_waits, 2, "somebody waits")
        await asyncio.sleep(_FIRST_LOOK_OVER)
        await slot.finish()
        assert await (await asyncio.wait_for(waits, 3)).finish()

    async def _somebody_waits(self) -> bool:
        return bool((await ask(self.root, f"CONSUMER.INFO.GOVQUEUE_{self.governor}.queue"))["num_waiting"])

    async def answers_that_it_is_alive(self) -> None:
        slot = await Governor(self.governor, self.nc).start("w", timeout=0)
        js = JetStream(self.root)
        await until(lambda: js.answers(alive_subject(slot.token), 0.5, what="Asked"), 2, "an answer")
        assert await slot.finish()

    async def tells_who_waits(self) -> None:
        js = JetStream(self.nc)
        assert await count_by_priority(js, self.governor, 1) is not None
        assert await count_by_priority(js, self.governor, 1000) is not None

    async def is_counted(self) -> None:
        first = await Governor(self.governor, self.root).start("r", timeout=0)
        waits = asyncio.ensure_future(Governor(self.governor, self.nc).start("w", timeout=4, priority="low"))
        js = JetStream(self.root)

        async def one_is_low() -> bool:
            return ((await count_by_priority(js, self.governor, 1)) or {}).get("low") == 1

        await until(one_is_low, 2, "it is counted")
        await first.finish()
        assert await (await waits).finish()

    async def finds_a_dead_holder(self) -> None:
        dead = await Governor(self.governor, self.root).start("r", timeout=0)
        assert dead.renewal is not None
        dead.renewal.cancel()
        waiting = Governor(self.governor, self.nc, interval=1)
        slot = await waiting.start("w", timeout=LEASE + required(LEASE, LEASE) + 10)
        assert await slot.finish()

    async def lists_all(self) -> None:
        told = {each["name"]: each for each in (await info(JetStream(self.nc), [], None, True))["governors"]}
        assert told[self.governor]["queue"] == "ready"
        assert told[f"{self.governor}-held"]["waiting"] == 1
        assert told[f"{self.governor}-held"]["waiting_by_priority"] is not None
        [entry] = told[f"{self.governor}-held"]["entries"]
        assert (entry["holder"], bool(entry["renewed_at"])) == ("r", True)

    async def reads_one(self) -> None:
        names = [f"{self.governor}-{each}" for each in ("none", "broken")]
        told = await info(JetStream(self.nc), names, None, True)
        assert (told["missing"], told["governors"][0]["queue"]) == (names[:1], "broken")

    async def makes_and_changes(self) -> None:
        name = f"{self.governor}-made"
        made = await Manager.ensure(name, self.nc, limit=1)
        assert (made.config.queue, made.config.lease) == ("ready", "ready")
        assert (await Manager.ensure(name, self.nc, limit=1, queue=True)).changes == ()
        slot = await Governor(name, self.root).start("r", lease=False)
        waits = asyncio.ensure_future(Governor(name, self.root, interval=600).start("r2", lease=False))
        queue = f"CONSUMER.INFO.GOVQUEUE_{name}.queue"

        async def waiting() -> bool:
            return bool((await ask(self.root, queue))["num_waiting"])

        await until(waiting, 2, "somebody waits")
        await asyncio.sleep(_FIRST_LOOK_OVER)
        made = await Manager.load(name, self.nc)
        await made.pause("deploy@ctl1")
        await Manager.ensure(name, self.nc, limit=2)
        await made.resume()
        called = await asyncio.wait_for(waits, 3)
        manager = await Manager.load(name, self.nc)
        assert (await manager.evict(slot.seq), await manager.reset(), await called.finish()) == ("r", 1, False)

    async def deletes(self) -> None:
        name = f"{self.governor}-deleted"
        await Manager.ensure(name, self.root, limit=1)
        await (await Manager.load(name, self.nc)).delete()
        left = (await ask(self.root, "STREAM.NAMES", {}))["streams"]
        assert not [stream for stream in left if stream.endswith(name)]


WORKER = [
    Trial.acquires_and_releases,
    Trial.holds_a_slot_for_longer_than_a_lease,
    Trial.waits_in_the_queue,
    Trial.calls_the_next_one,
    Trial.answers_that_it_is_alive,
    Trial.tells_who_waits,
    Trial.is_counted,
]
READER = [Trial.lists_all, Trial.reads_one]
ADMIN = [Trial.makes_and_changes, Trial.deletes]


@pytest.mark.parametrize(("kind", "trials"), [("worker", WORKER), ("reader", READER), ("admin", ADMIN)])
def test_each_set_is_sufficient_and_minimal(kind: str, trials: list[Callable[[Trial], Any]], tmp_path: Path) -> None:
    rights = Rights.documented(kind)
    less = {f"{index} {what}": each for index, (what, each) in enumerate(rights.without_each())}
    users = {"all of them": rights, **less}
    configs = [each.as_config(f"u{index}", f"g{index}") for index, each in enumerate(users.values())]
    config = "\n".join(["authorization { users: [", "{ user: root, password: x }", *configs, "] }"])
    with NatsServer(tmp_path, config) as server:
        failed = asyncio.run(_failed(server, list(users), kind, trials))
    for what, failures in failed.items():
        print(f"without '{what}': {', '.join(failures) or 'nothing'} fails")
    assert failed.pop("all of them") == []
    assert [what for what, failures in failed.items() if not failures] == []


async def _failed(
    server: NatsServer, users: list[str], kind: str, trials: list[Callable[[Trial], Any]]
) -> dict[str, list[str]]:
    """Which of the trials fail, for each of the users."""
    async with connected(_url(server, "root")) as root:
        await _prepare(root, kind, len(users))
        found = await asyncio.gather(*(_try(server, root, index, what, trials) for index, what in enumerate(users)))
    return dict(zip(users, found))


async def _prepare(root: Client, kind: str, count: int) -> None:
    await shorten_leases(root, LEASE)
    for index in range(count):
        await Manager.create(f"g{index}", root, limit=1)
        if kind == "reader":
            await Manager.create(f"g{index}-broken", root, limit=1)
            await ask(root, f"CONSUMER.DELETE.GOVQUEUE_g{index}-broken.queue")
            await Manager.create(f"g{index}-held", root, limit=1)
            await Governor(f"g{index}-held", root).start("r")
            # It waits until the connection is closed, and nobody asks what becomes of it.
            JetStream(root).in_background(_waits(f"g{index}-held", root))


async def _waits(name: str, nc: Client) -> None:
    with contextlib.suppress(GovernorError):
        await Governor(name, nc).start("r2")


async def _try(
    server: NatsServer, root: Client, index: int, what: str, trials: list[Callable[[Trial], Any]]
) -> list[str]:
    async with connected(_url(server, f"u{index}")) as nc:
        trial, failed = Trial(nc, root, f"g{index}"), []
        # To find a dead holder takes as long as it takes: only for those whom it tells something.
        more = [Trial.finds_a_dead_holder] if trials is WORKER and what.endswith(("all of them", "is alive")) else []
        for each in [*trials, *more]:
            await ask(root, f"STREAM.PURGE.GOVERNOR_g{index}")
            try:
                await asyncio.wait_for(each(trial), 30)
            except (GovernorError, AssertionError, asyncio.TimeoutError):
                failed.append(each.__name__)
        return failed


def _url(server: NatsServer, user: str) -> str:
    return f"nats://{user}:x@127.0.0.1:{server.port}"
