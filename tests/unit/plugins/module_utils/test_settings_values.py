# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the values of the connection options have to be, and that secrets stay secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils._settings import Settings, resolve
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import InvalidValue
from ansible_collections.jetstream.governor.tests.support.seeds import SEED


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
        (["wss://a:443"], ("wss://a:443",)),
        (["ws://a", "ws://b:80"], ("ws://a", "ws://b:80")),
        (["TLS://a"], ("tls://a",)),
        (["u:p@a", "nats://u:p@b"], ("nats://a", "nats://b")),
        (["tls://to%40ken@a"], ("tls://a",)),
    ],
)
def test_servers(given: list[str], servers: tuple[str, ...]) -> None:
    assert resolve({"servers": given}, {}).servers == servers
    assert resolve({}, {"NATS_URL": ",".join(given)}).servers == servers


@pytest.mark.parametrize(
    "server",
    [
        "http://a:4222",
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
        f"servers must be like nats://host:4222, tls://host:4222 or wss://host:443, not {server}."
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
        "servers must be like nats://host:4222, tls://host:4222 or wss://host:443, not what is given, which is not "
        "shown because it holds a login."
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
    mistyped = SEED[:5] + ("A" if SEED[5] != "A" else "B") + SEED[6:]
    for value in (
        SEED[:-1],
        mistyped,
        SEED.lower(),
        "SA" + SEED[2:],
        "SUZ" + SEED[3:],
        str(other),
        "/nowhere/s",
        "a\0b",
    ):
        assert sentence(nkey_seed=value) == (
            "nkey_seed must be a user seed (SU...) without a typing error, or the path of a file that holds one, or a "
            "URL of the kind file://, env:// or data:;base64,."
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


def test_secrets() -> None:
    assert Settings().secrets == set()
    assert resolve({"user": "u", "password": "p"}, {}).secrets == {"p"}
    assert resolve({"token": "t"}, {}).secrets == {"t"}
    assert resolve({"nkey_seed": SEED}, {}).secrets == {SEED}


@pytest.mark.parametrize(
    ("given", "login"),
    [
        ("nats://u:p@h", ("u", "p", None)),
        ("u:p%40w%3a@h", ("u", "p@w:", None)),
        ("u:p@2@d", ("u", "p@2", None)),
        ("u:@h", ("u", "", None)),
        ("nats://to%2Fken@h", (None, None, "to/ken")),
    ],
)
def test_the_login_in_a_url(given: str, login: tuple[str | None, ...]) -> None:
    settings = resolve({"servers": [given, "nats://other"]}, {})
    assert (settings.user, settings.password, settings.token) == login


def test_different_logins_in_urls_are_refused_and_not_shown() -> None:
    assert sentence(servers=["nats://u:p1@a", "nats://token@b"]) == (
        "servers holds different logins. The nodes of a cluster have the same users: give one login, best by user "
        "and password, token or creds."
    )


def test_a_seed_in_a_file_is_a_secret_too(tmp_path: Path) -> None:
    path = tmp_path / "user.nk"
    path.write_text(SEED)
    assert resolve({"nkey_seed": str(path)}, {}).secrets == {SEED}


def test_the_representation_shows_no_secret() -> None:
    settings = Settings(user="u", password="in-password", token="in-token", nkey_seed=SEED, user_jwt="j.w.t")
    text = repr(settings)
    assert "user='u'" in text
    assert not [secret for secret in settings.secrets if secret in text]


@pytest.mark.parametrize("option", ["inbox_prefix", "js_api_prefix"])
def test_what_is_no_beginning_of_a_subject(option: str) -> None:
    for value in ("_INBOX.", ".mine", "a..b", "a b", "a.*", "a.>", "a\n"):
        assert sentence(**{option: value}) == (
            f"{option} must be the beginning of a subject, like _INBOX.mine, without wildcards, blanks and a dot at "
            f"its end, not '{value}'."
        )


def test_websocket_and_what_it_has_not(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.touch()
    ca.write_text("certificates")
    assert sentence(servers=["ws://a", "nats://b"]) == (
        "servers mixes WebSocket (ws://, wss://) with nats:// or tls://. Give URLs of one kind."
    )
    for servers in (["ws://a"], ["ws://a", "wss://b"]):
        assert sentence(servers=servers, tls_ca=str(ca)) == (
            "servers has ws://, which is without TLS, but TLS is asked for. Write wss://."
        )
    for option, value in (("tls_first", True), ("tls_server_name", "h")):
        assert sentence(servers=["wss://a"], **{option: value}) == (
            f"{option} has no meaning for wss:// and ws://. Leave it out, or use tls://."
        )


def test_a_proxy_is_not_supported() -> None:
    with pytest.raises(InvalidValue) as caught:
        resolve({}, {"NATS_SOCKS_PROXY": "socks5://h"})
    assert str(caught.value) == (
        "The environment variable NATS_SOCKS_PROXY is set, but proxies are not supported here. Unset it."
    )
    assert resolve({}, {"NATS_SOCKS_PROXY": "none"}) == resolve({}, {})


def test_options_that_need_another() -> None:
    assert sentence(user_seed=SEED) == "user_seed needs user_jwt."
    assert sentence(user_jwt="a.b.c", user_seed=SEED[:-1]) == (
        "user_seed must be a user seed (SU...), or a URL that stands for it, with no typing error."
    )
    assert sentence(user_jwt="secret") == (
        "user_jwt must be the JWT of a user (eyJ...), or a URL that stands for it; it is not shown."
    )
    assert sentence(js_domain="hub", js_api_prefix="HUB.API") == (
        "the task gives js_domain and js_api_prefix: a domain is a prefix, so give one of them."
    )


PASTED = [
    "-----BEGIN NATS USER JWT-----\neyJhbGci.eyJzdWIi.c2ln\n------END NATS USER JWT------\n",
    f"data:;base64,{'c2VjcmV0' * 8}",
    f"data:;base64,{'c2VjcmV0' * 8}=!",
    "-----BEGIN PRIVATE KEY-----\nc2VjcmV0c2VjcmV0c2VjcmV0\n-----END PRIVATE KEY-----\n",
    '{"token": "c2VjcmV0"}',
    SEED,
    "c2VjcmV0",
]


@pytest.mark.parametrize(
    ("option", "pasted"),
    [
        (option, pasted)
        for option in ("creds", "nkey_seed", "tls_ca", "tls_key", "context", "user_jwt", "user_seed")
        for pasted in PASTED
        # This one is right, and that one is a name.
        if (option, pasted) not in (("nkey_seed", SEED), ("context", "c2VjcmV0"))
    ],
)
def test_what_was_pasted_in_place_of_a_path_is_not_shown(option: str, pasted: str) -> None:
    text = sentence(**{option: pasted})
    assert option in text
    assert "c2Vj" not in text
    assert "eyJ" not in text.replace("(eyJ...)", "")
    assert SEED not in text


@pytest.mark.parametrize("option", ["password", "token", "creds", "nkey_seed"])
@pytest.mark.parametrize("kind", ["op", "nsc"])
def test_a_reference_that_is_not_supported(option: str, kind: str) -> None:
    user = {"user": "u"} if option == "password" else {}
    assert sentence(**user, **{option: f"{kind}://vault/item"}) == (
        f"{option} is a URL of the kind {kind}://, which is not supported here. Give the path of a file, or a URL "
        "of the kind file://, env:// or data:;base64,."
    )


def test_references_that_lead_nowhere() -> None:
    assert sentence(token="env://NOWHERE") == (
        "token is to come from the environment variable NOWHERE, which is not set. Set it."
    )
    assert sentence(token="file:///nowhere/t") == (
        "token must be a file that can be read, not /nowhere/t (No such file or directory)."
    )
    assert sentence(tls_ca="env://CA") == (
        "tls_ca must be the path of a file, or file:// and it. Other URLs are not supported."
    )
