# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each way to sign in, from each source, at a real server; and what is said where one is not let in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils._connection import CannotConnect, connected
from ansible_collections.jetstream.governor.plugins.module_utils._contexts import FIELDS
from ansible_collections.jetstream.governor.plugins.module_utils._logins import credentials
from ansible_collections.jetstream.governor.plugins.module_utils._settings import ENVIRONMENT, resolve
from ansible_collections.jetstream.governor.tests.support.client import within
from ansible_collections.jetstream.governor.tests.support.gates import PASSWORD, Gates, gates, who_am_i
from ansible_collections.jetstream.governor.tests.support.logins import LOGINS, environ_of, options_of

FIELD_OF = {option: field for field, option in FIELDS.items()}


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gates]:
    with gates(tmp_path_factory.mktemp("gates")) as opened:
        yield opened


def source_of(
    source: str, options: dict[str, Any], more: dict[str, str], folder: Path
) -> tuple[dict[str, Any], dict[str, str]]:
    """The same options as those of a task, or as variables, or as a context that is named or selected."""
    if source == "options":
        return options, more
    if source == "environment":
        return {}, {**{ENVIRONMENT[option]: value for option, value in options.items()}, **more}
    contexts = folder / "nats" / "context"
    contexts.mkdir(parents=True)
    fields = {FIELD_OF[option]: value for option, value in options.items()}
    (contexts / "mine.json").write_text(json.dumps({"description": "Mine", "color_scheme": "", **fields}))
    environ = {"XDG_CONFIG_HOME": str(folder), **more}
    if source == "selected context":
        (folder / "nats" / "context.txt").write_text("mine\n")
        return {}, environ
    return {"context": "mine"}, environ


@pytest.mark.parametrize("source", ["options", "environment", "context", "selected context"])
@pytest.mark.parametrize("login", LOGINS)
@within(20)
async def test_a_way_to_sign_in(at: Gates, login: str, source: str, tmp_path: Path) -> None:
    given, environ = source_of(source, options_of(login, at), environ_of(login, at), tmp_path)
    assert await who_am_i(given, environ) != ""


@pytest.mark.parametrize(("scheme", "options"), [("tls", {}), ("nats", {"tls_server_name": "localhost"}), ("nats", {})])
@within(20)
async def test_tls(at: Gates, scheme: str, options: dict[str, Any]) -> None:
    given = {"servers": at.url("tls", scheme), "tls_ca": at.ca, "user": "ada", "password": PASSWORD, **options}
    assert await who_am_i(given, {}) == "ada"


@within(20)
async def test_the_first_handshake_is_that_of_tls(at: Gates) -> None:
    given = {"servers": at.url("tls first"), "tls_ca": at.ca, "tls_first": True, "user": "ada", "password": PASSWORD}
    assert await who_am_i(given, {}) == "ada"


@pytest.mark.parametrize("server", ["mutual", "mutual first"])
@within(20)
async def test_a_certificate_of_the_client(at: Gates, server: str) -> None:
    given = {"servers": at.url(server), "tls_ca": at.ca, "tls_cert": at.certificate, "tls_key": at.key}
    assert await who_am_i({**given, "tls_first": "first" in server}, {}) == ""


@pytest.mark.parametrize("server", ["ws", "wss"])
@within(20)
async def test_over_websocket(at: Gates, server: str) -> None:
    pytest.importorskip("aiohttp")
    given = {"servers": at.server(server).websocket, "user": "ada", "password": PASSWORD}
    assert await who_am_i({**given, **({"tls_ca": at.ca} if server == "wss" else {})}, {}) == "ada"


@within(20)
async def test_an_inbox_prefix(at: Gates) -> None:
    async with connected(resolve({"servers": at.url("open"), "inbox_prefix": "_BOX.of.mine"}, {})) as js:
        assert js.nc.new_inbox().startswith("_BOX.of.mine.")


MISTYPED = "The password is wrong, and must not be shown"


def refusals(at: Gates) -> dict[str, tuple[Any, ...]]:
    """Options, and the sentences that may come after the address."""
    wrong_jwt, wrong_seed = at.operator.user("nobody")
    stranger, its_key = at.stranger
    tls = {"tls_ca": at.ca}
    certificate_wanted = "the server asks for a client's certificate. Give tls_cert and tls_key."
    return {
        "password": (
            {"servers": at.url("user"), "user": "ada", "password": MISTYPED},
            "the server refused the user 'ada' or its password. Correct it, or ask for access.",
        ),
        "token as a user": (
            {"servers": at.url("token"), "user": MISTYPED},
            "the server refused the token. Correct it, or ask for access.",
        ),
        "nothing": (
            {"servers": at.url("token")},
            "the server refused the connection without a login (give user and password, token or creds). Correct it, "
            "or ask for access.",
        ),
        "bearer": (
            {"servers": at.url("jwt"), "user_jwt": at.jwt},
            "the server refused the JWT of the user. Correct it, or ask for access.",
        ),
        "seed": (
            {"servers": at.url("jwt"), "user_jwt": wrong_jwt, "user_seed": at.seed},
            "the server refused the JWT of the user. Correct it, or ask for access.",
        ),
        "nkey": (
            {"servers": at.url("nkey"), "nkey_seed": wrong_seed},
            "the server refused the nkey. Correct it, or ask for access.",
        ),
        "creds": (
            {"servers": at.url("user"), "creds": at.creds()},
            f"the server refused the credentials in {at.creds()}. Correct it, or ask for access.",
        ),
        "no certificate": ({"servers": at.url("mutual"), **tls}, certificate_wanted),
        "a stranger's certificate": (
            {"servers": at.url("mutual"), **tls, "tls_cert": stranger, "tls_key": its_key},
            "TLS failed: the server refused it (tlsv1 alert unknown ca). Check tls_cert and tls_key.",
            # The alert may get lost with the connection.
            "TLS failed: the server cut the connection. Check tls_cert and tls_key.",
        ),
        "an authority that is not trusted": (
            {"servers": at.url("tls", "tls")},
            "TLS failed: unable to get local issuer certificate. Check tls_ca, tls_cert and tls_server_name.",
        ),
        "tls_first where there is no TLS": (
            {"servers": at.url("open"), **tls, "tls_first": True},
            "TLS failed: the server does not begin with TLS. Leave out tls_first.",
        ),
        "silence before TLS": (
            {"servers": at.url("tls first"), **tls, "connect_timeout": "300ms"},
            "no answer within 0.3 s. Is it a NATS server, and not behind a firewall, and does it begin with TLS "
            "(tls_first)?",
        ),
    }


REFUSALS = [
    "password",
    "token as a user",
    "nothing",
    "bearer",
    "seed",
    "nkey",
    "creds",
    "no certificate",
    "a stranger's certificate",
    "an authority that is not trusted",
    "tls_first where there is no TLS",
    "silence before TLS",
]


@pytest.mark.parametrize("case", REFUSALS)
@within(20)
async def test_who_is_not_let_in_reads_why(at: Gates, case: str) -> None:
    assert list(refusals(at)) == REFUSALS
    options, *sentences = refusals(at)[case]
    with pytest.raises(CannotConnect) as caught:
        await who_am_i(options, {})
    assert str(caught.value).partition(f"Could not connect to NATS at {options['servers']}: ")[2] in sentences


@within(20)
async def test_who_comes_to_a_first_handshake_without_a_certificate_reads_of_it(at: Gates) -> None:
    """In TLS 1.3 the client's handshake is over before the server says so, if it does."""
    with pytest.raises(CannotConnect, match="a client's certificate .*tls_cert and tls_key|tls_cert and tls_key"):
        await who_am_i({"servers": at.url("mutual first"), "tls_ca": at.ca, "tls_first": True}, {})


@within(20)
async def test_credentials_that_were_renewed_are_read_again(at: Gates, tmp_path: Path) -> None:
    """As by a task that has waited for its slot for a day: the second connection has the settings of the first."""
    path = tmp_path / "mine.creds"
    path.write_text(credentials(at.jwt, at.seed))
    settings = resolve({"servers": at.url("jwt"), "creds": str(path)}, {})
    users = []
    for jwt, seed in ((at.jwt, at.seed), at.operator.user("renewed")):
        path.write_text(credentials(jwt, seed))
        async with connected(settings) as js:
            users.append(json.loads((await js.nc.request("$SYS.REQ.USER.INFO", timeout=5)).data)["data"]["user"])
    assert users[0] != users[1]


@pytest.mark.parametrize("content", [None, "garbage"])
@within(20)
async def test_credentials_that_are_gone_meanwhile(at: Gates, tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "mine.creds"
    path.write_text(credentials(at.jwt, at.seed))
    settings = resolve({"servers": at.url("jwt"), "creds": str(path)}, {})
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(CannotConnect) as caught:
        async with connected(settings):
            pytest.fail("there is nothing to log in with")
    why = (
        f"the credentials cannot be read any more ([Errno 2] No such file or directory: '{path}')."
        if content is None
        else f"{path} holds no credentials any more. Write them again."
    )
    assert str(caught.value) == f"Could not connect to NATS at {at.url('jwt')}: {why}"
