# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a governed task makes of its surroundings, and what it tells of its slot, however it ends."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ansible.errors import AnsibleActionFail, AnsibleActionSkip
from ansible.plugins.action import ActionBase

from ansible_collections.jetstream.governor.plugins.action import governed
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import (
    NoVerdict,
    UnknownGovernor,
    WaitTimeout,
)
from ansible_collections.jetstream.governor.plugins.plugin_utils._hold import Hold
from ansible_collections.jetstream.governor.plugins.plugin_utils._interruption import Interruptions, SlotLost
from ansible_collections.jetstream.governor.plugins.plugin_utils._play import environment_here


class HoldWithoutServer:
    def release(self, _interruptions: Interruptions) -> bool:
        raise NoVerdict("Could not connect to nats://u:secret@h:4222.")

    def facts(self) -> dict[str, Any]:
        return {"governor": "g", "seq": 3, "lease": None}


def test_a_slot_that_could_not_be_released(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(governed.display, "warning", warnings.append)
    options = {"release": "always", "on_lost": "fail"}
    under = governed.WorkUnderSlot(cast(Hold, HoldWithoutServer()), options, Interruptions())
    result = under.run(lambda: {"rc": 0})
    assert result == {"rc": 0, "slot": {"governor": "g", "seq": 3, "lease": None, "released": False}}
    assert warnings == ["The slot could not be released; max_age ends it. Could not connect to nats://***@h:4222."]


def an_action(**task: Any) -> governed.ActionModule:
    """Return an action, as far as it needs no play."""
    action = governed.ActionModule.__new__(governed.ActionModule)
    action._task = cast(Any, SimpleNamespace(**{"no_log": False, "check_mode": False, "environment": [], **task}))
    action._templar = cast(Any, SimpleNamespace(template=lambda value: value))
    action._connection = cast(Any, SimpleNamespace(_shell=SimpleNamespace(env_prefix=lambda **_values: "")))
    return action


def test_the_environment_of_the_task_comes_before_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATS_URL", "nats://process:4222")
    monkeypatch.setenv("NATS_USER", "somebody")
    environments = [{"NATS_URL": "nats://block:4222", "NATS_TIMEOUT": 3}, {"NATS_URL": "nats://task:4222"}]
    found = environment_here(an_action(environment=environments))
    assert [found[name] for name in ("NATS_URL", "NATS_USER", "NATS_TIMEOUT")] == ["nats://task:4222", "somebody", "3"]


@pytest.mark.parametrize(
    ("task", "says"),
    [
        ({"args": {"governor": "g", "task": "x"}}, "task must be a mapping like a task of a playbook, not a text"),
        ({"args": {"governor": "g", "task": {"ping": {}}}, "async_val": 9}, "A governed task cannot run in the backgr"),
    ],
)
def test_what_is_refused_is_a_result_and_no_exception(
    monkeypatch: pytest.MonkeyPatch, task: dict[str, Any], says: str
) -> None:
    """ansible-core up to 2.18 told of an exception, with a traceback."""
    monkeypatch.setattr(ActionBase, "run", lambda *_words: {})
    action = an_action(**{"async_val": 0, "collections": [], **task})
    monkeypatch.setattr(action, "_is_action", lambda _word: False)
    result = action.run()
    assert (result.pop("msg").startswith(says), result) == (True, {"failed": True, "changed": False})


class HoldThatRaises:
    request = SimpleNamespace(stops_when_lost=False)

    def __init__(self, exc: Exception) -> None:
        self._exc = exc

    def facts(self) -> dict[str, Any]:
        return {"governor": "g", "seq": None, "attempts": None}

    def acquire(self, _interruptions: Interruptions) -> None:
        raise self._exc

    def look(self) -> None:
        raise self._exc


def never(_environment: Mapping[str, str]) -> dict[str, Any]:
    raise AssertionError("must not run")


@pytest.mark.parametrize(("on_timeout", "ends"), [("fail", {"failed": True}), ("skip", {"skipped": True})])
def test_what_is_known_of_a_slot_that_never_came_is_under_slot(on_timeout: str, ends: dict[str, Any]) -> None:
    hold = cast(Hold, HoldThatRaises(WaitTimeout("Timed out.", attempts=3, holders=[])))
    result = an_action()._governed(hold, never, {"on_timeout": on_timeout})
    assert result == {
        **ends,
        "changed": False,
        "msg": "Timed out.",
        "slot": {"governor": "g", "seq": None, "attempts": 3, "holders": []},
    }


def test_in_check_mode_a_governor_may_be_still_to_come(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(governed.display, "warning", warnings.append)
    hold = cast(Hold, HoldThatRaises(UnknownGovernor("There is no governor 'g'.")))
    result = an_action()._predicted(hold, lambda environment: {"changed": not environment})
    assert result == {"changed": True, "slot": hold.facts()}
    assert warnings == [
        "There is no governor 'g'. In check mode this is no failure: an earlier task may be the one that creates it."
    ]


def test_in_check_mode_what_makes_a_real_run_fail_does_so_too() -> None:
    hold = cast(Hold, HoldThatRaises(NoVerdict("Could not connect.")))
    result = an_action()._predicted(hold, never)
    assert result == {"failed": True, "changed": False, "msg": "Could not connect.", "slot": hold.facts()}


def test_an_exception_tells_of_the_slot_as_it_is_in_the_end() -> None:
    slot: dict[str, Any] = {"released": None}
    with pytest.raises(AnsibleActionFail) as caught, governed._told_of(slot):
        raise AnsibleActionFail("no", result={"rc": 7})
    slot["released"] = True
    assert caught.value.result["slot"] == {"released": True}
    assert caught.value.result["rc"] == 7


class HoldThatTells:
    """A hold that notes how it ended."""

    request = SimpleNamespace(tell_more=lambda _line: None)
    is_kept_by_another = False

    def __init__(self, lost: str | None = None) -> None:
        self.ended = ""
        self._lost = lost

    def release(self, _interruptions: Interruptions) -> bool:
        self.ended = "left"
        return self._lost is None

    def lost(self) -> str | None:
        return self._lost

    def keep(self) -> dict[str, Any]:
        self.ended = "kept"
        return {"released": False}

    def facts(self) -> dict[str, Any]:
        return {"governor": "g", "holder": "h", "seq": 3, "held": 1.0, "lease": 60.0}


@pytest.mark.parametrize(
    ("exc", "ended"), [(AnsibleActionSkip("not now"), "left"), (AnsibleActionFail("no"), "kept"), (OSError(), "kept")]
)
def test_a_task_that_calls_itself_off_has_not_failed(exc: Exception, ended: str) -> None:
    hold = HoldThatTells()

    def work() -> dict[str, Any]:
        raise exc

    with pytest.raises(type(exc)):
        governed.WorkUnderSlot(cast(Hold, hold), {"release": "on_success"}, Interruptions()).run(work)
    assert hold.ended == ended


class Stopping:
    """Interruptions in which the work is stopped: it raises what it is told to."""

    stopped = True

    @contextlib.contextmanager
    def working(self, _release: object) -> Iterator[None]:
        yield


SENTENCE = (
    "The slot of h in governor 'g' was lost while it worked (it was evicted): more may have worked at once than the "
    "limit allows."
)


@pytest.mark.parametrize("raised", [SlotLost(), OSError("as an action makes of it"), None])
@pytest.mark.parametrize("release", ["always", "on_success"])
def test_work_that_was_stopped_has_failed(
    monkeypatch: pytest.MonkeyPatch, raised: BaseException | None, release: str
) -> None:
    monkeypatch.setattr(governed.display, "warning", lambda _text: None)
    monkeypatch.setattr(governed, "end_local_work", lambda: None)
    hold = HoldThatTells(lost="it was evicted")

    def work() -> dict[str, Any]:
        if raised is not None:
            raise raised
        return {"rc": -15, "changed": True}

    options = {"release": release, "on_lost": "stop"}
    result = governed.WorkUnderSlot(cast(Hold, hold), options, cast(Interruptions, Stopping())).run(work)
    assert (result["failed"], result["changed"], result["msg"]) == (True, True, SENTENCE)
    assert (result["slot"]["lost"], result["slot"]["released"], hold.ended) == (True, False, "left")


@pytest.mark.parametrize(("on_lost", "fails"), [("warn", False), ("fail", True), ("stop", True)])
def test_a_slot_that_was_lost_before_anybody_could_stop_the_work(
    monkeypatch: pytest.MonkeyPatch, on_lost: str, fails: bool
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(governed.display, "warning", warnings.append)
    hold = cast(Hold, HoldThatTells(lost="it was evicted"))
    result = governed.WorkUnderSlot(hold, {"release": "always", "on_lost": on_lost}, Interruptions()).run(
        lambda: {"rc": 0}
    )
    assert (result.get("failed", False), result["rc"], result["slot"]["lost"]) == (fails, 0, True)
    assert warnings == [SENTENCE]
