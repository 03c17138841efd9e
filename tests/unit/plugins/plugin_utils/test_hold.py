# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Slots around work: what ends the wait, and how long it is tried to release a slot. No server."""

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
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import (
    InvalidValue,
    NoVerdict,
    WaitTimeout,
)
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import FINISH_PATIENCE, JetStream
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import Owner
from ansible_collections.jetstream.governor.plugins.module_utils.core.slot import Slot
from ansible_collections.jetstream.governor.plugins.module_utils.core.state import State
from ansible_collections.jetstream.governor.plugins.plugin_utils import _hold as one
from ansible_collections.jetstream.governor.plugins.plugin_utils import _holds as module
from ansible_collections.jetstream.governor.plugins.plugin_utils._hold import Hold, HoldRequest, NeverExpires
from ansible_collections.jetstream.governor.plugins.plugin_utils._holds import Holds, Orphaned
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
    monkeypatch.setattr(one, "KeeperLink", keeper)
    return keeper


def a_request(
    governor: str = "g", holder: str = "web01", warn: Callable[[str], None] = print, **more: Any
) -> HoldRequest:
    campaign = CampaignRequest(governor, holder, "r", False, "web01", wait_timeout=30, interval=None, backoff=None)
    settings = Settings(servers=("nats://h",))
    return HoldRequest(campaign, settings, tell=print, tell_more=print, warn=warn, **more)


def one_hold(**more: Any) -> tuple[Holds, Hold]:
    holds = Holds([a_request(**more)])
    return holds, next(iter(holds))


def test_a_holder_that_no_entry_could_carry_is_refused_before_anything_is_asked() -> None:
    with pytest.raises(InvalidValue, match=r"^A holder must be printable and on one line, not 'web\\n01'\.$"):
        Holds([a_request(holder="web\n01")])


@pytest.mark.parametrize("orphaned", [True, False])
def test_however_often_a_waiter_is_told_to_end_it_is_cancelled_once(
    monkeypatch: pytest.MonkeyPatch, orphaned: bool
) -> None:
    """An orphan notices at every look that it is one; others are told by signals."""
    (holds, _hold), campaign = one_hold(), Campaign()
    monkeypatch.setattr(holds, "_start", campaign.run)
    monkeypatch.setattr(module, "_orphaned", lambda: orphaned)
    with pytest.raises(Orphaned if orphaned else Interrupted):
        holds.acquire(cast(Interruptions, FakeInterruptions(signals=0 if orphaned else 3)))
    assert (campaign.cancelled, campaign.withdrawn) == (1, True)


def releasing(monkeypatch: pytest.MonkeyPatch, comes_back_after: float, overdue: bool = False) -> Hold:
    """Release a slot where nobody answers before so many seconds from now, and return how that went."""
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
    holds, hold = one_hold()
    hold.slot = cast(Slot, FakeSlot())
    holds.release([hold], cast(Interruptions, FakeInterruptions(overdue=overdue)))
    return hold


def test_a_slot_is_released_when_the_server_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    assert FINISH_PATIENCE == 60
    hold = releasing(monkeypatch, comes_back_after=0.3)
    assert (hold.released, hold.failure) == (True, None)


def test_it_is_not_tried_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FINISH_PATIENCE", 0.2)
    hold = releasing(monkeypatch, comes_back_after=60)
    assert (hold.released, str(hold.failure)) == (None, "Could not connect.")


def test_a_process_that_was_told_to_end_gives_up_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    began = time.monotonic()
    hold = releasing(monkeypatch, comes_back_after=60, overdue=True)
    assert (hold.released, str(hold.failure)) == (None, "No server has answered, and the process was told to end.")
    assert time.monotonic() - began < 10


class FakeGovernor:
    """Lets everybody in at once unless it is ``full``, and has leases.

    ``leased``: what each asked for, None to do as it says.
    """

    def __init__(self, name: str = "g", limit: int = 2, full: bool = False) -> None:
        self.leased: list[Optional[bool]] = []
        self.now = a_state(active=0, limit=limit)
        self.stack = self
        self.name = name
        self.full = full
        self.js = JetStream(nc=cast(Any, None))

    async def state(self) -> State:
        return self.now

    async def delete_own(self, *_words: Any) -> bool:
        return True

    async def start(
        self, _holder: str, *, admit: Any, lease: Optional[bool], owner: Owner, timeout: float, **_urgency: Any
    ) -> Slot:
        assert timeout == pytest.approx(30, abs=5)
        if self.full:
            raise WaitTimeout("Timed out.", attempts=3)
        await admit(None, self.now)
        self.leased.append(lease)
        return Slot(
            self.name,
            7,
            "web01",
            owner,
            f"token-{self.name}",
            0.0,
            1,
            None,
            stack=cast(Any, self),
            lease=60.0 if lease is None else None,
        )


@pytest.fixture
def governor(monkeypatch: pytest.MonkeyPatch) -> FakeGovernor:
    @contextlib.asynccontextmanager
    async def connected(_settings: Settings) -> AsyncIterator[JetStream]:
        yield JetStream(nc=cast(Any, None))

    made = FakeGovernor()
    monkeypatch.setattr(module, "connected", connected)
    monkeypatch.setattr(one, "Governor", lambda *_words, **_options: made)
    return made


CALM = cast(Interruptions, FakeInterruptions())


def test_a_slot_with_a_keeper_has_a_lease(governor: FakeGovernor, keeper: FakeKeeper) -> None:
    holds, hold = one_hold(stops_when_lost=True)
    holds.acquire(CALM)
    assert governor.leased == [None]
    assert hold.facts()["lease"] == 60.0
    assert keeper.told == ["connect", "greet", "wait", "hold"]
    (held,) = keeper.held
    assert (held.seq, held.token, held.ends_with_worker) == (7, "token-g", True)
    assert held.owner == Owner("r", "web01", "web01")
    assert held.stops_work


def test_a_slot_that_is_left_to_others_has_no_lease(governor: FakeGovernor, keeper: FakeKeeper) -> None:
    holds, hold = one_hold(ends_with_work=False)
    holds.acquire(CALM)
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
    one_hold(warn=warnings.append)[0].acquire(CALM)
    assert governor.leased == [False]
    assert warnings == [
        "No keeper watches over the slot of web01 in governor 'g', so it has no lease: if its process is killed, it is "
        "held until max_age ends it. The reason: it has ended."
    ]


def test_a_keeper_that_was_killed_in_the_wait_is_followed_by_another(
    monkeypatch: pytest.MonkeyPatch, governor: FakeGovernor
) -> None:
    keeper = with_keeper(monkeypatch, FakeKeeper(dies_at="hold"))
    one_hold()[0].acquire(CALM)
    assert governor.leased == [None]
    assert keeper.told == ["connect", "greet", "wait", "hold", "done", "connect", "hold"]


@pytest.mark.usefixtures("governor")
def test_what_could_not_be_released_is_left_to_the_keeper(monkeypatch: pytest.MonkeyPatch, keeper: FakeKeeper) -> None:
    holds, hold = one_hold()
    holds.acquire(CALM)

    async def fails(*_words: Any) -> bool:
        raise NoVerdict("Nobody answers.")

    monkeypatch.setattr(holds, "_release", fails)
    holds.release([hold], CALM)
    assert (hold.released, str(hold.failure)) == (None, "Nobody answers.")
    assert keeper.told[-1] == "gives back"


def test_a_wait_that_fails_ends_with_the_keeper_told(governor: FakeGovernor, keeper: FakeKeeper) -> None:
    governor.now = a_state(active=0, max_age=0.0)
    holds, _hold = one_hold(release="never", ends_with_work=False)
    with pytest.raises(NeverExpires, match="has no max_age, and release: never leaves the slot to max_age"):
        holds.acquire(CALM)
    assert keeper.told == ["connect", "greet", "wait", "done"]


@pytest.mark.usefixtures("governor")
def test_what_was_given_back_before_the_work_is_not_the_keepers_any_more(
    monkeypatch: pytest.MonkeyPatch, keeper: FakeKeeper
) -> None:
    """Which has a link for each slot."""
    made = {"wide": FakeGovernor("wide", limit=2, full=True), "narrow": FakeGovernor("narrow", limit=1)}
    monkeypatch.setattr(one, "Governor", lambda name, *_words, **_options: made[name])
    holds = Holds([a_request(name) for name in made])
    with pytest.raises(WaitTimeout, match=r"^Timed out\. Meanwhile a slot of 'narrow' was held, and given back; "):
        holds.acquire(CALM)
    assert keeper.told == [*["connect"] * 2, *["greet", "wait"] * 2, "hold", "done", "done"]
    told = holds.facts_with(WaitTimeout("Timed out.", attempts=3))
    assert [(each["governor"], each["attempts"]) for each in told] == [("wide", 3), ("narrow", 1)]
    assert [(each["seq"], each["released"]) for each in told] == [(None, None), (7, True)]
    assert told[1]["held"] >= 0


@pytest.mark.usefixtures("governor")
def test_why_a_slot_was_lost_before_the_work_says_nothing_about_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with_keeper(monkeypatch, FakeKeeper(loses="it was evicted"))
    holds, hold = one_hold()
    holds.acquire(CALM)
    part = hold.part(JetStream(nc=cast(Any, None)), list)
    assert part.on_return is not None
    part.on_return(False)
    assert (hold.slot, hold.lost()) == (None, None)


@pytest.mark.usefixtures("governor")
def test_why_a_slot_is_lost_is_known_also_when_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with_keeper(monkeypatch, FakeKeeper(loses="it was evicted"))
    holds, hold = one_hold()
    holds.acquire(CALM)
    hold.keep()
    assert (hold.lost(), holds.lost()) == ("it was evicted", "it was evicted")
