# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a governed task makes of its surroundings, and what it tells of its slot, however it ends."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ansible.plugins.action import ActionBase

from ansible_collections.jetstream.governor.plugins.action import governed
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import (
    GovernorError,
    NoVerdict,
    UnknownGovernor,
    WaitTimeout,
)
from ansible_collections.jetstream.governor.plugins.plugin_utils._holds import Holds
from ansible_collections.jetstream.governor.plugins.plugin_utils._interruption import Interruptions
from ansible_collections.jetstream.governor.plugins.plugin_utils._play import environment_here


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


class HoldsThatRaise:
    """The slots of two governors, of which ``b`` cannot be had."""

    def __init__(self, exc: Exception) -> None:
        self._exc = exc

    def facts(self) -> list[dict[str, Any]]:
        return [{"governor": name, "seq": None, "attempts": None} for name in "ab"]

    def facts_with(self, exc: GovernorError) -> list[dict[str, Any]]:
        a, b = self.facts()
        return [a, {**b, **exc.facts}]

    def lost(self) -> None:
        return None

    def acquire(self, _interruptions: Interruptions) -> None:
        raise self._exc

    def look(self) -> None:
        raise self._exc


def never(_environment: Mapping[str, str]) -> dict[str, Any]:
    raise AssertionError("must not run")


@pytest.mark.parametrize(("on_timeout", "ends"), [("fail", {"failed": True}), ("skip", {"skipped": True})])
def test_what_is_known_of_slots_that_never_came_is_under_slots(on_timeout: str, ends: dict[str, Any]) -> None:
    holds = cast(Holds, HoldsThatRaise(WaitTimeout("Timed out.", attempts=3, holders=[])))
    result = an_action()._governed(holds, never, {"on_timeout": on_timeout, "on_lost": "warn"})
    assert result == {
        **ends,
        "changed": False,
        "msg": "Timed out.",
        "slots": [
            {"governor": "a", "seq": None, "attempts": None},
            {"governor": "b", "seq": None, "attempts": 3, "holders": []},
        ],
    }


def test_in_check_mode_a_governor_may_be_still_to_come(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(governed.display, "warning", warnings.append)
    holds = HoldsThatRaise(OSError())
    monkeypatch.setattr(holds, "look", lambda: [UnknownGovernor("There is no governor 'a'.")])
    result = an_action()._predicted(cast(Holds, holds), lambda environment: {"changed": not environment})
    assert result == {"changed": True, "slots": holds.facts()}
    assert warnings == [
        "There is no governor 'a'. In check mode this is no failure: an earlier task may be the one that creates it."
    ]


def test_in_check_mode_what_makes_a_real_run_fail_does_so_too() -> None:
    holds = cast(Holds, HoldsThatRaise(NoVerdict("Could not connect.")))
    result = an_action()._predicted(holds, never)
    assert result == {"failed": True, "changed": False, "msg": "Could not connect.", "slots": holds.facts()}


def test_of_several_slots_the_work_is_told_in_lists() -> None:
    one: dict[str, Any] = {"governor": "db", "seq": 7}
    assert governed._environment([one]) == {"GOVERNOR_NAME": "db", "GOVERNOR_SEQ": "7"}
    two = [one, {"governor": "a,b", "seq": 9}]
    assert governed._environment(two) == {"GOVERNOR_NAME": "db a,b", "GOVERNOR_SEQ": "7 9"}
