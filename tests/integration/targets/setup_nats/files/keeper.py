# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs nats-servers for as long as the ansible-playbook that wants them lives.

``keeper.py OWNER FOLDER NATS_SERVER``: starts a server for every ``*.conf`` in FOLDER, and writes where they listen and
its own process id to ``ready.json``. On SIGTERM, or when the process OWNER is gone, it ends the servers, and the
supervisors whose ``supervisord.pid`` is below FOLDER, and removes FOLDER: so nothing stays behind, also when
ansible-playbook is killed before its handlers run.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_START_WITHIN = 20.0
_STOP_WITHIN = 20.0
_LOOK_EVERY = 0.2


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _wait(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_STOP_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _ports(folder: Path, name: str, process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """What the server says about its ports; the file may be seen before it is complete."""
    path = folder / name / f"nats-server_{process.pid}.ports"
    deadline = time.monotonic() + _START_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError, ValueError):
            ports: dict[str, Any] = json.loads(path.read_text())
            return ports
        time.sleep(0.02)
    log = folder / name / "log"
    raise SystemExit(f"nats-server '{name}' did not start: {log.read_text() if log.exists() else 'no log'}")


def _end_supervisors(folder: Path) -> None:
    """Those that the tests of a role have left behind; with each ends what it has started."""
    deadline = time.monotonic() + _STOP_WITHIN
    for path in folder.glob("**/supervisord.pid"):
        with contextlib.suppress(OSError, ValueError):
            pid = int(path.read_text())
            os.kill(pid, signal.SIGTERM)
            while time.monotonic() < deadline:
                os.kill(pid, 0)
                time.sleep(0.02)


@contextlib.contextmanager
def _servers(folder: Path, binary: str) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    processes: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for conf in sorted(folder.glob("*.conf")):
            (folder / conf.stem).mkdir()
            processes[conf.stem] = subprocess.Popen([binary, "-c", str(conf)], cwd=folder / conf.stem)
        yield processes
    finally:
        for process in processes.values():
            process.terminate()
        for process in processes.values():
            _wait(process)


def main() -> None:
    owner, folder, binary = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    ended = False

    def end(_number: int, _frame: object) -> None:
        nonlocal ended
        ended = True

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)
    try:
        with _servers(folder, binary) as processes:
            ports = {name: _ports(folder, name, process) for name, process in processes.items()}
            ready = folder / "ready.json"
            ready.with_suffix(".new").write_text(json.dumps({"pid": os.getpid(), "ports": ports}))
            ready.with_suffix(".new").rename(ready)
            while not ended and _alive(owner):
                time.sleep(_LOOK_EVERY)
    finally:
        _end_supervisors(folder)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
