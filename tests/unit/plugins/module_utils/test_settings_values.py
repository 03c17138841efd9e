# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the values of the connection options have to be, and that secrets stay secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import InvalidValue
from ansible_collections.jetstream.governor.plugins.module_utils.settings import Settings, redact, resolve

SEED = "SU" + "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[:28] * 2


def sentence(**options: Any) -> str:
    with pytest.raises(InvalidValue) as caught:
        resolve(options, {})
    return str(caught.value)


@pytest.mark.parametrize(
    ("given", "servers"),
    [
        (["nats://a:4222"], ("nats://a:4222",)),
        (["a", "b:4223"], ("nats://a", "nats://b:4223")),
        (["a,b", " tls://c:1 "], ("nats://a", "nats://b", "tls://c:1")),
        (["a, , b,"], ("nats://a", "nats://b")),
        (["[::1]:4222", "nats://[fe80::1]"], ("nats://[::1]:4222", "nats://[fe80::1]")),
        (["u:p@a", "nats://token@b"], ("nats://u:p@a", "nats://token@b")),
    ],
)
def test_servers(given: list[str], servers: tuple[str, ...]) -> None:
    assert resolve({"servers": given}, {}).servers == servers
    assert resolve({}, {"NATS_URL": ",".join(given)}).servers == servers


@pytest.mark.parametrize(
    "server",
    [
        "http://a:4222",
        "ws://a:80",
        "nats://",
        "nats://:4222",
        "nats://a:0",
        "nats://a:65536",
        "nats://a:port",
        "nats://a:-1",
        "nats://[::1",
        "nats:///a",
    ],
)
def test_what_is_no_server(server: str) -> None:
    assert sentence(servers=["nats://good", server]) == (
        f"servers must be like nats://host:4222 or tls://host:4222, not {server}."
    )


@pytest.mark.parametrize(
    "server",
    [
        "http://user:secret@host",
        "nats://user:secret@host:99999",
        "user:secret@host:port",
        "nats://secret@host:0",
        "nats://user:se/cret@host",
        "nats://user:se@cret@host:0",
        "nats://user:se cret@host:0",
        "nats://user:[secret@host",
        "nats://user:secret@",
        "nats://user:sec,ret@host",
    ],
)
def test_a_login_in_what_is_no_server_is_not_shown(server: str) -> None:
    text = sentence(servers=[server])
    assert text == (
        "servers must be like nats://host:4222 or tls://host:4222, not what is given, which is not shown because it "
        "holds a login."
    )


def test_a_password_needs_a_user() -> None:
    assert sentence(password="secret") == "password needs user."


@pytest.mark.parametrize("given", [{"tls_cert": __file__}, {"tls_key": __file__}])
def test_a_certificate_and_its_key_belong_together(given: dict[str, str]) -> None:
    assert sentence(**given) == "tls_cert and tls_key belong together: give both, or neither."


@pytest.mark.parametrize("option", ["creds", "tls_ca", "tls_cert", "tls_key"])
def test_a_file_that_is_missing(option: str) -> None:
    assert sentence(**{option: "/nowhere/f"}) == (
        f"{option} must be a file that can be read, not /nowhere/f (No such file or directory)."
    )


@pytest.mark.parametrize("option", ["connect_timeout", "request_timeout"])
@pytest.mark.parametrize(("given", "seconds"), [("3", 3.0), ("250ms", 0.25), ("1m30s", 90.0), ("0.5", 0.5)])
def test_timeouts(option: str, given: str, seconds: float) -> None:
    assert getattr(resolve({option: given}, {}), option) == seconds


@pytest.mark.parametrize("option", ["connect_timeout", "request_timeout"])
def test_what_is_no_timeout(option: str) -> None:
    assert sentence(**{option: "0"}) == f"{option} must be longer than 0 s."
    assert sentence(**{option: "0ms"}) == f"{option} must be longer than 0 s."
    for value in ("soon", "-1", "5 s"):
        assert sentence(**{option: value}) == (
            f"{option} must be a number of seconds or a duration like 250ms, 90s, 5m, 1h30m or 7d (not negative, "
            f"below 292 years), not {value!r}."
        )


def test_a_seed_itself() -> None:
    assert resolve({"nkey_seed": SEED}, {}).nkey_seed == SEED
    assert resolve({"nkey_seed": f" {SEED}\n"}, {}).nkey_seed == SEED


def test_a_seed_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / "user.nk"
    path.write_text(f"-----BEGIN USER NKEY SEED-----\n{SEED}\n------END USER NKEY SEED------\n")
    assert resolve({"nkey_seed": str(path)}, {}).nkey_seed == SEED
    assert resolve({}, {"NATS_NKEY": "~/user.nk"}).nkey_seed == SEED


def test_what_is_no_seed_is_not_shown(tmp_path: Path) -> None:
    """It may be a mistyped seed."""
    other = tmp_path / "other"
    other.write_bytes(b"\xff no seed")
    for value in (SEED[:-1], SEED.lower(), "SA" + SEED[2:], str(other), "/nowhere/seed", "a\0b"):
        assert sentence(nkey_seed=value) == (
            "nkey_seed must be a user seed (SU...) or the path of a file that holds one."
        )


@pytest.mark.parametrize(
    "content",
    [
        "garbage",
        "BEGIN NATS USER JWT\nheader.claims.signature\nEND NATS USER JWT\n",
        f"BEGIN USER NKEY SEED\n{SEED}\nEND USER NKEY SEED\n",
        f"BEGIN NATS USER JWT\nheader.claims.signature\nBEGIN USER NKEY SEED\n{SEED[:-1]}\n",
        f"BEGIN NATS USER JWT\nheader.claims.signature\nBEGIN USER NKEY SEED\n{SEED}X\n",
    ],
)
def test_what_are_no_credentials(tmp_path: Path, content: str) -> None:
    path = tmp_path / "my.creds"
    path.write_text(content)
    assert sentence(creds=str(path)) == (
        f"creds must be a file with the JWT and the nkey seed of a user, as nsc makes it, not {path}."
    )


def test_credentials_that_are_a_folder(tmp_path: Path) -> None:
    assert sentence(creds=str(tmp_path)) == f"creds must be a file that can be read, not {tmp_path} (Is a directory)."


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("at nats://u:p@h:4222 now", "at nats://***@h:4222 now"),
        ("nats://token@a, tls://u:p@b", "nats://***@a, tls://***@b"),
        ("nats://u:p@a,nats://b", "nats://***@a,nats://b"),
        ("nats://u:p@ss@h", "nats://***@h"),
        ("nats://u:p/w@h", "nats://***@h"),
        ("nats://h:4222 of me@example.org", "nats://h:4222 of me@example.org"),
        ("nothing of the kind", "nothing of the kind"),
    ],
)
def test_redact(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_secrets() -> None:
    assert Settings().secrets == set()
    assert resolve({"user": "u", "password": "p"}, {}).secrets == {"p"}
    assert resolve({"token": "t"}, {}).secrets == {"t"}
    assert resolve({"nkey_seed": SEED}, {}).secrets == {SEED}


def test_secrets_in_urls() -> None:
    settings = resolve({"servers": ["nats://u:p1@a", "nats://token@b", "nats://c", "u:p@2@d"]}, {})
    assert settings.secrets == {"p1", "token", "p@2"}


def test_a_seed_in_a_file_is_a_secret_too(tmp_path: Path) -> None:
    path = tmp_path / "user.nk"
    path.write_text(SEED)
    assert resolve({"nkey_seed": str(path)}, {}).secrets == {SEED}


def test_the_representation_shows_no_secret() -> None:
    settings = Settings(
        servers=("nats://u:in-url@h",), user="u", password="in-password", token="in-token", nkey_seed=SEED
    )
    text = repr(settings)
    assert "user='u'" in text
    assert not [secret for secret in settings.secrets | {"in-url"} if secret in text]
