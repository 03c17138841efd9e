# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""governor_stream pauses a governor: who does, what is foretold, and what is refused."""

from __future__ import annotations

import asyncio
import os
import pwd
import re
import socket
from types import SimpleNamespace
from typing import Any, Optional, cast

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils import _governors as governors
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import InvalidValue
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import JetStream
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.plugins.module_utils.core.pause import Pause
from ansible_collections.jetstream.governor.plugins.module_utils.core.queue import Queue, QueueState
from ansible_collections.jetstream.governor.tests.unit.core.fakes import FakeNats, a_state

HERE = socket.gethostname()
OPTIONS = ("limit", "max_age", "replicas", "subject", "collective", "description", "queue", "lease", "paused", "reason")


def foretold(monkeypatch: pytest.MonkeyPatch, **given: Any) -> dict[str, Any]:
    """What check mode says of a governor that is not paused."""
    server = SimpleNamespace(connected_server_version=SimpleNamespace(major=2, minor=14, patch=0))
    manager = Manager(JetStream(nc=cast("Any", server)), a_state(1), queue_condition="ready")

    async def find(_name: str, _js: JetStream, **_see: bool) -> Optional[Manager]:
        return manager

    monkeypatch.setattr(Manager, "find", find)
    params = {"name": "g", "force": False, **dict.fromkeys(OPTIONS), **given}
    js = JetStream(nc=cast("Any", FakeNats()))
    return asyncio.run(governors.present(js, params, check_mode=True, warn=pytest.fail))


def test_a_pause_is_foretold(monkeypatch: pytest.MonkeyPatch) -> None:
    me = f"{pwd.getpwuid(os.geteuid()).pw_name}@{HERE}"
    result = foretold(monkeypatch, paused=True, reason="incident 4711")
    assert result["changes"] == [
        {"option": "paused", "before": False, "after": True},
        {"option": "reason", "before": None, "after": "incident 4711"},
    ]
    governor = result["governor"]
    assert (governor["paused"], governor["reason"], governor["paused_by"]) == (True, "incident 4711", me)
    assert re.fullmatch(rf"g is paused by {me} since \d\d:\d\d: incident 4711", governor["pause"])


def test_those_who_wait_for_a_paused_governor_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a list too, although it is not full."""
    js = JetStream(nc=cast("Any", FakeNats()))
    manager = Manager(js, a_state(1, paused=Pause("deploy@ctl1", None)), queue_condition="ready")

    async def state() -> QueueState:
        return QueueState(7, delivered=0)

    async def load_governors(*_what: Any, **_how: Any) -> list[Manager]:
        return [manager]

    async def count_by_priority(*_what: Any, **_how: Any) -> dict[str, int]:
        return {"normal": 7}

    manager.queue = cast(Queue, SimpleNamespace(state=state))
    monkeypatch.setattr(governors, "load_governors", load_governors)
    monkeypatch.setattr(governors, "count_by_priority", count_by_priority)
    [told] = asyncio.run(governors.info(js, [], None, with_entries=False))["governors"]
    assert (told["waiting"], told["paused"], told["pause"]) == (7, True, "g is paused by deploy@ctl1")


def test_one_that_is_not_paused_needs_no_resuming(monkeypatch: pytest.MonkeyPatch) -> None:
    result = foretold(monkeypatch, paused=False)
    assert (result["changed"], result["governor"]["paused"], result["governor"]["pause"]) == (False, False, None)


def test_a_container_may_have_no_name_for_its_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 2**31 - 7)
    assert foretold(monkeypatch, paused=True)["governor"]["paused_by"] == f"{2**31 - 7}@{HERE}"


@pytest.mark.parametrize("paused", [None, False])
def test_a_reason_needs_a_pause(monkeypatch: pytest.MonkeyPatch, paused: Optional[bool]) -> None:
    with pytest.raises(InvalidValue) as caught:
        foretold(monkeypatch, paused=paused, reason="incident 4711")
    assert str(caught.value) == "reason is why a governor is paused: it needs 'paused: true'."
