# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``setup.yml`` makes in AWX: the fields that the modules of awx.awx send, and the order of the workflow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from ansible_collections.jetstream.governor.tests.awx import workflow
from ansible_collections.jetstream.governor.tests.awx.controller import INVENTORY, PROJECT, Controller, Refused, serving
from ansible_collections.jetstream.governor.tests.awx.jobs import CREDENTIAL_TYPE
from ansible_collections.jetstream.governor.tests.awx.setup import PREFIX, collections, nodes, playbooks, set_up
from ansible_collections.jetstream.governor.tests.awx.workflow import Node, Status, has_failed

LOGIN = {"url": "nats://nats.example.org:4222", "user": "ansible", "password": "s3cret"}

pytestmark = pytest.mark.skipif(not collections(), reason="AWX_COLLECTIONS names no folder with awx.awx")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("setup")


@pytest.fixture(scope="module")
def controller(folder: Path) -> Iterator[Controller]:
    with serving(Controller(playbooks())) as made:
        output = set_up(made, LOGIN, folder)
        assert "s3cret" not in output
        yield made


def test_the_credential_type_arrives_as_it_is(controller: Controller) -> None:
    """No template of it was filled in on the way."""
    made = controller.named("credential_types", CREDENTIAL_TYPE["name"])
    assert {key: made[key] for key in CREDENTIAL_TYPE} == CREDENTIAL_TYPE


def test_the_credential_is_of_that_type(controller: Controller) -> None:
    made = controller.named("credentials", f"{PREFIX} NATS")
    assert made["credential_type"] == controller.named("credential_types", "NATS")["id"]
    assert made["inputs"] == LOGIN


def test_each_job_template_has_what_it_needs(controller: Controller) -> None:
    made = controller.objects["job_templates"]
    assert sorted(each["playbook"] for each in made.values()) == [
        "acquire.yml",
        "release.yml",
        "release_after_failure.yml",
        "work.yml",
    ]
    for number, each in made.items():
        assert [credential["name"] for credential in controller.linked("job_templates", number, "credentials")] == [
            f"{PREFIX} NATS"
        ]
        assert each["project"] == controller.named("projects", PROJECT)["id"]
        assert each["inventory"] == controller.named("inventories", INVENTORY)["id"]
        assert each["execution_environment"] == controller.named("execution_environments", f"{PREFIX} NATS")["id"]
        assert each["allow_simultaneous"] is True


def test_the_playbook_of_each_node_is_that_of_its_name(controller: Controller) -> None:
    templates = controller.objects["job_templates"]
    for node in controller.objects["workflow_job_template_nodes"].values():
        assert templates[node["unified_job_template"]]["playbook"] == f"{node['identifier']}.yml"


@pytest.mark.parametrize("acquire", get_args(Status))
@pytest.mark.parametrize("work", get_args(Status))
def test_the_slot_is_released_last_whatever_happens(controller: Controller, acquire: Status, work: Status) -> None:
    """Also after a job that was cancelled, and once; and the workflow fails where a job of it has failed."""
    made, ran = nodes(controller), list[str]()
    ends: dict[str, Status] = {
        "acquire": acquire,
        "work": work,
        "release": "successful",
        "release_after_failure": "failed",
    }

    def job(name: str) -> Status:
        ran.append(name)
        return ends[name]

    outcome = workflow.run(made, job)
    good = acquire == work == "successful"
    assert ran[:1] == ["acquire"]
    assert ("work" in ran) == (acquire == "successful")
    assert ran[-1] == ("release" if good else "release_after_failure")
    assert sum(name.startswith("release") for name in ran) == 1
    assert has_failed(made, outcome) != good


def test_a_second_run_changes_the_credential_alone(controller: Controller, folder: Path) -> None:
    """Whose secrets AWX does not tell, so that it cannot be known whether they are the same."""
    controller.writes.clear()
    output = set_up(controller, LOGIN, folder)
    assert controller.writes == [f"credentials {PREFIX} NATS"]
    assert "changed=1 " in output


def test_a_follower_of_two_nodes_waits_for_both() -> None:
    """What is known of AWX's order, on a workflow that is not ours."""
    made = {"a": Node(["b"], [], ["c"]), "b": Node([], [], ["c"]), "c": Node()}
    ran: list[str] = []

    def job(name: str) -> Status:
        ran.append(name)
        return "successful"

    workflow.run(made, job)
    assert ran == ["a", "b", "c"]


def test_the_stand_in_refuses_what_awx_would(controller: Controller) -> None:
    with pytest.raises(Refused, match="Playbook not found"):
        controller.create("job_templates", {"name": "x", "playbook": "absent.yml"})
    with pytest.raises(Refused, match="pasword"):
        controller.create(
            "credentials",
            {
                "name": "x",
                "credential_type": controller.named("credential_types", "NATS")["id"],
                "inputs": {"url": "x", "pasword": "x"},
            },
        )
    with pytest.raises(Refused, match="there is no 4711"):
        controller.create("job_templates", {"name": "x", "project": 4711, "playbook": "work.yml"})
