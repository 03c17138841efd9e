# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A slot that a failed attempt has kept is what the next attempts of the same task work under. No server."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any, Optional, cast

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils._campaign_options import CampaignRequest
from ansible_collections.jetstream.governor.plugins.module_utils._settings import Settings
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import NoVerdict
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import JetStream
from ansible_collections.jetstream.governor.plugins.plugin_utils import _hold as one
from ansible_collections.jetstream.governor.plugins.plugin_utils import _holds as module
from ansible_collections.jetstream.governor.plugins.plugin_utils import _kept as kept
from ansible_collections.jetstream.governor.plugins.plugin_utils._hold import HoldRequest
from ansible_collections.jetstream.governor.plugins.plugin_utils._holds import Holds
from ansible_collections.jetstream.governor.plugins.plugin_utils._interruption import Interrupted, Interruptions
from ansible_collections.jetstream.governor.plugins.plugin_utils._kept import Attempt
from ansible_collections.jetstream.governor.plugins.plugin_utils._under_slots import WorkUnderSlots
from ansible_collections.jetstream.governor.tests.unit.plugins.plugin_utils.fake_keeper import FakeKeeper

SETTINGS = Settings(servers=("nats://h",))


class Server:
    """Has one slot. Whoever wants it while it is ``held`` would wait for ever."""

    def __init__(self) -> None:
        self.held: Optional[int] = None
        self.entered = 0
        self.answers = True
        self.keeper = FakeKeeper()
        self.stack = self
        self.name = "g"
        self.js = JetStream(nc=cast(Any, None))

    async def start(self, holder: str, **_options: Any) -> Any:
        assert self.held is None, f"{holder} would wait for itself"
        self.entered += 1
        self.held = self.entered
        return FakeSlot(self, self.entered, holder)


class FakeSlot:
    waited = 3.0
    waited_by = "queue"
    attempts = 2
    in_doubt = False
    token = "token"
    lease = None
    renewed_at = 0.0
    owner = None

    def __init__(self, server: Server, seq: int, holder: str) -> None:
        self.server = server
        self.seq = seq
        self.holder = holder

    def over(self, _js: object) -> FakeSlot:
        return self

    async def still_held(self) -> bool:
        if not self.server.answers:
            raise NoVerdict("Nobody answers.")
        return self.server.held == self.seq

    async def finish(self) -> bool:
        held, self.server.held = self.server.held, None
        return held == self.seq


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()

    @contextlib.asynccontextmanager
    async def connected(_settings: Settings) -> AsyncIterator[Any]:
        yield None

    monkeypatch.setattr(module, "connected", connected)
    monkeypatch.setattr(one, "KeeperLink", made.keeper)
    monkeypatch.setattr(one, "Governor", lambda *_words, **_options: made)
    monkeypatch.setattr(kept, "_kept", {})
    return made


class NoInterruptions:
    overdue = False
    stopped = False

    @contextlib.contextmanager
    def waiting(self, _wake: object) -> Iterator[None]:
        yield

    @contextlib.contextmanager
    def working(self, _release: object) -> Iterator[None]:
        yield


CALM = cast(Interruptions, NoInterruptions())


def a_hold(item: Any = None, holder: str = "web01", task: str = "uuid", host: str = "web01") -> Holds:
    attempt = Attempt(task, host, item, "g", SETTINGS)
    campaign = CampaignRequest("g", holder, "r", False, host, wait_timeout=30, interval=None, backoff=None)
    request = HoldRequest(
        campaign, SETTINGS, print, print, print, release="on_success", attempt=attempt, ends_with_work=False
    )
    return Holds([request])


def attempt(holds: Holds, works: bool) -> dict[str, Any]:
    """Return what one attempt of a task with ``release: on_success`` tells of its slot."""
    holds.acquire(CALM)
    slot: dict[str, Any] = WorkUnderSlots(holds, "warn", CALM).run(lambda: {"failed": not works})["slot"]
    return slot


def test_a_retry_works_under_the_slot_that_was_kept_and_releases_it(server: Server) -> None:
    first, second, third = (attempt(a_hold(), works) for works in (False, False, True))
    assert [(each["seq"], each["released"]) for each in (first, second, third)] == [(1, False), (1, False), (1, True)]
    assert (first["waited"], first["waited_by"], first["attempts"]) == (3.0, "queue", 2)
    assert (third["waited"], third["waited_by"], third["attempts"]) == (0.0, None, 0)
    assert third["held"] >= second["held"] >= first["held"], "it is held from the first attempt on"
    assert server.held is None
    # The keeper knows of it at every attempt, and that it is not to be given back.
    assert server.keeper.told == ["connect", "greet", "wait", "hold", "done"] * 3
    assert [(held.seq, held.ends_with_worker) for held in server.keeper.held] == [(1, False)] * 3
    # It is over: the next campaigns.
    assert attempt(a_hold(), works=True)["seq"] == 2


def test_another_item_of_the_loop_works_under_it_and_does_not_release_it(server: Server) -> None:
    """The host has failed."""
    told = [
        attempt(a_hold(item, f"item {item}"), works) for item, works in ((1, False), (2, False), (2, True), (3, True))
    ]
    assert [(each["seq"], each["released"], each["holder"]) for each in told] == [(1, False, "item 1")] * 4
    assert server.held == 1


def test_a_slot_that_is_gone_meanwhile_is_campaigned_for_anew(server: Server) -> None:
    attempt(a_hold(), works=False)
    server.held = None
    told = attempt(a_hold(), works=True)
    assert (told["seq"], told["waited_by"], told["released"]) == (2, "queue", True)


@pytest.mark.parametrize("other", [{"task": "another"}, {"host": "web02"}])
def test_another_task_and_another_host_have_no_part_in_it(server: Server, other: dict[str, str]) -> None:
    attempt(a_hold(), works=False)
    with pytest.raises(AssertionError, match="would wait for itself"):
        a_hold(**other).acquire(CALM)
    assert server.held == 1


@pytest.mark.parametrize("answers", [True, False])
def test_a_retry_that_does_not_come_to_work_keeps_the_slot_too(server: Server, answers: bool) -> None:
    class Interrupting(NoInterruptions):
        @contextlib.contextmanager
        def waiting(self, _wake: object) -> Iterator[None]:
            yield
            raise Interrupted

    attempt(a_hold(), works=False)
    server.answers = answers
    with pytest.raises(Interrupted if answers else NoVerdict):
        a_hold().acquire(cast(Interruptions, Interrupting() if answers else CALM))
    server.answers = True
    assert attempt(a_hold(), works=True)["seq"] == 1
