# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Jobs as AWX runs them: ansible-runner in a process of its own, and the ways in which AWX ends one."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.tests.awx.injection import inject
from ansible_collections.jetstream.governor.tests.support.client import connected
from ansible_collections.jetstream.governor.tests.support.playbook import MARK, marked

ROOT = Path(__file__).parents[2]
AWX = ROOT / "extensions" / "awx"
PROJECT = AWX / "project"
COLLECTIONS = Path(__file__).parents[4]
BIN = Path(sys.executable).parent
"""Not resolved: the interpreter of a virtual environment is a link to another's."""

CREDENTIAL_TYPE: dict[str, Any] = yaml.safe_load((AWX / "credential_type.yml").read_text(encoding="utf-8"))
HOST = "awx.example.org"
NAMESPACE = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc")


def allows_namespaces() -> bool:
    words = [*NAMESPACE, "true"]
    return bool(shutil.which("unshare")) and not subprocess.run(words, capture_output=True, check=False).returncode


class Job:
    """One job. ``folder`` is what ansible-runner calls the private data directory; it has the files of AWX."""

    def __init__(self, folder: Path, project: Path = PROJECT, hosts: Sequence[str] = ("db1",)) -> None:
        self.folder = folder
        self._output = folder / "output"
        self._environment: dict[str, str] = {}
        for name in ("env", "inventory"):
            (folder / name).mkdir(parents=True)
        shutil.copytree(project, folder / "project")
        local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        (folder / "inventory" / "hosts.yml").write_text(json.dumps({"all": {"hosts": dict.fromkeys(hosts, local)}}))

    def log_in(self, given: Mapping[str, str], credential_type: Mapping[str, Any] = CREDENTIAL_TYPE) -> Job:
        """Give it a credential of that type."""
        self._environment.update(inject(credential_type, given, self.folder / "env"))
        return self

    def start(
        self,
        playbook: str,
        number: int = 1,
        workflow: int = 0,
        under: Sequence[str] = (),
    ) -> Job:
        """Run the playbook as the job of that number, in the workflow job of that number if there is one."""
        variables: dict[str, Any] = {"awx_job_id": number}
        if workflow:
            variables |= {"awx_workflow_job_id": workflow, "awx_workflow_job_name": "Rollout"}
        envvars = {
            **self._environment,
            "AWX_HOST": f"https://{HOST}",
            "JOB_ID": str(number),
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_HOME": str(self.folder / "home"),
            "ANSIBLE_LOCAL_TEMP": str(self.folder / "tmp"),
            "ANSIBLE_REMOTE_TEMP": str(self.folder / "tmp"),
        }
        options = {"playbook": playbook, "envvars": envvars, "extravars": variables}
        (self.folder / "job.json").write_text(json.dumps(options))
        # What the machine's own environment says of NATS is not what a job of AWX sees.
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("NATS_", "ANSIBLE_"))}
        path = os.pathsep.join([str(BIN), os.environ["PATH"]])
        with self._output.open("wb") as stream:
            self.process = subprocess.Popen(
                [*under, sys.executable, str(Path(__file__).with_name("job.py")), str(self.folder)],
                env={**kept, "PATH": path, MARK: str(self.folder)},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        return self

    def cancel(self) -> None:
        """As a user does, where AWX runs jobs without a container."""
        (self.folder / "cancel").touch()

    def run_out_of_time(self) -> None:
        """Its time-out is over."""
        (self.folder / "time-is-up").touch()

    def kill(self) -> None:
        """What the first process of the job is: ansible-runner, or a namespace with all that is in it."""
        self.process.send_signal(signal.SIGKILL)

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    @property
    def output(self) -> str:
        return self._output.read_text(errors="replace")

    def events(self) -> str:
        """What ansible-playbook has printed, which AWX shows."""
        return (self.folder / "artifacts" / "job" / "stdout").read_text(errors="replace")

    @property
    def status(self) -> str:
        """What ansible-runner says of a job that has ended."""
        return self.output.splitlines()[-1]

    def processes(self) -> list[int]:
        return marked(str(self.folder))

    def close(self) -> None:
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(20)


@contextlib.contextmanager
def closing(job: Job) -> Iterator[Job]:
    """Leave nothing of it."""
    try:
        yield job
    finally:
        job.close()


async def holders(url: str, governor: str) -> list[tuple[str, str]]:
    """The run and the holder of each slot."""
    async with connected(url) as nc:
        entries = await (await Manager.load(governor, nc)).entries()
    return sorted((entry.run_id or "", entry.holder) for entry in entries)


def run_playbook(url: str, *words: str) -> str:
    """Run one of the collection's own playbooks as a person does, and return what it prints."""
    environment = {
        **os.environ,
        "NATS_URL": url,
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_LOCALHOST_WARNING": "0",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0",
    }
    command = [str(BIN / "ansible-playbook"), *words]
    ran = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False
    )
    assert not ran.returncode, ran.stdout
    return ran.stdout
