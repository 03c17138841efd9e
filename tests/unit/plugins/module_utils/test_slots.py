# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""governor_slot, as far as no server is needed: its parameters, the guard before the wait, and what is foretold."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, Optional, cast

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils import _governors as governors
from ansible_collections.jetstream.governor.plugins.module_utils import _slots as slots
from ansible_collections.jetstream.governor.plugins.module_utils._campaign_options import CampaignRequest
from ansible_collections.jetstream.governor.plugins.module_utils._guard import REFUSED, WAYS_OUT, Play
from ansible_collections.jetstream.governor.plugins.module_utils._slots import (
    SlotRequest,
    WouldDeadlock,
    acquire,
    carry_out,
    evict,
    release,
)
from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.entry import Entry
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import (
    InvalidValue,
    UnknownGovernor,
    WaitTimeout,
)
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import JetStream
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.plugins.module_utils.core.pause import Pause
from ansible_collections.jetstream.governor.plugins.module_utils.core.stack import Stack
from ansible_collections.jetstream.governor.tests.unit.core.fakes import NOON, FakeNats, a_state, an_entry

UNREACHABLE = JetStream(nc=cast("Any", None))
"""A connection that fails whatever is asked of it."""

DEFAULTS: dict[str, Any] = {
    "governor": "g",
    "holder": "web01",
    "run_id": None,
    "seq": None,
    "wait_timeout": "5m",
    "interval": "250ms",
    "backoff": None,
    "priority": "normal",
    "ageing": "10m",
    "on_timeout": "fail",
    "guard": "fail",
    "play": {"run_id": "r", "host": "web01", "strategy": "linear", "batch": 1, "forks": 5, "throttle": 0},
}
CAMPAIGN = CampaignRequest(
    governor="g",
    holder="web01",
    run_id="r",
    run_given=False,
    host="web01",
    wait_timeout=300.0,
    interval=0.25,
    backoff=None,
)
REQUEST = SlotRequest(
    campaign=CAMPAIGN,
    seq=None,
    continue_on_timeout=False,
    guard="fail",
    play=Play("linear", batch=1, forks=5, throttle=0),
    check_mode=True,
    warn=lambda _text: None,
)
DEADLOCK = Play("linear", batch=6, forks=5, throttle=0)
RISK = Play("linear", batch=2, forks=5, throttle=0)


def request_of(**params: Any) -> SlotRequest:
    """Return the request that the module makes of these parameters."""
    seen: list[SlotRequest] = []

    async def state(_js: JetStream, request: SlotRequest) -> dict[str, Any]:
        seen.append(request)
        return {}

    module = SimpleNamespace(params={**DEFAULTS, **params}, check_mode=True, warn=REQUEST.warn)
    assert asyncio.run(carry_out(state, module, UNREACHABLE)) == {}
    return seen[0]


def waits(seconds: Optional[float], **rest: Any) -> SlotRequest:
    """Return a request to wait for so many seconds (None: for ever)."""
    return replace(REQUEST, campaign=replace(CAMPAIGN, wait_timeout=seconds), **rest)


def acquired(
    monkeypatch: pytest.MonkeyPatch, request: SlotRequest, *entries: Entry, paused: Optional[Pause] = None
) -> dict[str, Any]:
    """Return the result of acquiring a slot of governor ``g``, which has the limit 2 and these entries."""

    async def find(_stack: Stack, wanted: Callable[[Entry], bool]) -> Optional[Entry]:
        return next((entry for entry in entries if wanted(entry)), None)

    async def load(*_what: Any) -> Any:
        stack = Stack("g", cast(Any, None))
        return SimpleNamespace(limit=2, state=a_state(active=len(entries), limit=2, paused=paused), stack=stack)

    monkeypatch.setattr(slots, "load_or_predict", load)
    monkeypatch.setattr(Stack, "find", find)
    return asyncio.run(acquire(UNREACHABLE, request))


LACKING = JetStream(nc=cast("Any", FakeNats()))
"""A connection to a server that has no governor, once a test has called ``missing``."""


def missing(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let there be no governor, and return an empty list, to which the request's ``warn`` should append."""

    async def load(name: str, _js: JetStream) -> Any:
        raise UnknownGovernor(f"There is no governor '{name}'.")

    async def list_governors(_js: JetStream) -> list[str]:
        return []

    monkeypatch.undo()
    monkeypatch.setattr(Manager, "load", load)
    monkeypatch.setattr(governors, "list_governors", list_governors)
    return []


def test_a_request_by_default() -> None:
    assert request_of() == REQUEST


@pytest.mark.parametrize(("written", "kept"), [("noon", "noon"), ("", None)])
def test_what_the_keeper_sees_is_read_as_soon_as_it_has_written_it(
    tmp_path: Path, written: str, kept: Optional[str]
) -> None:
    file = tmp_path / "created"
    with ThreadPoolExecutor() as pool:
        request = pool.submit(request_of, play={**DEFAULTS["play"], "kept_in": str(file)})
        file.with_suffix(".new").write_text(written, encoding="utf-8")
        file.with_suffix(".new").replace(file)
    assert request.result().kept == kept


def test_a_keeper_that_writes_nothing_is_not_waited_for_without_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "_WRITTEN_WITHIN", 0.05)
    assert request_of(play={**DEFAULTS["play"], "kept_in": str(tmp_path / "created")}).kept is None


def test_a_request_with_everything() -> None:
    play = {"run_id": "workflow 1", "host": "", "strategy": "free", "batch": 3, "forks": 5, "throttle": 0}
    assert request_of(run_id="workflow 1", seq=7, on_timeout="continue", guard="off", play=play) == replace(
        REQUEST,
        campaign=replace(CAMPAIGN, run_id="workflow 1", run_given=True, host=""),
        seq=7,
        continue_on_timeout=True,
        guard="off",
        play=Play("free", 3, 5, 0),
    )


@pytest.mark.parametrize("seq", [0, -1])
def test_a_wrong_sequence(seq: int) -> None:
    with pytest.raises(InvalidValue) as caught:
        request_of(seq=seq)
    assert str(caught.value) == f"seq must be at least 1, not {seq}."


def test_without_a_play_a_run_only_if_given() -> None:
    with pytest.raises(InvalidValue, match=r"^A run id must not be empty\.$"):
        request_of(play=None)
    assert request_of(play=None, run_id="r") == replace(
        REQUEST, campaign=replace(CAMPAIGN, run_given=True, host=""), play=None
    )


def test_a_slot_that_is_held_already(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the guard would say: there is nothing to wait for."""
    request = replace(REQUEST, play=DEADLOCK)
    entering = {"holder": "web01", "run_id": "r", "host": "web01"}
    assert acquired(monkeypatch, request, an_entry(3, "db01", 9), an_entry(4, "web01", 5)) == {
        "changed": False,
        "acquired": True,
        "slot": {
            "governor": "g",
            "stream": "GOVERNOR_g",
            "seq": 4,
            **entering,
            "acquired_at": "2026-03-01T11:59:55.000Z",
            "expires_at": "2026-03-01T12:00:55.000Z",
            "lease": None,
        },
        "waited": 0.0,
        "waited_by": None,
        "attempts": 0,
        "active": 2,
        "limit": 2,
        "diff": {"before": {"entries": [entering]}, "after": {"entries": [entering]}},
    }


def test_a_slot_that_another_host_holds_under_the_same_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shared holder is no shared slot: the cap would not hold."""
    shop = replace(CAMPAIGN, holder="deploy of shop")
    request, of_the_whole_run = replace(REQUEST, campaign=shop), replace(REQUEST, campaign=replace(shop, host=""))
    theirs = replace(an_entry(3, shop.holder, 9), owner=replace(shop, host="web02").owner)
    mine = replace(an_entry(4, shop.holder, 5), owner=shop.owner)
    assert acquired(monkeypatch, request, theirs)["changed"] is True
    assert acquired(monkeypatch, request, theirs, mine)["slot"]["seq"] == 4
    assert acquired(monkeypatch, of_the_whole_run, theirs, mine)["changed"] is True


def test_a_free_slot_is_foretold(monkeypatch: pytest.MonkeyPatch) -> None:
    result = acquired(monkeypatch, REQUEST, an_entry(1, "db01", 9))
    entering = {"holder": "web01", "run_id": "r", "host": "web01"}
    assert (result["changed"], result["acquired"], result["active"], result["attempts"]) == (True, True, 2, 0)
    assert result["slot"] == {
        "governor": "g",
        "stream": "GOVERNOR_g",
        "seq": None,
        **entering,
        "acquired_at": None,
        "expires_at": None,
        "lease": None,
    }
    assert result["diff"] == {"before": {"entries": []}, "after": {"entries": [entering]}}


FULL = (an_entry(1, "db01", 9), an_entry(2, "db02", 8))


@pytest.mark.parametrize("wait_timeout", [300.0, 0.0])
def test_a_slot_of_a_governor_that_is_to_come_is_foretold(monkeypatch: pytest.MonkeyPatch, wait_timeout: float) -> None:
    """With the keys of any other, whatever the guard would say to a limit that is not known."""
    known = acquired(monkeypatch, REQUEST)
    warnings = missing(monkeypatch)
    request = waits(wait_timeout, play=DEADLOCK, warn=warnings.append)
    assert asyncio.run(acquire(LACKING, request)) == {**known, "limit": None}
    assert warnings == [
        "There is no governor 'g'. There is no governor at all. governor_stream creates one. In check mode this is no "
        "failure: an earlier task may be the one that creates it."
    ]


@pytest.mark.parametrize(("state", "done"), [(release, "released"), (evict, "evicted")])
def test_nothing_is_removed_from_a_governor_that_is_to_come(
    monkeypatch: pytest.MonkeyPatch, state: Any, done: str
) -> None:
    warnings = missing(monkeypatch)
    assert asyncio.run(state(LACKING, replace(REQUEST, warn=warnings.append))) == {
        "changed": False,
        "acquired": False,
        done: [],
        "active": 0,
        "limit": None,
        "diff": {"before": {"entries": []}, "after": {"entries": []}},
    }
    assert [text.startswith("There is no governor 'g'.") for text in warnings] == [True]


@pytest.mark.parametrize("state", [acquire, release, evict])
def test_a_governor_that_is_missing_is_a_failure_out_of_check_mode(monkeypatch: pytest.MonkeyPatch, state: Any) -> None:
    warnings = missing(monkeypatch)
    with pytest.raises(UnknownGovernor, match="^There is no governor 'g'"):
        asyncio.run(state(LACKING, replace(REQUEST, check_mode=False, warn=warnings.append)))
    assert warnings == []


@pytest.mark.parametrize("wait_timeout", [300.0, None])
def test_a_full_governor_is_foretold_to_be_left_in_time(
    monkeypatch: pytest.MonkeyPatch, wait_timeout: Optional[float]
) -> None:
    result = acquired(monkeypatch, waits(wait_timeout), *FULL)
    assert (result["changed"], result["acquired"], result["active"]) == (True, True, 2)


def test_a_full_governor_and_no_time_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    request = waits(0.0)
    with pytest.raises(WaitTimeout) as caught:
        acquired(monkeypatch, request, *FULL)
    facts = {"active": 2, "limit": 2, "paused": False, "attempts": 0, "waited": 0.0, "waited_by": None}
    assert str(caught.value) == "Governor 'g' is full: 2 of 2 slots are held."
    assert caught.value.facts == {**facts, "acquired": False}
    assert acquired(monkeypatch, replace(request, continue_on_timeout=True), *FULL) == {
        "changed": False,
        "acquired": False,
        "msg": "Governor 'g' is full: 2 of 2 slots are held.",
        **facts,
    }


@pytest.mark.parametrize("entries", [(), FULL])
def test_a_paused_governor_and_no_time_to_wait(monkeypatch: pytest.MonkeyPatch, entries: tuple[Entry, ...]) -> None:
    paused = Pause("deploy@ctl1", None, "incident 4711")
    with pytest.raises(WaitTimeout) as caught:
        acquired(monkeypatch, waits(0.0), *entries, paused=paused)
    assert str(caught.value) == (
        "g is paused by deploy@ctl1: incident 4711. Wait until it is resumed, or resume it by 'paused: false'."
    )
    assert (caught.value.facts["active"], caught.value.facts["paused"]) == (len(entries), True)
    # Where there is time, somebody resumes it.
    assert acquired(monkeypatch, waits(300.0), *entries, paused=paused)["acquired"] is True


@pytest.mark.parametrize(("guard", "warned"), [("warn", True), ("off", False)])
def test_a_deadlock_with_a_lenient_guard(monkeypatch: pytest.MonkeyPatch, guard: str, warned: bool) -> None:
    warnings: list[str] = []
    request = replace(REQUEST, play=DEADLOCK, guard=guard, warn=warnings.append)
    assert acquired(monkeypatch, request)["acquired"] is True
    assert [text.startswith("This play would never end: ") for text in warnings] == [True] * warned
    assert [text.endswith(WAYS_OUT) for text in warnings] == [True] * warned


@pytest.mark.parametrize("wait_timeout", [300.0, None])
def test_a_deadlock_is_refused_before_the_wait(monkeypatch: pytest.MonkeyPatch, wait_timeout: Optional[float]) -> None:
    warnings: list[str] = []
    with pytest.raises(WouldDeadlock, match="^This play would never end: ") as caught:
        acquired(monkeypatch, waits(wait_timeout, play=DEADLOCK, warn=warnings.append))
    assert caught.value.facts == {"acquired": False}
    # Each host says the same, which Ansible shows once; its own sentence is short.
    assert warnings == [REFUSED]
    assert "Ways out" not in str(caught.value)


def test_a_mere_risk_is_only_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    assert acquired(monkeypatch, replace(REQUEST, play=RISK, warn=warnings.append))["acquired"] is True
    assert [text.startswith("This play can deadlock with another run") for text in warnings] == [True]


@pytest.mark.parametrize("unjudged", [replace(REQUEST, play=None), waits(0.0, play=DEADLOCK)])
def test_what_the_guard_has_nothing_to_say_to(monkeypatch: pytest.MonkeyPatch, unjudged: SlotRequest) -> None:
    """Nothing is known of a play, or nobody waits."""
    warnings: list[str] = []
    assert acquired(monkeypatch, replace(unjudged, warn=warnings.append))["acquired"] is True
    assert warnings == []


@pytest.mark.parametrize(("kept", "told"), [(NOON.isoformat(), True), ("another", False), (None, False)])
def test_the_keeper_renews_what_is_in_the_governor_that_it_sees(
    monkeypatch: pytest.MonkeyPatch, kept: Optional[str], told: bool
) -> None:
    result = acquired(monkeypatch, replace(REQUEST, kept=kept), replace(an_entry(4, "web01", 5), lease=60.0))
    assert ("for_the_keeper" in result) == told
    assert result["slot"]["lease"] == 60.0


def test_without_a_lease_there_is_nothing_to_renew(monkeypatch: pytest.MonkeyPatch) -> None:
    result = acquired(monkeypatch, replace(REQUEST, kept=NOON.isoformat()), an_entry(4, "web01", 5))
    assert "for_the_keeper" not in result


def test_a_new_slot_has_a_lease_only_where_the_keeper_can_renew_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Optional[bool]] = []

    async def start(_governor: Governor, _holder: str, *, lease: Optional[bool], **_more: Any) -> Any:
        asked.append(lease)
        raise WaitTimeout("Timed out.")

    monkeypatch.setattr(Governor, "start", start)
    for kept in (NOON.isoformat(), "another", None):
        with pytest.raises(WaitTimeout):
            acquired(monkeypatch, replace(REQUEST, check_mode=False, kept=kept), an_entry(3, "db01", 9))
    assert asked == [None, False, False]
