# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much longer a governed task takes than the bare one, when its slot is there at once.

20 pairs in one run of ansible-playbook, bare and governed in turn, so that a slow moment of the machine hits both.
``make bench`` runs it; it needs ansible-playbook, nats-py and nats-server (``NATS_SERVER`` or PATH).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from ansible_collections.jetstream.governor.tests.support.server import NatsServer

PAIRS = 20
GOAL = 0.1

_WORK = {"ansible.builtin.command": {"cmd": "true"}}


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, NatsServer(Path(folder) / "nats") as server:
        times = _run(Path(folder), server.url)
    bare, governed = times["bare"], times["governed"]
    difference = median(second - first for first, second in zip(bare, governed))
    print(f"{'':<22}{'min':>9}{'median':>9}{'max':>9}")
    for name, row in (("bare", bare), ("governed", governed)):
        print(f"{name:<22}{min(row):>7.3f} s{median(row):>7.3f} s{max(row):>7.3f} s")
    print(f"median of {len(bare)} differences: {difference:.3f} s; the goal is at most {GOAL} s")
    return 0 if difference <= GOAL else 1


def _run(folder: Path, url: str) -> dict[str, list[float]]:
    """Seconds from a task's start to its result, by the name of the task."""
    playbook, record = folder / "play.json", folder / "times"
    playbook.write_text(json.dumps([_play()]))
    environment = {
        **os.environ,
        "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).parent / "callback_plugins"),
        "ANSIBLE_CALLBACKS_ENABLED": "stopwatch",
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_REMOTE_TMP": str(folder / "ansible" / "remote"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
        "STOPWATCH_RECORD": str(record),
        "NATS_URL": url,
    }
    program = Path(sys.executable).with_name("ansible-playbook")
    subprocess.run([program, playbook], env=environment, check=True, stdout=subprocess.DEVNULL, timeout=300)
    times: dict[str, list[float]] = {"bare": [], "governed": []}
    for line in record.read_text().splitlines():
        name, seconds = line.split()
        times.setdefault(name, []).append(float(seconds))
    return times


def _play() -> dict[str, Any]:
    governed = {"jetstream.governor.governed": {"governor": "benchmark", "task": _WORK}}
    stream = {"name": "benchmark", "limit": 1, "max_age": "5m"}
    tasks: list[dict[str, Any]] = [{"name": "prepare", "jetstream.governor.governor_stream": stream}]
    # The first of each kind pays for what is paid once a run.
    tasks += [{"name": "first", **_WORK}, {"name": "first", **governed}]
    for _pair in range(PAIRS):
        tasks += [{"name": "bare", **_WORK}, {"name": "governed", **governed}]
    return {
        "name": "Bare and governed in turn",
        "hosts": "localhost",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
        "tasks": tasks,
    }


if __name__ == "__main__":
    sys.exit(main())
