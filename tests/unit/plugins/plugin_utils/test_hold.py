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

from ansible_collections.jetstream.governor.plugins.module_utils.campaign_options import CampaignRequest
from ansible_collections.jetstream.governor.plugins.module_utils.connection import CannotConnect
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import InvalidValue, NoVerdict
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import FINISH_PATIENCE, JetStream
from ansible_collections.jetstream.governor.plugins.module_utils.core.slot import Slot
from ansible_collections.jetstream.governor.plugins.module_utils.settings import Settings
from ansible_collections.jetstream.governor.plugins.plugin_utils import hold as module
from ansible_collections.jetstream.governor.plugins.plugin_utils.hold import Hold, HoldRequest, Orphaned
from ansible_collections.jetstream.governor.plugins.plugin_utils.interruption import Interrupted, Interruptions


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
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_EVERY", 0.01)


def a_hold(holder: str = "web01") -> Hold:
    campaign = CampaignRequest("g", holder, "r", False, "web01", wait_timeout=30, interval=None, backoff=None)
    settings = Settings(servers=("nats://h",))
    return Hold(HoldRequest(campaign, settings, tell=lambda _line: None, tell_more=lambda _line: None))


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
