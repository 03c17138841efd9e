# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the action plugin of governor_slot adds to the task before the module sees it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NamedTuple, Optional, cast
from unittest import mock

import pytest
from ansible.release import __version__

from ansible_collections.jetstream.governor.plugins.action.governor_slot import ActionModule
from ansible_collections.jetstream.governor.plugins.plugin_utils.play import run_id

TASK_VARS = {"inventory_hostname": "web01", "ansible_play_hosts_all": ["web01", "web02"], "ansible_forks": 5}
PLAY = {"run_id": run_id({}), "host": "web01", "strategy": "linear", "batch": 2, "forks": 5, "throttle": 0}
ANSWER = {"changed": True, "acquired": True}


class Ran(NamedTuple):
    """The result of the action, and the arguments with which it ran the module."""

    result: dict[str, Any]
    module: str
    words: dict[str, Any]


def run(args: dict[str, Any], task_vars: dict[str, Any], answer: dict[str, Any], **task: Any) -> Ran:
    """Run the action with a module that returns this answer."""
    fake_task = {
        "action": "jetstream.governor.governor_slot",
        "args": args,
        "async_val": 0,
        "check_mode": False,
        "run_once": False,
        "throttle": 0,
        "get_play": lambda: SimpleNamespace(strategy="linear", serial=[]),
        **task,
    }
    connection: Any = SimpleNamespace(_shell=SimpleNamespace(tmpdir="/nowhere"))
    task_of_it: Any = SimpleNamespace(**fake_task)
    nothing: Any = None
    action = ActionModule(task_of_it, connection, nothing, nothing, nothing, nothing)
    with mock.patch.object(action, "_execute_module", return_value=dict(answer)) as execute:
        result = action.run(task_vars=task_vars)
    (module,), words = execute.call_args
    return Ran(result, module, words)


def sent(args: dict[str, Any], task_vars: Optional[dict[str, Any]] = None, **task: Any) -> dict[str, Any]:
    """Return the arguments that the module gets."""
    return cast("dict[str, Any]", run(args, {**TASK_VARS, **(task_vars or {})}, ANSWER, **task).words["module_args"])


def test_the_module_of_the_same_name_is_run() -> None:
    ran = run({"governor": "g"}, TASK_VARS, ANSWER)
    assert ran.result == ANSWER
    assert ran.module == "jetstream.governor.governor_slot"
    assert ran.words["task_vars"] is TASK_VARS
    assert ran.words["wrap_async"] is False


def test_holder_run_and_play_are_filled_in() -> None:
    assert sent({"governor": "g", "wait_timeout": "10s"}) == {
        "governor": "g",
        "wait_timeout": "10s",
        "holder": "web01",
        "play": PLAY,
    }


@pytest.mark.parametrize("empty", [None, ""])
def test_an_empty_value_is_filled_in(empty: Any) -> None:
    args = sent({"governor": "g", "holder": empty, "run_id": empty})
    assert (args["holder"], args["play"]) == ("web01", PLAY)


def test_what_is_given_stays() -> None:
    args = sent({"governor": "g", "holder": "nightly", "run_id": "workflow-1"}, {"awx_job_id": 7})
    assert (args["holder"], args["run_id"]) == ("nightly", "workflow-1")
    assert (args["play"]["run_id"], args["play"]["host"]) == ("workflow-1", "")


def test_under_awx_the_job_is_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWX_HOST", "https://ctl1.example.org")
    assert sent({"governor": "g"}, {"awx_job_id": 7})["play"]["run_id"] == "awx-7@ctl1.example.org"


@pytest.mark.parametrize("state", ["released", "evicted"])
@pytest.mark.parametrize("given", [{}, {"seq": 7}, {"holder": "db01"}, {"run_id": "r", "seq": 7, "holder": "db01"}])
def test_what_is_to_go_is_chosen_by_what_the_task_says_alone(state: str, given: dict[str, Any]) -> None:
    args = sent({"governor": "g", "state": state, **given})
    del args["play"]
    assert args == {"governor": "g", "state": state, **given}


def test_a_task_that_runs_once_is_of_no_host() -> None:
    assert sent({"governor": "g"}, run_once=True)["play"]["host"] == ""
    free = SimpleNamespace(strategy="free", serial=[])
    assert sent({"governor": "g"}, run_once=True, get_play=lambda: free)["play"]["host"] == "web01"


def test_the_play_is_told_as_it_is() -> None:
    free = {"get_play": lambda: SimpleNamespace(strategy="free", serial=[]), "throttle": 3}
    told = sent({"governor": "g"}, {"ansible_play_hosts_all": ["a", "b", "c"], "ansible_forks": 2}, **free)
    assert told["play"] == {**PLAY, "strategy": "free", "batch": 3, "forks": 2, "throttle": 3}
    assert sent({"governor": "g"}, run_once=True)["play"]["batch"] == 1


def test_a_play_cannot_be_made_up_by_the_task() -> None:
    assert sent({"governor": "g", "play": {"strategy": "host_pinned", "host": "h9"}})["play"] == PLAY


def test_the_task_itself_is_not_changed() -> None:
    """A loop or a retry runs the task again."""
    args = {"governor": "g"}
    sent(args)
    assert args == {"governor": "g"}


@pytest.mark.skipif(
    __version__.startswith("2.15."), reason="ansible-core 2.15, the last for Python 3.9, is too old a controller"
)
def test_an_async_task_leaves_the_wait_to_a_job() -> None:
    assert run({"governor": "g"}, TASK_VARS, ANSWER, async_val=60).words["wrap_async"] is True


def test_check_mode_is_the_modules_business() -> None:
    assert run({"governor": "g"}, TASK_VARS, ANSWER, check_mode=True).result == ANSWER


def test_a_failure_of_the_module_is_the_result() -> None:
    failed = {"failed": True, "msg": "Timed out.", "attempts": 3}
    assert run({"governor": "g"}, TASK_VARS, failed).result == failed
