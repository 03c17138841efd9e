# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A job that is ended as AWX ends one: what is released by itself, what is left, by which name, and how it is freed."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.tests.awx.jobs import (
    HOST,
    NAMESPACE,
    PROJECT,
    Job,
    allows_namespaces,
    closing,
    holders,
    run_playbook,
)
from ansible_collections.jetstream.governor.tests.support.client import connected, until, within
from ansible_collections.jetstream.governor.tests.support.playbook import Records
from ansible_collections.jetstream.governor.tests.support.server import NatsServer
from ansible_collections.jetstream.governor.tests.support.watch import watched

WORKFLOW_RUN, JOB_RUN = f"awx-workflow-77@{HOST}", f"awx-4711@{HOST}"
OF_WORKFLOW = (WORKFLOW_RUN, "the workflow")
ALL = [(JOB_RUN, "db1"), (JOB_RUN, "db2"), OF_WORKFLOW]
SOON = 30.0

# A slot of the workflow, one that db1 keeps from task to task, and one of the task in which db2 is at work at the end.
PLAY = """
- hosts: db1,db2
  gather_facts: false
  module_defaults:
    group/jetstream.governor.governor:
      governor: {name}
  tasks:
    - jetstream.governor.governor_slot:
        holder: the workflow
        run_id: "awx-workflow-{{{{ awx_workflow_job_id }}}}@{host}"
      run_once: true
    - jetstream.governor.governor_slot:
        guard: "off"
      when: inventory_hostname == 'db1'
    - jetstream.governor.governed:
        task:
          ansible.builtin.command: {command}
      when: inventory_hostname == 'db2'
"""


def evict(server: NatsServer, name: str, run: str) -> str:
    return run_playbook(server.url, "jetstream.governor.evict", "-e", f"governor={name}", "-e", f"run_id={run}")


@pytest.mark.parametrize("how", ["cancelled", "out of time", "without its runner", "with its container"])
@within(120)
async def test_a_job_is_ended(server: NatsServer, name: str, tmp_path: Path, how: str) -> None:
    if how == "with its container" and not allows_namespaces():
        pytest.skip("this machine gives no PID namespace of its own (unshare)")
    async with connected(server.url) as nc:
        await Manager.create(name, nc, limit=3, max_age=600)
    records = Records(tmp_path / "records")
    (tmp_path / "project").mkdir()
    play = PLAY.format(name=name, host=HOST, command=records.command(4))
    (tmp_path / "project" / "work.yml").write_text(play)
    job = Job(tmp_path / "job", tmp_path / "project", hosts=("db1", "db2")).log_in({"url": server.url})
    under = NAMESPACE if how == "with its container" else ()
    with closing(job.start("work.yml", 4711, 77, under)):
        await until(lambda: bool(records.at_work) or job.ended, SOON, "the job works")
        assert await holders(server.url, name) == ALL, job.output
        ends = {"cancelled": job.cancel, "out of time": job.run_out_of_time}
        ends.get(how, job.kill)()
        await until(lambda: job.ended, SOON, "the job ends")
        if how in ends:
            assert job.status == {"cancelled": "canceled", "out of time": "timeout"}[how]
        if how == "with its container":
            await until(lambda: not job.processes(), 2, "nothing of it is left")
            assert await holders(server.url, name) == ALL
            # Before the lease would do it.
            assert "db1, db2 evicted" in evict(server, name, JOB_RUN)
        else:
            # When ansible-playbook is killed, its workers go on, as they do without a governor.
            await until(lambda: not records.at_work, SOON, "the work ends")

            async def the_job_holds_nothing() -> bool:
                return await holders(server.url, name) == [OF_WORKFLOW]

            await until(the_job_holds_nothing, SOON, "what the job held is released")
            print(f"{how}: released {time.monotonic() - records.times('end')['db2']:.2f} s after the end of the work")
        assert await holders(server.url, name) == [OF_WORKFLOW]
        assert "the workflow evicted" in evict(server, name, WORKFLOW_RUN)
        assert await holders(server.url, name) == []


@within(120)
async def test_a_job_is_cancelled_while_it_waits(server: NatsServer, name: str, tmp_path: Path) -> None:
    """What is left of it acquires no slot any more, which no job of the workflow would release."""
    async with watched(name, server.url) as watch, connected(server.url) as nc:
        await Manager.create(name, nc, limit=1, max_age=600)
        playbooks = tmp_path / "project"
        shutil.copytree(PROJECT, playbooks)
        slot = playbooks / "slot.yml"
        slot.write_text(slot.read_text().replace("slot_governor: workflows", f"slot_governor: {name}"))
        job = Job(tmp_path / "job", playbooks).log_in({"url": server.url})
        with closing(job.start("acquire.yml", 4711, 77)):
            async with await Governor(name, nc).start("another"):

                async def it_waits() -> bool:
                    return await watch.waiting() == 1 or job.ended

                await until(it_waits, SOON, "the job waits")
                assert not job.ended, job.events()
                job.cancel()
                await until(lambda: job.ended, SOON, "the job ends")
                began = time.monotonic()
                await until(lambda: not job.processes(), 15, f"what is left of it stops waiting: {job.processes()}")
                print(f"nothing waited any more {time.monotonic() - began:.2f} s after the end of the job")
            assert await holders(server.url, name) == []
