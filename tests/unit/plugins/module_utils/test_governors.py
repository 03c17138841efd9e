# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""governor_stream and governor_info, as far as no server is needed: what is foretold, refused and said."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, Optional, cast

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils import _governors as governors
from ansible_collections.jetstream.governor.plugins.module_utils.core.config import Condition
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import (
    InUse,
    InvalidValue,
    PermissionRefused,
    UnknownGovernor,
)
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import JetStream
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.plugins.module_utils.core.queue import Queue, QueueState
from ansible_collections.jetstream.governor.tests.unit.core.fakes import FakeNats, a_state

NOBODY = {"urgent": 0, "high": 0, "normal": 0, "low": 0}
UNREACHABLE = JetStream(nc=cast("Any", SimpleNamespace(**vars(FakeNats()))))
"""A connection that fails whatever is asked of it."""

CONFIG = {
    "limit": 2,
    "max_age": 60.0,
    "replicas": 1,
    "subject": "$GOVERNOR.campaign.g",
    "description": "Concurrency Governor g",
    "queue": "ready",
    "lease": "absent",
    "paused": False,
    "reason": None,
}
NOTHING = dict.fromkeys([*CONFIG, "collective"])


def params(**given: Any) -> dict[str, Any]:
    return {"name": "g", "force": False, **NOTHING, **given}


def a_queue(waiting: Optional[int] = 0, stream: bool = False) -> Queue:
    """Return a queue in which so many wait; None: nobody can, and its ``stream`` is there alone or not at all."""

    async def state() -> Optional[QueueState]:
        return None if waiting is None else QueueState(waiting, delivered=0)

    async def exists() -> bool:
        return stream

    return cast(Queue, SimpleNamespace(state=state, exists=exists))


def left_over(monkeypatch: pytest.MonkeyPatch, is_there: bool) -> None:
    """Let a governor that is absent have left a queue, or none."""

    async def exists(_queue: Queue) -> bool:
        return is_there

    monkeypatch.setattr(Queue, "exists", exists)


def existing(monkeypatch: pytest.MonkeyPatch, *found: Manager) -> None:
    """Let there be these governors and no others."""
    by_name = {manager.name: manager for manager in found}

    async def find(name: str, _js: JetStream, **_see: bool) -> Optional[Manager]:
        return by_name.get(name)

    async def load(name: str, _js: JetStream) -> Manager:
        if name not in by_name:
            raise UnknownGovernor(f"There is no governor '{name}' (stream GOVERNOR_{name} not found).")
        return by_name[name]

    async def list_governors(_js: JetStream) -> list[str]:
        return sorted(by_name)

    monkeypatch.setattr(Manager, "find", find)
    monkeypatch.setattr(Manager, "load", load)
    monkeypatch.setattr(governors, "list_governors", list_governors)


def a_manager(name: str = "g", active: int = 0, version: tuple[int, int, int] = (2, 10, 6)) -> Manager:
    server = SimpleNamespace(major=version[0], minor=version[1], patch=version[2])
    state = a_state(active=active)
    named = replace(state, config=replace(state.config, name=name))
    manager = Manager(
        JetStream(nc=cast("Any", SimpleNamespace(connected_server_version=server))), named, queue_condition="ready"
    )
    manager.queue = a_queue()
    return manager


def foretold(version: tuple[int, int, int] = (2, 14, 0), **given: Any) -> dict[str, Any]:
    js = JetStream(nc=cast("Any", FakeNats(version)))
    return asyncio.run(governors.present(js, params(**given), check_mode=True, warn=lambda _hazard: None))


def one_to_come(**settings: Any) -> dict[str, Any]:
    """Return all that is told of governor ``g`` before it is created."""
    return {
        "name": "g",
        "stream": "GOVERNOR_g",
        **settings,
        "active": 0,
        "over_limit": False,
        "last_active": None,
        "created": None,
        **dict.fromkeys(["paused_by", "paused_since", "pause"]),
        "hazards": [],
    }


def test_a_creation_is_foretold(monkeypatch: pytest.MonkeyPatch) -> None:
    existing(monkeypatch)
    for given, differs in (
        ({"max_age": "1m", "lease": False}, {}),
        ({"max_age": "1m"}, {"lease": "ready"}),
        ({}, {"lease": "ready", "max_age": 0.0}),
    ):
        config = {**CONFIG, **differs}
        assert foretold(limit=2, **given) == {
            "changed": True,
            "governor": one_to_come(**config),
            "changes": [
                {"option": option, "before": None, "after": value}
                for option, value in config.items()
                if value is not None
            ],
            "diff": {"before": {}, "after": config},
        }


def test_a_change_is_foretold(monkeypatch: pytest.MonkeyPatch) -> None:
    existing(monkeypatch, a_manager(active=1))
    result = foretold(limit=5, max_age="60", description="For databases")
    assert result["changed"] is True
    assert result["changes"] == [
        {"option": "limit", "before": 2, "after": 5},
        {"option": "description", "before": "Concurrency Governor g", "after": "For databases"},
    ]
    assert result["diff"] == {"before": CONFIG, "after": {**CONFIG, "limit": 5, "description": "For databases"}}
    assert (result["governor"]["limit"], result["governor"]["active"]) == (5, 1)
    assert result["governor"]["created"] == "2026-03-01T12:00:00.000Z"


def test_nothing_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    existing(monkeypatch, a_manager())

    def warn(hazard: str) -> None:
        raise AssertionError(hazard)

    for check_mode in (False, True):
        result = asyncio.run(governors.present(UNREACHABLE, params(limit=2, max_age="60s"), check_mode, warn))
        assert (result["changed"], result["changes"]) == (False, [])
        assert result["diff"] == {"before": CONFIG, "after": CONFIG}


def test_a_collective_makes_the_subject(monkeypatch: pytest.MonkeyPatch) -> None:
    existing(monkeypatch)
    assert foretold(limit=1, max_age="0", collective="acme")["governor"]["subject"] == "acme.governor.g"
    assert foretold(limit=1, max_age="0", subject="caps.g")["governor"]["subject"] == "caps.g"
    with pytest.raises(InvalidValue, match="A collective's name must be printable, without blanks, dots"):
        foretold(limit=1, max_age="0", collective="a.b")


@pytest.mark.parametrize(
    ("given", "lacking"),
    [
        ({}, "limit"),
        ({"max_age": "1h"}, "limit"),
        ({"lease": False}, "limit and max_age"),
        ({"limit": 1, "lease": False}, "max_age"),
    ],
)
def test_what_a_creation_needs(monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], lacking: str) -> None:
    existing(monkeypatch)
    js = JetStream(nc=cast("Any", FakeNats()))
    with pytest.raises(InvalidValue) as caught:
        asyncio.run(governors.present(js, params(**given), check_mode=False, warn=pytest.fail))
    assert str(caught.value) == f"There is no governor 'g' at 127.0.0.1:4222 yet; creating it needs {lacking}."


def to_come(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let there be only another governor, and return an empty list for the warnings."""
    existing(monkeypatch, a_manager("other"))
    return []


ONE_TO_COME = (
    "There is no governor 'g' (stream GOVERNOR_g not found). Governors that exist: other. governor_stream creates one. "
    "In check mode this is no failure: an earlier task may be the one that creates it."
)


@pytest.mark.parametrize(
    "given", [{"limit": 5, "lease": False}, {"max_age": "1h"}, {"queue": False, "paused": False}, {}]
)
def test_a_change_of_a_governor_that_is_to_come_is_foretold(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, Any]
) -> None:
    """It is foretold as far as it is known: the earlier task may have set anything else."""
    warnings = to_come(monkeypatch)
    js = JetStream(nc=cast("Any", FakeNats()))
    result = asyncio.run(governors.present(js, params(**given), check_mode=True, warn=warnings.append))
    told = {"max_age": 3600.0, "queue": "absent", "lease": "absent"}
    settings = {option: told.get(option, value) for option, value in given.items()}
    assert result["changed"] is bool(given)
    assert result["changes"] == [{"option": option, "before": None, "after": each} for option, each in settings.items()]
    assert result["diff"] == {"before": {}, "after": settings}
    assert result["governor"] == one_to_come(
        **{**dict.fromkeys(CONFIG), "queue": "unknown", "lease": "unknown", **settings}
    )
    assert warnings == [ONE_TO_COME]


def test_a_wrong_value_is_refused_for_a_governor_that_is_to_come_too(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings = to_come(monkeypatch)
    js = JetStream(nc=cast("Any", FakeNats()))
    with pytest.raises(InvalidValue, match="^limit must be at least 1, not 0"):
        asyncio.run(governors.present(js, params(limit=0), check_mode=True, warn=warnings.append))
    assert warnings == []


def test_a_reset_of_a_governor_that_is_to_come_is_foretold(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings = to_come(monkeypatch)
    result = asyncio.run(governors.reset(UNREACHABLE, params(), check_mode=True, warn=warnings.append))
    existing(monkeypatch, a_manager(active=0))
    known = asyncio.run(governors.reset(UNREACHABLE, params(), check_mode=True, warn=pytest.fail))
    assert {**result, "governor": set(result["governor"])} == {**known, "governor": set(known["governor"])}
    assert warnings == [ONE_TO_COME]
    with pytest.raises(UnknownGovernor):
        asyncio.run(governors.reset(UNREACHABLE, params(name="x"), check_mode=False, warn=pytest.fail))


def test_a_wrong_max_age_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    existing(monkeypatch)
    with pytest.raises(InvalidValue, match=r"^max_age must be a number of seconds or a duration .*, not 'soon'\.$"):
        foretold(limit=1, max_age="soon")


def test_check_mode_foretells_a_refusal_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server before 2.10.6 would evict two of three holders."""
    existing(monkeypatch, a_manager(active=3))
    with pytest.raises(InUse, match=r"nats-server 2\.9\.10 would evict the oldest of them for a limit of 1"):
        foretold((2, 9, 10), limit=1)
    assert foretold((2, 9, 10), limit=1, force=True)["governor"]["over_limit"] is True


def test_a_queue_is_foretold(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not there, or not in order, or not wanted."""
    for found, asked_for, comes in (
        ("absent", True, "ready"),
        ("broken", True, "ready"),
        ("broken", None, "ready"),
        ("ready", False, "absent"),
        ("broken", False, "absent"),
    ):
        manager = a_manager()
        manager.queue_condition = cast(Condition, found)
        existing(monkeypatch, manager)
        result = foretold(queue=asked_for)
        assert result["changes"] == [{"option": "queue", "before": found, "after": comes}]
        assert result["governor"]["queue"] == comes


@pytest.mark.parametrize("queue", ["ready", "absent"])
def test_a_queue_that_nothing_is_said_of_stays_as_it_is(monkeypatch: pytest.MonkeyPatch, queue: Condition) -> None:
    manager = a_manager()
    manager.queue_condition = queue
    existing(monkeypatch, manager)
    result = foretold(limit=5)
    assert result["changes"] == [{"option": "limit", "before": 2, "after": 5}]
    assert result["governor"]["queue"] == queue


def test_a_queue_that_is_left_over_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deletion was cut short."""
    existing(monkeypatch)
    left_over(monkeypatch, True)
    assert asyncio.run(governors.absent(UNREACHABLE, params(), check_mode=True))["changed"] is True


def test_a_deletion_is_foretold(monkeypatch: pytest.MonkeyPatch) -> None:
    existing(monkeypatch)
    left_over(monkeypatch, False)
    nothing: dict[str, Any] = {"changed": False, "governor": None, "changes": [], "diff": {"before": {}, "after": {}}}
    assert asyncio.run(governors.absent(UNREACHABLE, params(), check_mode=True)) == nothing
    existing(monkeypatch, a_manager())
    assert asyncio.run(governors.absent(UNREACHABLE, params(), check_mode=True)) == {
        **nothing,
        "changed": True,
        "diff": {"before": CONFIG, "after": {}},
    }


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_governor_in_use_is_not_deleted(monkeypatch: pytest.MonkeyPatch, check_mode: bool) -> None:
    existing(monkeypatch, a_manager(active=2))
    with pytest.raises(InUse, match=r"^Governor 'g' has 2 active entries; "):
        asyncio.run(governors.absent(UNREACHABLE, params(), check_mode))


def test_a_reset_is_foretold(monkeypatch: pytest.MonkeyPatch) -> None:
    existing(monkeypatch, a_manager(active=3))
    result = asyncio.run(governors.reset(UNREACHABLE, params(), check_mode=True, warn=pytest.fail))
    assert (result["changed"], result["removed"], result["changes"]) == (True, 3, [])
    assert (result["governor"]["active"], result["governor"]["over_limit"]) == (0, False)
    assert result["diff"] == {"before": {"active": 3}, "after": {"active": 0}}


def test_a_reset_of_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    existing(monkeypatch, a_manager(active=0))
    result = asyncio.run(governors.reset(UNREACHABLE, params(), check_mode=True, warn=pytest.fail))
    assert (result["changed"], result["removed"]) == (False, 0)


def test_names_are_told_in_the_order_asked_for_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    existing(monkeypatch, a_manager("a"), a_manager("b"))
    result = asyncio.run(governors.info(UNREACHABLE, ["b", "x", "a", "b", "x"], None, with_entries=False))
    assert [each["name"] for each in result["governors"]] == ["b", "a"]
    assert result["missing"] == ["x"]
    assert result["server"] == "127.0.0.1:4222"
    assert result["changed"] is False
    assert "entries" not in result["governors"][0]


@pytest.mark.parametrize(
    ("queue_condition", "active", "queue", "told"),
    [
        ("ready", 2, a_queue(7), {"queue": "ready", "waiting": 7, "waiting_by_priority": {"normal": 7}}),
        ("ready", 2, a_queue(0), {"waiting": 0, "waiting_by_priority": NOBODY}),
        ("ready", 1, a_queue(7), {"queue": "ready", "waiting": 0, "waiting_by_priority": NOBODY}),
        ("unknown", 1, a_queue(7), {"queue": "ready", "waiting": 7}),
        ("unknown", 2, a_queue(None), {"queue": "absent", "waiting": None, "waiting_by_priority": None}),
        ("unknown", 1, a_queue(None, stream=True), {"queue": "broken", "waiting": None}),
        ("absent", 2, a_queue(7), {"queue": "absent", "waiting": None}),
        ("ready", 2, a_queue(None, stream=True), {"queue": "broken", "waiting": None}),
    ],
)
def test_how_many_wait(
    monkeypatch: pytest.MonkeyPatch,
    queue_condition: Condition,
    active: int,
    queue: Queue,
    told: dict[str, Any],
) -> None:
    """The list tells which have a queue; it is asked where nobody has looked, and where the governor is full."""

    async def count_by_priority(_js: JetStream, name: str, waiting: int, everyone: bool) -> dict[str, int]:
        assert (name, everyone) == ("g", True)
        return {"normal": waiting}

    monkeypatch.setattr(governors, "count_by_priority", count_by_priority)
    manager = a_manager(active=active)
    manager.queue_condition, manager.queue = queue_condition, queue
    existing(monkeypatch, manager)
    [described] = asyncio.run(governors.info(UNREACHABLE, ["g"], None, with_entries=False))["governors"]
    assert {key: described[key] for key in told} == told


def test_how_many_wait_where_it_may_not_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    async def state() -> Optional[QueueState]:
        raise PermissionRefused("no")

    manager = a_manager(active=2)
    manager.queue = cast(Queue, SimpleNamespace(state=state))
    existing(monkeypatch, manager)
    [described] = asyncio.run(governors.info(UNREACHABLE, ["g"], None, with_entries=False))["governors"]
    assert (described["queue"], described["waiting"]) == ("unreadable", None)
