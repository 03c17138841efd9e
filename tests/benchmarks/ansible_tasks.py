# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Section 4: what a slot that is there at once adds to a task of Ansible.

Pairs in one run of ansible-playbook, bare and under a governor in turn, so that a slow moment of the machine hits both.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from ansible_collections.jetstream.governor.tests.benchmarks.stage import one_node
from ansible_collections.jetstream.governor.tests.benchmarks.table import NOTHING, Goal, Table

PAIRS = 20
LONGER, TIMES = 0.1, 1.5

GOVERNOR = "benchmark"
BARE, GOVERNED, PING, SLOT = "bare", "governed", "ping", "slot"
_ROWS = {
    BARE: "ansible.builtin.command: true",
    GOVERNED: "the same in jetstream.governor.governed",
    PING: "ansible.builtin.ping",
    SLOT: "jetstream.governor.governor_slot, acquired",
}
_WORK = {"ansible.builtin.command": {"cmd": "true"}}
_MODULE = "jetstream.governor.governor_slot"


class AnsibleTasks(NamedTuple):
    """Seconds from a task's start to its result."""

    times: dict[str, list[float]]

    def broken(self) -> list[str]:
        return []

    def goals(self) -> list[Goal]:
        return list(self._goals().values())

    def tables(self) -> list[Table]:
        columns = ["", "min", "median", "max", "more than the bare one", "goal"]
        goals = self._goals()
        rows = []
        for key, name in _ROWS.items():
            times = [f"{bound(self.times[key]):.3f} s" for bound in (min, median, max)]
            goal = goals.get(key)
            rows.append([name, *times, goal.value if goal else NOTHING, str(goal) if goal else NOTHING])
        return [Table(f"4. Tasks of Ansible, one node, {PAIRS} pairs each", columns, rows)]

    def _goals(self) -> dict[str, Goal]:
        longer = median(governed - bare for bare, governed in zip(self.times[BARE], self.times[GOVERNED]))
        times = median(slot / ping for ping, slot in zip(self.times[PING], self.times[SLOT]))
        return {
            GOVERNED: Goal("governed task", f"<= {LONGER:g} s more", f"{longer:.3f} s", longer <= LONGER),
            SLOT: Goal("governor_slot", f"<= {TIMES:g} times ping", f"{times:.2f} times", times <= TIMES),
        }


def explained() -> list[str]:
    return [
        "Seconds from the start of a task to its result, in one run on the local host. The differences and ratios are "
        "medians over the pairs.",
    ]


def measure(folder: Path) -> AnsibleTasks:
    with one_node(folder) as stage:
        found = AnsibleTasks(_times(folder, stage.url(0)))
    for goal in found.goals():
        print(f"{goal.name}: {goal.value}", flush=True)
    return found


def _times(folder: Path, url: str) -> dict[str, list[float]]:
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
    ran = subprocess.run([program, playbook], env=environment, check=False, capture_output=True, text=True, timeout=300)
    if ran.returncode:
        raise RuntimeError(f"ansible-playbook failed:\n{ran.stdout}{ran.stderr}")
    times: dict[str, list[float]] = {}
    for line in record.read_text().splitlines():
        name, seconds = line.split()
        times.setdefault(name, []).append(float(seconds))
    return times


def _play() -> dict[str, Any]:
    governed = {"jetstream.governor.governed": {"governor": GOVERNOR, "task": _WORK}}
    ping: dict[str, Any] = {"ansible.builtin.ping": {}}
    taken = {_MODULE: {"governor": GOVERNOR}}
    given_back = {"name": "given-back", _MODULE: {"governor": GOVERNOR, "state": "released"}}
    stream = {"name": GOVERNOR, "limit": 1, "max_age": "5m"}
    tasks: list[dict[str, Any]] = [{"name": "prepare", "jetstream.governor.governor_stream": stream}]
    # The first of each kind pays for what is paid once a run.
    tasks += [{"name": "first", **task} for task in (_WORK, governed, ping, taken)]
    tasks.append(given_back)
    for _pair in range(PAIRS):
        tasks += [{"name": BARE, **_WORK}, {"name": GOVERNED, **governed}]
    for _pair in range(PAIRS):
        tasks += [{"name": PING, **ping}, {"name": SLOT, **taken}, given_back]
    return {
        "name": "Bare and under a governor in turn",
        "hosts": "localhost",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
        "tasks": tasks,
    }
