# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Create, load and ensure; and what was planned is what the server then has."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.config import Change, Desired, Plan, plan_change
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import (
    AlreadyExists,
    ConfigRefused,
    InvalidValue,
    SubjectTaken,
    UnknownGovernor,
)
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import JetStream
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import stream_name
from ansible_collections.jetstream.governor.plugins.module_utils.core.queue import Queue
from ansible_collections.jetstream.governor.tests.support.client import ask, connected, stored_config, within
from ansible_collections.jetstream.governor.tests.support.server import NatsServer


@within(20)
async def test_create_with_defaults(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(name, nc, limit=5, max_age=300)
        assert manager.limit == 5
        assert manager.max_age == 300.0
        assert manager.name == name
        assert manager.replicas == 1
        assert manager.stream == f"GOVERNOR_{name}" == stream_name(name)
        assert manager.subject == f"$GOVERNOR.campaign.{name}"
        assert manager.config.description == f"Concurrency Governor {name}"
        assert manager.connection is nc
        assert [change.option for change in manager.changes] == [
            "limit",
            "max_age",
            "replicas",
            "subject",
            "description",
            "queue",
            "lease",
            "paused",
        ]


@within(20)
async def test_the_stream_is_the_one_that_choria_makes(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        await Manager.create(name, nc, limit=5, max_age=300)
        stored = await stored_config(nc, name)
        assert stored["name"] == f"GOVERNOR_{name}"
        assert stored["description"] == f"Concurrency Governor {name}"
        assert stored["subjects"] == [f"$GOVERNOR.campaign.{name}"]
        assert (stored["retention"], stored["storage"], stored["discard"]) == ("limits", "file", "new")
        assert (stored["max_msgs"], stored["max_bytes"], stored["max_consumers"]) == (5, -1, -1)
        assert (stored["max_age"], stored["duplicate_window"]) == (300e9, 120e9)
        assert stored["num_replicas"] == 1


@pytest.mark.parametrize("odd", ["größe", "$x-1_2", "x" * 246, "日本"])
@within(20)
async def test_a_name_that_is_allowed_is_one_that_the_server_takes(server: NatsServer, odd: str) -> None:
    async with connected(server.url) as nc:
        manager = await Manager.create(odd, nc, limit=1, max_age=60)
        assert (await Manager.load(odd, nc)).name == odd
        await manager.delete()


@pytest.mark.parametrize("bad", ["", "a.b", "a b", "a*", ">", "x" * 300])
@within(20)
async def test_a_bad_name_is_refused_everywhere(server: NatsServer, bad: str) -> None:
    async with connected(server.url) as nc:
        for refused in (
            Manager.create(bad, nc, limit=1, max_age=0),
            Manager.load(bad, nc),
            Manager.find(bad, nc),
            Manager.ensure(bad, nc, limit=1, max_age=0),
        ):
            with pytest.raises(InvalidValue, match="^A governor's name must "):
                await refused


@within(20)
async def test_load_tells_what_was_created(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        wanted: dict[str, Any] = {
            "limit": 3,
            "max_age": 1.5,
            "subject": f"c.governor.{name}",
            "description": "night jobs ü",
        }
        created = await Manager.create(name, nc, **wanted)
        loaded = await Manager.load(name, nc, look_closely=True)
        assert loaded.config == created.config
        assert loaded.config.as_options() == {**loaded.config.as_options(), **wanted}
        assert loaded.changes == ()


@within(20)
async def test_a_governor_that_does_not_exist(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        where = rf"at 127\.0\.0\.1:{server.port} \(stream GOVERNOR_{name} not found\)"
        sentence = rf"^There is no governor '{name}' {where}\.$"
        with pytest.raises(UnknownGovernor, match=sentence):
            await Manager.load(name, nc)
        with pytest.raises(UnknownGovernor, match=sentence):
            await Manager.ensure(name, nc, limit=0)
        assert await Manager.find(name, nc) is None


@within(20)
async def test_creating_it_twice(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        first = await Manager.create(name, nc, limit=5, max_age=300)
        assert (await Manager.create(name, nc, limit=5, max_age=300)).config == first.config
        with pytest.raises(AlreadyExists, match=rf"^Could not create governor '{name}': .*\(error 10058\)\.$"):
            await Manager.create(name, nc, limit=6, max_age=300)
        assert (await Manager.load(name, nc)).limit == 5


@within(20)
async def test_ensure_creates_and_then_changes_nothing(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        created = await Manager.ensure(name, nc, limit=5, max_age=300)
        assert len(created.changes) == 8
        before = await ask(nc, f"STREAM.INFO.{created.stream}")
        again = await Manager.ensure(name, nc, limit=5, max_age=300, replicas=1, subject=created.subject)
        assert again.changes == ()
        assert again.config == created.config
        assert (await ask(nc, f"STREAM.INFO.{created.stream}"))["config"] == before["config"]


@within(20)
async def test_ensure_changes_what_is_given_and_tells_exactly_that(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        await Manager.create(name, nc, limit=5, max_age=300, description="night jobs")
        changed = await Manager.ensure(name, nc, limit=7, max_age=60, replicas=1)
        assert changed.changes == (Change("limit", 5, 7), Change("max_age", 300.0, 60.0))
        loaded = await Manager.load(name, nc)
        assert (loaded.limit, loaded.max_age, loaded.config.description) == (7, 60.0, "night jobs")


@within(20)
async def test_ensure_with_limit_zero_only_loads(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        await Manager.create(name, nc, limit=5, max_age=300)
        loaded = await Manager.ensure(name, nc, limit=0, max_age=1)
        assert (loaded.limit, loaded.max_age, loaded.changes) == (5, 300.0, ())


@within(20)
async def test_creating_needs_a_max_age_where_there_are_no_leases(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        sentence = rf"^There is no governor '{name}' at 127\.0\.0\.1:{server.port} yet; creating it needs max_age\.$"
        with pytest.raises(InvalidValue, match=sentence):
            await Manager.ensure(name, nc, limit=5, lease=False)
        assert await Manager.find(name, nc) is None


@within(20)
async def test_two_that_ensure_at_the_same_time(server: NatsServer, name: str) -> None:
    """Who comes second finds it made meanwhile, and changes it: neither sees an error."""
    async with connected(server.url) as nc:
        made = await asyncio.gather(*(Manager.ensure(name, nc, limit=limit, max_age=60) for limit in (1, 2)))
        assert [each.limit for each in made] == [1, 2]
        same = await asyncio.gather(*(Manager.ensure(name, nc, limit=3, max_age=60) for _each in range(5)))
        assert [each.limit for each in same] == [3] * 5
        assert (await Manager.load(name, nc)).limit == 3


@within(20)
async def test_the_subject_of_another_stream(server: NatsServer, name: str) -> None:
    async with connected(server.url) as nc:
        await ask(nc, f"STREAM.CREATE.{name}", {"name": name, "subjects": [f"{name}.>"]})
        sentence = (
            rf"^Could not create governor '{name}': the server answered 'subjects overlap with an existing stream' "
            r"\(error 10065\)\. Choose another subject, or delete the stream that has it\.$"
        )
        with pytest.raises(SubjectTaken, match=sentence):
            await Manager.create(name, nc, limit=1, max_age=0, subject=f"{name}.x")
        manager = await Manager.create(name, nc, limit=1, max_age=0)
        with pytest.raises(SubjectTaken, match=rf"^Could not update governor '{name}': .*\(error 10065\)"):
            await manager.set_subject(f"{name}.x")
        assert (await Manager.load(name, nc)).subject == f"$GOVERNOR.campaign.{name}"


@pytest.mark.parametrize(
    "wanted",
    [
        {"limit": 1},
        {"limit": 2**31},
        {"max_age": 0.1},
        {"max_age": 102 * 0.001},
        {"max_age": 1 / 3},
        {"max_age": 0},
        {"max_age": 10 * 365 * 86400},
        {"subject": "a.b.c.ü"},
        {"description": ""},
        {"queue": False},
        {"description": "x" * 4096},
        {"limit": 2, "max_age": 60, "description": "two"},
    ],
)
@within(20)
async def test_the_plan_is_what_the_server_then_has(server: NatsServer, name: str, wanted: dict[str, Any]) -> None:
    async with connected(server.url) as nc:
        desired = Desired(**wanted)
        current = await Manager.create(name, nc, limit=9, max_age=77)
        plan = plan_change(name, current.config, desired, current.js.location)
        applied = await Manager.apply(plan, current.js, current)
        loaded = await Manager.load(name, nc, look_closely=True)
        assert applied.config == loaded.config == plan.after
        assert plan_change(name, loaded.config, desired, current.js.location).changes == ()
        await loaded.delete()

        plan = plan_change(name, None, Desired(**{"limit": 9, "max_age": 77, **wanted}), current.js.location)
        await Manager.apply(plan, current.js)
        loaded = await Manager.load(name, nc, look_closely=True)
        assert loaded.config == plan.after
        await loaded.delete()


@within(30)
async def test_two_who_change_it_at_once_both_get_what_they_ask_for(server: NatsServer, name: str) -> None:
    """Each writes all of it, as it has read it before."""
    async with connected(server.url) as one, connected(server.url) as other:
        await Manager.create(name, one, limit=1, max_age=60)
        for limit in range(2, 12):
            wanted = f"at most {limit}"
            await asyncio.gather(
                Manager.ensure(name, one, limit=limit), Manager.ensure(name, other, limit=limit, description=wanted)
            )
            manager = await Manager.load(name, one)
            assert (manager.limit, manager.config.description) == (limit, wanted)


@within(30)
async def test_two_who_create_it_at_once_with_other_limits(server: NatsServer, name: str) -> None:
    async with connected(server.url) as one, connected(server.url) as other:
        made = await asyncio.gather(
            *(Manager.ensure(name, nc, limit=limit, max_age=60) for nc, limit in ((one, 2), (other, 3))),
            return_exceptions=True,
        )
        assert any(isinstance(each, Manager) for each in made)
        assert (await Manager.load(name, one)).limit in (2, 3)
        # Where they cannot both have it, the one that gives up says so.
        assert all(isinstance(each, (Manager, ConfigRefused)) for each in made)


@within(20)
async def test_one_that_is_deleted_while_it_is_changed(
    server: NatsServer, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is made anew where all that this needs was given."""

    async def deleted_first(plan: Plan, js: JetStream, current: Manager, force: bool) -> Manager:
        monkeypatch.undo()
        await current.delete()
        return await Manager.apply(plan, js, current, force)

    async with connected(server.url) as nc:
        await Manager.create(name, nc, limit=1, max_age=30)
        monkeypatch.setattr(Manager, "apply", deleted_first)
        assert (await Manager.ensure(name, nc, limit=2, max_age=60)).limit == 2
        monkeypatch.setattr(Manager, "apply", deleted_first)
        with pytest.raises(InvalidValue, match=f"^There is no governor '{name}' at .* creating it needs limit"):
            await Manager.ensure(name, nc, max_age=90)


@within(20)
async def test_a_change_that_stays_at_the_last_try_is_a_success(
    server: NatsServer, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else undoes all of them but the fifth; after the fifth it is looked at once more."""
    apply = Manager.apply
    undone: list[int] = []

    async def undo(*words: Any) -> Manager:
        applied = await apply(*words)
        if len(undone) < 4:
            undone.append(applied.limit)
            await applied.js.call(f"STREAM.UPDATE.GOVERNOR_{name}", {**applied.state.stream, "max_msgs": 1}, what="")
        return applied

    async with connected(server.url) as nc:
        await Manager.create(name, nc, limit=1, max_age=30)
        monkeypatch.setattr(Manager, "apply", undo)
        assert (await Manager.ensure(name, nc, limit=2)).limit == 2
        assert undone == [2] * 4
        assert (await Manager.ensure(name, nc, max_age=40)).max_age == 40


@within(20)
async def test_a_queue_that_is_removed_while_it_is_made(
    server: NatsServer, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by somebody who declares the same governor without one."""
    repeat = Queue._repeat

    async def removed_first(queue: Queue, verb: str, what: str, request: Any = None) -> Any:
        if verb.startswith("CONSUMER.CREATE"):
            monkeypatch.undo()
            await queue.delete()
        return await repeat(queue, verb, what, request)

    async with connected(server.url) as nc:
        monkeypatch.setattr(Queue, "_repeat", removed_first)
        made = await Manager.ensure(name, nc, limit=1, max_age=60, queue=True)
        assert (made.config.queue, await made.queue.condition(1)) == ("ready", "ready")


@within(20)
async def test_a_server_that_limits_the_duplicate_window(name: str, tmp_path: Path) -> None:
    limits = 'jetstream { store_dir: "%s", limits { duplicate_window: "30s" } }' % (tmp_path / "data")
    with NatsServer(tmp_path, config=limits, jetstream=False) as server:
        async with connected(server.url) as nc:
            manager = await Manager.create(name, nc, limit=1, max_age=600)
            assert manager.state.duplicate_window == 30
            await manager.set_max_age(5)
            assert manager.state.duplicate_window == 5
