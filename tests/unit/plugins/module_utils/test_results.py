# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Governors, entries and slots as the faces return them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

from ansible_collections.jetstream.governor.plugins.module_utils._campaign_options import CampaignRequest
from ansible_collections.jetstream.governor.plugins.module_utils._results import (
    ended_result,
    entry_result,
    governed_result,
    governor_result,
    predicted_governor,
    slot_result,
)
from ansible_collections.jetstream.governor.plugins.module_utils.core.config import Desired
from ansible_collections.jetstream.governor.plugins.module_utils.core.entry import Entry
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import Owner
from ansible_collections.jetstream.governor.plugins.module_utils.core.slot import Slot
from ansible_collections.jetstream.governor.tests.unit.core.fakes import NOON, a_state, an_entry

GOVERNOR = {
    "name": "g",
    "stream": "GOVERNOR_g",
    "subject": "$GOVERNOR.campaign.g",
    "limit": 2,
    "max_age": 60.0,
    "replicas": 1,
    "description": "Concurrency Governor g",
    "queue": "unknown",
    "lease": "absent",
    "paused": False,
    "reason": None,
    "paused_by": None,
    "paused_since": None,
    "pause": None,
    "active": 2,
    "over_limit": False,
    "last_active": "2026-03-01T12:00:00.000Z",
    "created": "2026-03-01T12:00:00.000Z",
    "hazards": [],
}


def test_a_governor() -> None:
    state = a_state(active=2, limit=2)
    assert governor_result(state.config, state, []) == GOVERNOR


def test_a_governor_that_nobody_ever_entered() -> None:
    state = a_state(active=0, limit=2)
    assert governor_result(state.config, state, []) == {**GOVERNOR, "active": 0, "last_active": None}


def test_a_governor_that_would_be_created() -> None:
    assert governor_result(a_state(limit=2).config, None, []) == {
        **GOVERNOR,
        "active": 0,
        "last_active": None,
        "created": None,
    }


def test_a_governor_that_an_earlier_task_would_create() -> None:
    """With the keys of any other; what nobody has said of it is not known."""
    assert predicted_governor("g", Desired(limit=2, description="For databases")) == {
        **dict.fromkeys(GOVERNOR),
        "name": "g",
        "queue": "unknown",
        "lease": "unknown",
        "stream": "GOVERNOR_g",
        "limit": 2,
        "description": "For databases",
        "active": 0,
        "over_limit": False,
        "hazards": [],
    }


def test_more_holders_than_a_lowered_limit() -> None:
    state = a_state(active=3, limit=2)
    assert governor_result(state.config, state, [])["over_limit"] is True
    would_be = replace(state.config, limit=3)
    assert governor_result(would_be, state, [])["over_limit"] is False


def test_an_entry() -> None:
    assert entry_result(an_entry(7, "web01", age=41.23456), a_state(active=1)) == {
        "seq": 7,
        "holder": "web01",
        "run_id": "r",
        "host": "web01",
        "acquired_at": "2026-03-01T11:59:18.765Z",
        "age": 41.235,
        "expires_at": "2026-03-01T12:00:18.765Z",
        "lease": None,
        "renewed_at": None,
    }


def test_an_entry_whose_holder_gives_signs_of_life() -> None:
    entry = replace(an_entry(7, "web01", age=41.2), lease=60.0)
    told = entry_result(entry, a_state(active=1), NOON)
    assert (told["lease"], told["renewed_at"]) == (60.0, "2026-03-01T12:00:00.000Z")


def test_an_entry_of_a_go_client_in_a_governor_without_end() -> None:
    entry = Entry(seq=1, holder="node1", owner=None, token=None, time=NOON)
    state = a_state(active=1)
    forever = replace(state, config=replace(state.config, max_age=0.0))
    assert entry_result(entry, forever) == {
        "seq": 1,
        "holder": "node1",
        "run_id": None,
        "host": None,
        "acquired_at": "2026-03-01T12:00:00.000Z",
        "age": 0.0,
        "expires_at": None,
        "lease": None,
        "renewed_at": None,
    }


CAMPAIGN = CampaignRequest("g", "web01", "r", False, "web01", wait_timeout=30, interval=None, backoff=None)
WHOSE = {"holder": "web01", "run_id": "r", "host": "web01"}


def test_an_entry_that_is_released_or_evicted() -> None:
    entry = an_entry(7, "web01", age=41.23456)
    assert ended_result(entry, NOON) == {**WHOSE, "seq": 7, "held": 41.235}
    assert ended_result(replace(entry, owner=Owner("r", "", "web01")), NOON) == {
        **WHOSE,
        "host": None,
        "seq": 7,
        "held": 41.235,
    }
    assert ended_result(replace(entry, owner=None), NOON)["run_id"] is None


def test_a_slot() -> None:
    to_come = {
        "governor": "g",
        "stream": "GOVERNOR_g",
        "seq": None,
        **WHOSE,
        "acquired_at": None,
        "expires_at": None,
        "lease": None,
    }
    entry, state = an_entry(7, "web01", age=5), a_state(active=1)
    assert slot_result(CAMPAIGN, None, None) == slot_result(CAMPAIGN, None, state) == to_come
    assert slot_result(CAMPAIGN, entry, state) == {
        **to_come,
        "seq": 7,
        "acquired_at": "2026-03-01T11:59:55.000Z",
        "expires_at": "2026-03-01T12:00:55.000Z",
    }
    assert slot_result(CAMPAIGN, replace(entry, lease=60.0), state)["lease"] == 60.0
    assert slot_result(replace(CAMPAIGN, host=""), None, None)["host"] is None


def test_the_slot_of_a_governed_task() -> None:
    """It has the same keys from before the wait until after the release."""
    unknown = {
        "governor": "g",
        "holder": "web01",
        "action": "ansible.builtin.ping",
        "priority": "normal",
        "seq": None,
        "lease": None,
        "waited": None,
        "waited_by": None,
        "attempts": None,
        "held": None,
        "released": None,
        "lost": None,
    }
    assert governed_result(CAMPAIGN, "ansible.builtin.ping", None) == unknown
    waited = {"waited": 1.235, "waited_by": "queue", "attempts": 2}
    slot = cast(Slot, SimpleNamespace(holder="item 1", seq=7, lease=60.0, **{**waited, "waited": 1.23456}))
    held = {**unknown, "holder": "item 1", "seq": 7, "lease": 60.0, **waited}
    assert governed_result(CAMPAIGN, "ansible.builtin.ping", slot) == held
    assert governed_result(CAMPAIGN, None, slot, kept=True, held=4.56789) == {
        **held,
        "action": None,
        "waited": 0.0,
        "waited_by": None,
        "attempts": 0,
        "held": 4.568,
    }
