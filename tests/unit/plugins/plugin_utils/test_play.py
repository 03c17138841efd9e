# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which run this is, and what the guard is told of its play."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from types import SimpleNamespace
from typing import Any, Optional

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils._guard import Play
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import Owner
from ansible_collections.jetstream.governor.plugins.plugin_utils import _play as play
from ansible_collections.jetstream.governor.plugins.plugin_utils._play import play_facts, run_and_host, run_id

ELSEWHERE = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("play", sys.argv[1])
play = importlib.util.module_from_spec(spec)
spec.loader.exec_module(play)
print(play.run_id({}))
"""


def in_another_process() -> str:
    """Return the run id that another Python process finds, given the file alone."""
    told = subprocess.run([sys.executable, "-c", ELSEWHERE, play.__file__], check=True, capture_output=True, text=True)
    return told.stdout.strip()


def in_a_forked_worker() -> str:
    """Return the run id that a fork finds, as the workers of ansible-core are forks."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, run_id({}).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        told = stream.read()
    assert os.waitpid(child, 0)[1] == 0
    return told


def awx_run(monkeypatch: pytest.MonkeyPatch, host: Optional[str], job: Any = 4711) -> str:
    """Return the run id of a job of the AWX whose address this is."""
    monkeypatch.delenv("AWX_HOST", raising=False)
    if host is not None:
        monkeypatch.setenv("AWX_HOST", host)
    return run_id({"awx_job_id": job})


@pytest.mark.parametrize("job", [4711, "4711"])
def test_the_job_of_awx_is_the_run(monkeypatch: pytest.MonkeyPatch, job: Any) -> None:
    assert awx_run(monkeypatch, "https://AWX.example.org:8043/path", job) == "awx-4711@awx.example.org"


def test_two_controllers_that_count_their_jobs_alike_are_two_owners(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = awx_run(monkeypatch, "https://one.example.org"), awx_run(monkeypatch, "https://other.example.org")
    assert len({Owner.of(one, "web01", "web01"), Owner.of(other, "web01", "web01")}) == 2


@pytest.mark.parametrize(
    "host", [None, "", "https://towerhost", "https://platformhost", "one", "https://[x", "http:///a"]
)
def test_a_controller_that_has_no_name_is_this_machine(monkeypatch: pytest.MonkeyPatch, host: Optional[str]) -> None:
    """So it is too where it has the name that AWX has for itself until its address is configured."""
    assert awx_run(monkeypatch, host) == f"awx-4711@{socket.gethostname()}"


@pytest.mark.parametrize("task_vars", [{}, {"awx_job_id": None}, {"awx_job_id": ""}, {"awx_job_id": 0}])
def test_without_awx_the_process_is_the_run(task_vars: dict[str, Any]) -> None:
    assert run_id(task_vars) == run_id({})
    # Not with the number of this very process: ansible-test runs each test in a fork.
    assert re.fullmatch(rf"{re.escape(socket.gethostname())}-\d+\w+", run_id(task_vars))


def test_the_run_is_the_same_in_all_workers() -> None:
    mine = run_id({})
    assert [in_a_forked_worker(), in_a_forked_worker(), run_id({})] == [mine, mine, mine]


def test_every_process_is_a_run_of_its_own() -> None:
    runs = {run_id({}), in_another_process(), in_another_process()}
    assert len(runs) == 3


def test_a_run_can_own_a_slot() -> None:
    """No blank, no slash, not too long."""
    assert str(Owner.of(run_id({}), "web01")) == f"{run_id({})}//web01"
    assert " " not in run_id({})


def a_task(**rest: Any) -> Any:
    play_of_it = SimpleNamespace(strategy=rest.pop("strategy", "linear"), serial=rest.pop("serial", []))
    return SimpleNamespace(**{"run_once": False, "throttle": 0, "get_play": lambda: play_of_it, **rest})


@pytest.mark.parametrize(
    ("task", "given", "expected"),
    [
        ({}, None, (run_id({}), "web01")),
        ({}, "", (run_id({}), "web01")),
        ({"run_once": True}, None, (run_id({}), "")),
        ({"run_once": True, "strategy": "host_pinned"}, None, (run_id({}), "web01")),
        ({}, "workflow 1", ("workflow 1", "")),
        ({"run_once": True}, 0, ("0", "")),
    ],
)
def test_whose_a_slot_is(task: dict[str, Any], given: Any, expected: tuple[str, str]) -> None:
    assert run_and_host(a_task(**task), {"inventory_hostname": "web01"}, given) == expected


def facts(left: int = 2, **task: Any) -> dict[str, Any]:
    """Return the facts of a play of nine hosts in batches of three, or of three hosts; ``left`` of a batch are left."""
    everybody = [f"h{number}" for number in range(9 if task.get("serial") else 3)]
    variables = {"ansible_play_hosts_all": everybody, "ansible_play_batch": everybody[:left], "ansible_forks": 5}
    return play_facts(a_task(**task), variables)


def restricted(batch: Any) -> Any:
    """A variable manager as a worker has it: its inventory is restricted to the batch."""
    manager = SimpleNamespace(_inventory=SimpleNamespace(get_hosts=lambda: batch))
    return lambda: manager


def test_a_play() -> None:
    assert facts(strategy="free", throttle=2) == {"strategy": "free", "batch": 3, "forks": 5, "throttle": 2}
    assert Play(**facts()) == Play(strategy="linear", batch=3, forks=5, throttle=0)


@pytest.mark.parametrize("throttle", [None, 0, "0"])
def test_no_throttle(throttle: Any) -> None:
    assert facts(throttle=throttle)["throttle"] == 0


def test_a_task_that_runs_once_has_one_host() -> None:
    assert facts(run_once=True)["batch"] == 1
    assert facts(run_once=True, strategy="mitogen_linear")["batch"] == 1


@pytest.mark.parametrize("strategy", ["free", "host_pinned", "ansible.builtin.free", "mitogen_host_pinned"])
def test_the_strategies_that_know_no_run_once(strategy: str) -> None:
    """They run such a task on every host, with a warning."""
    assert facts(run_once=True, strategy=strategy)["batch"] == 3


@pytest.mark.parametrize("left", [3, 2, 1])
def test_the_batch_is_counted_as_it_began(left: int) -> None:
    """However many have failed meanwhile: all its hosts get the same verdict."""
    assert facts(left)["batch"] == 3
    assert facts(left, serial=[3], get_variable_manager=restricted(["h1", "h2", "h3"]))["batch"] == 3


@pytest.mark.parametrize("manager", [None, SimpleNamespace(_inventory=None), SimpleNamespace()])
def test_a_batch_that_another_ansible_core_does_not_tell(manager: Any) -> None:
    assert facts(2, serial=[3], get_variable_manager=lambda: manager)["batch"] == 2


def test_facts_are_plain_values_that_can_be_sent_to_a_module() -> None:
    class Tagged(str):
        """A string as newer versions of ansible-core mark it."""

    assert [type(value) for value in facts(strategy=Tagged("free"), throttle=True).values()] == [str, int, int, int]
