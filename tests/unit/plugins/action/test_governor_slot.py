# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the action plugin of governor_slot adds to the task before the module sees it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NamedTuple, Optional, cast
from unittest import mock

import pytest
from ansible.release import __version__

from ansible_collections.jetstream.governor.plugins.action import governor_slot
from ansible_collections.jetstream.governor.plugins.action.governor_slot import ActionModule
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import Owner
from ansible_collections.jetstream.governor.plugins.plugin_utils._play import process_of_run, run_id

TASK_VARS = {"inventory_hostname": "web01", "ansible_play_hosts_all": ["web01", "web02"], "ansible_forks": 5}
PLAY = {"run_id": run_id({}), "host": "web01", "strategy": "linear", "batch": 2, "forks": 5, "throttle": 0}
ANSWER = {"changed": True, "acquired": True}


in_the_background = pytest.mark.skipif(
    __version__.startswith("2.15."), reason="ansible-core 2.15, the last for Python 3.9, is too old a controller"
)


class FakeAdoption:
    """A keeper that sees a governor that was ``created`` at this time."""

    def __init__(self, created: Optional[str], *words: Any) -> None:
        self.told = {} if created is None else {"kept": created}
        self.words = words

    def __enter__(self) -> FakeAdoption:
        return self

    def __exit__(self, *_exc: object) -> None:
        pass

    def adopt(self, result: dict[str, Any]) -> dict[str, Any]:
        result.pop("for_the_keeper", None)
        return result


class Ran(NamedTuple):
    """The result of the action, the arguments with which it ran the module, and what it has told the keeper."""

    result: dict[str, Any]
    module: str
    words: dict[str, Any]
    adoptions: list[FakeAdoption]


def run(
    args: dict[str, Any],
    task_vars: dict[str, Any],
    answer: dict[str, Any],
    created: Optional[str] = None,
    connection: str = "ssh",
    become: Optional[str] = None,
    **task: Any,
) -> Ran:
    """Run the action with a module that returns this answer, and a keeper that sees a governor of that age."""
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
    shell = SimpleNamespace(tmpdir="/nowhere")
    its_connection: Any = SimpleNamespace(_shell=shell, transport=connection, become=become)
    task_of_it: Any = SimpleNamespace(**fake_task)
    nothing: Any = None
    action = ActionModule(task_of_it, its_connection, nothing, nothing, nothing, nothing)
    adoptions: list[FakeAdoption] = []

    def adopts(*words: Any) -> FakeAdoption:
        adoptions.append(FakeAdoption(created, *words))
        return adoptions[-1]

    with (
        mock.patch.object(action, "_execute_module", return_value=dict(answer)) as execute,
        mock.patch.object(governor_slot, "Adoption", adopts),
        mock.patch.object(governor_slot, "environment_here", return_value={"NATS_URL": "nats://h"}),
    ):
        result = action.run(task_vars=task_vars)
    (module,), words = execute.call_args
    return Ran(result, module, words, adoptions)


def sent(args: dict[str, Any], task_vars: Optional[dict[str, Any]] = None, **more: Any) -> dict[str, Any]:
    """Return the arguments that the module gets."""
    return cast("dict[str, Any]", run(args, {**TASK_VARS, **(task_vars or {})}, ANSWER, **more).words["module_args"])


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


def test_a_module_beside_ansible_playbook_knows_its_process() -> None:
    """So that it waits no longer than that lives."""
    assert sent({"governor": "g"}, connection="local")["play"] == {**PLAY, "process": process_of_run()}


@pytest.mark.parametrize("state", ["released", "evicted"])
def test_what_acquires_nothing_does_not(state: str) -> None:
    assert "process" not in sent({"governor": "g", "state": state, "seq": 7}, connection="local")["play"]


@in_the_background
def test_a_job_in_the_background_does_not() -> None:
    assert "process" not in sent({"governor": "g"}, connection="local", async_val=60)["play"]


def test_the_task_itself_is_not_changed() -> None:
    """A loop or a retry runs the task again."""
    args = {"governor": "g"}
    sent(args)
    assert args == {"governor": "g"}


@in_the_background
def test_an_async_task_leaves_the_wait_to_a_job() -> None:
    assert run({"governor": "g"}, TASK_VARS, ANSWER, async_val=60).words["wrap_async"] is True


def test_check_mode_is_the_modules_business() -> None:
    assert run({"governor": "g"}, TASK_VARS, ANSWER, check_mode=True).result == ANSWER


def test_a_failure_of_the_module_is_the_result() -> None:
    failed = {"failed": True, "msg": "Timed out.", "attempts": 3}
    assert run({"governor": "g"}, TASK_VARS, failed).result == failed


def test_the_module_knows_which_governor_the_keeper_sees() -> None:
    ran = run({"governor": "g"}, TASK_VARS, {**ANSWER, "for_the_keeper": "token"}, created="noon")
    assert ran.words["module_args"]["play"] == {**PLAY, "kept": "noon"}
    assert ran.result == ANSWER
    (adoption,) = ran.adoptions
    args, environment, owner, reads_files = adoption.words
    assert (args["governor"], environment) == ("g", {"NATS_URL": "nats://h"})
    assert owner == Owner(run_id({}), "web01", "web01")
    assert not reads_files


@pytest.mark.parametrize(("become", "reads_files"), [(None, True), ("sudo", False)])
def test_a_module_of_the_same_user_on_this_machine_reads_what_the_keeper_writes(
    become: Optional[str], reads_files: bool
) -> None:
    (adoption,) = run({"governor": "g"}, TASK_VARS, ANSWER, connection="local", become=become).adoptions
    assert adoption.words[-1] is reads_files


@in_the_background
def test_a_job_in_the_background_is_given_back_at_the_end_of_the_run_and_not_renewed() -> None:
    ran = run({"governor": "g"}, TASK_VARS, ANSWER, created="noon", async_val=60)
    assert len(ran.adoptions) == 1
    assert "kept" not in ran.words["module_args"]["play"]


@pytest.mark.parametrize("given", [{"run_id": "workflow"}, {"state": "released"}, {"state": "evicted", "seq": 7}])
def test_what_outlives_the_run_and_what_ends_is_nothing_for_the_keeper(given: dict[str, Any]) -> None:
    assert run({"governor": "g", **given}, TASK_VARS, ANSWER, created="noon").adoptions == []


def test_check_mode_has_no_keeper() -> None:
    assert run({"governor": "g"}, TASK_VARS, ANSWER, created="noon", check_mode=True).adoptions == []
