# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules do with their parameters before they need a connection."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import Any, NamedTuple, Optional

import pytest
from ansible.module_utils import basic

from ansible_collections.jetstream.governor.plugins.module_utils import _governors as governors
from ansible_collections.jetstream.governor.plugins.module_utils import _slots as slots
from ansible_collections.jetstream.governor.plugins.module_utils._runner import Work
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import InvalidValue
from ansible_collections.jetstream.governor.plugins.modules import governor_info, governor_slot, governor_stream

ALL = [governor_info, governor_slot, governor_stream]
NAMED = {governor_info: {}, governor_slot: {"governor": "g"}, governor_stream: {"name": "g"}}
FOUND: dict[str, Any] = {"changed": False, "governors": [{"name": "a"}, {"name": "b"}], "missing": ["c"]}


class Run(NamedTuple):
    """The module and the work that it was about to do."""

    module: basic.AnsibleModule
    work: Work
    process: Optional[int] = None


def give(monkeypatch: pytest.MonkeyPatch, params: dict[str, Any]) -> None:
    """Let the next AnsibleModule get these parameters."""
    monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": params}).encode())
    # From 2.19 on, the form of the arguments has a name.
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)


def run_of(monkeypatch: pytest.MonkeyPatch, module: Any, **params: Any) -> Run:
    runs: list[Run] = []
    give(monkeypatch, {**NAMED[module], **params})
    monkeypatch.setattr(module, "run", lambda *what: runs.append(Run(*what)))
    module.main()
    return runs[0]


def refusal_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], module: Any, **params: Any
) -> dict[str, Any]:
    """Return the result with which the module refuses these parameters."""
    give(monkeypatch, params)
    monkeypatch.setattr(module, "run", lambda *_what: pytest.fail("it must not begin"))
    with pytest.raises(SystemExit) as caught:
        module.main()
    assert caught.value.code == 1
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


@pytest.mark.parametrize("module", ALL)
def test_connection_options_are_taken(monkeypatch: pytest.MonkeyPatch, module: Any) -> None:
    given = {"servers": "nats://a,nats://b", "tls_first": "yes", "password": "p", "connect_timeout": 3, "user": ""}
    params = run_of(monkeypatch, module, **given).module.params
    assert params["servers"] == ["nats://a", "nats://b"]
    assert params["tls_first"] is True
    assert (params["password"], params["connect_timeout"], params["user"], params["token"]) == ("p", "3", "", None)


@pytest.mark.parametrize("module", ALL)
def test_paths_may_begin_at_home(monkeypatch: pytest.MonkeyPatch, module: Any) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert run_of(monkeypatch, module, tls_ca="~/ca.pem").module.params["tls_ca"] == "/home/me/ca.pem"


@pytest.mark.parametrize("module", ALL)
@pytest.mark.parametrize("secret", ["password", "token", "nkey_seed", "user_jwt", "user_seed"])
def test_secrets_are_known_to_ansible(monkeypatch: pytest.MonkeyPatch, module: Any, secret: str) -> None:
    assert run_of(monkeypatch, module, **{secret: "hush"}).module.no_log_values == {"hush"}


@pytest.mark.parametrize("module", ALL)
@pytest.mark.parametrize("check_mode", [False, True])
def test_check_mode_is_supported(monkeypatch: pytest.MonkeyPatch, module: Any, check_mode: bool) -> None:
    assert run_of(monkeypatch, module, _ansible_check_mode=check_mode).module.check_mode is check_mode


@pytest.mark.parametrize(
    ("state", "work"),
    [
        (None, governors.present),
        ("present", governors.present),
        ("absent", governors.absent),
        ("reset", governors.reset),
    ],
)
def test_the_states_of_governor_stream(monkeypatch: pytest.MonkeyPatch, state: Optional[str], work: Any) -> None:
    given = {"state": state} if state else {}
    run = run_of(monkeypatch, governor_stream, _ansible_check_mode=True, max_age=90, **given)
    assert isinstance(run.work, partial)
    warn = {} if work is governors.absent else {"warn": run.module.warn}
    assert (run.work.func, run.work.keywords) == (work, {"params": run.module.params, "check_mode": True, **warn})
    assert run.module.params["max_age"] == "90"


@pytest.mark.parametrize(
    ("state", "work"),
    [(None, slots.acquire), ("acquired", slots.acquire), ("released", slots.release), ("evicted", slots.evict)],
)
def test_the_states_of_governor_slot(monkeypatch: pytest.MonkeyPatch, state: Optional[str], work: Any) -> None:
    run = run_of(monkeypatch, governor_slot, **({"state": state} if state else {}))
    assert isinstance(run.work, partial)
    assert (run.work.func, run.work.args) == (slots.carry_out, (work, run.module))


def test_a_slot_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    params = run_of(monkeypatch, governor_slot).module.params
    own = ("holder", "run_id", "seq", "wait_timeout", "interval", "backoff", "on_timeout", "guard", "play")
    assert [params[name] for name in own] == [None, None, None, "5m", None, None, "fail", "fail", None]


def test_backoff_is_a_name_or_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    for given, taken in (("FiveSec", ["FiveSec"]), ([500, 1000], ["500", "1000"]), ("500,1000", ["500", "1000"])):
        assert run_of(monkeypatch, governor_slot, backoff=given).module.params["backoff"] == taken


@pytest.mark.parametrize(
    ("module", "params", "sentence"),
    [
        (governor_stream, {}, "missing required arguments: name"),
        (governor_slot, {}, "missing required arguments: governor"),
        (
            governor_stream,
            {"name": "g", "subject": "a", "collective": "b"},
            "parameters are mutually exclusive: subject|collective",
        ),
        (governor_info, {"name": ["g"], "collective": "b"}, "parameters are mutually exclusive: name|collective"),
        (
            governor_slot,
            {"governor": "g", "state": "present"},
            "value of state must be one of: acquired, released, evicted, got: present",
        ),
        (
            governor_slot,
            {"governor": "g", "guard": "none"},
            "value of guard must be one of: fail, warn, off, got: none",
        ),
    ],
)
def test_what_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    module: Any,
    params: dict[str, Any],
    sentence: str,
) -> None:
    assert refusal_of(monkeypatch, capsys, module, **params)["msg"] == sentence


class Asked(NamedTuple):
    names: list[str]
    collective: Optional[str]
    with_entries: bool


def info_work(monkeypatch: pytest.MonkeyPatch, **params: Any) -> tuple[Work, list[Asked]]:
    """Return the work of governor_info, and the list of what it will have asked for."""
    asked: list[Asked] = []

    async def info(_js: Any, *what: Any) -> dict[str, Any]:
        asked.append(Asked(*what))
        return dict(FOUND)

    monkeypatch.setattr(governor_info, "info", info)
    return run_of(monkeypatch, governor_info, **params).work, asked


async def done(work: Work) -> dict[str, Any]:
    nothing: Any = None
    return await work(nothing)


def test_info_without_a_query(monkeypatch: pytest.MonkeyPatch) -> None:
    for empty in ({}, {"query": ""}):
        work, asked = info_work(monkeypatch, name=["a", "b", "c"], **empty)
        assert asyncio.run(done(work)) == FOUND
        assert asked == [Asked(["a", "b", "c"], None, with_entries=True)]


def test_info_with_a_query(monkeypatch: pytest.MonkeyPatch) -> None:
    work, _asked = info_work(monkeypatch, query="[governors[].name, missing, changed]")
    assert asyncio.run(done(work)) == {**FOUND, "result": [["a", "b"], ["c"], None]}


@pytest.mark.parametrize(
    ("params", "with_entries"),
    [
        ({}, False),
        ({"collective": "ops"}, False),
        ({"name": ["a"]}, True),
        ({"query": "governors[].name"}, False),
        ({"query": "governors[].entries[].holder"}, True),
        ({"name": ["a"], "query": "governors[].limit"}, True),
        ({"entries": True}, True),
        ({"entries": True, "query": "governors[].entries"}, True),
        ({"name": ["a"], "entries": False}, False),
        ({"entries": False, "query": "governors[].name"}, False),
    ],
)
def test_entries_are_read_where_they_are_wanted(
    monkeypatch: pytest.MonkeyPatch, params: dict[str, Any], with_entries: bool
) -> None:
    work, asked = info_work(monkeypatch, **params)
    asyncio.run(done(work))
    assert [each.with_entries for each in asked] == [with_entries]


def test_a_query_for_entries_that_are_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    work, asked = info_work(monkeypatch, name=["a"], entries=False, query="governors[].entries[].holder")
    with pytest.raises(InvalidValue) as caught:
        asyncio.run(done(work))
    assert str(caught.value) == (
        "query 'governors[].entries[].holder' asks for entries, and 'entries: false' leaves them out. Leave 'entries' "
        "out, or ask for something else."
    )
    assert asked == []


def test_a_broken_query_is_refused_before_anything_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    work, asked = info_work(monkeypatch, query="governors[")
    with pytest.raises(InvalidValue, match="^query is not JMESPath: "):
        asyncio.run(done(work))
    assert asked == []
