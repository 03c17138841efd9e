# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where examples run: a nats-server, and six hosts in three racks that are this machine. It touches nothing of the
user's.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.jetstream.governor.tests.support.server import NatsServer

HOSTS = [f"host{number}" for number in range(1, 7)]
BOUND = 60.0
"""Seconds for one example."""

_OF_ONE_TO_COME = re.compile(r"\[WARNING\]: There is no governor '[^']+' at .+? may be the one that creates it")
"""The warning of check mode about a governor that the first task of the play would create."""

_GRACE = 10.0
"""Seconds for ansible-playbook to end its workers, which nobody else can reach."""


class Failed(Exception):
    """A step failed; the text tells how, with the output."""


class Playground:
    """In ``folder``, with an inventory that has all hosts in each of the ``groups``."""

    def __init__(self, folder: Path, groups: Iterable[str]) -> None:
        self.folder = folder
        self.server = NatsServer(folder / "server")
        self._inventory = folder / "inventory.yml"
        self._count = 0
        (folder / "home").mkdir(parents=True)
        (folder / "ansible.cfg").touch()
        self._inventory.write_text(yaml.safe_dump(_inventory(groups)))

    def __enter__(self) -> Playground:
        self.server.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.server.stop(signal.SIGKILL)

    def play(self, text: str, check: bool = False) -> str:
        """Run a playbook, and return its output. Raises Failed, also when a play has no hosts or Ansible has warned.

        In check mode it runs on two of the hosts, which is enough where no host acquires a slot.
        """
        self._count += 1
        path = self.folder / f"playbook{self._count}.yml"
        path.write_text(text, encoding="utf-8")
        options = ["--check", "--limit", ",".join(["localhost", *HOSTS[:2]])] if check else []
        return self.run_playbook(*options, str(path))

    def run_playbook(self, *words: str) -> str:
        """Like ``play``, for the words after ``ansible-playbook``."""
        output = self.run("ansible-playbook", "-i", str(self._inventory), *words)
        told = _OF_ONE_TO_COME.sub("", " ".join(output.split()))
        for bad in ("no hosts matched", "Could not match supplied host pattern", "WARNING]"):
            if bad in told:
                raise Failed(f"It ended well, but Ansible said '{bad}'.\n{output}")
        return output

    def run(self, *argv: str) -> str:
        """Run a command, and return its output, standard error included. Raises Failed."""
        process = subprocess.Popen(
            argv,
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _none = process.communicate(timeout=BOUND)
        except subprocess.TimeoutExpired:
            raise Failed(f"It was not done within {BOUND:g} s.\n{_ended(process)}") from None
        except BaseException:
            _ended(process)
            raise
        if process.returncode:
            raise Failed(f"Exit code {process.returncode} of {' '.join(argv)}\n{output}")
        return output

    def _environment(self) -> dict[str, str]:
        ours = str(Path(sys.executable).parent)
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "NATS_", "PYTHON"))
        }
        return {
            **kept,
            "PATH": os.pathsep.join([ours, os.environ["PATH"]]),
            "HOME": str(self.folder / "home"),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": os.environ["ANSIBLE_COLLECTIONS_PATH"],
            "ANSIBLE_CONFIG": str(self.folder / "ansible.cfg"),
            "ANSIBLE_HOME": str(self.folder / "home" / ".ansible"),
            # A local connection takes the home from the user's entry, whatever HOME says.
            "ANSIBLE_REMOTE_TMP": str(self.folder / "home" / ".ansible" / "tmp"),
            "ANSIBLE_ASYNC_DIR": str(self.folder / "home" / ".ansible_async"),
            "ANSIBLE_NOCOLOR": "1",
            "NATS_URL": self.server.url,
        }


def _inventory(groups: Iterable[str]) -> dict[str, Any]:
    local = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    members = {host: {"rack": f"r{number % 3}"} for number, host in enumerate(HOSTS)}
    children = {group: {"hosts": dict.fromkeys(HOSTS)} for group in sorted(set(groups))}
    return {"all": {"hosts": members, "vars": local, "children": children}}


def _ended(process: subprocess.Popen[str]) -> str:
    """End the process, politely at first, and return what it has written so far."""
    process.terminate()
    try:
        return process.communicate(timeout=_GRACE)[0]
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        return process.communicate()[0]
