# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The request that the options of a campaign come to, for governor_slot and governed alike."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, Optional, cast

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils._campaign_options import (
    CampaignRequest,
    parse_campaign,
    warn_of_no_priority,
)
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import InvalidValue

DEFAULTS: dict[str, Any] = {
    "governor": "g",
    "holder": "web01",
    "run_id": None,
    "wait_timeout": "5m",
    "interval": None,
    "backoff": None,
    "priority": "normal",
    "ageing": "10m",
}
REQUEST = CampaignRequest(
    governor="g",
    holder="web01",
    run_id="r",
    run_given=False,
    host="web01",
    wait_timeout=300.0,
    interval=None,
    backoff=None,
)


def request_of(**params: Any) -> CampaignRequest:
    """Return the request that a task of host web01 of run r makes with these parameters."""
    return parse_campaign({**DEFAULTS, **params}, "r", "web01")


def refusal_of(**params: Any) -> str:
    with pytest.raises(InvalidValue) as caught:
        request_of(**params)
    return str(caught.value)


def test_a_request_by_default() -> None:
    assert request_of() == REQUEST


def test_a_request_with_everything() -> None:
    given = {**DEFAULTS, "run_id": "workflow 1", "wait_timeout": "0", "interval": "2", "backoff": ["FiveSec"]}
    given.update(priority="low", ageing="1h")
    assert parse_campaign(given, "workflow 1", "") == replace(
        REQUEST,
        run_id="workflow 1",
        run_given=True,
        host="",
        wait_timeout=0.0,
        interval=2.0,
        backoff="FiveSec",
        priority="low",
        ageing=3600.0,
    )


class FakeQueue:
    """One where priorities have no effect, if there is a reason."""

    def __init__(self, why: Optional[str]) -> None:
        self._why = why
        self.was_asked = False

    async def why_unordered(self) -> Optional[str]:
        self.was_asked = True
        return self._why


@pytest.mark.parametrize(
    ("given", "why", "warnings"),
    [
        ({"priority": "low"}, "it has no queue", ["priority: low has no effect in governor 'g': it has no queue."]),
        ({"priority": "urgent"}, None, []),
    ],
)
def test_a_priority_that_has_no_effect_gives_a_warning(
    given: dict[str, str], why: Optional[str], warnings: list[str]
) -> None:
    told: list[str] = []
    stack = cast("Any", SimpleNamespace(queue=FakeQueue(why)))
    asyncio.run(warn_of_no_priority(request_of(**given), stack, told.append))
    assert told == warnings


@pytest.mark.parametrize("given", [{}, {"priority": "normal"}, {"priority": "low", "wait_timeout": "0"}])
def test_who_is_as_urgent_as_most_or_does_not_wait_costs_no_request(given: dict[str, str]) -> None:
    queue = FakeQueue("it has no queue")
    asyncio.run(warn_of_no_priority(request_of(**given), cast("Any", SimpleNamespace(queue=queue)), pytest.fail))
    assert not queue.was_asked


def test_an_ageing_that_is_too_short_is_refused() -> None:
    assert refusal_of(ageing="50ms") == "ageing must be at least 0.1 s, not 0.05 s."
    assert "ageing must be a number of seconds" in refusal_of(ageing="never")


@pytest.mark.parametrize("empty", [None, ""])
def test_a_holder_and_a_run_that_are_not_given(empty: Any) -> None:
    assert request_of(holder=empty, run_id=empty) == replace(REQUEST, holder="")


def test_the_owner_is_the_host_of_the_run() -> None:
    assert str(REQUEST.owner) == "r/web01/web01"
    assert str(replace(REQUEST, host="", holder="deploy of shop").owner) == "r//deploy of shop"
    with pytest.raises(InvalidValue, match=r"^A holder must not be empty\.$"):
        str(replace(REQUEST, holder="").owner)


@pytest.mark.parametrize(
    ("given", "backoff"),
    [(None, None), ([], None), (["TwentySec"], "TwentySec"), (["500"], [500]), (["1", "20"], [1, 20])],
)
def test_backoff(given: Any, backoff: Any) -> None:
    assert request_of(backoff=given).backoff == backoff


@pytest.mark.parametrize("given", [["500", "FiveSec"], ["1", "-2"], ["0.5", "1"], ["1", "\u00b2"]])
def test_what_is_no_backoff(given: list[str]) -> None:
    assert refusal_of(backoff=given) == (
        f"backoff must be the name of a policy or a list of milliseconds, not {', '.join(given)}."
    )


@pytest.mark.parametrize("given", ["0", "9ms", "0.001"])
def test_an_interval_that_burdens_the_server(given: str) -> None:
    assert refusal_of(interval=given) == f"interval must be at least 10 ms, not {given!r}."


def test_a_wait_without_an_end() -> None:
    assert request_of(wait_timeout="forever").wait_timeout is None


@pytest.mark.parametrize("option", ["wait_timeout", "interval"])
def test_a_wrong_duration_is_named(option: str) -> None:
    assert refusal_of(**{option: "soon"}).startswith(f"{option} must be a number of seconds or a duration like ")


@pytest.mark.parametrize(
    ("run_id", "sentence"),
    [("a/b", "A run id must not contain a slash, as 'a/b' does."), (None, "A run id must not be empty.")],
)
def test_a_wrong_run_id(run_id: Any, sentence: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        parse_campaign({**DEFAULTS, "run_id": run_id}, run_id, "")
    assert str(caught.value) == sentence


def test_a_wrong_governor() -> None:
    assert refusal_of(governor="a.b").startswith("A governor's name must be printable, without blanks, dots, ")
