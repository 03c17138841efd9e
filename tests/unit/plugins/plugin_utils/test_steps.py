# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several tasks, one after the other: how they end, and what those after them see. Without real actions."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Callable, cast

import pytest
from ansible.errors import AnsibleActionFail, AnsibleActionSkip, AnsibleConnectionFailure, AnsibleError

from ansible_collections.jetstream.governor.plugins.plugin_utils import _steps as module
from ansible_collections.jetstream.governor.plugins.plugin_utils._steps import run_steps
from ansible_collections.jetstream.governor.plugins.plugin_utils._summary import Result

Does = Callable[..., Result]

FACTS, SET_FACT = 1, 3
"""The layers of variables that ansible-core has since 2.21."""


@pytest.fixture(autouse=True)
def _actions_set_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ACTIONS_SET_VARIABLES", True)
    monkeypatch.setattr(module, "_FACTS", FACTS)


ENVIRONMENT = {"GOVERNOR_NAME": "g"}


class Step:
    """A wrapped action that calls ``does`` with the variables, and with what registers some."""

    def __init__(self, name: str, does: Does, action: str = "some.collection.action") -> None:
        self.name = name
        self._does = does
        self._action = action

    def full_name(self, _outer: object) -> str:
        return self._action

    def run(self, _outer: object, task_vars: Result, environment: dict[str, str], register: Any) -> Result:
        assert environment == ENVIRONMENT
        return self._does(task_vars, register)


class Outer:
    def __init__(self, **task: Any) -> None:
        self._task = SimpleNamespace(**{"delegate_to": None, "delegate_facts": None, "changed_when": None, **task})
        self._templar = SimpleNamespace(available_variables=None)
        self.registered: dict[Any, Any] = {}

    def register_host_variables(self, variables: Result, layer: Any) -> None:
        self.registered[layer] = variables


def raising(exc: BaseException) -> Does:
    def does(_task_vars: Result, _register: Any) -> Result:
        raise exc

    return does


def returning(**result: Any) -> Does:
    return lambda _task_vars, _register: result


def run(*does: Does, outer: Any = None, known: Any = None) -> Result:
    return run_steps(
        cast(Any, [Step(f"t{number}", each) for number, each in enumerate(does, 1)]),
        outer or cast(Any, Outer()),
        {} if known is None else known,
        ENVIRONMENT,
        lambda _result: None,
    )


def test_each_is_shown_when_it_ends_and_the_first_failure_ends_all() -> None:
    told: list[str] = []

    def second(_task_vars: Result, _register: Any) -> Result:
        told.append("t2 begins")
        return {"rc": 3}

    steps = [
        Step("t1", returning(changed=True)),
        Step("t2", second),
        Step("t3", raising(AssertionError("must not run"))),
    ]
    together = run_steps(
        cast(Any, steps),
        cast(Any, Outer()),
        {},
        ENVIRONMENT,
        lambda result: told.append(f"{result['task']} {result['action']}"),
    )
    assert told == ["t1 some.collection.action", "t2 begins", "t2 some.collection.action"]
    assert [result["task"] for result in together["results"]] == ["t1", "t2"]


@pytest.mark.parametrize(
    ("exc", "result"),
    [
        (AnsibleActionFail("no", result={"rc": 7}), {"failed": True, "msg": "no", "rc": 7}),
        (AnsibleError("no such file"), {"failed": True, "msg": "no such file"}),
        (AnsibleConnectionFailure("no way"), {"unreachable": True, "msg": "no way"}),
        (ValueError("odd"), {"failed": True, "msg": "Unexpected failure, ValueError: odd"}),
    ],
)
def test_what_is_raised_leaves_the_results_before_it(exc: Exception, result: Result) -> None:
    together = run(returning(stdout="before"), raising(exc), raising(AssertionError("must not run")))
    assert [each.get("stdout") for each in together["results"]] == ["before", None]
    last = together["results"][1]
    assert {key: last[key] for key in result} == result
    assert together["msg"] == f"t2: {result['msg']}"
    assert together.get("unreachable", False) == result.get("unreachable", False)


def test_who_calls_it_off_does_not_end_those_after_it() -> None:
    together = run(raising(AnsibleActionSkip("not now", result={"when": "later"})), returning(stdout="after"))
    first, last = together["results"]
    assert (first["skipped"], first["msg"], first["when"], last["stdout"]) == (True, "not now", "later", "after")
    assert "skipped" not in together


def test_the_timeout_of_the_task_is_not_a_result() -> None:
    with pytest.raises(KeyboardInterrupt):
        run(raising(KeyboardInterrupt()))


def test_facts_are_seen_by_those_after_and_are_the_hosts_in_the_end() -> None:
    outer, known = Outer(), {"ansible_facts": {"there": 1}}
    seen: list[Any] = []

    def second(task_vars: Result, _register: Any) -> Result:
        seen.append((task_vars["ansible_facts"], task_vars["ansible_kernel"], outer._templar.available_variables))
        return {"ansible_facts": {"mine": 2}}

    together = run(returning(ansible_facts={"ansible_kernel": "6"}), second, outer=outer, known=known)
    assert seen == [({"there": 1, "kernel": "6"}, "6", known)]
    assert together["ansible_facts"] == {"ansible_kernel": "6", "mine": 2}
    assert outer.registered == {FACTS: {"ansible_kernel": "6", "mine": 2}}


def test_variables_of_a_layer_are_put_together() -> None:
    outer, known = Outer(), dict[str, Any]()

    def setting(**variables: Any) -> Does:
        def does(_task_vars: Result, register: Any) -> Result:
            register({}, FACTS)
            register(variables, SET_FACT)
            return {"ansible_facts": variables}

        return does

    run(setting(a=1, b=1), returning(ansible_facts={"c": 3}), setting(b=2), outer=outer, known=known)
    assert outer.registered == {FACTS: {"c": 3}, SET_FACT: {"a": 1, "b": 2}}
    assert (known["a"], known["b"]) == (1, 2)


def test_facts_for_another_host_are_not_those_of_this_one() -> None:
    known: Result = {}
    run(returning(ansible_facts={"a": 1}), outer=Outer(delegate_to="other", delegate_facts=True), known=known)
    assert known == {}


@pytest.mark.parametrize(
    ("changed", "own", "then"), [(True, None, [True]), (False, None, None), (True, ["x is y"], ["x is y"])]
)
def test_a_group_does_not_hide_a_change(monkeypatch: pytest.MonkeyPatch, changed: bool, own: Any, then: Any) -> None:
    monkeypatch.setattr(module, "ACTIONS_SET_VARIABLES", False)
    outer = Outer(changed_when=own)
    run(returning(changed=changed), returning(add_group="g"), outer=outer)
    assert outer._task.changed_when == then
    assert outer.registered == {}
