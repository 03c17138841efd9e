# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What several results come to, and what is lost on the way."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.jetstream.governor.plugins.plugin_utils import _summary as module
from ansible_collections.jetstream.governor.plugins.plugin_utils._steps import line_of
from ansible_collections.jetstream.governor.plugins.plugin_utils._summary import Result, summary

ADDED = {"per_host": False, "aggregate": True}


def of(*results: Result, action: str = "ansible.builtin.command") -> Result:
    return summary([{"task": f"t{n}", "action": action, **result} for n, result in enumerate(results, 1)])


def stats(of_it: str = "aggregate", **data: Any) -> Result:
    return {"ansible_stats": {**ADDED, of_it: True, "data": data}}


def test_it_has_changed_when_one_has() -> None:
    assert of({"changed": True}, {"changed": False})["changed"] is True
    assert of({}, {"rc": 0})["changed"] is False


def test_the_last_one_says_whether_it_failed() -> None:
    together = of({"changed": True}, {"rc": 3, "msg": "non-zero return code"})
    assert (together["failed"], together["msg"]) == (True, "t2: non-zero return code")
    assert of({"failed": True})["msg"] == "t1: failed"
    assert "msg" not in of({"msg": "done"})


def test_the_unreachable_is_not_failed_as_well() -> None:
    together = of({"changed": True}, {"unreachable": True, "msg": "no way"})
    assert (together["failed"], together["unreachable"], together["msg"]) == (False, True, "t2: no way")
    assert [result["task"] for result in together["results"]] == ["t1", "t2"]


def test_each_has_what_the_executor_would_have_added_and_nothing_of_its_own() -> None:
    together = of({"_ansible_verbose_always": True}, {"rc": 3})
    names = {"action": "ansible.builtin.command"}
    assert together["results"] == [
        {"task": "t1", **names, "changed": False, "failed": False},
        {"task": "t2", **names, "changed": False, "failed": True, "rc": 3},
    ]


def test_it_is_skipped_when_all_are() -> None:
    assert of({"skipped": True, "msg": "no"}, {"skipped": True, "msg": "not now"})["msg"] == "not now"
    assert "skipped" not in of({"skipped": True}, {"rc": 0})


def test_facts_of_all_with_the_later_ones_first() -> None:
    together = of({"ansible_facts": {"a": 1, "b": 1}}, {}, {"ansible_facts": {"b": 2}})
    assert together["ansible_facts"] == {"a": 1, "b": 2}
    assert "ansible_facts" not in of({})


def test_what_debug_shows_is_no_fact() -> None:
    assert "ansible_facts" not in of({"ansible_facts": {"a": 1}}, action="ansible.builtin.debug")


def test_statistics_are_added_up_as_ansible_does() -> None:
    first = stats(list=[1], number=1, map={"a": {"x": 1}}, word="a", other=1)
    together = of(first, stats(list=[2], number=2, map={"a": {"y": 2}}, word="b", other="text", new=1))
    assert together["ansible_stats"] == {
        **ADDED,
        "data": {"list": [1, 2], "number": 3, "map": {"a": {"x": 1, "y": 2}}, "word": "ab", "other": 1, "new": 1},
    }
    assert together["results"][0]["ansible_stats"]["data"]["list"] == [1]


def test_statistics_that_are_not_added_up_are_replaced() -> None:
    kinds = {"per_host": True, "aggregate": False}
    together = of(*({"ansible_stats": {**kinds, "data": {"a": value}}} for value in (1, 2)))
    assert together["ansible_stats"] == {**kinds, "data": {"a": 2}}


def test_statistics_of_another_kind_are_not_left_out_silently() -> None:
    together = of(stats(a=1), stats("per_host", a=1))
    assert together["ansible_stats"]["data"] == {"a": 1}
    assert "The statistics of 't2' are left out" in together["warnings"][0]


def test_warnings_and_deprecations_are_those_of_the_whole() -> None:
    together = of({"warnings": ["one"], "deprecations": [{"msg": "old"}]}, {"warnings": ["two"]})
    assert (together["warnings"], together["deprecations"]) == (["one", "two"], [{"msg": "old"}])
    assert [sorted(result) for result in together["results"]] == [["action", "changed", "failed", "task"]] * 2


def test_diffs_are_those_of_what_has_changed() -> None:
    diffs = [{"before": "", "after": str(number)} for number in range(4)]
    together = of(
        {"changed": True, "diff": diffs[0]},
        {"changed": False, "diff": diffs[1]},
        {"changed": True, "diff": [diffs[2], diffs[3]]},
    )
    assert together["diff"] == [diffs[0], diffs[2], diffs[3]]


def test_a_group_and_a_secret_of_one_are_those_of_the_whole() -> None:
    together = of({"add_group": "g", "parent_groups": ["p"]}, {"_ansible_no_log": True})
    assert (together["add_group"], together["parent_groups"], together["_ansible_no_log"]) == ("g", ["p"], True)


@pytest.mark.parametrize(
    ("before", "lost"),
    [
        ({"ansible_facts": {"a": 1}}, "facts"),
        ({"ansible_facts": {"a": 1}, **stats(a=1), "add_group": "g"}, "facts, statistics, groups"),
        ({"ansible_facts": {"discovered_interpreter_python": "/usr/bin/python3"}}, None),
    ],
)
def test_what_a_failure_takes_with_it_is_told(monkeypatch: pytest.MonkeyPatch, before: Result, lost: Any) -> None:
    monkeypatch.setattr(module, "ACTIONS_SET_VARIABLES", False)
    warnings = of(before, {"failed": True}).get("warnings", [])
    assert warnings == [
        f"What the tasks before 't2' have set is lost ({each}): of a task that fails, ansible-core keeps nothing but "
        "its result."
        for each in ([lost] if lost else [])
    ]


@pytest.mark.parametrize(
    ("result", "verbosity", "line"),
    [
        ({"changed": True, "rc": 0}, 0, "changed: [web01] => (task=Drain it)"),
        ({}, 0, "ok: [web01] => (task=Drain it)"),
        ({"skipped": True, "changed": False}, 0, "skipped: [web01] => (task=Drain it)"),
        ({"rc": 1, "msg": "no\nway"}, 0, "failed: [web01] => (task=Drain it): no way"),
        ({"unreachable": True, "msg": "no"}, 0, "unreachable: [web01] => (task=Drain it): no"),
        ({"rc": 0, "invocation": {}}, 1, "ok: [web01] => (task=Drain it) => "),
        ({"_ansible_verbose_always": True, "msg": "hello"}, 0, 'ok: [web01] => (task=Drain it) => {"msg": "hello"}'),
        ({"_ansible_verbose_override": True, "ansible_facts": {}}, 1, "ok: [web01] => (task=Drain it)"),
    ],
)
def test_the_line_of_a_task(result: Result, verbosity: int, line: str) -> None:
    told = line_of({**result, "task": "Drain\n it"}, "web01", verbosity)
    assert told.startswith(line)
    assert "invocation" not in told
    assert ("{" in told) == ("=> {" in line or line.endswith("=> "))
