# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is said to the keeper arrives as it was meant."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils._settings import Settings
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import Owner
from ansible_collections.jetstream.governor.plugins.plugin_utils._keeper import GREETING
from ansible_collections.jetstream.governor.plugins.plugin_utils._keeper_words import (
    Address,
    Held,
    address_of,
    address_words,
    held_of,
    held_words,
    line,
    word,
)

SETTINGS = Settings(servers=("nats://a:4222", "nats://b:4222"), user="u", password="secret", connect_timeout=2.5)
HELD = Held(Address(SETTINGS, "g"), 7, "token", 60.0, 12.5, "hölder", Owner("run", "", "hölder"), stops_work=True)


@pytest.mark.parametrize("held", [HELD, replace(HELD, owner=None, lease=None, ends_with_worker=False)])
def test_a_slot(held: Held) -> None:
    assert held_of(word(line("hold", **held_words(held)))) == held


def test_the_same_settings_are_one_connection() -> None:
    said = word(line("wait", **address_words(Address(SETTINGS, "g"))))
    assert hash(address_of(said)) == hash(address_of(said))
    assert address_of(said).settings == SETTINGS


def test_files_are_found_from_any_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    settings = replace(SETTINGS, tls_ca="~/ca.pem", creds="my.creds")
    said = address_of(address_words(Address(settings, "g"))).settings
    assert (said.tls_ca, said.creds, said.tls_cert) == ("/home/me/ca.pem", os.path.join(os.getcwd(), "my.creds"), None)


def test_the_greeting_is_a_word() -> None:
    assert line("hello") == GREETING


@pytest.mark.parametrize("text", [b"", b"nonsense", b"[]", b"{}", b'{"say": 7}'])
def test_nonsense_is_no_word(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # JSON has a sentence of its own
        word(text)
