# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Contexts of the NATS CLI: which one is taken, and what is wrong with those that cannot be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils._servers import DEFAULT_SERVER
from ansible_collections.jetstream.governor.plugins.module_utils._settings import resolve
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import InvalidValue


def save(path: Path, **fields: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(fields))
    return path


def sentence(context: str, **environ: str) -> str:
    with pytest.raises(InvalidValue) as caught:
        resolve({"context": context}, environ)
    return str(caught.value)


def test_by_name_in_xdg_config_home(tmp_path: Path) -> None:
    save(tmp_path / "nats/context/prod.json", url="nats://prod")
    assert resolve({"context": "prod"}, {"XDG_CONFIG_HOME": str(tmp_path)}).servers == ("nats://prod",)


@pytest.mark.parametrize("environ", [{}, {"XDG_CONFIG_HOME": ""}])
def test_by_name_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    save(tmp_path / ".config/nats/context/prod.json", url="nats://prod")
    assert resolve({"context": "prod"}, environ).servers == ("nats://prod",)


def test_by_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "prod.json", url="nats://prod")
    save(tmp_path / "sub/without-ending", url="nats://sub")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert resolve({"context": str(tmp_path / "prod.json")}, {}).servers == ("nats://prod",)
    assert resolve({"context": "prod.json"}, {}).servers == ("nats://prod",)
    assert resolve({"context": "~/prod.json"}, {}).servers == ("nats://prod",)
    assert resolve({"context": "sub/without-ending"}, {}).servers == ("nats://sub",)


def test_a_name_is_never_a_file_of_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "prod").touch()
    save(tmp_path / "nats/context/prod.json", url="nats://prod")
    monkeypatch.chdir(tmp_path)
    assert resolve({"context": "prod"}, {"XDG_CONFIG_HOME": str(tmp_path)}).servers == ("nats://prod",)


def test_from_the_environment_and_the_task_before_it(tmp_path: Path) -> None:
    mine, theirs = save(tmp_path / "a.json", url="nats://a"), save(tmp_path / "b.json", url="nats://b", user="b")
    assert resolve({}, {"NATS_CONTEXT": str(theirs)}).servers == ("nats://b",)
    settings = resolve({"context": str(mine)}, {"NATS_CONTEXT": str(theirs)})
    assert (settings.servers, settings.user) == (("nats://a",), None)


def test_an_empty_file_is_not_given(tmp_path: Path) -> None:
    empty = tmp_path / "empty.json"
    empty.touch()
    assert resolve({"context": str(empty)}, {}).servers == (DEFAULT_SERVER,)
    rest = {"NATS_CONTEXT": str(save(tmp_path / "b.json", url="nats://b"))}
    assert resolve({"context": str(empty)}, rest).servers == ("nats://b",)
    assert resolve({}, {"NATS_CONTEXT": str(empty), "NATS_URL": "nats://u"}).servers == ("nats://u",)


def test_fields_that_do_not_matter_here(tmp_path: Path) -> None:
    """All that the NATS CLI writes into a context where nothing is set."""
    path = save(
        tmp_path / "c.json",
        description="Production",
        url="nats://h",
        socks_proxy="",
        token="",
        user="",
        password="",
        creds="",
        nkey="",
        cert="",
        key="",
        ca="",
        nsc="",
        jetstream_domain="",
        jetstream_api_prefix="",
        jetstream_event_prefix="",
        inbox_prefix="",
        user_jwt="",
        color_scheme="",
        tls_first=False,
    )
    assert resolve({"context": str(path)}, {}) == resolve({"servers": ["nats://h"]}, {})


def test_the_home_folder_in_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "ca.pem").write_text("certificates")
    assert resolve({"context": str(save(tmp_path / "c.json", ca="~/ca.pem"))}, {}).tls_ca == f"{tmp_path}/ca.pem"


def test_one_that_is_missing(tmp_path: Path) -> None:
    assert sentence("prod", XDG_CONFIG_HOME=str(tmp_path)) == (
        f"There is no NATS context 'prod': {tmp_path}/nats/context/prod.json cannot be read "
        "(No such file or directory)."
    )
    assert sentence("/nowhere/prod.json") == (
        "There is no NATS context '/nowhere/prod.json': /nowhere/prod.json cannot be read (No such file or directory)."
    )


def test_one_that_is_a_folder(tmp_path: Path) -> None:
    assert sentence(str(tmp_path)) == (
        f"There is no NATS context '{tmp_path}': {tmp_path} cannot be read (Is a directory)."
    )


@pytest.mark.parametrize("content", [b'{"url": "nats://h"', b"url: nats://h", b"\xff\xfe"])
def test_one_that_is_not_json(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "c.json"
    path.write_bytes(content)
    assert sentence(str(path)).startswith(f"The NATS context '{path}' is broken: {path} is not JSON (")


@pytest.mark.parametrize("content", ["[]", '"nats://h"', "5", "null"])
def test_one_that_is_no_object(tmp_path: Path, content: str) -> None:
    path = tmp_path / "c.json"
    path.write_text(content)
    assert sentence(str(path)) == f"The NATS context '{path}' is broken: {path} holds no JSON object."


def test_fields_of_the_wrong_type_are_named_and_not_shown(tmp_path: Path) -> None:
    path = save(tmp_path / "c.json", url=["nats://h"], token=12345, tls_first="yes", user=None, inbox_prefix="_I")
    assert sentence(str(path)) == (
        f"The NATS context '{path}' is broken: {path} has a wrong type of value for url, token, tls_first."
    )


@pytest.mark.parametrize("field", ["nsc", "socks_proxy", "windows_cert_store", "of_a_later_version"])
def test_fields_that_are_not_supported(tmp_path: Path, field: str) -> None:
    path = save(tmp_path / "c.json", url="nats://h", **{field: "something"})
    assert sentence(str(path)) == (
        f"The NATS context '{path}' sets {field}, which is not supported here. "
        "Make a context without, or give the options themselves."
    )


def test_several_fields_that_are_not_supported(tmp_path: Path) -> None:
    path = save(tmp_path / "c.json", nsc="n", socks_proxy="s")
    assert "sets nsc, socks_proxy, which is not supported here." in sentence(str(path))


def test_the_environment_may_take_the_proxy_away(tmp_path: Path) -> None:
    path = save(tmp_path / "c.json", url="nats://h", socks_proxy="socks5://p")
    assert resolve({"context": str(path)}, {"NATS_SOCKS_PROXY": "none"}).servers == ("nats://h",)


def select(folder: Path, name: str) -> dict[str, str]:
    """Return an environment in which this context is selected."""
    (folder / "nats").mkdir(exist_ok=True)
    (folder / "nats" / "context.txt").write_text(f"{name}\n")
    return {"XDG_CONFIG_HOME": str(folder)}


def test_the_selected_one_comes_last(tmp_path: Path) -> None:
    save(tmp_path / "nats/context/prod.json", url="nats://prod", inbox_prefix="_P")
    save(tmp_path / "nats/context/other.json", url="nats://other")
    environ = select(tmp_path, "prod")
    assert resolve({}, environ).servers == ("nats://prod",)
    assert resolve({}, {**environ, "NATS_CONTEXT": "other"}).servers == ("nats://other",)
    settings = resolve({}, {**environ, "NATS_URL": "nats://e"})
    assert (settings.servers, settings.inbox_prefix) == (("nats://e",), "_P")
    assert resolve({"servers": ["nats://t"]}, environ).servers == ("nats://t",)
    assert resolve({"context": "other"}, environ).servers == ("nats://other",)


@pytest.mark.parametrize("content", ["", " \n"])
def test_none_is_selected(tmp_path: Path, content: str) -> None:
    assert resolve({}, select(tmp_path, content)).servers == (DEFAULT_SERVER,)


def test_the_selected_one_is_gone(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue) as caught:
        resolve({}, select(tmp_path, "gone"))
    assert str(caught.value) == (
        f"There is no NATS context 'gone' (selected in {tmp_path}/nats/context.txt): "
        f"{tmp_path}/nats/context/gone.json cannot be read (No such file or directory). "
        "Select another one (nats context select), or unselect it."
    )


def test_the_task_s_own_comes_before_the_environment_and_every_other_after_it(tmp_path: Path) -> None:
    path, environ = str(save(tmp_path / "c.json", url="nats://c")), {"NATS_URL": "nats://e"}
    assert resolve({"context": path}, environ).servers == ("nats://c",)
    assert resolve({}, {**environ, "NATS_CONTEXT": path}).servers == ("nats://e",)


def test_what_is_wrong_with_a_login_that_is_not_used_does_not_matter(tmp_path: Path) -> None:
    path = save(tmp_path / "c.json", url="nats://c", creds="op://vault/item")
    assert resolve({"token": "t"}, {"NATS_CONTEXT": str(path)}).token == "t"


def test_a_user_without_a_password_is_a_token_and_takes_no_other_user_s_password(tmp_path: Path) -> None:
    context = str(save(tmp_path / "c.json", user="other", password="p"))
    assert resolve({"user": "t"}, {"NATS_CONTEXT": context}).token == "t"
    same = resolve({"user": "other"}, {"NATS_CONTEXT": context})
    assert (same.user, same.password, same.token) == ("other", "p", None)


def test_a_login_in_a_url_counts_for_its_source(tmp_path: Path) -> None:
    context = str(save(tmp_path / "c.json", token="of-the-context"))
    environ = {"NATS_CONTEXT": context}
    assert resolve({"servers": ["nats://of-the-task@h"]}, environ).token == "of-the-task"
    assert resolve({"servers": ["nats://of-the-task@h"], "token": "t"}, environ).token == "t"
    assert resolve({"servers": ["nats://h"]}, {**environ, "NATS_URL": "nats://not-used@h"}).token == "of-the-context"
