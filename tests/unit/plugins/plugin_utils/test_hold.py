# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A slot around work: what ends the wait, and how long it is tried to release the slot. No server."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any, Callable, Optional, cast

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils._campaign_options import CampaignRequest
from ansible_collections.jetstream.governor.plugins.module_utils._connection import CannotConnect
from ansible_collections.jetstream.governor.plugins.module_utils._settings import Settings
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import InvalidValue, NoVerdict
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import FINISH_PATIENCE, JetStream
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import Owner
from ansible_collections.jetstream.governor.plugins.module_utils.core.slot import Slot
from ansible_collections.jetstream.governor.plugins.plugin_utils import _hold as module
from ansible_collections.jetstream.governor.plugins.plugin_utils._hold import (
    Hold,
    HoldRequest,
    NeverExpires,
    Orphaned,
)
from ansible_collections.jetstream.governor.plugins.plugin_utils._interruption import Interrupted, Interruptions
from ansible_collections.jetstream.governor.tests.unit.core.fakes import a_state
from ansible_collections.jetstream.governor.tests.unit.plugins.plugin_utils.fake_keeper import FakeKeeper


class FakeInterruptions:
    """Interruptions in which so many ``signals`` come soon after the wait began, 10 ms apart."""

    def __init__(self, signals: int = 0, overdue: bool = False) -> None:
        self.overdue = overdue
        self._signals = signals

    @contextlib.contextmanager
    def waiting(self, wake: Callable[[], Any]) -> Iterator[None]:
        for number in range(self._signals):
            asyncio.get_running_loop().call_later(0.02 + number / 100, wake)
        try:
            yield
        finally:
            if self._signals:
                raise Interrupted


class Campaign:
    """A campaign that waits for ever, and needs some time to withdraw when it is cancelled."""

    def __init__(self) -> None:
        self.cancelled = 0
        self.withdrawn = False

    async def run(self) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            await self._withdraw()
            raise

    async def _withdraw(self) -> None:
        try:
            await asyncio.sleep(0.1)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        self.withdrawn = True


@pytest.fixture(autouse=True)
def keeper(monkeypatch: pytest.MonkeyPatch) -> FakeKeeper:
    monkeypatch.setattr(module, "_LOOK_EVERY", 0.01)
    return with_keeper(monkeypatch, FakeKeeper())


def with_keeper(monkeypatch: pytest.MonkeyPatch, keeper: FakeKeeper) -> FakeKeeper:
    monkeypatch.setattr(module, "KeeperLink", keeper)
    return keeper


def a_hold(holder: str = "web01", warn: Callable[[str], None] = print, **more: Any) -> Hold:
    campaign = CampaignRequest("g", holder, "r", False, "web01", wait_timeout=30, interval=None, backoff=None)
    settings = Settings(servers=("nats://h",))
    return Hold(HoldRequest(campaign, settings, tell=print, tell_more=print, warn=warn, **more))


def test_a_holder_that_no_entry_could_carry_is_refused_before_anything_is_asked() -> None:
    with pytest.raises(InvalidValue, match=r"^A holder must be printable and on one line, not 'web\\n01'\.$"):
        a_hold(holder="web\n01")


@pytest.mark.parametrize("orphaned", [True, False])
def test_however_often_a_waiter_is_told_to_end_it_is_cancelled_once(
    monkeypatch: pytest.MonkeyPatch, orphaned: bool
) -> None:
    """An orphan notices at every look that it is one; others are told by signals."""
    hold, campaign = a_hold(), Campaign()
    monkeypatch.setattr(hold, "_campaign", campaign.run)
    monkeypatch.setattr(module, "_orphaned", lambda: orphaned)
    with pytest.raises(Orphaned if orphaned else Interrupted):
        hold.acquire(cast(Interruptions, FakeInterruptions(signals=0 if orphaned else 3)))
    assert (campaign.cancelled, campaign.withdrawn) == (1, True)


def releasing(monkeypatch: pytest.MonkeyPatch, comes_back_after: float, overdue: bool = False) -> Optional[bool]:
    """Release a slot where nobody answers before so many seconds from now."""
    back = time.monotonic() + comes_back_after

    @contextlib.asynccontextmanager
    async def connected(_settings: Settings) -> AsyncIterator[JetStream]:
        if time.monotonic() < back:
            raise CannotConnect("Could not connect.")
        yield JetStream(nc=cast(Any, None))

    class FakeSlot:
        in_doubt = False

        def over(self, _js: object) -> object:
            return self

        async def finish(self) -> bool:
            return True

    monkeypatch.setattr(module, "connected", connected)
    hold = a_hold()
    hold.slot = cast(Slot, FakeSlot())
    return hold.release(cast(Interruptions, FakeInterruptions(overdue=overdue)))


def test_a_slot_is_released_when_the_server_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    assert FINISH_PATIENCE == 60
    assert releasing(monkeypatch, comes_back_after=0.3) is True


def test_it_is_not_tried_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FINISH_PATIENCE", 0.2)
    with pytest.raises(NoVerdict, match=r"^Could not connect\.$"):
        releasing(monkeypatch, comes_back_after=60)


def test_a_process_that_was_told_to_end_gives_up_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    began = time.monotonic()
    with pytest.raises(NoVerdict, match="the process was told to end"):
        releasing(monkeypatch, comes_back_after=60, overdue=True)
    assert time.monotonic() - began < 10


class FakeGovernor:
    """Lets everybody in at once, and has leases. ``leased``: what each asked for, None to do as it says."""

    def __init__(self, max_age: float = 60.0) -> None:
        self.leased: list[Optional[bool]] = []
        self._state = a_state(active=0, max_age=max_age)

    async def start(
        self, _holder: str, *, admit: Any, lease: Optional[bool], owner: Owner, timeout: float, **_urgency: Any
    ) -> Slot:
        assert timeout == 30
        await admit(None, self._state)
        self.leased.append(lease)
        return Slot(
            "g", 7, "web01", owner, "token", 0.0, 1, None, stack=cast(Any, None), lease=60.0 if lease is None else None
        )


@pytest.fixture
def governor(monkeypatch: pytest.MonkeyPatch) -> FakeGovernor:
    @contextlib.asynccontextmanager
    async def connected(_settings: Settings) -> AsyncIterator[JetStream]:
        yield JetStream(nc=cast(Any, None))

    made = FakeGovernor()
    monkeypatch.setattr(module, "connected", connected)
    monkeypatch.setattr(module, "Governor", lambda *_words, **_options: made)
    return made


CALM = cast(Interruptions, FakeInterruptions())


def test_a_slot_with_a_keeper_has_a_lease(governor: FakeGovernor, keeper: FakeKeeper) -> None:
    hold = a_hold(stops_when_lost=True)
    hold.acquire(CALM)
    assert governor.leased == [None]
    assert hold.facts()["lease"] == 60.0
    assert keeper.told == ["connect", "greet", "wait", "hold"]
    (held,) = keeper.held
    assert (held.seq, held.token, held.owner, held.ends_with_worker) == (7, "token", Owner("r", "web01", "web01"), True)
    assert held.stops_work


def test_a_slot_that_is_left_to_others_has_no_lease(governor: FakeGovernor, keeper: FakeKeeper) -> None:
    hold = a_hold(ends_with_work=False)
    hold.acquire(CALM)
    assert governor.leased == [False]
    assert not keeper.held[0].ends_with_worker
    assert hold.keep()["lease"] is None
    assert keeper.told[-1] == "done"


@pytest.mark.parametrize("dies_at", ["connect", "greet", "wait"])
def test_without_a_keeper_a_slot_has_no_lease_and_a_warning_says_why(
    monkeypatch: pytest.MonkeyPatch, governor: FakeGovernor, dies_at: str
) -> None:
    warnings: list[str] = []
    with_keeper(monkeypatch, FakeKeeper(dies_at))
    a_hold(warn=warnings.append).acquire(CALM)
    assert governor.leased == [False]
    assert warnings == [
        "No keeper watches over the slot of web01 in governor 'g', so it has no lease: if its process is killed, it is "
        "held until max_age ends it. The reason: it has ended."
    ]


def test_a_keeper_that_was_killed_in_the_wait_is_followed_by_another(
    monkeypatch: pytest.MonkeyPatch, governor: FakeGovernor
) -> None:
    keeper = with_keeper(monkeypatch, FakeKeeper(dies_at="hold"))
    a_hold().acquire(CALM)
    assert governor.leased == [None]
    assert keeper.told == ["connect", "greet", "wait", "hold", "done", "connect", "hold"]


@pytest.mark.usefixtures("governor")
def test_what_could_not_be_released_is_left_to_the_keeper(monkeypatch: pytest.MonkeyPatch, keeper: FakeKeeper) -> None:
    hold = a_hold()
    hold.acquire(CALM)

    async def fails(*_words: Any) -> bool:
        raise NoVerdict("Nobody answers.")

    monkeypatch.setattr(hold, "_release", fails)
    with pytest.raises(NoVerdict):
        hold.release(CALM)
    assert keeper.told[-1] == "gives back"


def test_a_wait_that_fails_ends_with_the_keeper_told(governor: FakeGovernor, keeper: FakeKeeper) -> None:
    governor._state = a_state(active=0, max_age=0.0)
    hold = a_hold(must_expire=True, ends_with_work=False)
    with pytest.raises(NeverExpires, match="has no max_age, and release: never leaves the slot to max_age"):
        hold.acquire(CALM)
    assert keeper.told == ["connect", "greet", "wait", "done"]


@pytest.mark.usefixtures("governor")
def test_why_a_slot_is_lost_is_known_also_when_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with_keeper(monkeypatch, FakeKeeper(loses="it was evicted"))
    hold = a_hold()
    hold.acquire(CALM)
    hold.keep()
    assert hold.lost() == "it was evicted"
