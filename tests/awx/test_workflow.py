# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The workflow at work: its jobs, one after the other, as AWX would run them, with what the credential injects."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Optional

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.tests.awx import workflow
from ansible_collections.jetstream.governor.tests.awx.jobs import HOST, PROJECT, Job, closing, holders
from ansible_collections.jetstream.governor.tests.awx.workflow import Node, Status
from ansible_collections.jetstream.governor.tests.support.client import connected, until, within
from ansible_collections.jetstream.governor.tests.support.server import NatsServer

# As setup.yml makes it, which test_setup.py sees to.
NODES = {
    "acquire": Node(["work"], ["release_after_failure"]),
    "work": Node(["release"], ["release_after_failure"]),
    "release": Node(),
    "release_after_failure": Node(),
}
GOVERNOR = "workflows"
RUN = f"awx-workflow-77@{HOST}"

WORK = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.command: {command}
"""


async def declare(server: NatsServer) -> None:
    async with connected(server.url) as nc:
        await Manager.create(GOVERNOR, nc, limit=1, max_age=600)


def project(folder: Path, work: str = "", wait: str = "1h") -> Path:
    """The project as it is shipped, with other work, and another time to wait."""
    made = folder / "project"
    shutil.copytree(PROJECT, made)
    if work:
        (made / "work.yml").write_text(WORK.format(command=work))
    slot = made / "slot.yml"
    slot.write_text(slot.read_text().replace("slot_wait_timeout: 1h", f"slot_wait_timeout: {wait}"))
    return made


class Run:
    """One run of the workflow; ``seen`` are the holders after each job, and ``output`` is what each printed."""

    def __init__(self, server: NatsServer, folder: Path, playbooks: Path) -> None:
        self.seen: dict[str, list[tuple[str, str]]] = {}
        self.output: dict[str, str] = {}
        self._server = server
        self._folder = folder
        self._playbooks = playbooks

    def job(self, name: str) -> Status:
        return asyncio.run(self._job(name))

    async def _job(self, name: str) -> Status:
        job = Job(self._folder / name, self._playbooks).log_in({"url": self._server.url})
        with closing(job.start(f"{name}.yml", number=100 + len(self.seen), workflow=77)):
            if name == "work":
                self.seen["during work"] = await holders(self._server.url, GOVERNOR)
            await until(lambda: job.ended, 60, f"the job {name} ends")
        self.seen[name] = await holders(self._server.url, GOVERNOR)
        self.output[name] = job.events()
        return "successful" if job.status == "successful" else "failed"

    async def all(self) -> dict[str, Optional[Status]]:
        # Each job has an event loop of its own.
        return await asyncio.to_thread(workflow.run, NODES, self.job)


@within(120)
async def test_a_workflow_holds_one_slot_from_its_first_job_to_its_last(server: NatsServer, tmp_path: Path) -> None:
    await declare(server)
    run = Run(server, tmp_path, project(tmp_path))
    outcome = await run.all()
    assert outcome == {
        "acquire": "successful",
        "work": "successful",
        "release": "successful",
        "release_after_failure": None,
    }
    assert run.seen["acquire"] == run.seen["during work"] == run.seen["work"] == [(RUN, "Rollout")]
    assert run.seen["release"] == []
    # Who looks into a job that was cancelled finds the way to free its slot.
    assert f"jetstream.governor.evict -e governor={GOVERNOR} -e run_id={RUN}" in run.output["acquire"]


@within(120)
async def test_the_slot_is_released_after_a_failure(server: NatsServer, tmp_path: Path) -> None:
    await declare(server)
    run = Run(server, tmp_path, project(tmp_path, work="/bin/false"))
    outcome = await run.all()
    assert outcome == {
        "acquire": "successful",
        "work": "failed",
        "release": None,
        "release_after_failure": "failed",
    }
    assert run.seen["work"] == [(RUN, "Rollout")]
    assert run.seen["release_after_failure"] == []
    assert "It holds no slot any more" in run.output["release_after_failure"]


@within(120)
async def test_another_workflow_that_gets_no_slot_takes_none_away(server: NatsServer, tmp_path: Path) -> None:
    await declare(server)
    async with connected(server.url) as nc, await Governor(GOVERNOR, nc).start("another"):
        run = Run(server, tmp_path, project(tmp_path, wait="1s"))
        outcome = await run.all()
        assert outcome == {
            "acquire": "failed",
            "work": None,
            "release": None,
            "release_after_failure": "failed",
        }
        assert [holder for _run, holder in run.seen["release_after_failure"]] == ["another"]


@pytest.mark.parametrize("playbook", ["acquire.yml", "release.yml"])
@within(60)
async def test_a_job_of_no_workflow_is_told_so(server: NatsServer, tmp_path: Path, playbook: str) -> None:
    await declare(server)
    job = Job(tmp_path / "job").log_in({"url": server.url})
    with closing(job.start(playbook)):
        await until(lambda: job.ended, 40, "the job ends")
    assert job.status == "failed"
    assert "This job is of none" in job.events()
    assert await holders(server.url, GOVERNOR) == []
