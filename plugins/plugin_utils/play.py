# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What only the controller knows: which run this is, and how its play goes about its hosts."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ansible import constants

# What AWX calls itself until somebody tells it its address.
_NAMELESS = ("towerhost", "platformhost")


def run_id(task_vars: Mapping[str, Any]) -> str:
    """AWX's job id with the controller's name where there is one, else an id of this ansible-playbook process, the same
    in all its workers.

    ansible-core makes one temporary directory a process, called after its pid and a random part; workers inherit it.
    """
    job = task_vars.get("awx_job_id")
    if job:
        return f"awx-{job}@{_awx_host() or socket.gethostname()}"
    directory = os.path.basename(constants.DEFAULT_LOCAL_TMP)  # type: ignore[attr-defined]  # set when it is loaded
    return f"{socket.gethostname()}-{directory.replace('ansible-local-', '')}"


def run_and_host(task: Any, task_vars: Mapping[str, Any], given: Any) -> tuple[str, str]:
    """Whose a slot of this task is: of one host of this run.

    The host is empty where the slot is the whole run's: where the task runs once, and where the user has ``given`` the
    run id, which takes the place of both.
    """
    if given not in (None, ""):
        return str(given), ""
    return run_id(task_vars), "" if _runs_once(task) else str(task_vars["inventory_hostname"])


def play_facts(task: Any, task_vars: Mapping[str, Any]) -> dict[str, Any]:
    """For the guard: see ``guard.Play``. A task that runs once waits for one host alone."""
    return {
        "strategy": str(task.get_play().strategy),
        "batch": 1 if _runs_once(task) else _batch(task, task_vars),
        "forks": int(task_vars["ansible_forks"]),
        "throttle": int(task.throttle or 0),
    }


def _batch(task: Any, task_vars: Mapping[str, Any]) -> int:
    """How many hosts the batch began with.

    ``ansible_play_batch`` has lost those that failed meanwhile, also in this very task: of hosts that are judged one
    after the other, the last would find themselves safe. Without ``serial`` it began with ``ansible_play_hosts_all``.
    With ``serial`` no variable tells. The inventory does, which is restricted to the batch, and which strategies ask;
    a worker is a fork that sees it.
    """
    if not task.get_play().serial:
        return len(task_vars["ansible_play_hosts_all"])
    try:
        return len(task.get_variable_manager()._inventory.get_hosts())
    except (AttributeError, TypeError):
        return len(task_vars["ansible_play_batch"])


def _runs_once(task: Any) -> bool:
    # free and host_pinned know no run_once: ansible-core warns that it runs the task on every host all the same.
    return bool(task.run_once) and not str(task.get_play().strategy).endswith(("free", "host_pinned"))


def _awx_host() -> str | None:
    """The name of the controller, from what AWX tells each of its jobs."""
    try:
        host = urlsplit(os.environ.get("AWX_HOST", "")).hostname
    except ValueError:
        return None
    return None if host in _NAMELESS else host
