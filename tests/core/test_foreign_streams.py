# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Streams that are no governors, or not quite what they should be: told with the reason, and left as they are."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import (
    NotAGovernor,
    ServerError,
    SubjectTaken,
)
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.tests.support.client import ask, connected, stored_config, within
from ansible_collections.jetstream.governor.tests.support.server import NatsServer


def stream(name: str, **differences: Any) -> dict[str, Any]:
    """What a governor of that name would be, but for the differences."""
    good = {"storage": "file", "retention": "limits", "discard": "new", "max_msgs": 5, "subjects": [f"{name}.x"]}
    return {"name": f"GOVERNOR_{name}", **good, **differences}


@pytest.mark.parametrize(
    ("differences", "reason"),
    [
        ({"storage": "memory"}, "its storage is 'memory', not 'file'"),
        ({"discard": "old"}, "its discard is 'old', not 'new'"),
        ({"retention": "workqueue"}, "its retention is 'workqueue', not 'limits'"),
        ({"retention": "interest"}, "its retention is 'interest', not 'limits'"),
        ({"max_msgs": -1, "max_bytes": 1000}, "it has no maximum number of messages"),
        ({"subjects": ["NAME.a", "NAME.b"]}, "it listens on NAME.a, NAME.b, not on a single subject"),
        ({"subjects": ["NAME.*"]}, "it listens on NAME.*, not on a single subject"),
        ({"subjects": ["NAME.>"]}, "it listens on NAME.>, not on a single subject"),
        ({"subjects": [], "mirror": {"name": "SOME"}}, "it listens on no subject, not on a single subject"),
    ],
)
@within(20)
async def test_not_a_governor(server: NatsServer, name: str, differences: dict[str, Any], reason: str) -> None:
    async with connected(server.url) as nc:
        if "subjects" in differences:
            differences = {**differences, "subjects": [each.replace("NAME", name) for each in differences["subjects"]]}
        if "mirror" in differences:
            await ask(nc, "STREAM.CREATE.SOME", {"name": "SOME", "subjects": ["some"]})
        await ask(nc, f"STREAM.CREATE.GOVERNOR_{name}", stream(name, **differences))
        before = await stored_config(nc, name)
        sentence = (
            f"Stream GOVERNOR_{name} exists but is not a governor: {reason.replace('NAME', name)}. "
            "Use another name, or delete the stream."
        )
        for refused in (
            Manager.load(name, nc),
            Manager.find(name, nc),
            Manager.ensure(name, nc, limit=5, max_age=60),
            Governor(name, nc).start("web01", timeout=5),
        ):
            with pytest.raises(NotAGovernor) as caught:
                await refused
            assert str(caught.value) == sentence
        assert await stored_config(nc, name) == before


@within(20)
async def test_a_stream_made_by_hand_is_a_governor_if_it_behaves_as_one(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        await ask(nc, f"STREAM.CREATE.GOVERNOR_{name}", stream(name))
        manager = await Manager.load(name, nc)
        assert (manager.limit, manager.max_age, manager.subject) == (5, 0.0, f"{name}.x")
        async with await Governor(name, nc).start("web01", timeout=0):
            assert await manager.active() == 1


@within(20)
async def test_full_of_bytes_is_an_error_and_no_reason_to_wait(server: NatsServer, name: str) -> None:
    """The code is that of a full governor, 10077; the text is not."""
    async with connected(server.url) as nc:
        await ask(nc, f"STREAM.CREATE.GOVERNOR_{name}", stream(name, max_bytes=500))
        governor = Governor(name, nc)

        async def fill() -> None:
            for _each in range(5):
                await governor.start("x" * 200, timeout=30)

        began = time.monotonic()
        with pytest.raises(ServerError) as caught:
            await fill()
        assert time.monotonic() - began < 5
        assert str(caught.value) == (
            f"Could not acquire a slot of governor '{name}': "
            "the server answered 'maximum bytes exceeded' (error 10077)."
        )


@within(20)
async def test_a_campaign_that_would_end_up_in_another_stream(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        await Manager.create(name, nc, limit=5, max_age=60)
        other = await Manager.create(f"{name}-2", nc, limit=5, max_age=60)
        with pytest.raises(SubjectTaken) as caught:
            await Governor(name, nc, subject=other.subject).start("web01", timeout=5)
        assert str(caught.value) == (
            f"Could not acquire a slot of governor '{name}': "
            "the server answered 'expected stream does not match' (error 10060). "
            "The campaign subject leads to another stream: look at both streams."
        )
        assert await other.active() == 0


@within(20)
async def test_a_sealed_stream(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=5, max_age=0)
        await ask(nc, f"STREAM.UPDATE.{manager.stream}", {**await stored_config(nc, name), "sealed": True})
        for refused in (manager.set_limit(6), Governor(name, nc).start("web01", timeout=5)):
            with pytest.raises(
                NotAGovernor, match=f"^Stream GOVERNOR_{name} exists but is not a governor: .*it is seal"
            ):
                await refused
