# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find out what only the controller knows: which run this is, and how its play works through its hosts."""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ansible import constants
from ansible.plugins.action import ActionBase

# The names that AWX has for itself until somebody configures its address.
_NAMELESS = ("towerhost", "platformhost")


def run_id(task_vars: Mapping[str, Any]) -> str:
    """Return the id of this run: the job's under AWX, with the controller's name, else this ansible-playbook's.

    The latter is the same in all workers: ansible-core names a temporary directory after the pid of ansible-playbook
    and a random part, and its workers inherit that name.
    """
    job = task_vars.get("awx_job_id")
    if job:
        return f"awx-{job}@{_awx_host() or socket.gethostname()}"
    directory = os.path.basename(constants.DEFAULT_LOCAL_TMP)  # type: ignore[attr-defined]  # set when it is loaded
    return f"{socket.gethostname()}-{directory.replace('ansible-local-', '')}"


def process_of_run() -> int:
    """Return the id of ansible-playbook's process, which may be gone already."""
    parent = multiprocessing.parent_process()
    return parent.pid if parent is not None and parent.pid is not None else os.getppid()


def run_and_host(task: Any, task_vars: Mapping[str, Any], given: Any) -> tuple[str, str]:
    """Return the run id and the host that own a slot of this task.

    ``given`` is the run id from the task's options, None or empty where it has none. The host is empty where the whole
    run owns the slot: where the task runs once, and where a run id is given.
    """
    if given not in (None, ""):
        return str(given), ""
    return run_id(task_vars), "" if _runs_once(task) else str(task_vars["inventory_hostname"])


def environment_here(action: ActionBase) -> dict[str, str]:
    """Return the environment in which a module of the action's task would run on the controller."""
    own: dict[str, Any] = {}
    action._compute_environment_string(own)
    return {**os.environ, **{str(name): str(value) for name, value in own.items()}}


def play_facts(task: Any, task_vars: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of ``guard.Play`` for the guard. A task that runs once counts as a batch of one host."""
    return {
        "strategy": str(task.get_play().strategy),
        "batch": 1 if _runs_once(task) else _batch(task, task_vars),
        "forks": int(task_vars["ansible_forks"]),
        "throttle": int(task.throttle or 0),
    }


def _batch(task: Any, task_vars: Mapping[str, Any]) -> int:
    """Return the number of hosts that the batch began with.

    ``ansible_play_batch`` does not tell: it has lost the hosts that failed meanwhile, even in this very task. Of hosts
    that are judged one after the other, the last ones would seem safe. Without ``serial`` the batch began with
    ``ansible_play_hosts_all``. With ``serial`` no variable tells it, but the inventory does, which strategies restrict
    to the batch: a worker is a fork that has it too.
    """
    if not task.get_play().serial:
        return len(task_vars["ansible_play_hosts_all"])
    try:
        return len(task.get_variable_manager()._inventory.get_hosts())
    except (AttributeError, TypeError):
        return len(task_vars["ansible_play_batch"])


def _runs_once(task: Any) -> bool:
    # free and host_pinned ignore run_once: ansible-core warns of that, and runs the task on every host.
    return bool(task.run_once) and not str(task.get_play().strategy).endswith(("free", "host_pinned"))


def _awx_host() -> str | None:
    """Return the name of the AWX controller from the environment of its jobs; None where it has none."""
    try:
        host = urlsplit(os.environ.get("AWX_HOST", "")).hostname
    except ValueError:
        return None
    return None if host in _NAMELESS else host
