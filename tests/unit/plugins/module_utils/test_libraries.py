# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A package that is not there, too old or broken is told in one sentence, the same to modules, actions and callback."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path
from platform import node

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils._libraries import (
    MissingLibrary,
    require,
    require_to_connect,
)
from ansible_collections.jetstream.governor.plugins.module_utils._query import Query
from ansible_collections.jetstream.governor.plugins.module_utils._settings import Settings
from ansible_collections.jetstream.governor.plugins.plugin_utils._preload import require_here

SEED = "SU" + "A" * 56
HERE = f"{sys.executable} on {node()}"


def sentence(settings: Settings) -> str:
    with pytest.raises(MissingLibrary) as caught:
        require_to_connect(settings, "do without")
    return str(caught.value)


def test_without_nats_py(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nats", None)
    assert sentence(Settings()) == (
        f"A connection to NATS needs the Python package nats-py 2.10.0 or newer, which {HERE} lacks: install it there, "
        "or do without."
    )


def test_something_else_of_that_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(package: str) -> str:
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr(metadata, "version", version)
    assert f"nats-py 2.10.0 or newer, which {HERE} lacks: " in sentence(Settings())


@pytest.mark.parametrize("found", ["2.9.0", "2.9.99", "0.10.0", "1.9", "2.9.0.dev1"])
def test_a_nats_py_that_is_too_old(monkeypatch: pytest.MonkeyPatch, found: str) -> None:
    monkeypatch.setattr(metadata, "version", lambda _package: found)
    assert f"nats-py 2.10.0 or newer, and {HERE} has {found}: install it there, " in sentence(Settings())


@pytest.mark.parametrize("found", ["2.10.0", "2.10.1", "2.11.0", "3.0.0", "2.10.0.dev1", "2.10.0rc1"])
def test_a_nats_py_that_is_new_enough(monkeypatch: pytest.MonkeyPatch, found: str) -> None:
    monkeypatch.setattr(metadata, "version", lambda _package: found)
    require_to_connect(Settings(), "do without")


@pytest.mark.parametrize(
    "settings", [Settings(creds="/a.creds"), Settings(nkey_seed=SEED), Settings(user_jwt="a.b.c", user_seed=SEED)]
)
def test_a_seed_needs_nkeys(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setitem(sys.modules, "nkeys", None)
    assert sentence(settings) == (
        f"A login with a seed (creds, nkey_seed or user_seed) needs the Python package nkeys, which {HERE} lacks: "
        "install it there, or do without."
    )


def test_other_logins_do_not_need_nkeys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nkeys", None)
    require_to_connect(Settings(token="t"), "do without")
    require_to_connect(Settings(user_jwt="a.b.c"), "do without")


def test_websocket_needs_aiohttp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    require_to_connect(Settings(), "do without")
    assert sentence(Settings(servers=("wss://h",))) == (
        f"A connection over WebSocket (ws:// or wss://) needs the Python package aiohttp, which {HERE} lacks: install "
        "it there, or do without."
    )


def test_a_package_that_is_there_and_does_not_load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "broken_library.py").write_text("import no_such_library\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingLibrary, match=r"which .* cannot load \(No module named 'no_such_library'\): install"):
        require("broken_library", "broken-library", "This", "do without")


def test_a_query_needs_jmespath(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jmespath", None)
    with pytest.raises(MissingLibrary, match=r"^The option query needs the Python package jmespath, which .* lacks: "):
        Query("a")


def test_what_runs_on_the_controller_is_told_what_to_do_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """An action and the callback; once both ended in what Python says."""
    monkeypatch.setitem(sys.modules, "nkeys", None)
    with pytest.raises(MissingLibrary, match=r": install it there, or put it into the execution environment\.$"):
        require_here(Settings(nkey_seed=SEED))
