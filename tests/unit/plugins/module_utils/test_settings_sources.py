# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which source an option comes from: the task, the context that it names, the environment, or another context."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils._connection_options import CONNECTION_OPTIONS
from ansible_collections.jetstream.governor.plugins.module_utils._servers import DEFAULT_SERVER
from ansible_collections.jetstream.governor.plugins.module_utils._settings import ENVIRONMENT, resolve
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import InvalidValue
from ansible_collections.jetstream.governor.tests.support.seeds import seed_of

FIELDS = {
    "servers": "url",
    "user": "user",
    "password": "password",
    "token": "token",
    "creds": "creds",
    "nkey_seed": "nkey",
    "user_jwt": "user_jwt",
    "user_seed": "user_seed",
    "tls_ca": "ca",
    "tls_cert": "cert",
    "tls_key": "key",
    "tls_first": "tls_first",
    "js_domain": "jetstream_domain",
    "js_api_prefix": "jetstream_api_prefix",
    "inbox_prefix": "inbox_prefix",
}
"""The fields of a NATS CLI context, by the option that they stand for."""

FILES = ("creds", "tls_ca", "tls_cert", "tls_key")
AUTH_METHODS = ("token", "creds", "nkey_seed", "user_jwt")
PAIRS = [("user", "password"), ("user_jwt", "user_seed"), ("tls_cert", "tls_key")]
LONE = [option for option in CONNECTION_OPTIONS if option not in ("context", *sum(PAIRS, ()))] + ["user_jwt"]
"""The options that make sense without another one."""

CREDS = f"""
-----BEGIN NATS USER JWT-----
header.claims.signature
------END NATS USER JWT------

-----BEGIN USER NKEY SEED-----
{seed_of(b"D")}
------END USER NKEY SEED------
"""
SEEDS = {source: seed_of(source.encode()) for source in ("task", "context", "environment")}
DEFAULTS = {"servers": (DEFAULT_SERVER,), "tls_first": False, "connect_timeout": 5.0, "request_timeout": 5.0}


class Sources:
    """Values that tell the source they are from, and what ``resolve`` makes of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def value(self, option: str, source: str) -> Any:
        if option in FILES:
            path = self.folder / f"{option}-of-{source}"
            path.write_text(CREDS)
            return str(path)
        if option in ("nkey_seed", "user_seed"):
            return SEEDS[source]
        if option == "user_jwt":
            return f"eyJ.{source}.c2ln"
        if option == "servers":
            return ["nats://task:1", "nats://task:2"] if source == "task" else f"nats://{source}:1,nats://{source}:2"
        if option.endswith("_timeout"):
            return {"task": "1s", "context": "2s", "environment": "3s"}[source]
        return source == "task" if option == "tls_first" else source

    def expected(self, option: str, source: str) -> Any:
        if option == "servers":
            return (f"nats://{source}:1", f"nats://{source}:2")
        if option.endswith("_timeout"):
            return {"task": 1.0, "context": 2.0, "environment": 3.0}[source]
        return self.value(option, source)

    def context(self, fields: Mapping[str, Any]) -> str:
        path = self.folder / "some.json"
        path.write_text(json.dumps(fields))
        return str(path)

    def resolved(self, task: Mapping[str, Any], context: Mapping[str, Any], environment: Mapping[str, Any]) -> Any:
        """Return the three sources by the names of the options."""
        options = {**dict.fromkeys(CONNECTION_OPTIONS), **task}
        if context:
            options["context"] = self.context({FIELDS[option]: value for option, value in context.items()})
        return resolve(options, {ENVIRONMENT[option]: value for option, value in environment.items()})


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    return Sources(tmp_path)


def having(option: str) -> list[str]:
    """Return the sources that have the option, in their order."""
    return ["task"] + ["context"] * (option in FIELDS) + ["environment"] * (option in ENVIRONMENT)


def test_the_names_of_the_environment_are_those_of_the_nats_cli() -> None:
    assert ENVIRONMENT == {
        "servers": "NATS_URL",
        "context": "NATS_CONTEXT",
        "user": "NATS_USER",
        "password": "NATS_PASSWORD",
        "token": "NATS_TOKEN",
        "creds": "NATS_CREDS",
        "nkey_seed": "NATS_NKEY",
        "user_jwt": "NATS_JWT",
        "user_seed": "NATS_SEED",
        "tls_ca": "NATS_CA",
        "tls_cert": "NATS_CERT",
        "tls_key": "NATS_KEY",
        "request_timeout": "NATS_TIMEOUT",
    }


def test_nothing_given() -> None:
    settings = resolve(dict.fromkeys(CONNECTION_OPTIONS), {})
    assert {option: getattr(settings, option) for option in CONNECTION_OPTIONS if option != "context"} == {
        **dict.fromkeys(option for option in CONNECTION_OPTIONS if option != "context"),
        **DEFAULTS,
    }


@pytest.mark.parametrize(("option", "source"), [(option, source) for option in LONE for source in having(option)])
def test_an_option_from_each_of_its_sources(sources: Sources, option: str, source: str) -> None:
    given: dict[str, dict[str, Any]] = {"task": {}, "context": {}, "environment": {}}
    given[source] = {option: sources.value(option, source)}
    assert getattr(sources.resolved(**given), option) == sources.expected(option, source)


@pytest.mark.parametrize("source", ["task", "context", "environment"])
@pytest.mark.parametrize("pair", PAIRS)
def test_options_that_come_in_pairs_from_each_source(sources: Sources, pair: tuple[str, str], source: str) -> None:
    given: dict[str, dict[str, Any]] = {"task": {}, "context": {}, "environment": {}}
    given[source] = {option: sources.value(option, source) for option in pair}
    settings = sources.resolved(**given)
    assert [getattr(settings, option) for option in pair] == [sources.expected(option, source) for option in pair]


@pytest.mark.parametrize("option", LONE)
def test_the_first_source_that_has_an_option_wins(sources: Sources, option: str) -> None:
    left = having(option)
    while left:
        given = {
            source: {option: sources.value(option, source)} if source in left else {} for source in having("servers")
        }
        assert getattr(sources.resolved(**given), option) == sources.expected(option, left[0]), left
        del left[0]


def test_options_of_one_connection_may_come_from_three_sources(sources: Sources) -> None:
    settings = sources.resolved({"user": "u"}, {"js_domain": "hub"}, {"password": "p", "servers": "nats://h"})
    assert (settings.user, settings.password, settings.js_domain) == ("u", "p", "hub")
    assert settings.servers == ("nats://h",)


def test_a_false_of_the_task_is_not_nothing(sources: Sources) -> None:
    assert sources.resolved({"tls_first": False}, {"tls_first": True}, {}).tls_first is False


@pytest.mark.parametrize("method", AUTH_METHODS)
@pytest.mark.parametrize("source", ["task", "context", "environment"])
def test_the_way_to_authenticate_is_that_of_the_first_source_with_any(
    sources: Sources, method: str, source: str
) -> None:
    """The ways of the later sources do not matter, and are not mixed in."""
    order = ["task", "context", "environment"]
    first = order.index(source)
    for other in AUTH_METHODS:
        given: dict[str, dict[str, Any]] = {each: {} for each in order}
        given[source] = {method: sources.value(method, source)}
        for later in order[first + 1 :]:
            given[later] = {other: sources.value(other, later)}
        settings = sources.resolved(**given)
        assert {each: getattr(settings, each) for each in AUTH_METHODS} == {
            **dict.fromkeys(AUTH_METHODS),
            method: sources.expected(method, source),
        }


@pytest.mark.parametrize("method", ["token", "creds", "nkey_seed"])
def test_a_password_of_a_later_source_is_left_out_with_its_user(sources: Sources, method: str) -> None:
    task = {method: sources.value(method, "task")}
    settings = sources.resolved(task, {}, {"user": "u", "password": "p"})
    assert (settings.user, settings.password) == (None, None)
    assert "p" not in settings.secrets


@pytest.mark.parametrize(("source", "named"), [("task", "the task"), ("environment", "the environment")])
def test_two_ways_to_authenticate_in_one_source(sources: Sources, source: str, named: str) -> None:
    given: dict[str, dict[str, Any]] = {"task": {}, "context": {}, "environment": {}}
    given[source] = {"token": "t", "user": "u", "password": "p"}
    with pytest.raises(InvalidValue) as caught:
        sources.resolved(**given)
    assert str(caught.value) == f"{named} gives user and token: choose one way to authenticate."


def test_two_ways_to_authenticate_in_a_context(sources: Sources) -> None:
    context = {"creds": sources.value("creds", "context"), "nkey_seed": SEEDS["context"]}
    with pytest.raises(InvalidValue) as caught:
        sources.resolved({}, context, {})
    path = sources.folder / "some.json"
    assert str(caught.value) == f"context '{path}' gives creds and nkey_seed: choose one way to authenticate."


def test_two_ways_in_a_source_that_does_not_matter_are_no_error(sources: Sources) -> None:
    assert sources.resolved({"token": "t"}, {}, {"user": "u", "creds": sources.value("creds", "context")}).token == "t"


@pytest.mark.parametrize("option", LONE)
@pytest.mark.parametrize("empty", [None, ""])
def test_an_empty_value_of_the_task_is_not_given(sources: Sources, option: str, empty: str | None) -> None:
    rest = having(option)[1:]
    given = {source: {option: sources.value(option, source)} if source in rest else {} for source in having("servers")}
    given["task"] = {option: empty}
    expected = sources.expected(option, rest[0]) if rest else DEFAULTS.get(option)
    assert getattr(sources.resolved(**given), option) == expected


@pytest.mark.parametrize("empty", [[], [""], ["", ""], [" "], ""])
def test_an_empty_list_of_servers_is_not_given(sources: Sources, empty: Any) -> None:
    assert sources.resolved({"servers": empty}, {}, {"servers": "nats://e"}).servers == ("nats://e",)
    assert sources.resolved({"servers": empty}, {}, {}).servers == (DEFAULT_SERVER,)


@pytest.mark.parametrize("option", [option for option in LONE if option in FIELDS and option != "tls_first"])
@pytest.mark.parametrize("empty", [None, ""])
def test_an_empty_field_of_a_context_is_not_given(sources: Sources, option: str, empty: str | None) -> None:
    environment = {option: sources.value(option, "environment")} if option in ENVIRONMENT else {}
    expected = sources.expected(option, "environment") if environment else DEFAULTS.get(option)
    assert getattr(sources.resolved({}, {option: empty}, environment), option) == expected


@pytest.mark.parametrize("option", ENVIRONMENT)
def test_an_empty_variable_is_not_given(option: str) -> None:
    assert resolve({}, {ENVIRONMENT[option]: ""}) == resolve({}, {})


@pytest.mark.parametrize("option", [*FILES, "nkey_seed"])
def test_an_empty_file_is_not_given(sources: Sources, option: str) -> None:
    empty = sources.folder / "empty"
    empty.touch()
    partner = {"tls_cert": "tls_key", "tls_key": "tls_cert"}.get(option)
    given: dict[str, dict[str, Any]] = {
        source: {each: sources.value(each, source) for each in (option, partner) if each}
        for source in having("servers")
    }
    given["task"] = {option: str(empty)}
    assert getattr(sources.resolved(**given), option) == sources.expected(option, "context")
    given["context"] = {option: str(empty)}
    assert getattr(sources.resolved(**given), option) == sources.expected(option, "environment")
    given["environment"] = {option: str(empty)}
    assert getattr(sources.resolved(**given), option) is None


def test_a_login_whose_file_is_empty_does_not_keep_another_out(sources: Sources) -> None:
    empty = sources.folder / "empty"
    empty.touch()
    assert sources.resolved({"creds": str(empty), "token": ""}, {}, {"token": "t"}).token == "t"
