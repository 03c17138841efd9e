# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""ansible-playbook in processes of its own, whose work records when it was done, and all of whose processes are known.

``ANSIBLE_VENVS`` names virtual environments, separated by colons, whose ansible-playbook is to be used; without it that
of the running interpreter is.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible_collections.jetstream.governor.tests.support.history import Interval

MARK = "GOVERNOR_TEST_MARK"
_KEEPER = "ansible_collections.jetstream.governor.plugins.plugin_utils._keeper"
_RECORDER = Path(__file__).with_name("recorder.py")
_COLLECTIONS = Path(__file__).parents[5]


def venvs() -> list[Path]:
    given = os.environ.get("ANSIBLE_VENVS", "")
    # Not resolved: the interpreter of a virtual environment is a link to another's.
    return [Path(each) for each in given.split(":") if each] or [Path(sys.executable).parent.parent]


class Records:
    """What the work has written down; ``hosts`` that began, in order."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def command(self, seconds: float, name: str = "{{ inventory_hostname }}") -> str:
        return f"{sys.executable} {_RECORDER} {self.path} {name} {seconds}"

    def times(self, what: str) -> dict[str, float]:
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        words = [line.split() for line in lines if line]
        return {name: float(moment) for name, kind, moment in words if kind == what}

    @property
    def started(self) -> list[str]:
        return list(self.times("start"))

    @property
    def intervals(self) -> list[Interval]:
        """Of the work that has ended."""
        starts = self.times("start")
        return [Interval(starts[name], end) for name, end in self.times("end").items()]

    @property
    def at_work(self) -> set[str]:
        return set(self.times("start")) - set(self.times("end"))


class Playbook:
    """One ansible-playbook in a session of its own; with ``terminal`` in the foreground of a terminal of its own.

    ``words`` are more arguments, ``environment`` more variables.
    """

    def __init__(self, venv: Path, play: list[dict[str, Any]], hosts: list[str], folder: Path, **options: Any) -> None:
        self.mark = uuid.uuid4().hex
        self._terminal = bool(options.get("terminal"))
        self._keyboard = -1
        folder.mkdir(parents=True, exist_ok=True)
        book = folder / f"{self.mark}.yml"
        # JSON is YAML.
        book.write_text(json.dumps(play))
        python = str(venv / "bin" / "python")
        connect = {"ansible_connection": "local", "ansible_python_interpreter": python}
        inventory = folder / f"{self.mark}.inventory.yml"
        inventory.write_text(json.dumps({"all": {"hosts": dict.fromkeys(hosts, connect)}}))
        self._output = folder / f"{self.mark}.out"
        self._words = [*options.get("under", []), str(venv / "bin" / "ansible-playbook")]
        self._words += ["-i", str(inventory), str(book)]
        self._words += ["-f", str(options.get("forks", 10)), *options.get("words", [])]
        self._environment = {
            **os.environ,
            MARK: self.mark,
            "ANSIBLE_COLLECTIONS_PATH": str(_COLLECTIONS),
            "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
            "ANSIBLE_REMOTE_TEMP": str(folder / "tmp"),
            "ANSIBLE_RETRY_FILES_ENABLED": "0",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_FORCE_COLOR": "0",
            # A terminal shows each line at once; here it goes to a file.
            "PYTHONUNBUFFERED": "1",
            **options.get("environment", {}),
        }

    def start(self) -> Playbook:
        with self._output.open("wb") as stream:
            if self._terminal:
                self._start_in_terminal(stream.fileno())
            else:
                self.process = subprocess.Popen(
                    self._words,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=stream,
                    stderr=stream,
                    start_new_session=True,
                )
        return self

    def _start_in_terminal(self, output: int) -> None:
        self._keyboard, screen = pty.openpty()
        # The shell opens the terminal, which makes it the session's own, and is replaced by ansible-playbook.
        shell = 'exec < "$0"; exec "$@"'
        self.process = subprocess.Popen(
            ["sh", "-c", shell, os.ttyname(screen), *self._words],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        os.close(screen)

    def press_ctrl_c(self) -> None:
        """As a person does: the terminal sends SIGINT to all of its foreground."""
        os.write(self._keyboard, b"\x03")

    def tell_everybody(self, number: signal.Signals) -> None:
        """All of its processes, as a service manager or somebody with pkill does."""
        for pid in self._pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def keepers(self) -> list[int]:
        """The ids of its keeper: of one, or of none. It inherits nothing, and is known by its arguments."""
        wanted = f"{_KEEPER}\0{self.process.pid}\0".encode()
        return [pid for pid, words in _everybody("cmdline") if words.endswith(wanted)]

    def workers(self) -> list[int]:
        """The ids of its workers that have begun to work in processes of their own."""
        parents = {pid: _parent(pid) for pid in marked(self.mark)}
        return [pid for pid, parent in parents.items() if parent == self.process.pid and pid in parents.values()]

    def _pids(self) -> list[int]:
        return [*marked(self.mark), *self.keepers()]

    @property
    def output(self) -> str:
        return self._output.read_text(errors="replace")

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def processes(self) -> list[str]:
        """What is left of it, wherever it may be in the tree of processes."""
        return [_words(pid) for pid in self._pids()]

    def close(self) -> None:
        for pid in self._pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        self.process.wait(20)
        if self._keyboard >= 0:
            os.close(self._keyboard)


@contextlib.contextmanager
def running(
    venv: Path, play: list[dict[str, Any]], hosts: list[str], folder: Path, **options: Any
) -> Iterator[Playbook]:
    """See ``Playbook``; nothing of it is left afterwards."""
    playbook = Playbook(venv, play, hosts, folder, **options).start()
    try:
        yield playbook
    finally:
        playbook.close()


def marked(mark: str) -> list[int]:
    """Processes inherit the environment; a zombie has none."""
    wanted = f"{MARK}={mark}".encode()
    return [pid for pid, variables in _everybody("environ") if wanted in variables.split(b"\0")]


def _everybody(what: str) -> Iterator[tuple[int, bytes]]:
    """Every process, and what the system tells of it under this name."""
    # Not by a pattern of pathlib: up to Python 3.12 it raises when a process ends while it looks.
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            yield int(pid), Path(f"/proc/{pid}/{what}").read_bytes()


def _parent(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[1])
    return 0


def _words(pid: int) -> str:
    with contextlib.suppress(OSError):
        return f"{pid} {Path(f'/proc/{pid}/cmdline').read_bytes().replace(bytes(1), b' ').decode(errors='replace')}"
    return f"{pid} (ended)"
