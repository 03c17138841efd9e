# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is done with a server's greeting before nats-py acts on it."""

from __future__ import annotations

from typing import Any, cast

import pytest
from nats.aio.client import Client

from ansible_collections.jetstream.governor.plugins.module_utils._greeting import Unfit, check_greetings
from ansible_collections.jetstream.governor.plugins.module_utils._settings import Settings

PLAIN, TLS, MUTUAL = Settings(), Settings(tls_ca="ca"), Settings(tls_cert="cert", tls_key="key")
FIRST = Settings(tls_first=True)


class FakeClient:
    """Notes the greetings that it is to act on."""

    def __init__(self) -> None:
        self.greetings: list[tuple[dict[str, Any], bool]] = []

    def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> str:
        self.greetings.append((info, initial_connection))
        return "what it returns"


def greeted(settings: Settings, info: dict[str, Any], first: bool = True) -> dict[str, Any]:
    """Return what the client gets to see."""
    nc = FakeClient()
    check_greetings(cast(Client, nc), settings)
    assert nc._process_info(dict(info), initial_connection=first) == "what it returns"
    ((seen, initial),) = nc.greetings
    assert initial == first
    return seen


REQUIRED, OFFERED, VERIFIED = (
    {"tls_required": True},
    {"tls_available": True},
    {"tls_required": True, "tls_verify": True},
)


@pytest.mark.parametrize(
    ("settings", "info"),
    [
        (PLAIN, {}),
        (PLAIN, OFFERED),
        (PLAIN, REQUIRED),
        (TLS, REQUIRED),
        (MUTUAL, VERIFIED),
        (FIRST, {}),
        (FIRST, REQUIRED),
    ],
)
def test_what_fits_goes_on_as_it_is(settings: Settings, info: dict[str, Any]) -> None:
    assert greeted(settings, info) == info


def test_tls_that_is_offered_is_taken_for_required_by_those_who_want_it() -> None:
    assert greeted(TLS, OFFERED) == {**OFFERED, **REQUIRED}


@pytest.mark.parametrize(("settings", "info"), [(TLS, {}), (MUTUAL, {"tls_required": False}), (TLS, VERIFIED)])
def test_what_does_not_fit_does_not_reach_the_client(settings: Settings, info: dict[str, Any]) -> None:
    nc = FakeClient()
    check_greetings(cast(Client, nc), settings)
    with pytest.raises(Unfit):
        nc._process_info(info, initial_connection=True)
    assert nc.greetings == []


def test_what_the_server_tells_later_is_no_greeting() -> None:
    assert greeted(TLS, {"connect_urls": ["h:1"]}, first=False) == {"connect_urls": ["h:1"]}


@pytest.mark.parametrize("first", [True, False])
def test_nodes_that_nats_py_would_reach_without_websocket_are_not_told(first: bool) -> None:
    assert greeted(Settings(servers=("wss://h",)), {"connect_urls": ["h:1"], "proto": 1}, first) == {"proto": 1}
