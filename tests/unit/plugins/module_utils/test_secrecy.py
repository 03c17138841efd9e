# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is hidden of texts and options, and what is not."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils._secrecy import (
    hide,
    redact,
    secrets_given,
    secrets_in_urls,
    shown,
)
from ansible_collections.jetstream.governor.tests.support.seeds import SEED

JWT = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJVQUJDIn0.c2lnbmF0dXJl"
CREDS = f"-----BEGIN NATS USER JWT-----\n{JWT}\n------END NATS USER JWT------\n\n{SEED}\n"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("at nats://u:p@h:4222 now", "at nats://***@h:4222 now"),
        ("nats://token@a, tls://u:p@b", "nats://***@a, tls://***@b"),
        ("nats://u:p@a,nats://b", "nats://***@a,nats://b"),
        ("nats://u:p@ss@h", "nats://***@h"),
        ("nats://u:p/w@h", "nats://***@h"),
        ("nats://h:4222 of me@example.org", "nats://h:4222 of me@example.org"),
        (f"not {SEED} here", "not *** here"),
        (f"not {JWT}.", "not ***."),
        ("not data:;base64,c2VjcmV0/+==.", "not data:;base64,***."),
        ("-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----.", "***."),
        ("-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE-----"),
        ("nothing of the kind", "nothing of the kind"),
    ],
)
def test_redact(text: str, left: str) -> None:
    assert redact(text) == left


@pytest.mark.parametrize(
    "path",
    [
        "/a b/c",
        "~/my.creds",
        "~me/creds",
        "./creds",
        "../creds",
        "$HOME/x",
        "my.creds",
        "a/b.pem",
        "file:///x",
        "env://X",
    ],
)
def test_a_path_is_shown(path: str) -> None:
    assert shown(path) == path


@pytest.mark.parametrize("value", [SEED, JWT, CREDS, "data:;base64,abc", "secret", "se/cret", f"/a/{SEED}", "{}", "\n"])
def test_what_is_no_path_is_not(value: str) -> None:
    assert shown(value) == "what is given, which is not shown because it may hold a secret"


@pytest.mark.parametrize(
    ("urls", "secrets"),
    [
        (["nats://u:p1@a", "nats://token@b", "nats://c", "u:p@2@d"], {"p1", "token", "p@2"}),
        (["nats://u:p%20w@a,nats://x@b"], {"p%20w", "p w", "x"}),
        ([], set()),
    ],
)
def test_secrets_in_urls(urls: list[str], secrets: set[str]) -> None:
    assert secrets_in_urls(urls) == secrets


@pytest.mark.parametrize(
    ("options", "environ", "secrets"),
    [
        ({}, {}, set()),
        ({"servers": None, "creds": None}, {}, set()),
        ({"servers": ["nats://u:p@h"]}, {}, {"p"}),
        ({"servers": "nats://t@h"}, {}, {"t"}),
        ({"user": "token"}, {}, {"token"}),
        ({"user": "u", "password": "p"}, {}, set()),
        ({"user": "u"}, {"NATS_PASSWORD": "p"}, set()),
        ({"creds": "/a/my.creds", "tls_key": "my.key", "context": "prod"}, {}, set()),
        ({"context": "my prod"}, {}, set()),
        ({"creds": "pasted"}, {}, {"pasted"}),
        ({"creds": CREDS}, {}, {CREDS, CREDS.strip(), *(line for line in CREDS.splitlines() if line)}),
    ],
)
def test_secrets_given(options: dict[str, Any], environ: dict[str, str], secrets: set[str]) -> None:
    assert secrets_given(options, environ) == secrets


def test_secrets_are_told_to_an_ansible_that_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    secrets = ModuleType("secrets")
    secrets.register_secrets = told.extend  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ansible.module_utils.secrets", secrets)
    hide({"b", "a"})
    assert told == ["a", "b"]
    monkeypatch.setitem(sys.modules, "ansible.module_utils.secrets", None)
    hide({"c"})
    assert told == ["a", "b"]
