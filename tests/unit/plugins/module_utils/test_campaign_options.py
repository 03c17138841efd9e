# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The request that the options of a campaign come to, for governor_slot and governed alike."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils._campaign_options import (
    CampaignRequest,
    parse_campaign,
)
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import InvalidValue

DEFAULTS: dict[str, Any] = {
    "governor": "g",
    "holder": "web01",
    "run_id": None,
    "wait_timeout": "5m",
    "interval": None,
    "backoff": None,
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
    assert parse_campaign(given, "workflow 1", "") == replace(
        REQUEST,
        run_id="workflow 1",
        run_given=True,
        host="",
        wait_timeout=0.0,
        interval=2.0,
        backoff="FiveSec",
    )


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
