# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is refused in a governed task, in which words."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.jetstream.governor.plugins.plugin_utils import _written as module
from ansible_collections.jetstream.governor.plugins.plugin_utils._written import (
    check_action,
    check_options,
    check_together,
    check_words,
)

KNOWN = ("governor", "task", "tasks")
PING: dict[str, Any] = {"ansible.builtin.ping": None}


def refusal_of_options(**args: Any) -> str:
    with pytest.raises(AnsibleActionFail) as caught:
        check_options({"governor": "g", **args}, KNOWN, lambda word: word in ("command", "ansible.builtin.command"))
    return str(caught.value.message)


def refusal_of_words(written: Any, several: bool = False) -> str:
    with pytest.raises(AnsibleActionFail) as caught:
        check_words(written, several)
    return str(caught.value.message)


@pytest.mark.parametrize("args", [{"task": PING}, {"tasks": [PING]}, {"task": None, "tasks": None}])
def test_what_is_right(args: dict[str, Any]) -> None:
    check_options({"governor": "g", **args}, KNOWN, lambda _word: False)


@pytest.mark.parametrize("stray", ["ansible.builtin.command", "command", "action", "local_action"])
def test_a_module_one_level_too_high(stray: str) -> None:
    said = refusal_of_options(**{stray: "x", "task": PING})
    assert said == (
        f"{stray} stands among the options of jetstream.governor.governed: what is to be run belongs one level in, "
        "below 'task:', or into the list 'tasks:'."
    )


@pytest.mark.parametrize("stray", ["when", "register", "with_items", "name", "args", "block", "rescue"])
def test_a_keyword_one_level_too_low(stray: str) -> None:
    said = refusal_of_options(**{stray: "x", "task": PING})
    assert said.startswith(f"{stray} stands among the options of jetstream.governor.governed: a keyword of the task")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({"task": [PING]}, "task is one task, not a list: several belong in 'tasks'."),
        (
            {"task": "ansible.builtin.command rm -r secret"},
            "not a text: write the module as a key, 'ansible.builtin.com",
        ),
        ({"task": ""}, "task must be a mapping like a task of a playbook, not a text."),
        ({"task": 5}, "task must be a mapping like a task of a playbook, not 5."),
        ({"task": {}}, "task must be a mapping like a task of a playbook, not an empty mapping."),
        (
            {"tasks": [PING, "ansible.builtin.ping"]},
            "Number 2 of tasks must be a mapping like a task of a playbook, not a",
        ),
        ({"tasks": [PING, {}]}, "Number 2 of tasks must be a mapping like a task of a playbook, not an empty mapping."),
        ({"taks": PING}, "taks is no option of jetstream.governor.governed, which has governor, task, tasks."),
        ({"tasks": PING}, "tasks must be a list of tasks, not a mapping: one task alone belongs in 'task'."),
        ({"tasks": "text"}, "tasks must be a list of tasks, not a text: one task alone belongs in 'task'."),
    ],
)
def test_another_shape(args: dict[str, Any], said: str) -> None:
    told = refusal_of_options(**args)
    assert said in told
    assert "secret" not in told


def test_keywords_belong_on_the_task_around() -> None:
    assert refusal_of_words({**PING, "when": "x", "register": "y"}) == (
        "register, when cannot stand inside a governed task: put it on the task around it, beside "
        "jetstream.governor.governed."
    )


def test_what_to_do_with_keywords_of_one_of_several() -> None:
    assert refusal_of_words({**PING, "when": "x"}, several=True) == (
        "when cannot stand inside one of 'tasks', which have in common the keywords of the task around them: put it "
        "there, beside jetstream.governor.governed, if it is meant for all. For one of its own on each task there is "
        "the role jetstream.governor.under_slot, which runs a file of tasks under one slot."
    )


@pytest.mark.parametrize("words", [{"block": [PING]}, {"block": [PING], "rescue": [PING], "when": True}])
@pytest.mark.parametrize("several", [True, False])
def test_a_block(words: dict[str, Any], several: bool) -> None:
    assert refusal_of_words(words, several) == (
        "block cannot stand inside a governed task: list what is in it under 'tasks'. For rescue, always, and keywords "
        "on each task there is the role jetstream.governor.under_slot, which runs a file of tasks under one slot."
    )


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("ansible.legacy.include_tasks", "its tasks would run after this one, without the slot."),
        ("import_tasks", "it is read before any task runs."),
        ("import_playbook", "it is read before any task runs."),
        ("ansible.builtin.meta", "it acts on the play, not on a host."),
        ("add_host", "it acts once for all hosts, not once per host."),
    ],
)
def test_what_no_action_can_do(name: str, why: str) -> None:
    assert refusal_of_words({name: "x"}).startswith(f"{name} cannot run under a slot: {why}")


@pytest.mark.parametrize("name", ["include_tasks", "ansible.builtin.include_role", "import_role", "import_tasks"])
def test_a_file_of_tasks_is_the_business_of_the_role(name: str) -> None:
    assert "There is the role jetstream.governor.under_slot" in refusal_of_words({name: "x"})


@pytest.mark.parametrize("name", ["set_fact", "ansible.builtin.include_vars", "ansible.legacy.set_fact"])
def test_what_would_have_another_precedence(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(module, "ACTIONS_SET_VARIABLES", False)
    with pytest.raises(AnsibleActionFail, match=f"^{name} cannot run under a slot with ansible-core before 2.21, "):
        check_action(name)
    monkeypatch.setattr(module, "ACTIONS_SET_VARIABLES", True)
    check_action(name)


def test_one_group(monkeypatch: pytest.MonkeyPatch) -> None:
    two: list[tuple[str, dict[str, Any]]] = [("group_by", {"key": "a"}), ("ansible.builtin.group_by", {"key": "b"})]
    monkeypatch.setattr(module, "ACTIONS_SET_VARIABLES", False)
    check_together(two[:1])
    with pytest.raises(AnsibleActionFail, match="^group_by can stand in 'tasks' once with ansible-core before 2.21"):
        check_together(two)
    monkeypatch.setattr(module, "ACTIONS_SET_VARIABLES", True)
    check_together(two)


@pytest.mark.parametrize("other", [{"per_host": "yes"}, {"aggregate": False}])
def test_one_kind_of_statistics(other: dict[str, Any]) -> None:
    first: tuple[str, dict[str, Any]] = ("set_stats", {"data": {}})
    check_together([first, ("set_stats", {"per_host": "no", "aggregate": True}), ("command", other)])
    with pytest.raises(AnsibleActionFail, match="^All set_stats in 'tasks' must have the same per_host and aggregate"):
        check_together([first, ("ansible.builtin.set_stats", other)])
